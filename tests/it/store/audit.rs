//! The audit: every act that changes what others may do is there, with who did it, and nothing of it changes.

use messaging::domain::audit::{Act, Actor};
use messaging::domain::opt_out::OptOutSource;
use messaging::domain::phone::Msisdn;
use messaging::store::{AuditFilter, NewApiKey, User};

use crate::support::database::on_both_databases;
use crate::support::store::Rig;

on_both_databases![Rig::on =>
    each_act_is_written_down_with_who_did_it,
    acts_are_read_by_owner_and_kind_from_the_newest_on,
];

async fn each_act_is_written_down_with_who_did_it(rig: Rig) {
    let store = rig.store.acting(Actor::cli(Some("alice")));
    let owner = store.create_user("shop", None).await.unwrap();
    let new = NewApiKey {
        user: owner,
        hash: [1; 32],
        hint: "mk_abc".to_owned(),
        scopes: "messages:send".to_owned(),
        name: None,
        expires_at: None,
    };
    let key = store.create_key(new).await.unwrap();
    assert!(store.revoke_key(key).await.unwrap().is_some() && store.revoke_key(key).await.unwrap().is_none());
    assert!(store.disable_user(owner, true).await.unwrap() && store.disable_user(owner, false).await.unwrap());
    assert!(store.end_tokens(owner).await.unwrap());
    let grant = |user: &mut User| user.senders.add("Shop").then(|| "sender Shop".to_owned());
    assert_eq!(store.change_user(owner, Act::Granted, grant).await.unwrap(), Some(true));
    assert_eq!(store.change_user(owner, Act::Granted, |_| None).await.unwrap(), Some(false), "nothing is done");
    let number = Msisdn::parse("+306900000001").unwrap();
    store.add_opt_out(owner, &number, OptOutSource::Owner).await.unwrap();
    assert!(
        store.remove_opt_out(owner, &number).await.unwrap() && !store.remove_opt_out(owner, &number).await.unwrap()
    );
    store.note_act(Act::QueueCancelled, None, "3").await.unwrap();

    let mut acts = rig.store.audit(AuditFilter::default(), 100).await.unwrap();
    acts.reverse();
    let told: Vec<_> = acts.iter().map(|done| (done.act.unwrap(), done.owner, done.subject.as_str())).collect();
    let key = key.to_string();
    let made = format!("{key}: mk_abc… messages:send");
    assert_eq!(
        told,
        [
            (Act::UserCreated, Some(owner), "shop"),
            (Act::KeyCreated, Some(owner), made.as_str()),
            (Act::KeyRevoked, Some(owner), key.as_str()),
            (Act::UserDisabled, Some(owner), ""),
            (Act::UserEnabled, Some(owner), ""),
            (Act::TokensEnded, Some(owner), ""),
            (Act::Granted, Some(owner), "sender Shop"),
            (Act::OptOutRemoved, Some(owner), "+306…01"),
            (Act::QueueCancelled, None, "3"),
        ]
    );
    assert!(acts.iter().all(|done| done.actor.as_str() == "cli:alice" && done.at == rig.clock.now()));
}

async fn acts_are_read_by_owner_and_kind_from_the_newest_on(rig: Rig) {
    let (one, other) = (rig.owner().await, rig.owner().await);
    for subject in ["1", "2", "3"] {
        rig.store.note_act(Act::ActedAs, Some(one), subject).await.unwrap();
    }
    let read = async |filter| {
        let acts = rig.store.audit(filter, 2).await.unwrap();
        acts.into_iter().map(|done| (done.id, done.subject)).collect::<Vec<_>>()
    };
    let of_one = AuditFilter { owner: Some(one), ..AuditFilter::default() };
    let page = read(of_one).await;
    assert_eq!(page.iter().map(|(_, subject)| subject.as_str()).collect::<Vec<_>>(), ["3", "2"]);
    let next = read(AuditFilter { before: Some(page[1].0), ..of_one }).await;
    assert_eq!(next.iter().map(|(_, subject)| subject.as_str()).collect::<Vec<_>>(), ["1", "somebody"]);
    let made = AuditFilter { act: Some(Act::UserCreated), owner: Some(other), ..AuditFilter::default() };
    assert_eq!(read(made).await.len(), 1);
}
