//! Which of several servers is reached, by which socket, and what is said when none is.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::{RunQueryDsl as _, SimpleAsyncConnection as _};
use futures::StreamExt as _;
use messaging::postgres::{configuration, connect, listener, tune};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio_postgres::{AsyncMessage, Config};
use url::Url;

use crate::support::postgres::{administer, count, fresh_database, server_url};
use crate::support::store::eventually;

/// A URL's host and port.
fn place(url: &str) -> (String, u16) {
    let url = Url::parse(url).unwrap();
    (url.host_str().unwrap().to_owned(), url.port().unwrap_or(5432))
}

/// The name of a URL's database.
fn name(url: &str) -> String {
    Url::parse(url).unwrap().path().trim_start_matches('/').to_owned()
}

/// The configuration of a URL, without its host and port.
fn nowhere(url: &str) -> Config {
    let given: Config = url.parse().unwrap();
    let mut config = Config::new();
    config.user(given.get_user().unwrap()).dbname(name(url));
    if let Some(password) = given.get_password() {
        config.password(password);
    }
    config
}

/// A port on which nobody listens.
async fn closed_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port()
}

/// The error of a connection that cannot be made.
async fn refused(config: &Config) -> String {
    match connect(config).await {
        Err(ConnectionError::BadConnection(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was reached"),
    }
}

/// The database that a connection of this configuration is to.
async fn reached(config: &Config) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        name: String,
    }
    let (mut client, faults) = connect(config).await.unwrap();
    let name = diesel::sql_query("SELECT current_database()::text AS name").get_result::<Row>(&mut client).await;
    assert_eq!(faults.take(), None);
    name.unwrap().name
}

#[tokio::test]
async fn hosts_are_tried_in_order_until_one_serves() {
    let (url, _guard) = fresh_database().await;
    let (host, port) = place(&url);
    let closed = closed_port().await;
    let with = |hosts: &[(&str, u16)]| {
        let mut config = nowhere(&url);
        for (host, port) in hosts {
            config.host(*host).port(*port);
        }
        config
    };
    assert_eq!(reached(&with(&[("127.0.0.1", closed), (&host, port)])).await, name(&url));
    let why = refused(with(&[(&host, port), ("127.0.0.1", closed)]).dbname("there_is_no_such_database")).await;
    assert!(why.starts_with("error connecting to server: Connection refused"), "the last one's error: {why}");
    let why = refused(with(&[("127.0.0.1", closed), (&host, port)]).dbname("there_is_no_such_database")).await;
    assert!(why.starts_with("db error: FATAL"), "the last one's error: {why}");
}

#[tokio::test]
async fn the_address_goes_before_the_name() {
    let (url, _guard) = fresh_database().await;
    let (host, port) = place(&url);
    let Ok(address) = host.parse() else { return }; // A server that is known by its name alone.
    let mut config = nowhere(&url);
    config.host("nowhere.invalid").hostaddr(address).port(port);
    assert_eq!(reached(&config).await, name(&url));
    let why = refused(config.hostaddr(address)).await;
    assert!(why.ends_with("number of hosts (1) is different from number of hostaddrs (2)"), "{why}");
}

#[tokio::test]
async fn a_configuration_that_names_no_server_is_refused_in_words() {
    let why = refused(Config::new().user("nobody")).await;
    assert_eq!(why, "invalid configuration: both host and hostaddr are missing");
    let why = refused(Config::new().host("one").port(1).port(2)).await;
    assert_eq!(why, "invalid configuration: invalid number of ports");
    let secret = "postgres://user:secret@localhost/db?sslmode=perhaps";
    let Err(e) = configuration(secret) else { panic!("it was taken") };
    assert!(!e.to_string().contains("secret"), "{e}");
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_known_by_what_it_says() {
    let (url, _guard) = fresh_database().await;
    let name = name(&url);
    let wanting = |what: &str| {
        let mut url = Url::parse(&url).unwrap();
        url.query_pairs_mut().append_pair("target_session_attrs", what);
        configuration(url.as_str()).unwrap()
    };
    assert_eq!(reached(&wanting("any")).await, name);
    assert_eq!(reached(&wanting("read-write")).await, name);
    let not_read_only = "error connecting to server: database is not read only";
    assert_eq!(refused(&wanting("read-only")).await, not_read_only);

    administer(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await.unwrap();
    assert_eq!(reached(&wanting("any")).await, name);
    assert_eq!(reached(&wanting("read-only")).await, name);
    let no_writes = "error connecting to server: database does not allow writes";
    assert_eq!(refused(&wanting("read-write")).await, no_writes);
}

#[tokio::test]
async fn a_connection_that_takes_too_long_is_given_up() {
    let server = TcpSocket::new_v4().unwrap();
    server.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let server = server.listen(1).unwrap();
    let address = server.local_addr().unwrap();
    // Those whom nobody accepts wait in a queue; when it is full, whoever comes gets no answer at all.
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
        assert!(waiting.len() < 100, "the queue is never full");
    }
    let mut config = Config::new();
    config.user("nobody").host("127.0.0.1").port(address.port());
    let why = refused(config.connect_timeout(Duration::from_millis(10))).await;
    assert_eq!(why, "error connecting to server: connection timed out");
}

#[tokio::test]
async fn a_folder_is_the_place_of_a_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let server = UnixListener::bind(folder.path().join(".s.PGSQL.5433")).unwrap();
    let greet = async {
        let (mut stream, _) = server.accept().await?;
        let mut startup = vec![0; usize::try_from(stream.read_i32().await?).unwrap() - 4];
        stream.read_exact(&mut startup).await?;
        // Logged in, and ready.
        stream.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").await?;
        Ok::<_, io::Error>((stream, startup))
    };
    let mut config = Config::new();
    config.user("somebody").host_path(folder.path()).port(5433);
    let (reached, greeted) = tokio::join!(listener(&config), greet);
    let ((_client, _messages), (_stream, startup)) = (reached.map_err(|e| e.to_string()).unwrap(), greeted.unwrap());
    assert!(startup.windows(8).any(|part| part == b"somebody"));
}

#[tokio::test]
async fn a_listener_hears_what_others_notify() {
    let (url, _guard) = fresh_database().await;
    let (client, mut messages) = listener(&configuration(&url).unwrap()).await.map_err(|e| e.to_string()).unwrap();
    let listen = client.batch_execute("LISTEN news");
    tokio::select! {
        listening = listen => listening.unwrap(),
        message = messages.next() => panic!("{:?}", message.is_some()),
    }
    let (mut other, _) = connect(&configuration(&url).unwrap()).await.unwrap();
    other.batch_execute("NOTIFY news, 'good'").await.unwrap();
    match messages.next().await.unwrap().unwrap() {
        AsyncMessage::Notification(heard) => assert_eq!((heard.channel(), heard.payload()), ("news", "good")),
        _ => panic!("something else was heard"),
    }
}

#[tokio::test]
async fn a_connection_ends_when_it_is_dropped() {
    let (url, _guard) = fresh_database().await;
    let open = format!("pg_stat_activity WHERE datname = '{}'", name(&url));
    let (client, _faults) = connect(&configuration(&url).unwrap()).await.unwrap();
    assert_eq!(count(server_url(), &open).await, 1);
    drop(client);
    eventually(async || count(server_url(), &open).await == 0).await;
}

/// What TCP does on a socket of this URL: no delay, after which silence it asks, how often, how many times, how long it
/// waits for an acknowledgement.
async fn tuned(url: &str) -> (bool, bool, Duration, Duration, u32, Option<Duration>) {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let stream = TcpStream::connect(server.local_addr().unwrap()).await.unwrap();
    tune(&stream, &configuration(url).unwrap()).unwrap();
    let socket = SockRef::from(&stream);
    (
        stream.nodelay().unwrap(),
        socket.keepalive().unwrap(),
        socket.tcp_keepalive_time().unwrap(),
        socket.tcp_keepalive_interval().unwrap(),
        socket.tcp_keepalive_retries().unwrap(),
        socket.tcp_user_timeout().unwrap(),
    )
}

#[tokio::test]
async fn a_server_that_is_gone_is_noticed_within_a_minute_unless_the_url_says_otherwise() {
    let seconds = Duration::from_secs;
    let usual = tuned("postgres://localhost/db").await;
    assert_eq!(usual, (true, true, seconds(30), seconds(10), 3, Some(seconds(30))));
    let said = "keepalives_idle=7&keepalives_interval=2&keepalives_retries=5&tcp_user_timeout=11";
    let otherwise = tuned(&format!("postgres://localhost/db?{said}")).await;
    assert_eq!(otherwise, (true, true, seconds(7), seconds(2), 5, Some(seconds(11))));
    assert!(!tuned("postgres://localhost/db?keepalives=0").await.1);
}
