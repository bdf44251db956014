//! Who may do what: credentials, scopes, owners; and that another's things read like nothing.

use jiff::Timestamp;
use messaging::auth::{Credentials, keys};
use messaging::domain::ids::OwnerId;
use messaging::proto::add_recipients_request::Recipient;
use messaging::proto::*;
use messaging::store::NewApiKey;
use secrecy::ExposeSecret as _;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use super::send::to;
use crate::support::app::{Client, ORDINARY, TestApp};
use crate::support::database::on_both_databases;
use crate::support::store::eventually;

fn new_key(key: &keys::NewKey, user: OwnerId, expires_at: Option<Timestamp>) -> NewApiKey {
    let (hash, hint) = (key.hash, key.hint.clone());
    NewApiKey { user, hash, hint, scopes: "messages:send messages:read".to_owned(), name: None, expires_at }
}

/// The marks by which a caller can tell an answer: the code, the words and the details' bytes.
fn seen(status: &Status) -> (Code, String, Vec<u8>) {
    (status.code(), status.message().to_owned(), status.details().to_vec())
}

/// A stream of changes that has begun.
async fn watching(client: &mut Client) -> Streaming<WatchMessagesResponse> {
    let mut stream = client.watch_messages(WatchMessagesRequest::default()).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    stream
}

/// The code and the words that a stream ends with.
async fn end(mut stream: Streaming<WatchMessagesResponse>) -> (Code, String) {
    loop {
        if let Err(end) = stream.message().await {
            return (end.code(), end.message().to_owned());
        }
    }
}

on_both_databases! { TestApp::start =>
    async fn credentials_that_are_missing_forged_or_about_nobody_are_refused(app) {
        let good = app.token(app.alice, ORDINARY);
        let (head, signature) = good.rsplit_once('.').unwrap();
        let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
        let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", head.split_once('.').unwrap().1);
        let stranger = app.token(messaging::domain::ids::OwnerId(999_999), ORDINARY);
        let cases = [("", "Missing token"), (&forged, "Invalid token"), (&unsigned, "Invalid token"),
            (&stranger, "Invalid token"), ("x", "Invalid token"), ("", "Missing token")];
        for (token, words) in cases {
            let value = if token.is_empty() { String::new() } else { format!("Bearer {token}") };
            let error = app.client("authorization", value).send_single(to("+306900000001")).await.unwrap_err();
            assert_eq!((error.code(), error.message()), (Code::Unauthenticated, words));
        }
        let basic = app.client("authorization", "Basic eDp5".to_owned()).send_single(to("+306900000001")).await;
        assert_eq!(basic.unwrap_err().code(), Code::Unauthenticated);
        assert!(app.ledger("").await.is_empty());
    }

    async fn an_expired_token_is_refused(app) {
        let mut alice = app.alice();
        app.advance(1001 * 3600);
        let refused = alice.send_single(to("+306900000001")).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, "Token expired"));
        assert_eq!(refused.get_details_error_info().unwrap().reason, "TOKEN_EXPIRED", "its holder gets a new one");
    }

    async fn each_call_needs_its_scope(app) {
        let mut reader = app.client_of(app.alice, "messages:read");
        let error = reader.send_single(to("+306900000001")).await.unwrap_err();
        assert_eq!(error.code(), Code::PermissionDenied);
        assert_eq!(error.get_details_error_info().unwrap().metadata["scope"], "messages:send");
        let mut sender = app.client_of(app.alice, "messages:send");
        let denied = [
            sender.get_message(GetMessageRequest::default()).await.unwrap_err(),
            sender.list_messages(ListMessagesRequest::default()).await.unwrap_err(),
            sender.get_message_status(GetMessageStatusRequest::default()).await.unwrap_err(),
            sender.refresh_status(RefreshStatusRequest::default()).await.unwrap_err(),
            sender.refresh_status_bulk(RefreshStatusBulkRequest::default()).await.unwrap_err(),
            sender.explain_message(ExplainMessageRequest::default()).await.unwrap_err(),
        ];
        assert!(denied.iter().all(|e| e.code() == Code::PermissionDenied), "{denied:?}");
    }

    async fn whoever_drafts_campaigns_has_none_sent_and_stops_them(app) {
        let mut drafts = app.campaigns("authorization", &format!("Bearer {}", app.token(app.alice, "campaigns:draft")));
        let new = CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), ..Default::default() };
        let campaign_id = drafts.create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id;
        let recipient = Recipient { destination: "+306900000001".to_owned(), ..Default::default() };
        let all = AddRecipientsRequest { campaign_id, recipients: vec![recipient] };
        assert_eq!(drafts.add_recipients(futures::stream::iter([all])).await.unwrap().into_inner().added, 1);
        let plan = drafts.start_campaign(StartCampaignRequest { campaign_id, dry_run: true, ..Default::default() }).await.unwrap().into_inner().plan;
        assert_eq!(plan.unwrap().messages, 1);
        let start = StartCampaignRequest { campaign_id, dry_run: false, ..Default::default() };
        let refused = drafts.start_campaign(start).await.unwrap_err();
        assert_eq!((refused.code(), refused.get_details_error_info().unwrap().metadata["scope"].as_str()), (Code::PermissionDenied, "campaigns"));
        let mut whole = app.campaigns_of(app.alice);
        whole.start_campaign(start).await.unwrap();
        drafts.pause_campaign(PauseCampaignRequest { campaign_id }).await.unwrap();
        let refused = drafts.resume_campaign(ResumeCampaignRequest { campaign_id }).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        whole.resume_campaign(ResumeCampaignRequest { campaign_id }).await.unwrap();
        drafts.cancel_campaign(CancelCampaignRequest { campaign_id }).await.unwrap();
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 0);
    }

    async fn an_api_key_works_until_it_is_revoked(app) {
        let key = keys::create([7; 32]);
        let id = app.store.create_key(new_key(&key, app.alice, None)).await.unwrap();
        let mut client = app.client("x-api-key", key.secret.expose_secret().to_owned());
        client.send_single(to("+306900000001")).await.unwrap();
        assert_eq!(app.campaigns("x-api-key", key.secret.expose_secret()).list_campaigns(ListCampaignsRequest::default()).await.unwrap_err().code(), Code::PermissionDenied);
        assert!(app.store.revoke_key(id).await.unwrap().is_some());
        assert_eq!(client.send_single(to("+306900000001")).await.unwrap_err().code(), Code::Unauthenticated);
        let wrong = app.client("x-api-key", "msk_wrong".to_owned()).send_single(to("+306900000001")).await;
        assert_eq!(wrong.unwrap_err().code(), Code::Unauthenticated);
    }

    async fn an_api_key_ends_at_its_time_and_its_use_is_noted(app) {
        let key = keys::create([8; 32]);
        let end = app.clock.now() + jiff::SignedDuration::from_hours(24);
        app.store.create_key(new_key(&key, app.alice, Some(end))).await.unwrap();
        let mut client = app.client("x-api-key", key.secret.expose_secret().to_owned());
        client.list_messages(ListMessagesRequest::default()).await.unwrap();
        eventually(async || app.store.keys(None, None, 10).await.unwrap()[0].last_used_at.is_some()).await;
        app.advance(24 * 3600);
        let refused = client.list_messages(ListMessagesRequest::default()).await.unwrap_err();
        assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, "Invalid token"));
    }

    async fn what_cannot_be_a_key_costs_the_database_nothing(app) {
        app.execute("ALTER TABLE api_keys RENAME TO elsewhere").await;
        let good = keys::create([9; 32]).secret.expose_secret().to_owned();
        let wrong = [format!("{}x", &good[..good.len() - 1]), good[..20].to_owned(), "msk_".to_owned(), "x".repeat(53)];
        for key in wrong {
            let refused = app.client("x-api-key", key).list_messages(ListMessagesRequest::default()).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated);
        }
        let asked = app.client("x-api-key", good.clone()).list_messages(ListMessagesRequest::default()).await.unwrap_err();
        assert_eq!(asked.code(), Code::Unavailable, "this one could be a key");
        app.execute("ALTER TABLE elsewhere RENAME TO api_keys").await;
        let unknown = async || app.client("x-api-key", good.clone()).list_messages(ListMessagesRequest::default()).await.unwrap_err().code();
        assert_eq!(unknown().await, Code::Unauthenticated);
        app.execute("ALTER TABLE api_keys RENAME TO elsewhere").await;
        assert_eq!(unknown().await, Code::Unauthenticated, "it is known that there is none");
        app.execute("ALTER TABLE elsewhere RENAME TO api_keys").await;
    }

    async fn a_user_who_is_disabled_and_tokens_of_before_are_refused(app) {
        let ask = async |token: String| {
            let credentials = Credentials::Bearer(token.into());
            app.service.authenticate(Some(credentials), None).await.map(drop).map_err(|e| e.message())
        };
        let old = app.token(app.alice, ORDINARY);
        assert_eq!(ask(old.clone()).await, Ok(()));
        app.advance(2);
        assert!(app.store.end_tokens(app.alice).await.unwrap());
        app.advance(2);
        assert_eq!(ask(old).await, Err("Invalid token".to_owned()));
        assert_eq!(ask(app.token(app.alice, ORDINARY)).await, Ok(()));
        assert!(app.store.disable_user(app.alice, true).await.unwrap());
        assert_eq!(ask(app.token(app.alice, ORDINARY)).await, Err("Invalid token".to_owned()));
        assert_eq!(ask(app.token(app.bob, ORDINARY)).await, Ok(()));
        assert!(app.store.disable_user(app.alice, false).await.unwrap());
        assert_eq!(ask(app.token(app.alice, ORDINARY)).await, Ok(()));
    }

    async fn open_streams_end_with_the_credentials_that_opened_them_and_no_others(app) {
        let key = keys::create([9; 32]);
        let id = app.store.create_key(new_key(&key, app.alice, None)).await.unwrap();
        let by_key = watching(&mut app.client("x-api-key", key.secret.expose_secret().to_owned())).await;
        let by_token = watching(&mut app.alice()).await;
        let mut of_bob = watching(&mut app.bob()).await;
        assert!(app.store.revoke_key(id).await.unwrap().is_some());
        assert_eq!(end(by_key).await, (Code::Unauthenticated, "The credentials have ended".to_owned()));
        assert!(app.store.disable_user(app.alice, true).await.unwrap());
        assert_eq!(end(by_token).await.0, Code::Unauthenticated);
        app.bob().send_single(to("+306900000001")).await.unwrap();
        assert!(of_bob.message().await.unwrap().unwrap().event.is_some(), "it goes on");
    }

    async fn a_stream_ends_at_its_tokens_end(app) {
        let stream = watching(&mut app.alice()).await;
        app.advance(1001 * 3600);
        assert_eq!(end(stream).await.0, Code::Unauthenticated);
    }

    async fn only_act_as_names_another_owner(app) {
        let named = SendSingleRequest { user_id: Some(app.bob.0), ..to("+306900000001") };
        let denied = app.alice().send_single(named.clone()).await.unwrap_err();
        let nobody = SendSingleRequest { user_id: Some(424_242), ..to("+306900000001") };
        assert_eq!(denied.code(), Code::PermissionDenied);
        assert_eq!(seen(&denied), seen(&app.alice().send_single(nobody.clone()).await.unwrap_err()));
        let mut acting = app.client_of(app.alice, "messages:send messages:read act-as");
        let message = acting.send_single(named).await.unwrap().into_inner().message.unwrap();
        assert_eq!((message.owner_id, message.sender.as_str()), (app.bob.0, "Default"));
        assert_eq!(acting.send_single(nobody).await.unwrap_err().code(), Code::NotFound);
        let own = SendSingleRequest { user_id: Some(app.alice.0), ..to("+306900000001") };
        app.alice().send_single(own).await.unwrap();
        let list = ListMessagesRequest { owner_id: Some(app.bob.0), ..Default::default() };
        assert_eq!(acting.list_messages(list).await.unwrap().into_inner().messages.len(), 1);
    }

    async fn what_is_another_owners_reads_exactly_like_what_does_not_exist(app) {
        let campaign = app.campaigns_of(app.alice)
            .create_campaign(CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), ..Default::default() })
            .await.unwrap().into_inner().campaign.unwrap().id;
        let sent = app.alice().send_single(SendSingleRequest { campaign_id: Some(campaign), ..to("+306900000001") })
            .await.unwrap().into_inner();
        let (id, provider) = (sent.message.unwrap().id, sent.message_id);
        let mut bob = app.bob();
        let mut campaigns = app.campaigns_of(app.bob);

        // The same call with an id that exists and with one that does not: only the id itself may differ.
        let pair = |real: Status, unreal: Status, id: &str, other: &str| {
            let (code, words, details) = seen(&unreal);
            assert_eq!(real.code(), Code::NotFound);
            assert_eq!(seen(&real), (code, words.replace(other, id), String::from_utf8_lossy(&details).replace(other, id).into_bytes()));
        };
        let nil = "01a20750-9db4-798c-9475-920d5f61822c";
        let get = |id: &str| GetMessageRequest { id: id.to_owned(), ..Default::default() };
        pair(bob.get_message(get(&id)).await.unwrap_err(), bob.get_message(get(nil)).await.unwrap_err(), &id, nil);
        let explain = |id: &str| ExplainMessageRequest { id: id.to_owned(), ..Default::default() };
        pair(bob.explain_message(explain(&id)).await.unwrap_err(), bob.explain_message(explain(nil)).await.unwrap_err(), &id, nil);
        let ulid = "01M83N17DQBRD5R3YZJ7P9MYZW";
        let ask = |id: &str| GetMessageStatusRequest { message_id: id.to_owned() };
        pair(bob.get_message_status(ask(&provider)).await.unwrap_err(), bob.get_message_status(ask(ulid)).await.unwrap_err(), &provider, ulid);
        let refresh = |id: &str| RefreshStatusRequest { provider_message_id: id.to_owned(), owner_id: None };
        pair(bob.refresh_status(refresh(&provider)).await.unwrap_err(), bob.refresh_status(refresh(ulid)).await.unwrap_err(), &provider, ulid);
        let (mine, none) = (campaign.to_string(), "9");
        let show = |id: i64| GetCampaignRequest { campaign_id: id };
        pair(campaigns.get_campaign(show(campaign)).await.unwrap_err(), campaigns.get_campaign(show(9)).await.unwrap_err(), &mine, none);
        let stats = |id: i64| GetCampaignStatsRequest { campaign_id: id };
        pair(campaigns.get_campaign_stats(stats(campaign)).await.unwrap_err(), campaigns.get_campaign_stats(stats(9)).await.unwrap_err(), &mine, none);
        let send = |id: i64| SendSingleRequest { campaign_id: Some(id), ..to("+306900000001") };
        pair(bob.send_single(send(campaign)).await.unwrap_err(), bob.send_single(send(9)).await.unwrap_err(), &mine, none);
        let bulk = |id: i64| RefreshStatusBulkRequest {
            target: Some(refresh_status_bulk_request::Target::CampaignId(id)), ..Default::default()
        };
        pair(bob.refresh_status_bulk(bulk(campaign)).await.unwrap_err(), bob.refresh_status_bulk(bulk(9)).await.unwrap_err(), &mine, none);
        assert!(bob.list_messages(ListMessagesRequest::default()).await.unwrap().into_inner().messages.is_empty());
        let of_campaign = ListMessagesRequest { campaign_id: Some(campaign), ..Default::default() };
        assert!(bob.list_messages(of_campaign).await.unwrap().into_inner().messages.is_empty());
    }

    async fn admin_may_ask_the_provider_about_any_id_and_others_only_about_their_own(app) {
        let sent = app.alice().send_single(to("+306900000001")).await.unwrap().into_inner();
        let ask = GetMessageStatusRequest { message_id: sent.message_id.clone() };
        let view = app.alice().get_message_status(ask.clone()).await.unwrap().into_inner();
        assert_eq!((view.message_id.as_str(), view.text.as_deref()), (sent.message_id.as_str(), Some("Hello")));
        let mut admin = app.client_of(app.bob, "messages:read admin");
        assert_eq!(admin.get_message_status(ask).await.unwrap().into_inner(), view);
        for id in ["../../Webhooks", "a?b#c", "..", ".", "a/b", "%2e%2e", "é", ""] {
            let error = admin.get_message_status(GetMessageStatusRequest { message_id: id.to_owned() }).await.unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{id}");
            assert_eq!(error.get_details_bad_request().unwrap().field_violations[0].field, "message_id");
        }
        let unknown = GetMessageStatusRequest { message_id: "01M83N17DQBRD5R3YZJ7P9MYZW".to_owned() };
        let error = admin.get_message_status(unknown).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::NotFound, "Message not found: 01M83N17DQBRD5R3YZJ7P9MYZW"));
    }
}
