//! Lists of messages: pages that miss nothing and repeat nothing.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use messaging::domain::ids::{MessageId, OwnerId};
use messaging::domain::message::{Guarantee, Message, Status};
use messaging::domain::phone::Msisdn;
use messaging::domain::tags::{Reference, Tags};
use messaging::store::Filter;

use crate::store::sqlite::plan;
use crate::support::database::on_both_databases;
use crate::support::messages::{queued, start};
use crate::support::outcomes::rejected;
use crate::support::store::{Rig, provider_id};

on_both_databases![Rig::on =>
    paging_visits_every_message_once_even_of_one_moment,
    filters_narrow_a_list,
    a_message_is_found_by_what_its_owner_or_the_provider_calls_it_and_by_what_went_wrong,
    a_list_of_a_time_begins_with_it_and_ends_before_the_next,
    a_search_without_an_index_looks_through_so_many_a_page_and_misses_nothing,
];

async fn paging_visits_every_message_once_even_of_one_moment(rig: Rig) {
    let (owner, other) = (rig.owner().await, rig.owner().await);
    let mut all = HashSet::new();
    for _ in 0..5 {
        all.extend(rig.many(owner, 10).await.iter().map(|m| m.id));
        rig.many(other, 3).await;
        rig.clock.advance(SignedDuration::from_millis(1));
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = rig.store.messages(owner, &Filter::default(), before, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        // What comes in while somebody pages is newer, and not on the pages to come.
        rig.clock.advance(SignedDuration::from_millis(1));
        rig.queued(owner).await;
        seen.extend(page);
    }
    assert!(seen.windows(2).all(|pair| pair[0].id > pair[1].id && pair[0].created_at >= pair[1].created_at));
    assert_eq!(seen.len(), 50);
    assert_eq!(seen.iter().map(|m| m.id).collect::<HashSet<_>>(), all);
}

async fn filters_narrow_a_list(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    let plain = rig.queued(owner).await;
    let sent = rig.sent(owner, Some(campaign), "p-1").await;
    let mut elsewhere = queued(owner, Guarantee::AtLeastOnce, rig.clock.now());
    elsewhere.destination = Msisdn::from_stored("+306900000000".to_owned());
    elsewhere.campaign = Some(campaign);
    let elsewhere = rig.stored(elsewhere).await;
    let list = async |filter: Filter| {
        let found: Vec<Message> = rig.store.messages(owner, &filter, None, 10).await.unwrap();
        found.into_iter().map(|m| m.id).collect::<HashSet<_>>()
    };
    let (status, destination) = (Some(Status::Queued), Some(elsewhere.destination.clone()));
    let in_campaign = Filter { campaign: Some(campaign), ..Filter::default() };
    assert_eq!(list(in_campaign.clone()).await, HashSet::from([sent.id, elsewhere.id]));
    assert_eq!(list(Filter { status, ..Filter::default() }).await, HashSet::from([plain.id, elsewhere.id]));
    assert_eq!(list(Filter { destination, ..Filter::default() }).await, HashSet::from([elsewhere.id]));
    assert_eq!(list(Filter { status: Some(Status::Sent), ..in_campaign }).await, HashSet::from([sent.id]));
}

/// The ids of the owner's messages that the filter lets through, newest first.
async fn found(rig: &Rig, owner: OwnerId, filter: Filter) -> Vec<MessageId> {
    rig.store.messages(owner, &filter, None, 100).await.unwrap().into_iter().map(|message| message.id).collect()
}

async fn a_message_is_found_by_what_its_owner_or_the_provider_calls_it_and_by_what_went_wrong(rig: Rig) {
    let (owner, other) = (rig.owner().await, rig.owner().await);
    let tagged = async |owner, reference: &str| {
        rig.clock.advance(SignedDuration::from_millis(1));
        let tags = Tags { reference: Reference::parse(reference).unwrap(), ..Tags::default() };
        rig.stored(Message { tags, ..queued(owner, Guarantee::AtLeastOnce, rig.clock.now()) }).await.id
    };
    let (first, second) = (tagged(owner, "order 7").await, tagged(owner, "order 7").await);
    tagged(owner, "order 77").await;
    tagged(other, "order 7").await;
    let sent = rig.sent(owner, None, "p-1").await;
    rig.sent(other, None, "p-1").await;
    let refused = rig.fenced(&rig.queued(owner).await).await;
    let refused = rig.settle(&refused, rejected()).await.message;
    let by_reference = |text: &str| Filter { reference: Reference::parse(text).unwrap(), ..Filter::default() };
    assert_eq!(found(&rig, owner, by_reference("order 7")).await, [second, first]);
    assert!(found(&rig, owner, by_reference("order")).await.is_empty());
    let by_provider = Filter { provider_id: Some(provider_id("p-1")), ..Filter::default() };
    assert_eq!(found(&rig, owner, by_provider.clone()).await, [sent.id]);
    let by_code = Filter { error_code: refused.state.error_code.clone(), ..Filter::default() };
    assert_eq!(found(&rig, owner, by_code.clone()).await, [refused.id]);
    assert!(found(&rig, other, by_code.clone()).await.is_empty());
    let status = Some(Status::Failed);
    assert_eq!(found(&rig, owner, Filter { status, ..by_code }).await, [refused.id]);
    assert!(found(&rig, owner, Filter { status, ..by_provider }).await.is_empty());
    assert!(found(&rig, owner, Filter { status, ..by_reference("order 7") }).await.is_empty());
}

async fn a_list_of_a_time_begins_with_it_and_ends_before_the_next(rig: Rig) {
    let owner = rig.owner().await;
    let mut all = Vec::new();
    // Three within one millisecond, then one in each of the next.
    for micros in [100, 100, 100, 700, 1000, 1000] {
        all.push((rig.clock.now(), rig.queued(owner).await.id));
        rig.clock.advance(SignedDuration::from_micros(micros));
    }
    all.push((rig.clock.now(), rig.queued(owner).await.id));
    for from in 0..all.len() {
        for to in from..all.len() {
            let (after, before) = (Some(all[from].0), Some(all[to].0));
            let expected: HashSet<MessageId> = all[from..to].iter().map(|(_, id)| *id).collect();
            let between = found(&rig, owner, Filter { after, before, ..Filter::default() }).await;
            assert_eq!(between.into_iter().collect::<HashSet<_>>(), expected, "{from} to {to}");
        }
    }
    for (after, before) in [(Timestamp::MAX, Timestamp::MAX), (Timestamp::MIN, Timestamp::MIN)] {
        let filter = Filter { after: Some(after), before: Some(before), ..Filter::default() };
        assert!(found(&rig, owner, filter).await.is_empty());
    }
    let ever = Filter { after: Some(Timestamp::MIN), before: Some(Timestamp::MAX), ..Filter::default() };
    assert_eq!(found(&rig, owner, ever).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_reads_each_filter_by_an_index_of_its_own() {
    let rig = Rig::sqlite().await;
    for (filter, index) in [
        ("AND reference = 'a'", "messages_reference (owner_id=? AND reference=? AND id<?)"),
        ("AND reference = 'a' AND status = 4", "messages_reference (owner_id=? AND reference=? AND id<?)"),
        ("AND error_code = 'A'", "messages_error_code (owner_id=? AND error_code=? AND id<?)"),
        ("AND provider_message_id = 'p'", "messages_provider (provider_message_id=? AND owner_id=?"),
        ("AND id >= x'00' AND created_at >= 7", "messages_owner (owner_id=? AND id>? AND id<?)"),
    ] {
        let plan = plan(&rig, "messages", filter);
        assert!(plan.contains(index), "{filter}: {plan}");
    }
}

/// All that pages of ten find that look through so many messages each, and how many pages it took.
async fn searched(rig: &Rig, owner: OwnerId, filter: &Filter, most: i64) -> (Vec<MessageId>, usize) {
    let (mut seen, mut before, mut pages) = (Vec::new(), None, 0);
    loop {
        let down_to = rig.store.search_end(owner, filter, before, most).await.unwrap();
        let page = rig.store.messages(owner, &Filter { down_to, ..filter.clone() }, before, 10).await.unwrap();
        pages += 1;
        seen.extend(page.iter().map(|message| message.id));
        let full = page.len() == 10;
        before = if full { page.last().map(|last| last.id) } else { down_to };
        if before.is_none() {
            return (seen, pages);
        }
    }
}

async fn a_search_without_an_index_looks_through_so_many_a_page_and_misses_nothing(rig: Rig) {
    let owner = rig.owner().await;
    let campaign = rig.campaign(owner).await;
    let mut sent = Vec::new();
    for n in 0..4 {
        rig.many(owner, 9).await;
        rig.clock.advance(SignedDuration::from_millis(1));
        sent.insert(0, rig.sent(owner, Some(campaign), &format!("p-{n}")).await.id);
        rig.clock.advance(SignedDuration::from_millis(1));
    }
    let status = Some(Status::Sent);
    let all = Filter { status, ..Filter::default() };
    assert_eq!(searched(&rig, owner, &all, 7).await, (sent.clone(), 6), "five pages of seven, and the rest");
    let in_campaign = Filter { campaign: Some(campaign), ..all.clone() };
    assert_eq!(searched(&rig, owner, &in_campaign, 3).await, (sent.clone(), 2), "the campaign has four");
    // A time bounds the search as it bounds the list: behind it, nothing is looked through.
    let middle = start().checked_add(SignedDuration::from_millis(4)).unwrap();
    let late = Filter { after: Some(middle), ..all.clone() };
    assert_eq!(
        searched(&rig, owner, &late, 7).await,
        (sent[..2].to_vec(), 3),
        "two pages of seven, and the rest of twenty"
    );
    // Two conditions at once have no index together, whichever they are: nobody has a million read for nothing.
    let number = Some(Msisdn::from_stored("+306900000000".to_owned()));
    let to_it = Filter { destination: number.clone(), ..Filter::default() };
    let one = rig.store.messages(owner, &Filter::default(), None, 1).await.unwrap().remove(0);
    let to_one = Filter { destination: Some(one.destination), ..Filter::default() };
    for of_two in [Filter { status, ..to_one.clone() }, Filter { campaign: Some(campaign), ..to_one.clone() }] {
        assert!(rig.store.search_end(owner, &of_two, None, 1).await.unwrap().is_some());
    }
    // To what an index leads alone, all is looked at in one go.
    let failed = Filter { status: Some(Status::Failed), ..Filter::default() };
    let in_campaign = Filter { campaign: Some(campaign), ..Filter::default() };
    for served in [Filter::default(), failed, to_it, in_campaign] {
        assert_eq!(rig.store.search_end(owner, &served, None, 1).await.unwrap(), None);
    }
}
