//! Rows that the database refuses: they cost nobody but themselves.

use jiff::SignedDuration;
use messaging::domain::ids::MessageId;
use messaging::domain::message::{Dispatch, Message};
use messaging::domain::outcome::{Acceptance, Outcome};
use messaging::domain::status::Event;
use messaging::store::{Error, Halves, Job, Pick};

use crate::support::database::on_both_databases;
use crate::support::store::{Rig, provider_id};

on_both_databases![Rig::on =>
    a_message_that_cannot_be_claimed_holds_up_no_other,
    a_message_that_cannot_be_moved_holds_up_no_timer,
    a_writer_refuses_the_guilty_alone,
    what_is_done_to_many_at_once_is_done_to_all_that_can_be_changed,
];

impl Rig {
    /// Lets the database refuse every change of `messages` of which `condition` on `NEW` is true.
    pub async fn refuse(&self, condition: &str) {
        self.refuse_on("UPDATE", condition).await;
    }

    /// The same of every new one.
    pub async fn refuse_new(&self, condition: &str) {
        self.refuse_on("INSERT", condition).await;
    }

    async fn refuse_on(&self, verb: &str, condition: &str) {
        let statement = if self.is_postgres() {
            format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN \
                 RAISE EXCEPTION 'refused'; END IF; RETURN NEW; END $$; \
                 CREATE TRIGGER refuse BEFORE {verb} ON messages FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        } else {
            format!(
                "CREATE TRIGGER refuse BEFORE {verb} ON messages WHEN {condition} \
                 BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
        };
        self.execute(&statement).await;
    }

    /// Ends [`Rig::refuse`].
    pub async fn allow(&self) {
        let on = if self.is_postgres() { "refuse ON messages" } else { "refuse" };
        self.execute(&format!("DROP TRIGGER {on}")).await;
    }

    fn is(&self, message: &Message) -> String {
        let id = message.id.0;
        if self.is_postgres() { format!("NEW.id = '{id}'") } else { format!("NEW.id = x'{}'", id.simple()) }
    }
}

async fn a_message_that_cannot_be_claimed_holds_up_no_other(rig: Rig) {
    let messages = rig.many(rig.owner().await, 5).await;
    rig.refuse(&rig.is(&messages[0])).await;
    assert_eq!(rig.take(10).await.len(), 4);
    assert_eq!(rig.read(&messages[0]).await.state.dispatch, Dispatch::Queued);
    assert!(rig.take(10).await.is_empty(), "it is left out");
    rig.allow().await;
    assert!(rig.take(10).await.is_empty(), "and not tried all the time");
    rig.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(rig.take(10).await.len(), 1);
}

async fn a_message_that_cannot_be_moved_holds_up_no_timer(rig: Rig) {
    let owner = rig.owner().await;
    let messages = rig.many(owner, 5).await;
    for message in &messages {
        rig.claimed(message).await;
    }
    rig.refuse(&rig.is(&messages[2])).await;
    rig.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(rig.timer(Dispatch::Claimed).await.len(), 4);
    assert_eq!(rig.read(&messages[2]).await.state.dispatch, Dispatch::Claimed);
    assert!(rig.timer(Dispatch::Claimed).await.is_empty());
    rig.allow().await;
    rig.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(rig.timer(Dispatch::Claimed).await.len(), 1);
}

async fn a_writer_refuses_the_guilty_alone(rig: Rig) {
    let messages = rig.many(rig.owner().await, 3).await;
    let mut fenced = Vec::new();
    for message in &messages {
        fenced.push(rig.fenced(message).await);
    }
    rig.refuse(&rig.is(&messages[1])).await;
    let settle = async |message: &Message| {
        let taken = Acceptance { provider_message_id: provider_id("p-1"), bulk_id: None, raw: serde_json::Value::Null };
        let outcome = Outcome::Accepted(taken);
        let event = Event::Settle { lease: message.lease().unwrap(), outcome, random: 0.0 };
        rig.store.apply(Job { pick: Pick::Id(message.id), event }).await
    };
    let done = futures::join!(settle(&fenced[0]), settle(&fenced[1]), settle(&fenced[2]));
    assert!(matches!(done, (Ok(_), Err(Error::Query(_)), Ok(_))), "{done:?}");
}

async fn what_is_done_to_many_at_once_is_done_to_all_that_can_be_changed(rig: Rig) {
    let messages = rig.many(rig.owner().await, 7).await;
    rig.refuse(&rig.is(&messages[3])).await;
    let jobs = messages.iter().map(|message| Job { pick: Pick::Id(message.id), event: Event::Cancel }).collect();
    let moved = rig.store.apply_each(jobs).await.unwrap();
    let ids: Vec<_> = moved.iter().map(|moved| moved.first().map(|moved| moved.message.id)).collect();
    let expected: Vec<_> = (0..7).map(|n| (n != 3).then(|| messages[n].id)).collect();
    assert_eq!(ids, expected);
    assert_eq!(rig.read(&messages[3]).await.state.dispatch, Dispatch::Queued);
    assert_eq!(rig.read(&messages[4]).await.state.dispatch, Dispatch::Cancelled);
}

#[test]
fn jobs_that_get_no_answer_are_told_again_after_the_others_and_by_halves_from_the_second_time_on() {
    let ids: Vec<MessageId> = (0..5).map(|n| MessageId(uuid::Uuid::from_u128(n))).collect();
    let lease = messaging::domain::message::Lease { by: uuid::Uuid::nil(), epoch: 1 };
    let job = |id: &MessageId| Job { pick: Pick::Id(*id), event: Event::Release { lease } };
    let mut halves = Halves::of(ids.iter().map(job).collect());
    let sizes = |halves: &mut Halves, answered: usize| {
        let mut seen = Vec::new();
        for _ in 0..answered {
            let part = halves.take().unwrap();
            seen.push(part.jobs.len());
            halves.put_off(part);
        }
        seen
    };
    assert_eq!(sizes(&mut halves, 2), [5, 5]);
    assert_eq!(sizes(&mut halves, 4), [2, 3, 2, 3]);
    assert_eq!(halves.left().count(), 5);
    assert_eq!(sizes(&mut halves, 4), [1, 1, 1, 2]);
    // One of them has an answer: the others wait, and none is forgotten.
    let part = halves.take().unwrap();
    halves.done(&part, vec![Vec::new(); part.jobs.len()]);
    assert_eq!(halves.left().count(), 4);
    while let Some(part) = halves.take() {
        halves.done(&part, vec![Vec::new(); part.jobs.len()]);
    }
    assert_eq!(halves.moved().len(), 5);
}
