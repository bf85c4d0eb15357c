//! A person with a browser that has no pictures: follows links, fills in forms, keeps cookies. For the story and for tests.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Url};

use crate::base::{Error, Result};

const PATIENCE: Duration = Duration::from_secs(30);
const REDIRECTS: usize = 8;

pub struct Visitor {
    client: Client,
    base: Url,
}

/// What came back, after redirects.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub url: Url,
    pub body: String,
}

fn lost(cause: reqwest::Error) -> Error {
    Error::unavailable("The page did not come.").because(cause.without_url())
}

impl Visitor {
    /// A new browser without cookies, whose links begin at `base`.
    pub fn new(base: &str) -> Result<Visitor> {
        let client = Client::builder()
            .tls_certs_only([])
            .cookie_store(true)
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()
            .map_err(lost)?;
        let base = base.parse().map_err(|_| Error::internal("That is no address."))?;
        Ok(Visitor { client, base })
    }

    fn at(&self, path: &str) -> Result<Url> {
        self.base.join(path).map_err(|_| Error::internal("That is no address."))
    }

    pub async fn get(&self, path: &str) -> Result<Page> {
        let url = self.at(path)?;
        self.follow(self.client.get(url.clone()), url).await
    }

    /// Sends a form as the page holds it: hidden fields are taken along, `fields` are typed in.
    pub async fn submit(&self, page: &Page, action: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let form =
            page.form(action).ok_or_else(|| Error::internal(format!("There is no form for {action} on {}.", page.url.path())))?;
        let mut sent: Vec<(String, String)> = hidden(form);
        for (name, value) in fields {
            sent.retain(|(known, _)| known != name);
            sent.push(((*name).to_owned(), (*value).to_owned()));
        }
        let url = page.url.join(action).map_err(|_| Error::internal("That is no address."))?;
        self.follow(self.client.post(url.clone()).form(&sent), url).await
    }

    /// Opens the page at `path`, fills in its form for `action` and sends it.
    pub async fn fill(&self, path: &str, action: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let page = self.get(path).await?;
        self.submit(&page, action, fields).await
    }

    async fn follow(&self, request: RequestBuilder, mut url: Url) -> Result<Page> {
        let mut answer = request.send().await.map_err(lost)?;
        for _ in 0..REDIRECTS {
            let Some(next) = answer.headers().get(LOCATION).filter(|_| answer.status().is_redirection()) else { break };
            let next = next.to_str().ok().and_then(|next| url.join(next).ok());
            url = next.ok_or_else(|| Error::internal("A page sends us nowhere."))?;
            answer = self.client.get(url.clone()).send().await.map_err(lost)?;
        }
        Ok(Page { status: answer.status().as_u16(), url, body: answer.text().await.map_err(lost)? })
    }

    /// Listens to server-sent events until `done` says so or the stream ends. Gives the last one.
    pub async fn events(&self, path: &str, mut done: impl FnMut(&str) -> bool) -> Result<Option<String>> {
        let answer = self.client.get(self.at(path)?).send().await.map_err(lost)?;
        let mut chunks = answer.bytes_stream();
        let (mut buffer, mut last) = (String::new(), None);
        while let Some(chunk) = chunks.next().await {
            buffer.push_str(&String::from_utf8_lossy(&chunk.map_err(lost)?));
            while let Some(end) = buffer.find("\n\n") {
                let event: String = buffer.drain(..end + 2).collect();
                // Events with a name say less than the whole.
                let Some(data) = event.trim().strip_prefix("data: ").map(str::to_owned) else { continue };
                let over = done(&data);
                last = Some(data);
                if over {
                    return Ok(last);
                }
            }
        }
        Ok(last)
    }
}

impl Page {
    /// The HTML of the form that is sent to `action`.
    fn form(&self, action: &str) -> Option<&str> {
        let found = self.body.find(&format!("action=\"{action}\""))?;
        let from = self.body[..found].rfind("<form")?;
        let to = self.body[from..].find("</form>")? + from;
        Some(&self.body[from..to])
    }

    /// The action of the first form that is not the log-out.
    pub fn action(&self) -> Option<String> {
        let actions = self.body.split("<form").skip(1).filter_map(|form| attribute(form.split('>').next()?, "action"));
        actions.into_iter().find(|action| action != "/logout")
    }

    /// What a reader sees, without the markup.
    pub fn text(&self) -> String {
        text_of(&self.body)
    }

    pub fn says(&self, words: &str) -> bool {
        self.text().contains(words)
    }
}

/// The words of a piece of HTML, tags as single spaces.
pub fn text_of(html: &str) -> String {
    let (mut text, mut inside) = (String::new(), false);
    for letter in html.chars() {
        match letter {
            '<' => {
                inside = true;
                text.push(' ');
            }
            '>' => inside = false,
            _ if !inside => text.push(letter),
            _ => {}
        }
    }
    let text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let from = tag.find(&format!("{name}=\""))? + name.len() + 2;
    let to = tag[from..].find('"')? + from;
    Some(tag[from..to].replace("&amp;", "&").replace("&quot;", "\""))
}

fn hidden(form: &str) -> Vec<(String, String)> {
    let inputs = form.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    inputs
        .filter(|tag| tag.contains("type=\"hidden\""))
        .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_a_person_reads_it() {
        let body = r#"<form method="post" action="/logout"><input type="hidden" name="csrf" value="a&amp;b"></form><form action="/x"><input name="y"></form><p>Tom &amp; <b>Alice</b></p>"#;
        let page = Page { status: 200, url: "http://x/".parse().unwrap(), body: body.into() };
        assert_eq!(page.action().as_deref(), Some("/x"));
        assert_eq!(hidden(page.form("/logout").unwrap()), [("csrf".to_owned(), "a&b".to_owned())]);
        assert!(page.says("Tom & Alice"));
        assert!(page.form("/nowhere").is_none());
    }
}
