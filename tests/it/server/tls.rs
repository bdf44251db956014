//! The TLS listener, as clients of every kind meet it: a health service stands behind it.

pub(crate) mod certificates;
mod faults;
mod listener;

use std::time::Duration;

use messaging::server::tls::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use certificates::{Authority, Disk};
use listener::{Listener, healthy};

#[tokio::test]
async fn a_client_that_trusts_the_authority_connects() {
    let ca = Authority::new();
    let listener = Listener::open(&Disk::of(&ca)).await;
    assert!(healthy(&mut listener.client(&ca, None).await.unwrap()).await);
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_does_not_connect() {
    let ca = Authority::new();
    let listener = Listener::open(&Disk::of(&ca)).await;
    assert!(listener.client(&Authority::new(), None).await.is_err());
}

#[tokio::test]
async fn the_service_sees_the_clients_address_with_tls_and_without() {
    let ca = Authority::new();
    let disk = Disk::of(&ca);
    for listener in [Listener::open(&disk).await, Listener::plain().await] {
        let mut client =
            if listener.is_tls() { listener.client(&ca, None).await } else { listener.plain_client().await }.unwrap();
        assert!(healthy(&mut client).await);
        assert_eq!(listener.last_remote().unwrap().ip(), listener.addr.ip());
    }
}

#[tokio::test]
async fn with_a_client_authority_only_its_clients_connect() {
    let (ca, clients) = (Authority::new(), Authority::new());
    let listener = Listener::open(&Disk::of(&ca).with_client_ca(&clients)).await;

    let mut known = listener.client(&ca, Some(clients.client())).await.unwrap();
    assert!(healthy(&mut known).await);

    // Under TLS 1.3 a client may think that it is connected until it hears of the refusal: ask it something.
    for identity in [None, Some(Authority::new().client())] {
        if let Ok(mut stranger) = listener.client(&ca, identity).await {
            assert!(!healthy(&mut stranger).await);
        }
    }
}

#[tokio::test]
async fn a_reload_counts_for_new_connections_while_the_old_ones_live_on() {
    let (before, after) = (Authority::new(), Authority::new());
    let disk = Disk::of(&before);
    let listener = Listener::open(&disk).await;
    let mut old = listener.client(&before, None).await.unwrap();
    assert!(healthy(&mut old).await);

    disk.issue(&after);
    listener.tls().reload().unwrap();

    assert!(healthy(&mut listener.client(&after, None).await.unwrap()).await);
    assert!(listener.client(&before, None).await.is_err());
    assert!(healthy(&mut old).await);
}

#[tokio::test]
async fn a_failed_reload_keeps_what_was_in_force() {
    let ca = Authority::new();
    let disk = Disk::of(&ca);
    let listener = Listener::open(&disk).await;

    std::fs::write(disk.key(), "not a key").unwrap();
    assert!(listener.tls().reload().is_err());
    assert!(healthy(&mut listener.client(&ca, None).await.unwrap()).await);
}

#[tokio::test]
async fn silent_clients_hold_nobody_up_however_many_they_are() {
    let ca = Authority::new();
    let limits = Limits { handshakes: 2, time: Duration::from_mins(10) };
    let listener = Listener::open_within(limits, &Disk::of(&ca)).await;

    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(listener.addr).await.unwrap());
    }
    assert!(healthy(&mut listener.client(&ca, None).await.unwrap()).await);
}

#[tokio::test]
async fn a_silent_client_is_shown_out_when_its_time_is_up() {
    let limits = Limits { handshakes: 2, time: Duration::from_millis(1) };
    let listener = Listener::open_within(limits, &Disk::of(&Authority::new())).await;

    let mut silent = TcpStream::connect(listener.addr).await.unwrap();
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn plain_text_at_the_tls_listener_is_turned_away_and_the_listener_stays_open() {
    let ca = Authority::new();
    let listener = Listener::open(&Disk::of(&ca)).await;

    if let Ok(mut client) = listener.plain_client().await {
        assert!(!healthy(&mut client).await);
    }
    let mut raw = TcpStream::connect(listener.addr).await.unwrap();
    raw.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    // A TLS alert, then the end; or, where the system noticed unread bytes, a reset.
    let mut answer = Vec::new();
    let _ = raw.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "no HTTP in the clear");

    assert!(healthy(&mut listener.client(&ca, None).await.unwrap()).await);
}
