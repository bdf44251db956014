//! The console's pages beside a table that is full: how long each takes, one after the other, and the floor under them.

use std::time::{Duration, Instant};

use clap::Args;
use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use reqwest::{Client, redirect};

use crate::Databases;
use crate::database::{Database, FillAs, Kind};
use crate::program::Installation;
use crate::report::{Report, Target as Limit};

#[derive(Debug, Args)]
pub struct Options {
    /// Which database
    #[arg(long, value_enum, default_value_t)]
    database: Databases,
    /// How often each page is loaded
    #[arg(long, default_value_t = LOADS)]
    loads: usize,
    /// How many messages the table holds
    #[arg(long, default_value_t = ROWS)]
    rows: u32,
}

const LOADS: usize = 100;
const ROWS: u32 = 1_000_000;
/// The longest that 95 of 100 loads of a page may take, in milliseconds.
const MOST: f64 = 60.0;
/// Everything that a person can be given.
const SCOPES: &str = "messages:send messages:read campaigns reveal ops act-as";

impl Options {
    pub fn new(database: Databases) -> Self {
        Self { database, loads: LOADS, rows: ROWS }
    }
}

pub async fn run(options: &Options, report: &mut Report) {
    for kind in options.database.kinds() {
        one(*kind, options, report).await;
    }
}

/// A browser that has been let in.
struct Browser {
    client: Client,
    at: String,
    cookie: String,
}

impl Browser {
    async fn enter(at: String, token: &str) -> Self {
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        let form = url::form_urlencoded::Serializer::new(String::new()).append_pair("key", token).finish();
        let entered = client.post(format!("{at}/console/sign-in")).header("sec-fetch-site", "same-origin");
        let entered =
            entered.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form).send().await.unwrap();
        let cookie = entered.headers().get(SET_COOKIE).expect("the token lets in").to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { client, at, cookie }
    }

    /// A page's text, once it is there to its end.
    async fn load(&self, path: &str) -> String {
        let asked = self.client.get(format!("{}{path}", self.at)).header(COOKIE, &self.cookie).send().await.unwrap();
        assert_eq!(asked.status(), 200, "{path}");
        asked.text().await.unwrap()
    }

    /// The times of so many loads, in order.
    async fn times(&self, path: &str, loads: usize) -> Vec<Duration> {
        self.load(path).await;
        let mut times = Vec::with_capacity(loads);
        for _ in 0..loads {
            let begun = Instant::now();
            self.load(path).await;
            times.push(begun.elapsed());
        }
        times.sort();
        times
    }
}

async fn one(kind: Kind, options: &Options, report: &mut Report) {
    let group = format!("pages {}, {} messages", kind.name(), options.rows);
    let installation = Installation::new(Database::create(kind).await);
    // Nothing is sent and nothing asked: the messages were delivered long ago.
    let service = installation.serve_with("http://127.0.0.1:9", &[("POLL_RATE", "0")]);
    let token = installation.token_of(SCOPES);
    installation.database.fill(&installation.url(), options.rows, 1, FillAs::Delivered).await;
    installation.database.settle().await;
    let browser = Browser::enter(service.url("http"), &token).await;

    let list = browser.load("/console/messages").await;
    let link = |of: &str| {
        list.split(&format!("href=\"{of}")).nth(1).map(|rest| format!("{of}{}", rest.split('"').next().unwrap()))
    };
    let message = link("/console/messages/").expect("the list has a message");
    let number = link("/console/numbers/").expect("the list has a number");
    let older = link("/console/messages?page=").expect("there are older ones").replace("&amp;", "&");
    let failed = "/console/messages?status=MESSAGE_STATUS_FAILED".to_owned();
    let pages: [(&'static str, String); 13] = [
        ("Now", "/console".to_owned()),
        ("Messages", "/console/messages".to_owned()),
        ("Messages, the next page", older),
        ("Messages, by a state that none has", failed),
        ("a message", message),
        ("a number", number),
        ("Campaigns", "/console/campaigns".to_owned()),
        ("Inbox", "/console/inbox".to_owned()),
        ("Endpoints", "/console/endpoints".to_owned()),
        ("Attention", "/console/attention".to_owned()),
        ("System", "/console/system".to_owned()),
        ("Users", "/console/users".to_owned()),
        ("Who did what", "/console/audit".to_owned()),
    ];
    let millis = |times: &[Duration], part: usize| times[times.len() * part / 100].as_secs_f64() * 1e3;
    for (name, path) in pages {
        let times = browser.times(&path, options.loads).await;
        report.add(&group, name, millis(&times, 50), "ms, p50", Limit::None);
        report.add(&group, name, millis(&times, 95), "ms, p95", Limit::AtMost(MOST));
    }
    let floor = browser.times("/healthz", options.loads).await;
    report.add(&group, "floor: /healthz", millis(&floor, 95), "ms, p95", Limit::None);
    drop(service);
    installation.end().await;
}
