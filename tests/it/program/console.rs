//! The console as it is found: the link that `serve --sandbox` prints, and those that operators make beside it.

use serde_json::json;

use crate::support::program::{Running, failed, printed};

/// The first line of a text that is a link to the console.
fn link(text: &str) -> Option<String> {
    text.lines().find(|line| line.starts_with("http") && line.contains("/console/link/")).map(str::to_owned)
}

struct Browser {
    http: reqwest::Client,
    base: String,
    cookie: String,
}

impl Browser {
    /// Opens a link, as a press of its button does.
    async fn opened(base: &str, link: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let page = http.get(link).send().await.unwrap();
        assert_eq!(page.status(), 200);
        let answer = http.post(link).header("origin", base).send().await.unwrap();
        assert_eq!(answer.status(), 303, "{:?}", answer.text().await);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { http, base: base.to_owned(), cookie }
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.base)).header("cookie", &self.cookie).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    async fn post(&self, path: &str, body: &str) -> String {
        let request = self.http.post(format!("{}{path}", self.base)).header("cookie", &self.cookie);
        let request = request.header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 303, "{path}");
        answer.headers()["location"].to_str().unwrap().to_owned()
    }
}

/// Asks again until the page has these words: a report comes a moment later.
async fn until(browser: &Browser, path: &str, words: &str) {
    let begun = std::time::Instant::now();
    while !browser.page(path).await.contains(words) {
        assert!(begun.elapsed().as_secs() < 60, "{path} never says {words}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_printed_link_leads_to_a_message_and_the_phone_answers_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let env = [("DATA_DIR", data.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    let serving = Running::start(&["serve", "--sandbox"], &env);
    let base = format!("http://{}", serving.address("http"));
    let begun = std::time::Instant::now();
    let printed_link = loop {
        if let Some(link) = link(&serving.log()) {
            break link;
        }
        assert!(begun.elapsed().as_secs() < 60, "no link: {}", serving.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let browser = Browser::opened(&base, &printed_link).await;
    assert!(browser.page("/console").await.contains("Nothing needs you"));

    let token = printed(&["token", "--user", "1", "--sandbox"], &env);
    let send = json!({"destination": "+306900000001", "text": "Reply to me"});
    let sent = reqwest::Client::new().post(format!("{base}/api/v1/messages")).bearer_auth(token).json(&send);
    let sent: serde_json::Value = sent.send().await.unwrap().json().await.unwrap();
    let message = format!("/console/messages/{}", sent["message"]["id"].as_str().unwrap());
    until(&browser, &message, "Delivered ").await;
    let phone = browser.page("/console/phone").await;
    assert!(phone.contains("Reply to me") && phone.contains("+306900000001"), "{phone}");
    let id = phone.split("name=\"id\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(
        browser.post("/console/phone/answer", &format!("id={id}&text=STOP")).await,
        "/console/phone?done=answered"
    );
    until(&browser, "/console/inbox", "opted out by it").await;
    assert_eq!(browser.post("/console/phone/outage", "outage=503").await, "/console/phone?done=outage");
    assert!(browser.page("/console/phone").await.contains("<option value=\"503\" selected>"));

    // Operators make links beside it, for where browsers reach it.
    let public = [env[0], env[1], env[2], ("PUBLIC_ORIGIN", base.as_str())];
    let made = printed(&["console-link", "--user", "1", "--scope", "messages:read", "--sandbox"], &public);
    assert!(made.starts_with(&format!("{base}/console/link/")), "{made}");
    let reader = Browser::opened(&base, &made).await;
    assert!(!reader.page("/console/messages").await.contains("+306900000001"), "no reveal, no whole number");
    assert!(failed(&["console-link", "--user", "99", "--sandbox"], &public, 1).contains("names no user"));
    assert!(failed(&["console-link", "--user", "1", "--scope", "all", "--sandbox"], &public, 2).contains("--scope"));
    let off = [env[0], env[1], env[2], ("CONSOLE", "0")];
    assert!(failed(&["console-link", "--user", "1", "--sandbox"], &off, 2).contains("CONSOLE"));
    assert!(failed(&["console-link", "--user", "1", "--sandbox"], &env, 2).contains("PUBLIC_ORIGIN"));
    assert!(printed(&["audit", "--sandbox"], &env).contains("token_issued"));
}
