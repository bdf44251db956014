//! Numbers that operators look after for owners: lists of opt-outs, erasing, and what a person has to read.

use messaging::proto::{
    AuditAct, EraseNumberRequest, ExportOptOutsRequest, GivenOptOut, ImportOptOutsRequest, ListAuditEventsRequest,
    ListInboundReviewRequest, OptOutSource, ResolveInboundRequest, RetractOptOutRequest,
};
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::http::post::{INBOUND, post};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

fn given(destination: &str, source: OptOutSource) -> GivenOptOut {
    GivenOptOut { destination: destination.to_owned(), source: source.into(), created_at: None }
}

on_both_databases! { TestApp::start =>
    async fn a_list_is_put_in_at_once_read_with_act_as_and_written_down_without_a_number(app) {
        let owner_id = app.alice.0;
        let mut admin = app.admin(app.bob, "ops");
        let opt_outs = vec![
            given("0030 6900000001", OptOutSource::Unspecified),
            given("no number", OptOutSource::Owner),
            given("+306900000002", OptOutSource::Recipient),
            given("+306900000001", OptOutSource::Owner),
        ];
        let done = admin.import_opt_outs(ImportOptOutsRequest { owner_id, opt_outs }).await.unwrap().into_inner();
        let wrong: Vec<_> = done.invalid.iter().map(|invalid| invalid.index).collect();
        assert_eq!((done.added, done.already, wrong), (2, 1, vec![1]));
        assert!(!format!("{done:?}").contains("no number"), "what was given is not repeated");
        let nobodys = ImportOptOutsRequest { owner_id: 999, opt_outs: vec![given("+306900000001", OptOutSource::Owner)] };
        assert_eq!(admin.import_opt_outs(nobodys).await.unwrap_err().code(), Code::NotFound);
        let export = ExportOptOutsRequest { owner_id, ..Default::default() };
        let refused = admin.export_opt_outs(export.clone()).await.unwrap_err();
        assert_eq!(refused.get_error_details().error_info().unwrap().metadata["scope"], "act-as");
        let page = app.admin(app.bob, "ops act-as").export_opt_outs(export).await.unwrap().into_inner();
        let listed: Vec<_> = page.opt_outs.iter().map(|entry| (entry.destination.as_str(), entry.source())).collect();
        assert_eq!(listed, [("+306900000001", OptOutSource::Owner), ("+306900000002", OptOutSource::Recipient)]);
        let retract = RetractOptOutRequest { owner_id, destination: "+306900000002".to_owned() };
        assert!(admin.retract_opt_out(retract.clone()).await.unwrap().into_inner().removed);
        assert!(!admin.retract_opt_out(retract).await.unwrap().into_inner().removed);
        let acts = admin.list_audit_events(ListAuditEventsRequest::default()).await.unwrap().into_inner().audit_events;
        let acts: Vec<_> = acts.iter().take(3).map(|act| (act.act(), act.owner_id, act.subject.as_str())).collect();
        assert_eq!(acts, [(AuditAct::OptOutRemoved, Some(owner_id), "+306…02"), (AuditAct::ActedAs, Some(owner_id), "read the opt-outs"), (AuditAct::OptOutsImported, Some(owner_id), "2 of 3")]);
    }

    async fn what_a_person_has_to_read_is_shown_to_whoever_may_act_for_owners_until_it_is_done(app) {
        for n in 1..=3 {
            app.advance(1);
            post(&app, INBOUND, json!({"from": format!("+30690000000{n}"), "to": "Alice", "text": "When do you stop?"}).to_string()).await;
        }
        app.run_due().await;
        let list = ListInboundReviewRequest { page_size: 2, ..Default::default() };
        assert_eq!(app.admin(app.bob, "ops").list_inbound_review(list.clone()).await.unwrap_err().code(), Code::PermissionDenied);
        let mut admin = app.admin(app.bob, "ops act-as");
        let first = admin.list_inbound_review(list.clone()).await.unwrap().into_inner();
        let next = ListInboundReviewRequest { page_token: first.next_page_token.clone(), ..list.clone() };
        let next = admin.list_inbound_review(next).await.unwrap().into_inner();
        assert_eq!((first.messages.len(), next.messages.len(), next.next_page_token.as_str()), (2, 1, ""));
        assert_eq!((first.messages[0].number.as_str(), first.messages[0].text.as_str()), ("+306900000001", "When do you stop?"));
        let id = first.messages[0].id.clone();
        admin.resolve_inbound(ResolveInboundRequest { id: id.clone() }).await.unwrap();
        let again = admin.resolve_inbound(ResolveInboundRequest { id: id.clone() }).await.unwrap_err();
        assert_eq!(again.get_error_details().error_info().unwrap().reason, "INBOUND_NOT_FOUND");
        assert_eq!(admin.list_inbound_review(list).await.unwrap().into_inner().messages.len(), 2);
        let act = ListAuditEventsRequest { act: AuditAct::InboundResolved.into(), ..Default::default() };
        assert_eq!(admin.list_audit_events(act).await.unwrap().into_inner().audit_events[0].subject, id);
    }

    async fn without_a_key_nothing_is_erased(app) {
        let request = EraseNumberRequest { destination: "+306900000001".to_owned(), owner_id: None };
        let refused = app.admin(app.bob, "ops").erase_number(request).await.unwrap_err();
        assert_eq!((refused.code(), refused.get_error_details().error_info().unwrap().reason.as_str()), (Code::FailedPrecondition, "ERASING_OFF"));
    }
}

/// With keys for what is erased.
mod keyed {
    use super::*;

    on_both_databases! { TestApp::keyed =>
        async fn a_number_is_erased_from_elsewhere_and_that_is_written_down(app) {
            app.store.add_opt_out(app.alice, &messaging::domain::phone::Msisdn::parse("+306900000001").unwrap(), messaging::domain::opt_out::OptOutSource::Owner).await.unwrap();
            let mut admin = app.admin(app.bob, "ops");
            let request = EraseNumberRequest { destination: "0030 6900000001".to_owned(), owner_id: Some(app.alice.0) };
            let done = admin.erase_number(request).await.unwrap().into_inner();
            assert_eq!((done.messages, done.opt_outs), (0, 1));
            let act = ListAuditEventsRequest { act: AuditAct::NumberErased.into(), ..Default::default() };
            let acts = admin.list_audit_events(act).await.unwrap().into_inner().audit_events;
            assert_eq!((acts[0].owner_id, acts[0].subject.as_str()), (Some(app.alice.0), "0 messages"));
        }
    }
}
