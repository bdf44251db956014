//! `reference` and `metadata`: wherever a message or a campaign is told, they are as they were given.

use std::collections::BTreeMap;

use messaging::proto::add_recipients_request::Recipient;
use messaging::proto::*;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::recipients::{add, number};
use super::send::to;
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

/// The digests that the release before stored of a send of "Hello" to +306900000001, and of a campaign "spring" of the same text.
const SEND_BEFORE: &str = "fccd9b6d4033148d1662f9c45c2412d0bcd5613705ea6924635ec592deda072c";
const CAMPAIGN_BEFORE: &str = "8ea5f63b0dce482f826fcb04618595a72e135a49f94ee7cf7878895dc98f1e64";

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn tagged(reference: &str, metadata: &[(&str, &str)]) -> SendSingleRequest {
    SendSingleRequest { reference: Some(reference.to_owned()), metadata: pairs(metadata), ..to("+306900000001") }
}

fn campaign(reference: &str, metadata: &[(&str, &str)]) -> CreateCampaignRequest {
    CreateCampaignRequest {
        name: "spring".to_owned(),
        text: "Hello".to_owned(),
        reference: Some(reference.to_owned()),
        metadata: pairs(metadata),
        ..Default::default()
    }
}

fn of(message: &Message) -> (Option<&str>, BTreeMap<String, String>) {
    (message.reference.as_deref(), message.metadata.clone())
}

/// The fields that a refusal names.
fn violated(status: &tonic::Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

on_both_databases! { TestApp::start =>
    async fn a_messages_tags_are_in_its_record_its_history_and_its_events(app) {
        let mut alice = app.alice();
        let mut watch = alice.watch_messages(WatchMessagesRequest::default()).await.unwrap().into_inner();
        watch.message().await.unwrap().unwrap();
        let given = [("shop", "athens"), ("note", "line\nbreak \u{0} Ω")];
        let expected = (Some("order 7"), pairs(&given));
        let sent = alice.send_single(tagged("order 7", &given)).await.unwrap().into_inner().message.unwrap();
        assert_eq!(of(&sent), expected);
        let id = sent.id.clone();
        let read = alice.get_message(GetMessageRequest { id: id.clone(), ..Default::default() }).await.unwrap().into_inner().message.unwrap();
        assert_eq!(of(&read), expected);
        let listed = alice.list_messages(ListMessagesRequest::default()).await.unwrap().into_inner().messages;
        assert_eq!(of(&listed[0]), expected);
        let explained = alice.explain_message(ExplainMessageRequest { id, ..Default::default() }).await.unwrap().into_inner();
        assert_eq!(of(&explained.message.unwrap()), expected);
        for _ in 0..2 {
            let event = loop {
                if let Some(event) = watch.message().await.unwrap().unwrap().event { break event }
            };
            assert_eq!((event.reference.as_deref(), event.metadata), expected);
        }
        let plain = alice.send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap();
        assert_eq!(of(&plain), (None, BTreeMap::new()));
        let event = watch.message().await.unwrap().unwrap().event.unwrap();
        assert_eq!((event.id, event.reference, event.metadata), (plain.id, None, BTreeMap::new()));
        let tried = SendSingleRequest { dry_run: true, ..tagged("try", &given) };
        let tried = alice.send_single(tried).await.unwrap().into_inner().message.unwrap();
        assert_eq!(of(&tried), (Some("try"), pairs(&given)));
    }

    async fn a_key_with_other_tags_is_refused_and_one_without_any_has_the_digest_of_before(app) {
        let mut alice = app.alice();
        let with = |request: SendSingleRequest, key: &str| SendSingleRequest { idempotency_key: key.to_owned(), ..request };
        let one = |key: &str| with(tagged("a", &[("k", "v"), ("l", "w")]), key);
        let first = alice.send_single(one("one")).await.unwrap().into_inner();
        assert_eq!(alice.send_single(one("one")).await.unwrap().into_inner().message, first.message);
        for other in [tagged("b", &[("k", "v"), ("l", "w")]), tagged("a", &[("k", "v"), ("l", "x")]), tagged("a", &[]), to("+306900000001")] {
            let refused = alice.send_single(with(other, "one")).await.unwrap_err();
            assert_eq!(refused.get_details_error_info().unwrap().reason, "IDEMPOTENCY_KEY_REUSED");
        }
        let plain = SendSingleRequest { text: "Hello".to_owned(), ..to("+306900000001") };
        alice.send_single(with(plain, "plain")).await.unwrap();
        let mut campaigns = app.campaigns_of(app.alice);
        let keyed = |new: CreateCampaignRequest, key: &str| CreateCampaignRequest { idempotency_key: key.to_owned(), ..new };
        let made = campaigns.create_campaign(keyed(campaign("a", &[]), "one")).await.unwrap().into_inner();
        assert_eq!(campaigns.create_campaign(keyed(campaign("a", &[]), "one")).await.unwrap().into_inner(), made);
        let refused = campaigns.create_campaign(keyed(campaign("", &[]), "one")).await.unwrap_err();
        assert_eq!(refused.get_details_error_info().unwrap().reason, "IDEMPOTENCY_KEY_REUSED");
        campaigns.create_campaign(keyed(campaign("", &[]), "plain")).await.unwrap();
        let hex = if app.store.kind() == "postgres" { "encode(fingerprint, 'hex')" } else { "lower(hex(fingerprint))" };
        for before in [SEND_BEFORE, CAMPAIGN_BEFORE] {
            let stored = format!("idempotency_keys WHERE key = 'plain' AND {hex} = '{before}'");
            assert_eq!(app.count(&stored).await, 1, "{before}");
        }
    }

    async fn tags_that_cannot_be_used_are_named_with_all_else_that_is_wrong(app) {
        let bad = SendSingleRequest { text: String::new(), ..tagged("a\nb", &[("a b", "v")]) };
        let refused = app.alice().send_single(bad).await.unwrap_err();
        assert_eq!(violated(&refused), ["reference", "metadata", "text"]);
        let new = CreateCampaignRequest { name: String::new(), ..campaign(&"x".repeat(129), &[("k", &"v".repeat(257))]) };
        let refused = app.campaigns_of(app.alice).create_campaign(new).await.unwrap_err();
        assert_eq!(violated(&refused), ["reference", "metadata", "name"]);
        assert_eq!(app.count("messages").await + app.count("campaigns").await, 0);
    }

    async fn a_campaigns_messages_have_its_tags_and_before_them_their_recipients_own(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let made = campaigns.create_campaign(campaign("spring", &[("shop", "athens"), ("wave", "1")])).await.unwrap();
        let id = made.into_inner().campaign.unwrap().id;
        let own = |i: usize, reference: &str, metadata: &[(&str, &str)]| Recipient {
            destination: number(i),
            reference: Some(reference.to_owned()),
            metadata: pairs(metadata),
            ..Default::default()
        };
        let recipients = [
            Recipient { destination: number(1), ..Default::default() },
            own(2, "order-2", &[]),
            own(3, "", &[("wave", "2"), ("x", "y")]),
            own(4, "a\tb", &[]),
            own(5, "", &[("a b", "")]),
        ];
        let added = add(&mut campaigns, id, &recipients, 2).await.unwrap();
        let reasons: Vec<_> = added.invalid.iter().map(|i| (i.index, i.reason.split(' ').next().unwrap())).collect();
        assert_eq!((added.added, reasons), (3, vec![(3, "reference"), (4, "metadata")]));
        campaigns.start_campaign(StartCampaignRequest { campaign_id: id, dry_run: false, ..Default::default() }).await.unwrap();
        app.run_due().await;
        let read = campaigns.get_campaign(GetCampaignRequest { campaign_id: id }).await.unwrap().into_inner().campaign.unwrap();
        assert_eq!((read.reference.as_deref(), read.metadata), (Some("spring"), pairs(&[("shop", "athens"), ("wave", "1")])));
        let listed = app.alice().list_messages(ListMessagesRequest::default()).await.unwrap().into_inner().messages;
        let found = |i: usize| of(listed.iter().find(|message| message.destination == number(i)).unwrap());
        assert_eq!(found(1), (Some("spring"), pairs(&[("shop", "athens"), ("wave", "1")])));
        assert_eq!(found(2), (Some("order-2"), pairs(&[("shop", "athens"), ("wave", "1")])));
        assert_eq!(found(3), (Some("spring"), pairs(&[("shop", "athens"), ("wave", "2"), ("x", "y")])));
    }
}
