//! Erasing what is old, and what was asked for: nothing of it is left anywhere, and everything else goes on.

use jiff::{SignedDuration, Timestamp};
use messaging::domain::evidence::Evidence;
use messaging::domain::ids::{CampaignId, OwnerId};
use messaging::domain::keyword::Keywords;
use messaging::domain::message::{Dispatch, Guarantee, Message, Status};
use messaging::domain::opt_out::OptOutSource;
use messaging::domain::outcome::{Acceptance, Outcome};
use messaging::domain::phone::Msisdn;
use messaging::domain::report::{Form, Post};
use messaging::domain::status::{Event, Refused};
use messaging::domain::supersede::{Supersede, SupersedeKey};
use messaging::domain::tags::Tags;
use messaging::domain::text::MessageText;
use messaging::store::{
    Accepted, Chore, Config, Erased, Error, Filter, IdempotencyKey, JournalEntry, KeyProblem, Position, Store, Terms,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::support::database::on_both_databases;
use crate::support::dump::found;
use crate::support::messages::queued;
use crate::support::outcomes::{accepted, ambiguous};
use crate::support::store::{Rig, accept, provider_id};

on_both_databases![Rig::on =>
    of_what_is_old_no_number_and_no_text_is_left_anywhere,
    an_erased_message_goes_on_as_before,
    what_is_under_way_keeps_its_text_until_it_is_not,
    a_chore_goes_on_after_a_restart_and_does_each_page_once,
    old_messages_go_and_what_was_counted_stays,
    who_opted_out_stays_so_under_a_pseudonym,
    another_key_or_none_is_refused_once_something_is_erased,
    a_number_is_erased_on_request_from_everything_at_rest,
];

const KEY: &str = "a key of the tests, 32 bytes or more";
const NUMBER: &str = "+306900739101";
const TEXT: &str = "canary text of 739101";
/// The texts that must not be found: the number as it is written in several places, and the text.
const CANARIES: [&str; 3] = ["306900739101", TEXT, "canary"];

fn number() -> Msisdn {
    Msisdn::from_stored(NUMBER.to_owned())
}

fn message(rig: &Rig, owner: OwnerId, campaign: Option<CampaignId>) -> Message {
    let text = MessageText::from_stored(TEXT.to_owned());
    let tags = Tags::from_stored(Some("canary-reference".to_owned()), Some(r#"{"note":"canary"}"#));
    let supersede =
        Supersede { key: SupersedeKey::parse(&format!("canary {}", uuid::Uuid::new_v4())).unwrap(), older: None };
    Message {
        campaign,
        destination: number(),
        text,
        tags,
        supersede,
        ..queued(owner, Guarantee::AtLeastOnce, rig.clock.now())
    }
}

/// One that the provider took, and quoted.
async fn sent(rig: &Rig, owner: OwnerId, campaign: Option<CampaignId>, id: &str) -> Message {
    let sending = rig.fenced(&rig.stored(message(rig, owner, campaign)).await).await;
    let raw = json!({"messages": [{"id": id, "to": NUMBER, "text": TEXT}]});
    let took = Acceptance { provider_message_id: provider_id(id), bulk_id: None, raw };
    rig.settle(&sending, Outcome::Accepted(took)).await.message
}

async fn told(rig: &Rig, id: &str, word: &str, why: Option<&str>) {
    let body =
        json!({"messageId": id, "status": word, "error": why, "to": NUMBER, "updatedAt": "2026-03-01T12:00:05Z"});
    rig.store.file_reports(Post::read(Form::Json, body.to_string().as_bytes())).await.unwrap();
}

/// All that a chore finds to do now.
async fn tidy(store: &Store, chore: Chore, before: Timestamp) -> Erased {
    let mut sum = Erased::default();
    while let Some(page) = store.tidy(chore, before, 3).await.unwrap() {
        assert!(page.texts <= 3 && page.rows <= 3);
        sum.texts += page.texts;
        sum.rows += page.rows;
        sum.reports += page.reports;
        sum.inbound += page.inbound;
        sum.opt_outs += page.opt_outs;
        sum.campaigns += page.campaigns;
    }
    sum
}

/// From now on everything that there is counts as old.
fn soon(rig: &Rig) -> Timestamp {
    rig.clock.advance(SignedDuration::from_secs(1));
    rig.clock.now()
}

async fn keyed(rig: Rig) -> (Rig, OwnerId) {
    let rig = rig.with_key(Some(KEY)).await.unwrap();
    let owner = rig.owner().await;
    (rig, owner)
}

async fn of_what_is_old_no_number_and_no_text_is_left_anywhere(rig: Rig) {
    let (rig, owner) = keyed(rig).await;
    let campaign = rig.campaign(owner).await;
    for n in 0..7 {
        sent(&rig, owner, Some(campaign), &format!("p-{n}")).await;
    }
    told(&rig, "p-0", "Failure", Some(&format!("canary: {NUMBER} is barred"))).await;
    told(&rig, "p-1", "handed to 306900739101", None).await;
    told(&rig, "p-2", "Failed for 306900739101", None).await;
    let quoted = Evidence::of_read_model("Failure", None, Some("canary: barred"));
    rig.apply(sent(&rig, owner, None, "p-8").await.id, Event::Evidence(quoted)).await.result.unwrap();
    rig.store.file_reports(Post::read(Form::Json, b"unreadable +306900739101")).await.unwrap();
    for body in [json!({"from": NUMBER, "text": "STOP"}), json!({"from": NUMBER, "text": "stop by, canary"})] {
        rig.store.file_inbound(Form::Json, body.to_string().as_bytes(), None).await.unwrap();
        rig.store.read_next_inbound(Keywords::default()).await.unwrap().unwrap();
    }
    let over = format!(
        "UPDATE campaigns SET ended_at = created_at, text = '{TEXT}', expanded_to = '{NUMBER}', reference = 'canary', \
         metadata = 'canary'"
    );
    rig.execute(&over).await;
    assert_eq!(found(&rig.config.url, &CANARIES).await, CANARIES, "they are found while they are there");
    assert_eq!(rig.count("opt_outs").await, 1);

    let before = soon(&rig);
    assert_eq!(tidy(&rig.store, Chore::Texts, before).await.texts, 8);
    let bodies = tidy(&rig.store, Chore::Bodies, before).await;
    assert_eq!((bodies.reports, bodies.inbound, bodies.opt_outs, bodies.campaigns), (4, 2, 1, 1));
    assert_eq!(found(&rig.config.url, &CANARIES).await, [""; 0]);
    assert_eq!(found(&rig.config.url, &[KEY]).await, [""; 0]);
}

async fn an_erased_message_goes_on_as_before(rig: Rig) {
    let (rig, owner) = keyed(rig).await;
    let campaign = rig.campaign(owner).await;
    let key = || Some(IdempotencyKey { key: "order-7".to_owned(), fingerprint: [7; 32] });
    let keyed = message(&rig, owner, Some(campaign));
    rig.store.accept(keyed.clone(), key(), Terms::default(), CancellationToken::new()).await.unwrap();
    let sending = rig.fenced(&keyed).await;
    let first = rig.settle(&sending, accepted("p-1")).await.message;
    told(&rig, "p-1", "Failure", Some("barred")).await;
    let unknown = rig.fenced(&rig.stored(message(&rig, owner, None)).await).await;
    rig.settle(&unknown, ambiguous()).await;
    rig.execute("UPDATE messages SET due_at = NULL WHERE dispatch = 6").await;
    let (was, history) = (rig.read(&first).await, rig.store.history(owner, first.id).await.unwrap());
    let journal = async || rig.store.journal(&[owner], Position::before(0), i64::MAX, 100).await.unwrap();
    let (told_before, counted) = (journal().await, rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap());

    let before = soon(&rig);
    assert_eq!(tidy(&rig.store, Chore::Texts, before).await.texts, 2);
    let is = rig.read(&first).await;
    assert!(is.destination.is_erased() && is.text.as_str().is_empty() && is.state.error.is_none());
    assert_eq!(is.tags, Tags::default());
    let kept = |m: &Message| {
        let ids = (m.state.provider_message_id.clone(), m.state.error_code.clone(), m.state.attempts);
        (m.status(), m.segments, m.encoding, m.sender.clone(), m.state.updated_at, ids)
    };
    assert_eq!(kept(&is), kept(&was));
    let kinds = |entries: &[messaging::store::HistoryEntry]| entries.iter().map(|e| (e.kind, e.to)).collect::<Vec<_>>();
    assert_eq!(kinds(&rig.store.history(owner, first.id).await.unwrap()), kinds(&history));
    let untagged = told_before.into_iter().map(|entry| JournalEntry { tags: Tags::default(), ..entry });
    assert_eq!(journal().await, untagged.collect::<Vec<_>>(), "watchers are told the same, but for the tags");
    assert_eq!(rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap().counts, counted.counts);
    let to_it = Filter { destination: Some(number()), ..Filter::default() };
    assert_eq!(rig.store.messages(owner, &to_it, None, 10).await.unwrap().len(), 2, "found by the number");
    rig.stored(message(&rig, owner, None)).await;
    let listed = rig.store.messages(owner, &to_it, None, 2).await.unwrap();
    assert!(listed.len() == 2 && !listed[0].destination.is_erased() && listed[1].destination.is_erased());

    let again =
        rig.store.accept(message(&rig, owner, Some(campaign)), key(), Terms::default(), CancellationToken::new()).await;
    assert!(matches!(again.unwrap(), Accepted::Repeat(same) if same.id == first.id && same.destination.is_erased()));
    assert_eq!(rig.store.replay(None, 10).await.unwrap().unwrap().differing, 0, "the raw report is still there");
    tidy(&rig.store, Chore::Bodies, before).await;
    assert_eq!(rig.store.replay(None, 10).await.unwrap().unwrap().differing, 0, "nor does its record alone differ");
    told(&rig, "p-1", "Delivered", Some("canary, delivered to 306900739101 after all")).await;
    let delivered = rig.read(&first).await;
    assert_eq!((delivered.status(), delivered.state.version > is.state.version), (Status::Delivered, true));
    rig.execute("DELETE FROM reports").await;
    assert_eq!(found(&rig.config.url, &["canary, delivered"]).await, [""; 0], "news is not kept whole");
    let requeue = Event::Requeue { may_duplicate: true };
    assert_eq!(rig.apply(unknown.id, requeue).await.result, Err(Refused::Erased));
}

async fn what_is_under_way_keeps_its_text_until_it_is_not(rig: Rig) {
    let (rig, owner) = keyed(rig).await;
    let waits = rig.stored(message(&rig, owner, None)).await;
    let mut later = message(&rig, owner, None);
    later.scheduled_at = Some(rig.clock.now() + SignedDuration::from_hours(50));
    let later = rig.stored(later).await;
    let unknown = rig.fenced(&rig.stored(message(&rig, owner, None)).await).await;
    rig.settle(&unknown, ambiguous()).await;
    let done = sent(&rig, owner, None, "p-1").await;
    assert_eq!(tidy(&rig.store, Chore::Texts, soon(&rig)).await.texts, 1);
    assert!(rig.read(&done).await.destination.is_erased());
    assert_eq!(tidy(&rig.store, Chore::TextsLeft, rig.clock.now()).await.texts, 0);
    assert_eq!(rig.read(&unknown).await.text.as_str(), TEXT, "it may have to be sent again");

    for message in [&waits, &later] {
        let sending = rig.fenced(message).await;
        rig.settle(&sending, accepted("p-2")).await;
    }
    assert_eq!(tidy(&rig.store, Chore::Texts, rig.clock.now()).await.texts, 0, "it has passed them");
    rig.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(tidy(&rig.store, Chore::TextsLeft, rig.clock.now()).await.texts, 1, "its time counts from its schedule");
    assert!(rig.read(&waits).await.destination.is_erased() && !rig.read(&later).await.destination.is_erased());
    rig.clock.advance(SignedDuration::from_hours(50));
    rig.timer(Dispatch::Unknown).await;
    assert_eq!(tidy(&rig.store, Chore::TextsLeft, rig.clock.now()).await.texts, 2);
    assert_eq!((rig.count("chores_left").await, found(&rig.config.url, &CANARIES).await), (0, vec![]));
}

async fn a_chore_goes_on_after_a_restart_and_does_each_page_once(rig: Rig) {
    let (rig, owner) = keyed(rig).await;
    for n in 0..25 {
        sent(&rig, owner, None, &format!("p-{n}")).await;
    }
    let before = soon(&rig);
    let first = rig.store.tidy(Chore::Texts, before, 10).await.unwrap().unwrap();
    assert_eq!((first.texts, first.more), (10, true));
    let oldest = "(SELECT id FROM messages ORDER BY id LIMIT 10)";
    let erased = format!("messages WHERE text = '' AND id IN {oldest}");
    assert_eq!(rig.count(&erased).await, 10, "the oldest first");
    // If it began anew, it would come by this one and erase it.
    rig.execute(
        "UPDATE messages SET destination = '+306900739102' WHERE id = (SELECT min_id.id FROM \
        (SELECT id FROM messages ORDER BY id LIMIT 1) AS min_id)",
    )
    .await;
    let rig = rig.with_key(Some(KEY)).await.unwrap();
    let other = rig.another().await;
    let mut looks = Vec::new();
    for store in [rig.store.clone(), other].into_iter().cycle().take(8) {
        looks.push(tokio::spawn(async move { store.tidy(Chore::Texts, before, 4).await.unwrap() }));
    }
    let mut texts = 0;
    for look in looks {
        texts += look.await.unwrap().map_or(0, |page| page.texts);
    }
    texts += tidy(&rig.store, Chore::Texts, before).await.texts;
    assert_eq!((texts, rig.count("messages WHERE text = ''").await), (15, 25));
    assert_eq!(rig.count("messages WHERE destination = '+306900739102'").await, 1);
    assert_eq!(rig.count("messages WHERE version = 5").await, 25, "each was written once");
}

async fn old_messages_go_and_what_was_counted_stays(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    for n in 0..8 {
        sent(&rig, owner, Some(campaign), &format!("p-{n}")).await;
    }
    told(&rig, "p-0", "Delivered", None).await;
    let waits = rig.stored(message(&rig, owner, Some(campaign))).await;
    let counted = rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap();
    let before = soon(&rig);
    let young = sent(&rig, owner, None, "p-9").await;
    assert_eq!(tidy(&rig.store, Chore::Rows, before).await.rows, 8);
    let bodies = tidy(&rig.store, Chore::Bodies, before).await;
    assert_eq!((bodies.reports, bodies.opt_outs), (1, 0), "without a key all but pseudonyms");
    assert_eq!((rig.count("messages").await, rig.count("reports").await), (2, 0));
    let theirs = "events WHERE message_id NOT IN (SELECT id FROM messages)";
    assert_eq!((rig.count(theirs).await, rig.count("events").await), (0, 4));
    rig.store.roll_up_counters().await.unwrap();
    assert_eq!(rig.store.campaign_stats(owner, campaign).await.unwrap().unwrap().counts, counted.counts);

    rig.settle(&rig.fenced(&waits).await, accepted("p-8")).await;
    rig.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(tidy(&rig.store, Chore::RowsLeft, before).await.rows, 1);
    assert_eq!(rig.store.messages(owner, &Filter::default(), None, 10).await.unwrap()[0].id, young.id);
    told(&rig, "p-1", "Delivered", None).await;
    assert_eq!(rig.count("reports WHERE state = 1").await, 1, "a late report finds nothing, and waits its time");
}

async fn who_opted_out_stays_so_under_a_pseudonym(rig: Rig) {
    let (rig, owner) = keyed(rig).await;
    let waits = rig.stored(message(&rig, owner, None)).await;
    rig.store.add_opt_out(owner, &number(), OptOutSource::Recipient).await.unwrap();
    let campaign = rig.campaign(owner).await;
    rig.execute(&format!(
        "INSERT INTO recipients (campaign_id, destination, variables) VALUES ({campaign}, '{NUMBER}', ''), ({campaign}, '+306900739102', '')"
    ))
    .await;
    assert_eq!(tidy(&rig.store, Chore::Bodies, soon(&rig)).await.opt_outs, 1);
    let list = rig.store.opt_outs(owner, None, 10).await.unwrap();
    assert!(list.len() == 1 && list[0].destination.is_erased() && list[0].source == OptOutSource::Recipient);

    assert!(matches!(accept(&rig.store, &message(&rig, owner, None)).await.unwrap(), Accepted::OptedOut));
    let other = rig.owner().await;
    assert!(matches!(accept(&rig.store, &message(&rig, other, None)).await.unwrap(), Accepted::New(_)));
    rig.take(10).await;
    assert_eq!(rig.read(&waits).await.status(), Status::Cancelled, "it is asked again before it is sent");
    let candidates = rig.store.candidates(owner, campaign, "", 10).await.unwrap();
    assert_eq!(candidates.iter().map(|one| one.opted_out).collect::<Vec<_>>(), [true, false]);
    assert_eq!(rig.store.count_opted_out(owner, campaign).await.unwrap(), 1);

    assert!(!rig.store.add_opt_out(owner, &number(), OptOutSource::Owner).await.unwrap(), "it is there already");
    assert_eq!(rig.store.opt_out(owner, &number()).await.unwrap().unwrap().destination, number());
    assert!(rig.store.remove_opt_out(owner, &number()).await.unwrap());
    assert!(!rig.store.remove_opt_out(owner, &number()).await.unwrap());
    assert!(matches!(accept(&rig.store, &message(&rig, owner, None)).await.unwrap(), Accepted::New(_)));
}

async fn another_key_or_none_is_refused_once_something_is_erased(rig: Rig) {
    let rig = rig.with_key(Some("another key that erases nothing, ever")).await.unwrap();
    let (rig, owner) = keyed(rig).await;
    let mut config = rig.config.clone();
    config.pseudonym_key = None;
    let open = async |config: Config| Store::open(&config, rig.clock.clone(), false).await;
    let running = open(config.clone()).await.unwrap();
    sent(&rig, owner, None, "p-1").await;
    assert!(running.check_key().await.is_ok());
    tidy(&rig.store, Chore::Texts, soon(&rig)).await;

    let refused = open(config.clone()).await.err().unwrap();
    assert!(matches!(refused, Error::Key(KeyProblem::Missing)), "{refused}");
    assert!(matches!(running.check_key().await, Err(Error::Key(KeyProblem::Missing))));
    let accepted = accept(&running, &message(&rig, owner, None)).await;
    assert!(matches!(accepted, Err(Error::Unavailable(_))), "it would not see who opted out");
    assert!(matches!(running.erase_number(&number(), None).await, Err(Error::Key(KeyProblem::None))));
    config.pseudonym_key = Some("a key of the tests, 32 bytes or m0re".into());
    let refused = open(config.clone()).await.err().unwrap();
    assert!(matches!(refused, Error::Key(KeyProblem::Other)), "{refused}");
    config.pseudonym_key = Some(KEY.into());
    assert!(open(config.clone()).await.is_ok());
}

async fn a_number_is_erased_on_request_from_everything_at_rest(rig: Rig) {
    let (rig, owner) = keyed(rig).await;
    let other = rig.owner().await;
    let (mine, theirs) = (sent(&rig, owner, None, "p-1").await, sent(&rig, other, None, "p-2").await);
    let bystander = rig.sent(owner, None, "p-3").await;
    let waits = rig.stored(message(&rig, owner, None)).await;
    told(&rig, "p-1", "Delivered", None).await;
    told(&rig, "p-2", "Delivered", None).await;
    let longer = json!({"messageId": "p-3", "status": "Delivered", "to": format!("{NUMBER}7")});
    rig.store.file_reports(Post::read(Form::Json, longer.to_string().as_bytes())).await.unwrap();
    for text in ["hello", "stop by"] {
        let body = json!({"from": NUMBER, "text": text});
        rig.store.file_inbound(Form::Json, body.to_string().as_bytes(), None).await.unwrap();
        rig.store.read_next_inbound(Keywords::default()).await.unwrap().unwrap();
    }
    rig.store.add_opt_out(owner, &number(), OptOutSource::Owner).await.unwrap();

    let done = rig.store.erase_number(&number(), Some(owner)).await.unwrap();
    assert_eq!((done.messages, done.under_way, done.opt_outs), (1, 1, 1));
    assert!(rig.read(&mine).await.destination.is_erased() && !rig.read(&theirs).await.destination.is_erased());
    assert_eq!(rig.count("reports").await, 2, "the other owner's and the other number's");
    let done = rig.store.erase_number(&number(), None).await.unwrap();
    assert_eq!((done.messages, done.under_way, done.opt_outs, done.waiting), (1, 1, 0, 1));
    assert!(rig.read(&theirs).await.destination.is_erased() && !rig.read(&bystander).await.destination.is_erased());
    assert_eq!(
        (rig.count("reports").await, rig.count("inbound").await),
        (1, 1),
        "what is to be read by a person stays"
    );

    rig.apply(waits.id, Event::Cancel).await.result.unwrap();
    let review = rig.store.inbound_to_review(None, 10).await.unwrap();
    assert!(rig.store.resolve_inbound(review[0].id).await.unwrap());
    let done = rig.store.erase_number(&number(), None).await.unwrap();
    assert_eq!((done.messages, done.under_way, done.bodies, done.waiting), (1, 0, 1, 0));
    assert_eq!(rig.count("reports").await, 1);
    rig.execute("DELETE FROM reports").await;
    assert_eq!(found(&rig.config.url, &CANARIES).await, [""; 0]);
}
