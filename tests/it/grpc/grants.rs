//! Grants and limits of spending as a caller meets them: which sender IDs, route accounts and countries, and how much.

use std::collections::BTreeSet;

use messaging::auth::Caller;
use messaging::domain::allowed::Allowed;
use messaging::domain::audit::Act;
use messaging::domain::campaign::CampaignState;
use messaging::domain::ids::{CampaignId, OwnerId};
use messaging::domain::spend::Limits;
use messaging::proto::{
    AddRecipientsRequest, CreateCampaignRequest, MessageStatus, SendSingleRequest, add_recipients_request::Recipient,
};
use messaging::store::User;
use pbjson_types::Timestamp;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::app::{ORDINARY, TestApp};
use crate::support::database::on_both_databases;

const OTHER_ACCOUNT: &str = "5a4db0c5-0000-4000-8000-00000000000b";

fn to(destination: &str) -> SendSingleRequest {
    SendSingleRequest { destination: destination.to_owned(), text: "Hello".to_owned(), ..SendSingleRequest::default() }
}

fn from(sender: &str) -> SendSingleRequest {
    SendSingleRequest { sender: Some(sender.to_owned()), ..to("+306900000001") }
}

fn by(account: &str) -> SendSingleRequest {
    SendSingleRequest { traffic_account_id: Some(account.to_owned()), ..to("+306900000001") }
}

fn reason(status: &Status) -> (Code, String) {
    (status.code(), status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default())
}

async fn change(app: &TestApp, user: OwnerId, change: impl Fn(&mut User) + Send + Sync + 'static) {
    let change = move |user: &mut User| {
        change(user);
        Some(String::new())
    };
    assert_eq!(app.store.change_user(user, Act::UserLimited, change).await.unwrap(), Some(true));
}

/// Grants a sender to Bob. Returns a draft of his that is to be sent by it, at once or after so many seconds.
async fn drafted(app: &TestApp, after: Option<i64>) -> i64 {
    change(app, app.bob, |user| assert!(user.senders.add("YourBank"))).await;
    let mut campaigns = app.campaigns_of(app.bob);
    let new = CreateCampaignRequest {
        name: "Spring".to_owned(),
        text: "Hello".to_owned(),
        sender: Some("YourBank".to_owned()),
        scheduled_at: after.map(|seconds| Timestamp { seconds: app.clock.now().as_second() + seconds, nanos: 0 }),
        ..CreateCampaignRequest::default()
    };
    let campaign_id = campaigns.create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id;
    let recipient = Recipient { destination: "+306900000001".to_owned(), ..Recipient::default() };
    let add = AddRecipientsRequest { campaign_id, recipients: vec![recipient] };
    campaigns.add_recipients(tokio_stream::iter([add])).await.unwrap();
    campaign_id
}

on_both_databases! { TestApp::start =>
    async fn a_sender_that_was_not_granted_is_refused_and_so_is_a_campaign_with_it(app) {
        let mut bob = app.bob();
        for sender in ["YourBank", "+306911111111"] {
            let refused = bob.send_single(from(sender)).await.unwrap_err();
            assert_eq!(reason(&refused), (Code::PermissionDenied, "SENDER_NOT_GRANTED".to_owned()));
            assert!(!refused.message().contains(sender));
        }
        let mut campaigns = app.campaigns_of(app.bob);
        let new = CreateCampaignRequest {
            name: "Spring".to_owned(),
            text: "Hello".to_owned(),
            sender: Some("YourBank".to_owned()),
            ..CreateCampaignRequest::default()
        };
        let refused = campaigns.create_campaign(new).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::PermissionDenied, "SENDER_NOT_GRANTED".to_owned()));
        assert_eq!(bob.send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap().sender, "Default");
        assert_eq!(app.alice().send_single(from("YourBank")).await.unwrap().into_inner().message.unwrap().sender, "YourBank");
    }

    async fn a_repeat_is_answered_as_before_when_the_sender_was_taken_back(app) {
        change(&app, app.bob, |user| assert!(user.senders.add("YourBank"))).await;
        let mut bob = app.bob();
        let keyed = SendSingleRequest { idempotency_key: "k".to_owned(), ..from("YourBank") };
        let first = bob.send_single(keyed.clone()).await.unwrap().into_inner().message.unwrap();
        change(&app, app.bob, |user| user.senders = Allowed::none()).await;
        app.advance(6);
        let again = bob.send_single(keyed.clone()).await.unwrap().into_inner().message.unwrap();
        assert_eq!(again.id, first.id);
        let other = SendSingleRequest { text: "Other".to_owned(), ..keyed.clone() };
        assert_eq!(bob.send_single(other).await.unwrap_err().code(), Code::AlreadyExists);
        for new in [
            SendSingleRequest { idempotency_key: "new".to_owned(), ..keyed.clone() },
            SendSingleRequest { dry_run: true, ..keyed.clone() },
            from("YourBank"),
        ] {
            let refused = bob.send_single(new).await.unwrap_err();
            assert_eq!(reason(&refused), (Code::PermissionDenied, "SENDER_NOT_GRANTED".to_owned()));
        }
    }

    async fn a_campaign_whose_sender_was_taken_back_is_not_started(app) {
        let campaign_id = drafted(&app, None).await;
        change(&app, app.bob, |user| assert!(user.senders.remove("YourBank"))).await;
        // Another replica, which does not remember what was.
        let refused = app.service_with(Vec::new()).start_campaign(&Caller::new(app.bob, ORDINARY), campaign_id, None).await.unwrap_err();
        assert_eq!(refused.reason(), "SENDER_NOT_GRANTED");
    }

    async fn a_paused_campaign_whose_sender_was_taken_back_does_not_go_on(app) {
        let campaign_id = drafted(&app, None).await;
        let bob = Caller::new(app.bob, ORDINARY);
        app.service.start_campaign(&bob, campaign_id, None).await.unwrap();
        app.service.pause_campaign(&bob, campaign_id).await.unwrap();
        change(&app, app.bob, |user| assert!(user.senders.remove("YourBank"))).await;
        let another = app.service_with(Vec::new());
        assert_eq!(another.resume_campaign(&bob, campaign_id).await.unwrap_err().reason(), "SENDER_NOT_GRANTED");
        change(&app, app.bob, |user| assert!(user.senders.add("YourBank"))).await;
        app.service_with(Vec::new()).resume_campaign(&bob, campaign_id).await.unwrap();
        app.run_due().await;
    }

    async fn a_campaign_that_its_owner_may_not_send_any_more_is_paused_where_it_is(app) {
        let bob = Caller::new(app.bob, ORDINARY);
        let state = async |id| app.store.campaign(app.bob, id).await.unwrap().unwrap().state;
        let campaign = CampaignId(drafted(&app, None).await);
        app.service.start_campaign(&bob, campaign.0, None).await.unwrap();
        change(&app, app.bob, |user| assert!(user.senders.remove("YourBank"))).await;
        app.service.reconcile_campaigns().await.unwrap();
        assert_eq!((state(campaign).await, app.count("messages").await), (CampaignState::Paused, 0));
        change(&app, app.bob, |user| assert!(user.senders.add("YourBank"))).await;
        app.store.disable_user(app.bob, true).await.unwrap();
        let another = app.service_with(Vec::new());
        another.resume_campaign(&bob, campaign.0).await.unwrap();
        another.reconcile_campaigns().await.unwrap();
        assert_eq!((state(campaign).await, app.count("messages").await), (CampaignState::Paused, 0), "and of one who is disabled");
        app.store.disable_user(app.bob, false).await.unwrap();
        another.resume_campaign(&bob, campaign.0).await.unwrap();
        app.run_due().await;
        assert_eq!(app.count("messages").await, 1);
    }

    async fn a_scheduled_campaign_that_its_owner_may_not_send_any_more_does_not_begin(app) {
        let id = drafted(&app, Some(3600)).await;
        app.service.start_campaign(&Caller::new(app.bob, ORDINARY), id, None).await.unwrap();
        change(&app, app.bob, |user| assert!(user.senders.remove("YourBank"))).await;
        app.advance(3601);
        app.service.reconcile_campaigns().await.unwrap();
        assert_eq!(app.count("campaigns WHERE state = 4").await, 1);
    }

    async fn a_route_account_that_was_not_granted_is_refused_and_has_no_gate(app) {
        let refused = app.bob().send_single(by(OTHER_ACCOUNT)).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::PermissionDenied, "ACCOUNT_NOT_GRANTED".to_owned()));
        assert!(app.store.gates().await.unwrap().iter().all(|gate| gate.name != OTHER_ACCOUNT));
    }

    async fn one_name_is_granted_and_no_other(app) {
        change(&app, app.bob, |user| assert!(user.senders.add("YourBank") && user.accounts.add(OTHER_ACCOUNT))).await;
        let mut bob = app.bob();
        let sent = bob.send_single(SendSingleRequest { sender: Some("YourBank".to_owned()), ..by(OTHER_ACCOUNT) }).await;
        assert_eq!(sent.unwrap().into_inner().message.unwrap().status(), MessageStatus::Sent);
        assert!(bob.send_single(from("YOURBANK")).await.is_err() && bob.send_single(by("another-account")).await.is_err());
    }

    async fn what_is_over_a_limit_is_refused_by_its_name_with_the_time_when_it_ends(app) {
        let limits = Limits { per_day: Some(1), ..Limits::default() };
        change(&app, app.bob, move |user| user.limits = limits.clone()).await;
        let mut bob = app.bob();
        let dry = bob.send_single(SendSingleRequest { dry_run: true, ..to("+306900000001") }).await.unwrap().into_inner();
        let left = dry.spend_left.unwrap();
        assert_eq!((left.segments_today, left.segments_this_month, left.messages_to_this_number), (Some(1), None, None));
        let sent = bob.send_single(to("+306900000001")).await.unwrap().into_inner();
        assert!(sent.spend_left.is_none());

        let refused = bob.send_single(to("+306900000001")).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::ResourceExhausted, "SPEND_LIMIT".to_owned()));
        let details = refused.get_error_details();
        assert_eq!(details.quota_failure().unwrap().violations[0].subject, "segments_per_day");
        // The tests' clock begins at some time of its day: until midnight.
        assert!(details.retry_info().unwrap().retry_delay.unwrap().as_secs() <= 24 * 3600);
        let dry = bob.send_single(SendSingleRequest { dry_run: true, ..to("+306900000001") }).await.unwrap_err();
        assert_eq!(reason(&dry), (Code::ResourceExhausted, "SPEND_LIMIT".to_owned()));
        assert_eq!(app.alice().send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap().status(), MessageStatus::Sent);
    }

    async fn a_country_that_is_not_allowed_is_refused(app) {
        let limits = Limits { countries: Allowed::Only(BTreeSet::from(["GR".to_owned()])), ..Limits::default() };
        change(&app, app.bob, move |user| user.limits = limits.clone()).await;
        let refused = app.bob().send_single(to("+4915112345678")).await.unwrap_err();
        assert_eq!(reason(&refused), (Code::PermissionDenied, "COUNTRY_NOT_ALLOWED".to_owned()));
        assert!(app.bob().send_single(to("+306900000001")).await.is_ok());
    }
}
