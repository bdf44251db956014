//! `ListAuditEvents`: acts are read by operators alone, and an owner's act by another is among them.

use std::collections::BTreeSet;

use messaging::domain::audit::Act;
use messaging::domain::opt_out::OptOutSource;
use messaging::proto::{AuditAct, AuditEvent, ListAuditEventsRequest, ListMessagesRequest, RemoveOptOutRequest};
use tonic::Code;

use crate::support::app::{Admin, ORDINARY, TestApp};
use crate::support::database::on_both_databases;

fn told(events: &[AuditEvent]) -> Vec<(AuditAct, &str, Option<i64>)> {
    events.iter().map(|event| (event.act(), event.actor.as_str(), event.owner_id)).collect()
}

async fn list(admin: &mut Admin, request: ListAuditEventsRequest) -> Vec<AuditEvent> {
    admin.list_audit_events(request).await.unwrap().into_inner().audit_events
}

#[test]
fn the_contract_has_every_act_under_its_number() {
    for act in Act::ALL {
        let name = format!("AUDIT_ACT_{}", act.name().to_uppercase());
        assert_eq!(AuditAct::from_str_name(&name).map(|of| of as i32), Some(act as i32), "{name}");
    }
}

on_both_databases! { TestApp::start =>
    async fn acting_as_another_is_written_down_once_and_so_is_what_it_changes(app) {
        let number = messaging::domain::phone::Msisdn::parse("+306900000001").unwrap();
        app.store.add_opt_out(app.alice, &number, OptOutSource::Owner).await.unwrap();
        let mut acting = app.client_of(app.bob, "messages:read messages:send act-as");
        let of_alice = ListMessagesRequest { owner_id: Some(app.alice.0), ..ListMessagesRequest::default() };
        for _ in 0..3 {
            acting.list_messages(of_alice.clone()).await.unwrap();
        }
        let remove = RemoveOptOutRequest { destination: number.as_str().to_owned(), owner_id: Some(app.alice.0) };
        acting.remove_opt_out(remove).await.unwrap();

        let mut admin = app.admin(app.bob, "ops");
        let about = ListAuditEventsRequest { owner_id: Some(app.alice.0), ..ListAuditEventsRequest::default() };
        let bob = format!("user:{}", app.bob);
        let alice = Some(app.alice.0);
        // That somebody acts as another is written beside the call.
        let mut events = Vec::new();
        while events.len() < 3 {
            events = list(&mut admin, about.clone()).await;
        }
        let acts: BTreeSet<_> = told(&events).into_iter().map(|(act, actor, owner)| (act as i32, actor, owner)).collect();
        for act in [AuditAct::OptOutRemoved, AuditAct::ActedAs] {
            assert!(acts.contains(&(act as i32, bob.as_str(), alice)), "{act:?}: {acts:?}");
        }
        assert!(!format!("{events:?}").contains("0000001"), "no number is in it");
        let acted = ListAuditEventsRequest { act: AuditAct::ActedAs.into(), ..about };
        assert_eq!(list(&mut admin, acted).await.len(), 1);
    }

    async fn acts_come_in_pages(app) {
        for n in 0..5 {
            app.store.note_act(Act::QueueCancelled, None, &n.to_string()).await.unwrap();
        }
        let (mut admin, mut subjects, mut page_token) = (app.admin(app.bob, "ops"), Vec::new(), String::new());
        loop {
            let act = AuditAct::QueueCancelled.into();
            let request = ListAuditEventsRequest { page_size: 2, page_token, owner_id: None, act, before_id: None };
            let page = admin.list_audit_events(request).await.unwrap().into_inner();
            subjects.extend(page.audit_events.into_iter().map(|event| event.subject));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(subjects, ["4", "3", "2", "1", "0"]);
    }

    async fn who_does_not_operate_the_service_reads_nothing(app) {
        let refused = app.admin(app.alice, ORDINARY).list_audit_events(ListAuditEventsRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
        let wrong = ListAuditEventsRequest { page_size: -1, page_token: "x".to_owned(), owner_id: None, act: 99, before_id: None };
        let refused = app.admin(app.bob, "ops").list_audit_events(wrong).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}
