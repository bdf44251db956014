//! A pooler that gives sessions to others between transactions is found out before anything relies on a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use messaging::clock::Clock;
use messaging::store::{self, Config, Store, Url};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A message of a server's: its kind, its length, its content.
fn said(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap().to_be_bytes();
    [&[kind], length.as_slice(), content].concat()
}

/// Lets everybody in, and answers every query with the number of its session.
async fn answer(mut client: TcpStream, session: u32) -> std::io::Result<()> {
    let length = client.read_u32().await?;
    client.read_exact(&mut vec![0; length as usize - 4]).await?;
    client.write_all(&[said(b'R', &[0; 4]), said(b'Z', b"I")].concat()).await?;
    loop {
        let kind = client.read_u8().await?;
        let length = client.read_u32().await?;
        client.read_exact(&mut vec![0; length as usize - 4]).await?;
        if kind != b'Q' {
            return Ok(());
        }
        let number = session.to_string();
        let length = u32::try_from(number.len()).unwrap().to_be_bytes();
        // One column of text: its name, no table, the type int4, its size and modifier, in text.
        let column = [&[0, 1][..], b"pid\0", &[0; 6], &[0, 0, 0, 23], &[0, 4], &[0xff; 4], &[0; 2]];
        let row = [&[0, 1][..], &length, number.as_bytes()];
        let all =
            [said(b'T', &column.concat()), said(b'D', &row.concat()), said(b'C', b"SELECT 1\0"), said(b'Z', b"I")];
        client.write_all(&all.concat()).await?;
    }
}

/// Something that pools: by session, or gives one session to all.
async fn pooler(by_session: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let sessions = Arc::new(AtomicU32::new(1));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let session = if by_session { sessions.fetch_add(1, Ordering::Relaxed) } else { 0 };
            tokio::spawn(answer(client, session));
        }
    });
    format!("postgres://somebody@{address}/messages")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_shares_sessions_is_refused_by_name_and_one_that_does_not_is_not() {
    for (by_session, refused) in [(false, true), (true, false)] {
        let config = Config { url: Url::parse(&pooler(by_session).await).unwrap(), pool_size: 1, pseudonym_key: None };
        for error in [
            Store::open(&config, Clock::system(), true).await.err().unwrap().to_string(),
            store::probe(&config).await.unwrap_err().to_string(),
        ] {
            // The one that pools by session is no Postgres either.
            assert_eq!(error.contains("pool_mode=transaction"), refused, "{error}");
        }
    }
}
