//! TLS to a Postgres server: errors are read from what was decrypted, and a server's name is verified.

use std::sync::Arc;

use diesel::ConnectionError;
use messaging::postgres::{Faults, SqlState, WatchedTls, connect};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::support::postgres::{external, server_url};

/// A client that asks for TLS says this first, and is told by one byte whether it gets it (`SSLRequest` of the protocol).
const ASKS_FOR_TLS: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Gives the tests' server TLS, which not every build of Postgres has. Returns its URL and the certificate, which is for `localhost`.
async fn with_tls() -> (url::Url, CertificateDer<'static>) {
    let mut url: url::Url = server_url().parse().unwrap();
    let server = (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432));
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let certificate = made.cert.der().clone();
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let (acceptor, server) = (acceptor.clone(), server.clone());
            tokio::spawn(async move {
                let mut asked = [0; 8];
                socket.read_exact(&mut asked).await.unwrap();
                assert_eq!(asked, ASKS_FOR_TLS);
                socket.write_all(b"S").await.unwrap();
                // Who does not know the certificate goes away.
                let Ok(mut inside) = acceptor.accept(socket).await else { return };
                let mut outside = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut inside, &mut outside).await;
            });
        }
    });
    (url, certificate)
}

#[tokio::test]
async fn errors_are_read_through_tls_and_an_unknown_certificate_is_refused() {
    let (url, certificate) = with_tls().await;
    let mut config: Config = url.as_str().parse().unwrap();
    config.ssl_mode(SslMode::Require);

    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let trusting = ClientConfig::builder().with_root_certificates(Arc::new(roots)).with_no_client_auth();
    let socket = TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
    let faults = Faults::default();
    let mut tls = MakeRustlsConnect::new(trusting);
    let tls = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, "localhost").unwrap();
    let tls = WatchedTls::new(tls, faults.clone());
    let (client, driver) = config.connect_raw(socket, tls).await.unwrap();
    tokio::spawn(driver);
    client.query_one("SELECT 1", &[]).await.unwrap();
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
