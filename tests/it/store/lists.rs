//! Lists of messages: pages that miss nothing and repeat nothing.

use std::collections::HashSet;

use jiff::SignedDuration;
use messaging::domain::message::{Guarantee, Message, Status};
use messaging::domain::phone::Msisdn;
use messaging::store::Filter;

use crate::support::database::on_both_databases;
use crate::support::messages::queued;
use crate::support::store::Rig;

on_both_databases![Rig::on => paging_visits_every_message_once_even_of_one_moment, filters_narrow_a_list];

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
