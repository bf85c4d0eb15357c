//! A browser that shows everything: status, headers, cookies, no redirects followed; and a forger's hand with forms.

use cooperage::cli::demo::Person;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};

pub struct Caller {
    client: Client,
    base: String,
}

/// One answer, as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok()).collect()
    }

    pub fn says(&self, words: &str) -> bool {
        cooperage::cli::visitor::text_of(&self.body).contains(words)
    }
}

impl Caller {
    /// Nobody, yet.
    pub fn new(base: &str) -> Caller {
        let client = Client::builder().tls_certs_only([]).cookie_store(true).redirect(Policy::none()).build().unwrap();
        Caller { client, base: base.to_owned() }
    }

    /// One of the ready-made people.
    pub async fn person(base: &str, person: &Person) -> Caller {
        Caller::with_password(base, person.email, person.password).await
    }

    pub async fn with_password(base: &str, email: &str, password: &str) -> Caller {
        let caller = Caller::new(base);
        let answer = caller.post("/login", &[("email", email), ("password", password)]).await;
        assert_eq!(answer.status, 303, "{email}: {}", answer.body);
        caller
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.parse().unwrap(), format!("{}{path}", self.base))
    }

    /// Status and headers; the body too, unless it never ends.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let streams = headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let body = if streams { String::new() } else { answer.text().await.unwrap() };
        Answer { status, headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// The anti-forgery field of this browser's forms.
    pub async fn csrf(&self) -> String {
        let page = self.get("/forgot").await;
        let from = page.body.find("name=\"csrf\" value=\"").expect("a form") + 19;
        page.body[from..from + 32].to_owned()
    }

    /// A form as one of our own pages sends it.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf().await;
        self.send(self.form(path, &csrf, fields)).await
    }

    /// A form with whatever in its anti-forgery field.
    pub fn form(&self, path: &str, csrf: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", csrf)]).collect();
        self.request("POST", path).form(&fields)
    }
}
