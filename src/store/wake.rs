//! Telling other replicas that there is something to do: `LISTEN` and `NOTIFY` on Postgres. A word that is lost costs a
//! poll's wait and nothing else. SQLite has one process, which tells itself.

use std::time::Duration;

use diesel::sql_types::Text;
use diesel_async::RunQueryDsl as _;
use futures::StreamExt as _;
use tokio_postgres::AsyncMessage;

use crate::postgres;
use crate::store::error::Failure;
use crate::store::prepared::Prepare as _;
use crate::store::transaction::{Tx, on};
use crate::store::{Error, Store, Url};

/// The channel that all replicas listen to.
const CHANNEL: &str = "messaging";
/// How long to wait before listening again after the connection was lost.
const AGAIN: Duration = Duration::from_secs(2);

/// The topic of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Messages wait in the queue, or may be sent now.
    Queue,
    /// A gate was changed.
    Gates,
}

impl Topic {
    const ALL: [(Self, &'static str); 2] = [(Self::Queue, "queue"), (Self::Gates, "gates")];

    fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(topic, _)| *topic == self).map_or("", |(_, word)| word)
    }
}

/// Tells everyone, when and if the transaction commits.
pub(super) async fn notify(tx: &mut Tx, topic: Topic) -> Result<(), Failure> {
    let notify =
        diesel::sql_query("SELECT pg_notify($1, $2)").bind::<Text, _>(CHANNEL).bind::<Text, _>(topic.word()).prepared();
    on!(
        tx,
        |pg| {
            notify.execute(pg).await?;
        },
        |_lite| ()
    );
    Ok(())
}

impl Store {
    /// Calls `heard` with every word of the other replicas', for as long as the future is polled. Whenever words may
    /// have been missed, it calls it with every topic. On SQLite it has nothing to hear.
    pub async fn listen(&self, heard: impl Fn(Topic)) {
        let Url::Postgres(url) = &self.url else { return std::future::pending().await };
        loop {
            let lost = self.listen_once(url, &heard).await;
            if let Err(e) = lost {
                tracing::warn!(error = %e, "listening to the other replicas failed; polling goes on");
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn listen_once(&self, url: &str, heard: &impl Fn(Topic)) -> Result<(), Error> {
        let config = postgres::configuration(url).map_err(Error::setup)?;
        let (client, mut words) = postgres::listener(&config).await.map_err(|e| told(&e))?;
        let listen = client.batch_execute("LISTEN messaging");
        tokio::pin!(listen);
        let mut listening = false;
        loop {
            tokio::select! {
                done = &mut listen, if !listening => {
                    done.map_err(|e| told(&e))?;
                    listening = true;
                    for (topic, _) in Topic::ALL {
                        heard(topic);
                    }
                }
                word = words.next() => match word {
                    Some(Ok(AsyncMessage::Notification(word))) => {
                        let topic = Topic::ALL.into_iter().find(|(_, name)| *name == word.payload());
                        if let Some((topic, _)) = topic {
                            heard(topic);
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(e)) => return Err(told(&e)),
                    None => return Ok(()),
                },
            }
        }
    }
}

/// The error with its causes: the client's own words are "db error", whatever the server said.
fn told(e: &dyn std::error::Error) -> Error {
    let mut words = e.to_string();
    let mut cause = e.source();
    while let Some(e) = cause {
        words = format!("{words}: {e}");
        cause = e.source();
    }
    Error::setup(words)
}
