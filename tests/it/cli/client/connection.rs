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

/// An address at which this is answered to whatever comes, once for each connection.
async fn answering(bytes: &'static [u8]) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    addr
}

#[tokio::test]
async fn an_address_that_speaks_something_else_is_told_by_what_it_speaks() {
    let http1 = answering(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let done = show(&[], &["--addr", &format!("http://{http1}")]).await;
    assert!(done.err.contains(&format!("http://{http1} answers in HTTP/1, which is no gRPC")), "{}", done.err);
    let done = show(&[], &["--addr", &format!("https://{http1}")]).await;
    assert!(done.err.contains(&format!("https://{http1} answers in HTTP/1, which is no gRPC")), "{}", done.err);

    let alert = answering(&[21, 3, 3, 0, 2, 2, 50]).await;
    let done = show(&[], &["--addr", &format!("http://{alert}")]).await;
    assert!(done.err.contains(&format!("http://{alert} speaks TLS: write https://{alert}")), "{}", done.err);

    let silent = answering(b"").await;
    let done = show(&[], &["--addr", &format!("http://{silent}")]).await;
    assert!(done.err.contains("closes the connection without a word"), "{}", done.err);

    let fake = Fake::start(script()).await;
    let done = show(&[], &["--addr", &format!("https://{}", fake.addr)]).await;
    let words = format!("https://{0} speaks no TLS but plain text: write http://{0}", fake.addr);
    assert!(done.err.contains(&words), "{}", done.err);
    assert_eq!((done.exit, done.err.lines().count()), (Exit::Failed, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_listener_of_the_program_is_told_for_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let env = [("DATA_DIR", path.as_str()), ("GRPC_ADDR", "127.0.0.1:0"), ("HTTP_ADDR", "127.0.0.1:0")];
    let server = crate::support::program::Running::start(&["serve", "--sandbox"], &env);
    let (grpc, http) = (server.address("grpc"), server.address("http"));
    for (addr, words) in [
        (format!("https://{grpc}"), format!("https://{grpc} speaks no TLS but plain text: write http://{grpc}")),
        (format!("http://{http}"), format!("http://{http} answers in HTTP/1, which is no gRPC")),
        (format!("https://{http}"), format!("https://{http} answers in HTTP/1, which is no gRPC")),
    ] {
        let done = show(&[], &["--addr", &addr]).await;
        assert!(done.err.contains(&words), "{}", done.err);
    }
}

#[tokio::test]
async fn a_service_behind_tls_is_told_to_whoever_asks_it_in_plain_text() {
    let disk = Disk::of(&Authority::new());
    let fake = Fake::start_with(script(), Some(Tls::load(disk.files()).unwrap())).await;
    let done = show(&[], &["--addr", &format!("http://{}", fake.addr)]).await;
    assert!(done.err.contains(&format!("https://{}", fake.addr)), "{}", done.err);
}
