//! Where the commands connect to, and as whom.

use messaging::cli::client::Exit;
use messaging::proto::Campaign;
use messaging::server::tls::Tls;

use super::fake::{Fake, Script};
use super::terminal::{Done, run_env};
use crate::server::tls::certificates::{Authority, Disk};

const SHOW: [&str; 3] = ["campaign", "show", "5"];

fn script() -> Script {
    Script {
        campaign: std::iter::repeat_n(Campaign { id: 5, ..Default::default() }, 9).collect(),
        ..Default::default()
    }
}

async fn show(env: &[(&str, &str)], args: &[&str]) -> Done {
    run_env(env, &[&SHOW[..], args].concat()).await
}

#[tokio::test]
async fn credentials_come_from_the_command_line_before_the_environment() {
    let fake = Fake::start(script()).await;
    let addr = fake.addr.to_string();
    let both = [("MESSAGING_TOKEN", "env-token"), ("MESSAGING_API_KEY", "env-key")];
    for (env, args, expected) in [
        (&both[..], &["--token", "t"][..], vec![("authorization", "Bearer t")]),
        (&both[..], &["--api-key", "k"], vec![("x-api-key", "k")]),
        (&both[..], &[], vec![("authorization", "Bearer env-token")]),
        (&both[1..], &[], vec![("x-api-key", "env-key")]),
        (&[("MESSAGING_TOKEN", " ")][..], &[], vec![]),
    ] {
        let done = show(env, &[&["--addr", &addr], args].concat()).await;
        assert_eq!(done.exit, Exit::Success, "{}", done.err);
        let heard = fake.heard().credentials;
        assert_eq!(heard.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn an_address_may_come_with_a_scheme_or_without() {
    let fake = Fake::start(script()).await;
    for addr in [fake.addr.to_string(), format!("http://{}", fake.addr), format!("localhost:{}", fake.addr.port())] {
        assert_eq!(show(&[], &["--addr", &addr]).await.exit, Exit::Success, "{addr}");
        assert_eq!(show(&[("MESSAGING_ADDR", &addr)], &[]).await.exit, Exit::Success, "{addr}");
    }
}

#[tokio::test]
async fn with_an_authority_the_connection_is_tls_and_trusts_it_alone() {
    let (ca, clients) = (Authority::new(), Authority::new());
    let disk = Disk::of(&ca).with_client_ca(&clients);
    let fake = Fake::start_with(script(), Some(Tls::load(disk.files()).unwrap())).await;
    let addr = format!("localhost:{}", fake.addr.port());
    let file = |name: &str, text: &str| {
        let path = disk.cert().with_file_name(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = clients.client_pem();
    let (trusted, other) = (file("ca.pem", ca.pem()), file("other.pem", Authority::new().pem()));
    let (cert, key) = (file("client.pem", &cert), file("client.key", &key));
    let identity = ["--addr", &addr, "--client-cert", &cert, "--client-key", &key];

    let done = show(&[], &[&identity[..], &["--ca", &trusted]].concat()).await;
    assert_eq!(done.exit, Exit::Success, "{}", done.err);

    let done = show(&[], &[&identity[..], &["--ca", &other]].concat()).await;
    assert_eq!(done.exit, Exit::Failed);
    assert!(done.err.contains("invalid peer certificate"), "{}", done.err);

    // Without an authority of its own it asks the system's, which do not know ours.
    assert_eq!(show(&[], &identity).await.exit, Exit::Failed);
    assert_eq!(show(&[], &["--addr", &addr, "--ca", &trusted]).await.exit, Exit::Failed, "no client certificate");
}

#[tokio::test]
async fn another_machine_is_not_asked_in_the_clear_unless_told() {
    // It stands for another machine, since it is not spelt as this one, and is refused at once: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (addr, asked) in [("0.0.0.0", "https://0.0.0.0"), ("http://0.0.0.0", "http://0.0.0.0")] {
        let done = show(&[], &["--addr", &format!("{addr}:{port}")]).await;
        assert!(done.err.starts_with(&format!("UNAVAILABLE: cannot connect to {asked}:{port}/: ")), "{}", done.err);
    }
}
