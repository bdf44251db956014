//! Calls over HTTP: signed as Standard Webhooks has it, to addresses that may be called and to no others.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use messaging::clock::Clock;
use messaging::domain::ids::OwnerId;
use messaging::domain::webhook::EndpointId;
use messaging::domain::webhook::address::{Nets, is_public};
use messaging::domain::webhook::health::Outcome;
use messaging::domain::webhook::secret::HookKeys;
use messaging::domain::webhook::target;
use messaging::receiver::http::Http;
use messaging::receiver::names::Names;
use messaging::receiver::{Post, Receiver as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use uuid::Uuid;

use super::KEY;

/// A listener that answers every connection's first request with `answer`; returns its port and how many connections it had.
async fn listen(answer: &'static str) -> (u16, Arc<AtomicUsize>, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, connections) = (listener.local_addr().unwrap().port(), Arc::<AtomicUsize>::default());
    let counted = connections.clone();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        counted.fetch_add(1, Ordering::Relaxed);
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let n = stream.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..n]);
            if n == 0 || request.ends_with(b"}") {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        request
    });
    (port, connections, task)
}

fn post(url: &str) -> Post {
    let url = url.parse().unwrap();
    Post {
        owner: OwnerId(1),
        url,
        id: "evt_1".to_owned(),
        seconds: 7,
        signature: "v1,x".to_owned(),
        body: Bytes::from_static(b"{}"),
        trace: None,
    }
}

fn loopback() -> Nets {
    Nets::parse(["127.0.0.0/8"]).unwrap()
}

#[tokio::test]
async fn a_call_has_the_headers_of_the_standard_and_its_answer_an_outcome() {
    let cases = [
        ("HTTP/1.1 204 No Content\r\n\r\n", Outcome::Taken, Some(204)),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            Outcome::Redirected,
            Some(302),
        ),
        ("HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", Outcome::Gone, Some(410)),
        ("HTTP/1.1 503 No\r\nretry-after: 9000\r\ncontent-length: 0\r\n\r\n", Outcome::Failed, Some(503)),
        ("no HTTP at all\r\n\r\n", Outcome::Broken, None),
        ("", Outcome::Broken, None),
    ];
    for (answer, outcome, status) in cases {
        let (port, _, task) = listen(answer).await;
        let called = Http::new(loopback()).unwrap().post(post(&format!("http://127.0.0.1:{port}/a?b=c"))).await;
        assert_eq!((called.outcome, called.status), (outcome, status), "{answer}");
        assert_eq!(called.retry_after, (status == Some(503)).then_some(Duration::from_hours(1)));
        let request = String::from_utf8(task.await.unwrap()).unwrap().to_lowercase();
        assert!(request.starts_with("post /a?b=c http/1.1\r\n"), "{request}");
        for header in
            ["webhook-id: evt_1", "webhook-timestamp: 7", "webhook-signature: v1,x", "content-type: application/json"]
        {
            assert!(request.contains(&format!("\r\n{header}\r\n")), "{header}: {request}");
        }
    }
}

#[tokio::test]
async fn a_name_that_leads_to_what_is_not_allowed_is_not_called() {
    let (port, connections, task) = listen("HTTP/1.1 200 OK\r\n\r\n").await;
    let http = Http::new(Nets::default()).unwrap();
    for url in
        [format!("https://localhost:{port}/"), format!("https://127.0.0.1:{port}/"), format!("https://[::1]:{port}/")]
    {
        assert_eq!(http.post(post(&url)).await.outcome, Outcome::NotAllowed, "{url}");
    }
    let own = Http::new(Nets::parse(["10.0.0.0/8"]).unwrap()).unwrap();
    assert_eq!(own.post(post(&format!("http://localhost:{port}/"))).await.outcome, Outcome::NotAllowed);
    assert_eq!(http.post(post("https://no-such-name.invalid/")).await.outcome, Outcome::NoName);
    assert_eq!(connections.load(Ordering::Relaxed), 0);
    task.abort();
}

/// Names of a test: those that begin with `tarpit` are never answered for; the others lead to each of the addresses in turn.
struct Told {
    leads_to: Vec<IpAddr>,
    asked: AtomicUsize,
}

impl Told {
    fn leading_to(addresses: &[&str]) -> Arc<Self> {
        let leads_to = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self { leads_to, asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl Names for Told {
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<IpAddr>> {
        if name.starts_with("tarpit") {
            std::future::pending::<()>().await;
        }
        let nth = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(vec![self.leads_to[nth % self.leads_to.len()]])
    }
}

#[tokio::test]
async fn an_owners_names_that_nobody_answers_for_keep_no_other_owner_waiting() {
    let (port, _, _answering) = listen("HTTP/1.1 204 No Content\r\n\r\n").await;
    let http = Arc::new(Http::with_names(loopback(), Told::leading_to(&["127.0.0.1"])).unwrap());
    let mut stuck = tokio::task::JoinSet::new();
    for n in 0..100 {
        let (http, post) = (http.clone(), post(&format!("http://tarpit-{n}.example/")));
        stuck.spawn(async move { http.post(post).await });
    }
    // They have begun.
    tokio::task::yield_now().await;
    let other = Post { owner: OwnerId(2), ..post(&format!("http://receiver.example:{port}/")) };
    assert_eq!(http.post(other).await.outcome, Outcome::Taken);
    assert_eq!(stuck.len(), 100, "and they wait still");
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_a_moment_later_is_not_called_there() {
    let (port, connections, _answering) = listen("HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await;
    for elsewhere in ["10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fd00::1", "8.8.8.8"] {
        let http = Http::with_names(loopback(), Told::leading_to(&[elsewhere, "127.0.0.1"])).unwrap();
        let called = http.post(post(&format!("http://receiver.example:{port}/"))).await;
        assert_eq!(called.outcome, Outcome::NotAllowed, "{elsewhere}");
    }
    assert_eq!(connections.load(Ordering::Relaxed), 0);
    let http = Http::with_names(loopback(), Told::leading_to(&["127.0.0.1", "169.254.169.254"])).unwrap();
    let url = format!("http://receiver.example:{port}/");
    assert_eq!(http.post(post(&url)).await.outcome, Outcome::Taken);
    assert_eq!(http.post(post(&url)).await.outcome, Outcome::NotAllowed);
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

#[test]
fn no_address_that_is_not_a_public_hosts_is_allowed_in_any_form() {
    let inner = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::10.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::8.8.8.8",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "4000::1",
        "8000::1",
    ];
    for text in inner {
        let address: IpAddr = text.parse().unwrap();
        assert!(!is_public(address), "{text}");
    }
    for text in [
        "8.8.8.8",
        "1.1.1.1",
        "100.63.255.255",
        "100.128.0.1",
        "172.32.0.1",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "2001:4860:4860::8888",
    ] {
        assert!(is_public(text.parse().unwrap()), "{text}");
    }
    // What the operator names is allowed, and never what could be anybody's.
    let nets = Nets::parse(["10.1.0.0/16", "fd00::/8", "::1"]).unwrap();
    for text in ["10.1.2.3", "fd12::1", "::1", "8.8.8.8"] {
        assert!(nets.allow(text.parse().unwrap()), "{text}");
    }
    for text in ["10.2.0.1", "fc00::1", "127.0.0.1", "::ffff:10.1.2.3", "169.254.169.254"] {
        assert!(!nets.allow(text.parse().unwrap()), "{text}");
    }
    for net in [
        "169.254.0.0/16",
        "100.64.0.0/10",
        "224.0.0.0/4",
        "64:ff9b::/96",
        "::ffff:0:0/96",
        "fe80::/10",
        "2002::/16",
        "x",
    ] {
        assert!(Nets::parse([net]).is_none(), "{net}");
    }
    let everything = Nets::parse(["0.0.0.0/1", "128.0.0.0/1", "::1/128"]);
    assert!(everything.is_none_or(|nets| !nets.allow("169.254.169.254".parse().unwrap())));
}

#[test]
fn urls_that_lead_elsewhere_are_refused_before_they_are_called() {
    let hostile = [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://127.1/",
        "https://0/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://[fc00::1]/",
        "https://[::]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://192.168.0.1:8443/",
        "https://172.16.0.1/",
        "https://100.64.0.1/",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "https://example.com/#fragment",
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "//example.com/",
        "/path",
        "",
        "https://",
        "https:///",
        "unix:/run/x.sock",
        "https://exa mple.com/",
        "https://[::1",
        "https://１２７.０.０.１/",
        "https://①②⑦.0.0.1/",
        "https://127.0.0.1.:443/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.0x0.0.1/",
    ];
    for url in hostile {
        assert!(target::parse(url, &Nets::default()).is_err(), "{url}");
    }
    assert!(target::parse(&format!("https://example.com/{}", "a".repeat(2000)), &Nets::default()).is_err());
    for url in [
        "https://example.com/hook",
        "https://example.com:8443/a?token=b",
        "https://xn--bcher-kva.example/",
        "https://8.8.8.8/",
    ] {
        assert!(target::parse(url, &Nets::default()).is_ok(), "{url}");
    }
    // In the clear to one's own nets alone, and to those of one's own that are named.
    let own = loopback();
    assert!(target::parse("http://127.0.0.1:9000/", &own).is_ok() && target::parse("https://127.0.0.1/", &own).is_ok());
    assert!(target::parse("http://8.8.8.8/", &own).is_err() && target::parse("http://10.0.0.1/", &own).is_err());
}

#[test]
fn signatures_are_what_the_official_library_verifies() {
    let keys = HookKeys::new(vec![SecretString::from(KEY)]);
    let secret = keys.secret(keys.current().unwrap(), EndpointId(Uuid::nil()), 1).unwrap();
    let other = keys.secret(keys.current().unwrap(), EndpointId(Uuid::nil()), 2).unwrap();
    let now = Clock::system().now().as_second();
    for body in [&b"{}"[..], br#"{"events":[]}"#, "{\"a\":\"é\"}".as_bytes()] {
        let signature = format!("{} {}", other.sign("evt_1", now, body), secret.sign("evt_1", now, body));
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", "evt_1".parse().unwrap());
        headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        let official = |secret: &SecretString| standardwebhooks::Webhook::new(secret.expose_secret()).unwrap();
        assert!(official(&secret.reveal()).verify(body, &headers).is_ok());
        assert!(official(&other.reveal()).verify(body, &headers).is_ok());
        assert!(official(&secret.reveal()).verify(b"{ }", &headers).is_err());
    }
}

#[test]
fn a_secret_is_found_again_while_its_key_is_there() {
    let (old, new) = (
        SecretString::from("an old key of thirty-two or more"),
        SecretString::from("a new key of thirty-two or more!"),
    );
    let endpoint = EndpointId(Uuid::nil());
    let before = HookKeys::new(vec![old.clone()]);
    let mark = before.current().unwrap();
    let secret = before.secret(mark, endpoint, 1).unwrap().reveal();
    let rotated = HookKeys::new(vec![new.clone(), old]);
    assert_ne!(rotated.current(), Some(mark));
    assert_eq!(rotated.secret(mark, endpoint, 1).unwrap().reveal().expose_secret(), secret.expose_secret());
    assert!(HookKeys::new(vec![new]).secret(mark, endpoint, 1).is_none());
}
