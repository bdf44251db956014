//! TLS to a Postgres server: errors are read from what was decrypted, and a server's name is verified.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;
use std::sync::Arc;

use diesel::ConnectionError;
use messaging::postgres::{Faults, SqlState, WatchedTls, connect};
use tokio::net::TcpStream;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::postgres::{Cluster, FORGETFUL, external, server_url};

/// A certificate for `localhost` and its key, in files that a server of the same user reads.
fn certificate(folder: &Path) -> (rcgen::Certificate, [String; 2]) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        // Postgres takes no key that others may read; root's own may be read by the server's group.
        let root = fs::metadata(&path).unwrap().uid() == 0;
        fs::set_permissions(&path, Permissions::from_mode(if root { 0o640 } else { 0o600 })).unwrap();
        if root {
            chown(&path, None, Some(65534)).unwrap();
        }
        path.display().to_string()
    };
    fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    let files = [file("server.crt", made.cert.pem()), file("server.key", made.signing_key.serialize_pem())];
    (made.cert, files)
}

#[tokio::test]
async fn errors_are_read_through_tls_and_an_unknown_certificate_is_refused() {
    if external().is_some() {
        return; // No cluster is started then, and the machine may have no Postgres.
    }
    let folder = tempfile::tempdir().unwrap();
    let (certificate, [file, key]) = certificate(folder.path());
    let settings = ["ssl=on".to_owned(), format!("ssl_cert_file={file}"), format!("ssl_key_file={key}")];
    let settings: Vec<&str> = FORGETFUL.into_iter().chain(settings.iter().map(String::as_str)).collect();
    let cluster = Cluster::start(&settings);
    let mut config: Config = cluster.url.parse().unwrap();
    config.ssl_mode(SslMode::Require);
    let port = config.get_ports()[0];

    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let trusting = ClientConfig::builder().with_root_certificates(Arc::new(roots)).with_no_client_auth();
    let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let faults = Faults::default();
    let mut tls = MakeRustlsConnect::new(trusting);
    let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, "localhost").unwrap();
    let tls = WatchedTls::new(tls, faults.clone());
    let (client, driver) = config.connect_raw(socket, tls).await.unwrap();
    tokio::spawn(driver);
    let encrypted = client.query_one("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await.unwrap();
    assert!(encrypted.get::<_, bool>(0));
    assert_eq!(faults.take(), None);
    client.batch_execute("SELECT 1 / 0").await.unwrap_err();
    assert_eq!(faults.take(), SqlState::parse(b"22012"));

    let why = refused(&config).await;
    assert!(why.starts_with("error performing TLS handshake: invalid peer certificate"), "{why}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_tls_is_required() {
    if external().is_some() {
        return; // It may have TLS.
    }
    let mut config: Config = server_url().parse().unwrap();
    config.ssl_mode(SslMode::Require);
    assert_eq!(refused(&config).await, "error performing TLS handshake: server does not support TLS");
    for other in [SslMode::Prefer, SslMode::Disable] {
        connect(config.ssl_mode(other)).await.unwrap();
    }
}

async fn refused(config: &Config) -> String {
    match connect(config).await {
        Err(ConnectionError::BadConnection(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was reached"),
    }
}
