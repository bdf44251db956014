//! What nobody does unseen, and what nobody sees who only operates: each act of operators has its line in the audit before it is done.

use messaging::domain::sender::SenderId;
use messaging::proto::{
    AuditAct, CreateKeyRequest, CreateUserRequest, DisableUserRequest, ExportOptOutsRequest, GivenOptOut,
    ImportOptOutsRequest, InspectMessageRequest, LimitUserRequest, ListAuditEventsRequest, ListDeadMessagesRequest,
    ListInboundReviewRequest, ListMessagesRequest, NumberLimit, RequeueMessageRequest, SendSingleRequest,
};
use serde_json::json;
use tonic::Code;

use crate::http::post::{DLR, post};
use crate::support::app::{ORDINARY, TestApp};
use crate::support::database::on_both_databases;

async fn sent(app: &TestApp) -> (String, String) {
    let request = SendSingleRequest {
        destination: "+306900000003".to_owned(),
        text: "Secret words".to_owned(),
        ..Default::default()
    };
    let message = app.alice().send_single(request).await.unwrap().into_inner().message.unwrap();
    (message.id, message.provider_message_id.unwrap())
}

on_both_databases! { TestApp::start =>
    async fn a_provider_that_quotes_a_number_tells_it_to_no_operator(app) {
        let (id, provider_id) = sent(&app).await;
        let later = app.clock.now() + jiff::SignedDuration::from_secs(60);
        for (n, word) in ["Refused by 306900000003", "Refused by +30 690 00-00.003", "Handed on"].iter().enumerate() {
            let at = later + jiff::SignedDuration::from_secs(i64::try_from(n).unwrap());
            let report = json!({"messageId": provider_id, "deliveryStatus": word, "updatedAt": at.to_string()});
            post(&app, DLR, report.to_string()).await;
        }
        app.run_due().await;
        let mut admin = app.admin(app.bob, "ops");
        let shown = format!("{:?}", admin.inspect_message(InspectMessageRequest { id }).await.unwrap().into_inner());
        let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
        assert!(!digits.contains("6900000003") && !shown.contains("Secret"), "{shown}");
        assert!(shown.contains("Handed on"), "a word that can be none stays: {shown}");
    }

    async fn without_its_line_in_the_audit_nothing_is_put_back(app) {
        let (id, _) = sent(&app).await;
        app.execute("UPDATE messages SET dispatch = 9, status = 6, due_at = NULL, attempts = 12, error_code = 'RETRIES_EXHAUSTED', provider_message_id = NULL").await;
        app.execute("ALTER TABLE audit RENAME TO audit_away").await;
        let mut admin = app.admin(app.bob, "ops");
        let request = RequeueMessageRequest { id, may_duplicate: true };
        assert!(admin.requeue_message(request.clone()).await.is_err());
        assert_eq!(app.count("messages WHERE dispatch = 9").await, 1, "it stays where it was");
        app.execute("ALTER TABLE audit_away RENAME TO audit").await;
        admin.requeue_message(request).await.unwrap();
        assert_eq!(app.count("messages WHERE dispatch = 9").await, 0);
        app.run_due().await;
    }

    async fn whoever_reads_what_recipients_wrote_is_written_down(app) {
        let mut admin = app.admin(app.bob, "ops act-as");
        for _ in 0..3 {
            admin.list_inbound_review(ListInboundReviewRequest::default()).await.unwrap();
        }
        let acts = admin.list_audit_events(ListAuditEventsRequest::default()).await.unwrap().into_inner().audit_events;
        assert_eq!((acts[0].act(), acts[0].subject.as_str()), (AuditAct::ActedAs, "read the replies to review"));
        assert_eq!(acts.iter().filter(|act| act.act() == AuditAct::ActedAs).count(), 1, "once in an hour");
    }

    async fn to_have_acted_as_an_owner_hides_no_reading_of_its_opt_outs(app) {
        let (owner, scopes) = (Some(app.alice.0), "ops act-as messages:read");
        let listed = ListMessagesRequest { owner_id: owner, ..Default::default() };
        app.client_of(app.bob, scopes).list_messages(listed).await.unwrap();
        app.run_due().await;
        let mut admin = app.admin(app.bob, scopes);
        for _ in 0..2 {
            admin.export_opt_outs(ExportOptOutsRequest { owner_id: app.alice.0, ..Default::default() }).await.unwrap();
        }
        let acts = admin.list_audit_events(ListAuditEventsRequest::default()).await.unwrap().into_inner().audit_events;
        let read = acts.iter().filter(|act| act.subject == "read the opt-outs").count();
        assert_eq!(read, 1, "{acts:?}");
    }

    async fn what_cannot_be_kept_is_refused_under_its_name(app) {
        let mut admin = app.admin(app.bob, "ops act-as");
        let before_all = pbjson_types::Timestamp { seconds: -62_135_596_801, nanos: 0 };
        for created_at in [before_all, pbjson_types::Timestamp { seconds: 0, nanos: i32::MIN }] {
            let given = GivenOptOut { destination: "+306900000001".to_owned(), source: 0, created_at: Some(created_at) };
            let request = ImportOptOutsRequest { owner_id: app.alice.0, opt_outs: vec![given] };
            assert_eq!(admin.import_opt_outs(request).await.unwrap_err().code(), Code::InvalidArgument);
        }
        for wrong in ["A\0B", "lower"] {
            let by_code = ListDeadMessagesRequest { error_code: wrong.to_owned(), ..Default::default() };
            assert_eq!(admin.list_dead_messages(by_code).await.unwrap_err().code(), Code::InvalidArgument);
            let by_account = ListDeadMessagesRequest { traffic_account_id: wrong.to_owned(), ..Default::default() };
            assert_eq!(admin.list_dead_messages(by_account).await.unwrap_err().code(), Code::InvalidArgument);
        }
    }

    async fn a_scope_that_is_named_many_times_is_one(app) {
        let mut admin = app.admin(app.bob, "ops act-as");
        let scope = "campaigns messages:read ".repeat(5000);
        let request = CreateKeyRequest { user_id: app.alice.0, scope, ..Default::default() };
        let key = admin.create_key(request).await.unwrap().into_inner().key.unwrap();
        assert_eq!(key.scope, "campaigns messages:read");
    }

    async fn a_user_is_written_down_with_what_it_may_and_disabled_since_the_first_time(app) {
        let mut admin = app.admin(app.bob, "ops");
        assert!(SenderId::parse("+306900000009").is_ok());
        let request = CreateUserRequest { name: "shop".to_owned(), sender: "+306900000009".to_owned() };
        let user = admin.create_user(request).await.unwrap().into_inner().user.unwrap();
        let acts = admin.list_audit_events(ListAuditEventsRequest::default()).await.unwrap().into_inner().audit_events;
        assert_eq!(acts[0].subject, "shop, sender +306…09");
        let disable = DisableUserRequest { id: user.id };
        let first = admin.disable_user(disable).await.unwrap().into_inner().user.unwrap();
        app.advance(60);
        let again = admin.disable_user(disable).await.unwrap().into_inner().user.unwrap();
        assert_eq!(first.disabled_at, again.disabled_at);
        let window = Some(pbjson_types::Duration::default());
        let none = NumberLimit { messages: 0, window };
        let request = LimitUserRequest { id: user.id, per_number: Some(none), ..Default::default() };
        assert!(admin.limit_user(request).await.is_ok(), "no limit has no window");
    }

    async fn an_account_in_capitals_has_the_pace_of_the_same_in_small_letters(app) {
        let account = crate::support::settings::ACCOUNT.to_uppercase();
        let request = SendSingleRequest {
            destination: "+306900000001".to_owned(),
            text: "x".to_owned(),
            traffic_account_id: Some(account.clone()),
            ..Default::default()
        };
        let message = app.client_of(app.alice, ORDINARY).send_single(request).await.unwrap().into_inner().message.unwrap();
        assert_eq!(message.traffic_account_id, account.to_lowercase());
    }
}
