//! `GetMessage`, `ListMessages` and `ExplainMessage`.

use messaging::proto::{
    CreateCampaignRequest, ExplainMessageRequest, GetMessageRequest, HistoryKind, ListMessagesRequest, MessageStatus,
    SendSingleRequest,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::send::to;
use crate::support::app::{Client, TestApp};
use crate::support::database::on_both_databases;

async fn ids(client: &mut Client, mut request: ListMessagesRequest) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let page = client.list_messages(request.clone()).await.unwrap().into_inner();
        ids.extend(page.messages.into_iter().map(|m| m.id));
        if page.next_page_token.is_empty() {
            return ids;
        }
        request.page_token = page.next_page_token;
    }
}

on_both_databases! { TestApp::start =>
    async fn pages_visit_every_message_once_newest_first(app) {
        let mut alice = app.alice();
        let mut sent = Vec::new();
        for _ in 0..7 {
            sent.push(alice.send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap().id);
            app.advance(1);
        }
        app.bob().send_single(to("+306900000001")).await.unwrap();
        sent.reverse();
        for page_size in [1, 3, 7, 100, i32::MAX] {
            assert_eq!(ids(&mut alice, ListMessagesRequest { page_size, ..Default::default() }).await, sent);
        }
    }

    async fn a_page_ends_before_it_is_larger_than_clients_take(app) {
        let mut alice = app.alice();
        alice.send_single(to("+306900000001")).await.unwrap();
        let (text, columns) = ("€".repeat(1500), "owner_id, campaign_id, destination, sender, traffic_account_id, segments, encoding, \
            delivery_guarantee, created_at, expires_at, dispatch, delivery_rank, status, evidence_hash, attempts, ambiguous, \
            crashes, possible_duplicate, epoch, updated_at, version, lane");
        let new = if app.store.kind() == "postgres" { "gen_random_uuid()" } else { "randomblob(16)" };
        app.execute(&format!(
            "INSERT INTO messages (id, text, {columns}) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) \
             SELECT {new}, '{text}', {columns} FROM n, messages"
        ))
        .await;
        // A client as it comes takes four megabytes.
        let request = ListMessagesRequest { page_size: 1000, ..Default::default() };
        let first = alice.list_messages(request.clone()).await.unwrap().into_inner();
        assert!((500..1000).contains(&first.messages.len()), "{}", first.messages.len());
        assert_eq!(ids(&mut alice, request).await.iter().collect::<std::collections::HashSet<_>>().len(), 1000);
    }

    async fn filters_narrow_the_list(app) {
        let mut alice = app.alice();
        let new = CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), ..Default::default() };
        let campaign = app.campaigns_of(app.alice).create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id;
        let counted = SendSingleRequest { campaign_id: Some(campaign), ..to("+306900000001") };
        let counted = alice.send_single(counted).await.unwrap().into_inner().message.unwrap().id;
        let lost = alice.send_single(to("+306900000010")).await.unwrap().into_inner().message.unwrap().id;
        let by = |r: ListMessagesRequest| { let mut alice = app.alice(); async move { ids(&mut alice, r).await } };
        assert_eq!(by(ListMessagesRequest { campaign_id: Some(campaign), ..Default::default() }).await, std::slice::from_ref(&counted));
        let unknown = MessageStatus::Unknown as i32;
        assert_eq!(by(ListMessagesRequest { status: unknown, ..Default::default() }).await, [lost]);
        let destination = "0030 6900000001".to_owned();
        assert_eq!(by(ListMessagesRequest { destination, ..Default::default() }).await, [counted]);
    }

    async fn a_list_is_searched_by_reference_provider_id_error_code_and_time(app) {
        let mut alice = app.alice();
        let tagged = SendSingleRequest { reference: Some("order 7".to_owned()), ..to("+306900000001") };
        let first = alice.send_single(tagged.clone()).await.unwrap().into_inner();
        app.bob().send_single(tagged).await.unwrap();
        app.advance(1);
        let lost = alice.send_single(to("+306900000010")).await.unwrap().into_inner().message.unwrap();
        app.advance(1);
        let last = alice.send_single(to("+306900000001")).await.unwrap().into_inner().message.unwrap();
        let by = |r: ListMessagesRequest| { let mut alice = app.alice(); async move { ids(&mut alice, r).await } };
        let of = ListMessagesRequest::default;
        let (id, lost_at, last_at) = (first.message.unwrap().id, lost.created_at, last.created_at);
        assert_eq!(by(ListMessagesRequest { reference: "order 7".to_owned(), ..of() }).await, std::slice::from_ref(&id));
        assert_eq!(by(ListMessagesRequest { provider_message_id: first.message_id, ..of() }).await, std::slice::from_ref(&id));
        let error_code = lost.error_code.unwrap();
        assert_eq!(by(ListMessagesRequest { error_code: error_code.clone(), ..of() }).await, std::slice::from_ref(&lost.id));
        assert_eq!(by(ListMessagesRequest { created_after: lost_at, created_before: last_at, ..of() }).await, std::slice::from_ref(&lost.id));
        assert_eq!(by(ListMessagesRequest { created_before: lost_at, ..of() }).await, [id]);
        assert_eq!(by(ListMessagesRequest { created_after: lost_at, ..of() }).await, [last.id, lost.id]);
        assert!(by(ListMessagesRequest { created_before: lost_at, error_code, ..of() }).await.is_empty());
    }

    async fn a_list_that_cannot_be_is_refused_field_by_field(app) {
        let request = ListMessagesRequest {
            page_size: -1, page_token: "AAAA".to_owned(), status: 77, destination: "12".to_owned(), reference: "a\nb".to_owned(),
            provider_message_id: "a b".to_owned(), error_code: "no such".to_owned(),
            created_after: Some(pbjson_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
            created_before: Some(pbjson_types::Timestamp { seconds: 0, nanos: -1 }), ..Default::default()
        };
        let error = app.alice().list_messages(request).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        let fields = error.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field);
        assert_eq!(fields.collect::<Vec<_>>(), ["created_after", "created_before", "status", "destination", "reference", "provider_message_id", "error_code", "page_size", "page_token"]);
    }

    async fn a_page_token_is_worth_nothing_changed_or_under_other_filters(app) {
        let mut alice = app.alice();
        for _ in 0..2 {
            alice.send_single(to("+306900000001")).await.unwrap();
        }
        let one = ListMessagesRequest { page_size: 1, ..Default::default() };
        let token = alice.list_messages(one.clone()).await.unwrap().into_inner().next_page_token;
        let flipped = if token.starts_with('A') { token.replacen('A', "B", 1) } else { format!("A{}", &token[1..]) };
        for request in [
            ListMessagesRequest { page_token: flipped, ..one.clone() },
            ListMessagesRequest { page_token: format!("{token}AA"), ..one.clone() },
            ListMessagesRequest { page_token: token.clone(), status: 4, ..one.clone() },
            ListMessagesRequest { page_token: token.clone(), reference: "x".to_owned(), ..one.clone() },
            ListMessagesRequest { page_token: token.clone(), created_after: Some(pbjson_types::Timestamp::default()), ..one.clone() },
        ] {
            assert_eq!(alice.list_messages(request).await.unwrap_err().code(), Code::InvalidArgument);
        }
        let bobs = app.bob().list_messages(ListMessagesRequest { page_token: token, ..one }).await;
        assert_eq!(bobs.unwrap_err().code(), Code::InvalidArgument);
    }

    async fn an_id_that_is_no_uuid_is_told_so(app) {
        for id in ["", "x", "../../etc", "00000000-0000-0000-0000-00000000000g"] {
            let error = app.alice().get_message(GetMessageRequest { id: id.to_owned(), ..Default::default() }).await.unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{id}");
        }
    }

    async fn an_explanation_tells_everything_in_order_and_neither_number_nor_text(app) {
        let mut alice = app.alice();
        let request = SendSingleRequest { text: "a secret text".to_owned(), ..to("+306900000012") };
        let id = alice.send_single(request).await.unwrap().into_inner().message.unwrap().id;
        app.advance(3);
        app.run_due().await;
        let told = alice.explain_message(ExplainMessageRequest { id, ..Default::default() }).await.unwrap().into_inner();
        let kinds: Vec<_> = told.entries.iter().map(messaging::proto::explain_message_response::Entry::kind).collect();
        assert_eq!(kinds, [HistoryKind::Accepted, HistoryKind::Settled, HistoryKind::Fenced, HistoryKind::Settled]);
        assert_eq!(told.entries.last().unwrap().to(), MessageStatus::Sent);
        let all = format!("{told:?}");
        assert!(!all.contains("+306900000012") && !all.contains("a secret text"), "{all}");
    }
}
