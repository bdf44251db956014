//! One message, whoever's it is: what happened to it, and putting it back.

use super::Operations;
use crate::auth::{Caller, Scope};
use crate::domain::audit::Act;
use crate::domain::message::Message;
use crate::domain::retention::may_quote;
use crate::domain::status::{self, Event, Refused};
use crate::error::{Error, Resource};
use crate::service::explain::Explained;
use crate::service::lookup::parse_message_id;
use crate::store::{Job, Pick};

/// One page of messages of all owners.
#[derive(Debug, Clone)]
pub struct OperatedPage {
    /// The messages.
    pub messages: Vec<Message>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

impl Operations {
    /// A message and its history, without what the provider answered or reported of it in words, which may quote what was sent.
    pub async fn inspect(&self, caller: &Caller, id: &str) -> Result<Explained, Error> {
        caller.require(Scope::Ops)?;
        let message = self.message_of_anyone(id).await?;
        let mut entries = self.store.history(message.owner, message.id).await?;
        for entry in &mut entries {
            if let Some(fields) = entry.evidence.as_object_mut() {
                fields.remove("raw");
                fields.remove("description");
                if fields.get("word").and_then(serde_json::Value::as_str).is_some_and(may_quote) {
                    fields.remove("word");
                }
            }
        }
        Ok(Explained { message, entries })
    }

    /// Puts a message that was given up, or that stays unknown, back into the queue. Returns it as it is then.
    pub async fn requeue(&self, caller: &Caller, id: &str, may_duplicate: bool) -> Result<Message, Error> {
        let store = self.acting(caller)?;
        let found = self.message_of_anyone(id).await?;
        let (stats, event) = (self.stats.clone(), Event::Requeue { may_duplicate });
        let missing = missing(id);
        // What is refused is not written down, and what is done is, before it is done.
        status::apply(&mut found.clone(), &event, self.clock.now()).map_err(not_put_back)?;
        self.to_the_end(async move {
            store.note_act(Act::MessageRequeued, Some(found.owner), &found.id.to_string()).await?;
            let job = Job { pick: Pick::Id(found.id), event };
            let moved = store.apply(job).await?.into_iter().next().ok_or(missing)?;
            if let Err(refused) = moved.result {
                return Err(not_put_back(refused));
            }
            stats.forget_of([&moved.message]).await;
            Ok(moved.message)
        })
        .await
    }

    async fn message_of_anyone(&self, id: &str) -> Result<Message, Error> {
        let found = self.store.message_of_anyone(parse_message_id(id)?).await?;
        found.ok_or_else(|| missing(id))
    }
}

fn missing(id: &str) -> Error {
    Error::NotFound(Resource::Message, id.to_owned())
}

/// Why a message is not put back.
fn not_put_back(refused: Refused) -> Error {
    let (reason, message) = match refused {
        Refused::MayDuplicate => {
            ("MESSAGE_MAY_DUPLICATE", "An earlier try may have reached the recipient: say that it may be sent again")
        }
        Refused::Erased => ("MESSAGE_ERASED", "Its number and its text were erased: send it anew"),
        Refused::Expired => ("MESSAGE_EXPIRED", "Its validity has ended: send it anew"),
        Refused::State | Refused::NotHolder | Refused::Known => ("MESSAGE_STATE", "It was not given up"),
    };
    Error::Precondition { reason, message: message.to_owned(), metadata: Vec::new() }
}
