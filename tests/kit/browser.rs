//! A real browser without a screen: headless Chromium, driven through Debian's chromedriver. What a person would do, in a person's words.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fantoccini::elements::Element;
use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use serde_json::{Value, json};

/// What has to be set for these stories to run; they fail with this sentence if it is not.
pub const WANTED: &str = "needs Chromium: COOPERAGE_BROWSER=1 cargo test --test stories browser -- --ignored";
/// How long something may take to appear. A browser without script looks again every four seconds only.
const PATIENCE: Duration = Duration::from_secs(30);
const GLANCE: Duration = Duration::from_millis(40);

/// How a browser is set up.
#[derive(Debug, Clone, Copy)]
pub struct Taste {
    pub script: bool,
    pub dark: bool,
    pub width: u32,
    pub height: u32,
}

impl Default for Taste {
    fn default() -> Self {
        Taste { script: true, dark: false, width: 1280, height: 900 }
    }
}

/// One person's browser: a profile of its own, thrown away at the end.
pub struct Browser {
    tab: Client,
    // Dropped in this order: the driver ends Chromium, then its files go.
    _driver: Driver,
    _profile: Profile,
}

impl Browser {
    pub async fn open(taste: Taste) -> Browser {
        assert!(std::env::var_os("COOPERAGE_BROWSER").is_some(), "{WANTED}");
        let driver = Driver::start().await;
        let profile = Profile::new();
        let mut args: Vec<String> = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
        ]
        .map(str::to_owned)
        .into();
        args.push(format!("--user-data-dir={}", profile.0.display()));
        args.push(format!("--window-size={},{}", taste.width, taste.height));
        args.push(format!("--blink-settings=preferredColorScheme={}", if taste.dark { 0 } else { 1 }));
        let mut options = json!({ "args": args });
        if !taste.script {
            options["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        let mut wishes = Capabilities::new();
        wishes.insert("goog:chromeOptions".into(), options);
        wishes.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        let tab = ClientBuilder::new(HttpConnector::new())
            .capabilities(wishes)
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .expect("a browser");
        Browser { tab, _driver: driver, _profile: profile }
    }

    pub async fn goto(&self, url: &str) {
        self.tab.goto(url).await.expect("a page");
    }

    pub async fn url(&self) -> Url {
        self.tab.current_url().await.expect("an address")
    }

    /// What a person reads on the page.
    pub async fn text(&self) -> String {
        // Between two pages there is no body.
        match self.tab.find(Locator::Css("body")).await {
            Ok(body) => body.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits until the page says this.
    pub async fn sees(&self, words: &str) {
        let asked = Instant::now();
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(asked.elapsed() < PATIENCE, "“{words}” never came on {}:\n{text}", self.url().await);
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Waits until this address is shown: the path begins so.
    pub async fn arrives(&self, path: &str) {
        let asked = Instant::now();
        loop {
            let url = self.url().await;
            if url.path().starts_with(path) {
                return;
            }
            assert!(asked.elapsed() < PATIENCE, "never came to {path}, but is at {url}:\n{}", self.text().await);
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Waits until there is such a thing on the page.
    pub async fn find(&self, search: Locator<'_>) -> Element {
        let found = self.tab.wait().at_most(PATIENCE).every(GLANCE).for_element(search).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{search:?} is not on {}: {error}\n{}", self.url().await, self.text().await),
        }
    }

    pub async fn has(&self, css: &str) -> bool {
        !self.tab.find_all(Locator::Css(css)).await.expect("a look").is_empty()
    }

    /// Types into the field of this name, over what was there.
    pub async fn types(&self, name: &str, text: &str) {
        let field = self.find(Locator::Css(&format!("[name='{name}']:not([type=hidden])"))).await;
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("a full field");
    }

    /// Types into a field that somebody else named.
    pub async fn fills(&self, css: &str, text: &str) {
        let field = self.find(Locator::Css(css)).await;
        field.clear().await.expect("a field to type into");
        field.send_keys(text).await.expect("a field to type into");
    }

    pub async fn typed(&self, name: &str) -> String {
        let field = self.find(Locator::Css(&format!("[name='{name}']:not([type=hidden])"))).await;
        field.prop("value").await.expect("a field").unwrap_or_default()
    }

    /// Picks a radio button by clicking on its card.
    pub async fn picks(&self, name: &str, value: &str) {
        let input = format!("input[name='{name}'][value='{value}']");
        let css = format!("label:has({input}), {input} + label");
        self.find(Locator::Css(&css)).await.click().await.expect("a click");
    }

    /// Picks from a list.
    pub async fn selects(&self, name: &str, value: &str) {
        let list = self.find(Locator::Css(&format!("select[name='{name}']"))).await;
        list.select_by_value(value).await.expect("a choice");
    }

    /// Presses the button that says this, or begins so.
    pub async fn presses(&self, words: &str) {
        let path = format!("//button[starts-with(normalize-space(.), \"{words}\")]");
        self.click(&path).await;
    }

    /// Follows the link that says this, or begins so.
    pub async fn follows(&self, words: &str) {
        self.click(&format!("//a[starts-with(normalize-space(.), \"{words}\")]")).await;
    }

    /// Follows the first link whose address contains this.
    pub async fn follows_to(&self, part: &str) {
        self.click(&format!("//a[contains(@href, \"{part}\")]")).await;
    }

    /// Follows the first link that says this anywhere.
    pub async fn click_on(&self, words: &str) {
        self.click(&format!("//a[contains(., \"{words}\")]")).await;
    }

    async fn click(&self, path: &str) {
        self.find(Locator::XPath(path)).await.click().await.expect("a click");
    }

    pub async fn script(&self, script: &str) -> Value {
        self.tab.execute(script, vec![]).await.expect("a script runs")
    }

    /// The status of the page that is shown, as the browser knows it.
    pub async fn status(&self) -> u64 {
        let status = self.script("return performance.getEntriesByType('navigation')[0].responseStatus").await;
        status.as_u64().expect("a status")
    }

    /// Nothing was said in the browser's log: no script error, nothing that the content security policy held back, nothing missing.
    /// That a form came back with 422 is said there too, and is none of it.
    /// Where a script by others may say certain things, they are in `words`.
    pub async fn said_only(&self, words: &[&str]) {
        let lines = self.tab.issue_cmd(Log).await.expect("a log");
        let lines = lines.as_array().cloned().unwrap_or_default();
        let message = |line: &Value| line["message"].as_str().unwrap_or_default().to_owned();
        let ours = |line: &&Value| !["status of 422"].iter().chain(words).any(|known| message(line).contains(known));
        let bad: Vec<_> = lines.iter().filter(ours).collect();
        assert!(bad.is_empty(), "the browser complains: {bad:#?}");
    }

    /// How many points the page is wider than the window: what a person would have to scroll sideways.
    pub async fn overflow(&self) -> i64 {
        let over = self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        over.as_i64().unwrap_or_default()
    }

    /// Pretends another window, and another choice of colours.
    pub async fn looks(&self, width: u32, height: u32, dark: bool) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// The whole page as a picture, as PNG.
    pub async fn picture(&self) -> Vec<u8> {
        let asked = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.devtools("Page.captureScreenshot", asked).await;
        STANDARD.decode(answer["data"].as_str().expect("a picture")).expect("a picture")
    }

    async fn devtools(&self, command: &'static str, params: Value) -> Value {
        self.tab.issue_cmd(Devtools { command, params }).await.expect(command)
    }

    pub async fn close(self) {
        self.close_having_said(&[]).await;
    }

    pub async fn close_having_said(self, words: &[&str]) {
        self.said_only(words).await;
        self.tab.close().await.expect("a browser closes");
    }
}

#[derive(Debug)]
struct Devtools {
    command: &'static str,
    params: Value,
}

#[derive(Debug)]
struct Log;

type Address = Result<Url, <Url as FromStr>::Err>;

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Address {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.command, "params": self.params }).to_string()))
    }
}

impl WebDriverCompatibleCommand for Log {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Address {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// The running chromedriver. Dropping it ends it, and Chromium with it.
struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    async fn start() -> Driver {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let child = Command::new("/usr/bin/chromedriver")
            .args([format!("--port={port}"), "--log-level=OFF".into()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Debian's chromium-driver is installed");
        let driver = Driver { child, port };
        let asked = Instant::now();
        while driver.dial().is_err() {
            assert!(asked.elapsed() < PATIENCE, "chromedriver does not listen");
            tokio::time::sleep(GLANCE).await;
        }
        driver
    }

    fn dial(&self) -> std::io::Result<TcpStream> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        TcpStream::connect_timeout(&address, Duration::from_secs(2))
    }

    /// Asks it to end its browsers and itself: one that is killed leaves its Chromium behind.
    fn ask_to_leave(&self) -> std::io::Result<()> {
        let mut line = self.dial()?;
        line.set_read_timeout(Some(Duration::from_secs(5)))?;
        line.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        line.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if self.ask_to_leave().is_ok() {
            for _ in 0..100 {
                if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

struct Profile(PathBuf);

impl Profile {
    fn new() -> Profile {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("cooperage-browser-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        Profile(folder)
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}
