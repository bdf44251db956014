//! Whether a pooler on the way to Postgres gives a session to somebody else between two transactions, as pgbouncer does with
//! `pool_mode=transaction`. Settings, prepared statements, locks and `LISTEN` are a session's: everything would fail now and then.

use futures::StreamExt as _;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::postgres;
use crate::store::Error;

/// How often it is tried: a pooler may have several sessions, and mostly takes the one that was used last.
const TRIES: usize = 3;

const REFUSED: &str = "a pooler on the way gives sessions to others between transactions (pgbouncer's pool_mode=transaction or statement): \
    let it pool by session, or go to Postgres itself";

/// Refuses such a way: two connections that are open at once must not come to one session.
pub(super) async fn refuse(url: &str) -> Result<(), Error> {
    let config = postgres::configuration(url).map_err(Error::setup)?;
    let (one, other) = (session(&config).await?, session(&config).await?);
    for _ in 0..TRIES {
        let (mine, theirs) = (backend(&one).await?, backend(&other).await?);
        if mine.is_some() && mine == theirs {
            return Err(Error::setup(REFUSED));
        }
    }
    Ok(())
}

async fn session(config: &tokio_postgres::Config) -> Result<Client, Error> {
    let (client, mut messages) = postgres::listener(config).await.map_err(Error::unavailable)?;
    // It ends with its client.
    tokio::spawn(async move { while let Some(Ok(_)) = messages.next().await {} });
    Ok(client)
}

/// The process that serves it at this moment. Asked in one message: what a session remembers is what is in question.
async fn backend(client: &Client) -> Result<Option<String>, Error> {
    let told = client.simple_query("SELECT pg_backend_pid()").await;
    let told = told.map_err(|e| Error::unavailable(postgres::describe(&e)))?;
    Ok(told.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
