//! What goes on in the background, as operators see it: who serves, how far erasing has come, and reports that are read again.

use messaging::proto::{
    AuditAct, GetMessageRequest, GetRetentionRequest, ListAuditEventsRequest, ListReplicasRequest, MessageStatus,
    RefreshStatusRequest, ReplayReportsRequest,
};

use super::send::to;
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

on_both_databases! { TestApp::start =>
    async fn what_a_record_lacks_of_its_reports_is_counted_and_mended_on_demand(app) {
        let mut alice = app.alice();
        let sent = alice.send_single(to("+306900000001")).await.unwrap().into_inner();
        app.advance(60);
        let refresh = RefreshStatusRequest { provider_message_id: sent.message_id, owner_id: None };
        alice.refresh_status(refresh).await.unwrap();
        let lost = "UPDATE messages SET delivery_rank = 0, status = 4, evidence_at = NULL, evidence_hash = 0, delivered_at = NULL, provider_status = NULL";
        app.execute(lost).await;
        let mut admin = app.admin(app.bob, "ops");
        for (apply, differing) in [(false, 1), (true, 1), (false, 0)] {
            let page = ReplayReportsRequest { page_token: String::new(), apply };
            let page = admin.replay_reports(page).await.unwrap().into_inner();
            assert_eq!((page.messages, page.differing, page.digest.len()), (1, differing, 64));
            let behind = ReplayReportsRequest { page_token: page.next_page_token, apply };
            let behind = admin.replay_reports(behind).await.unwrap().into_inner();
            assert_eq!((behind.messages, behind.next_page_token.as_str()), (0, ""));
        }
        let id = sent.message.unwrap().id;
        let message = alice.get_message(GetMessageRequest { id, ..Default::default() }).await.unwrap().into_inner().message.unwrap();
        assert_eq!(message.status(), MessageStatus::Delivered);
        let act = ListAuditEventsRequest { act: AuditAct::ReportsReplayed.into(), ..Default::default() };
        assert_eq!(admin.list_audit_events(act).await.unwrap().into_inner().audit_events.len(), 1, "mended once");
    }

    async fn who_serves_is_listed_with_its_release(app) {
        let mut admin = app.admin(app.bob, "ops");
        app.service.ready().await.unwrap();
        let replicas = admin.list_replicas(ListReplicasRequest {}).await.unwrap().into_inner().replicas;
        let told: Vec<_> = replicas.iter().map(|one| (one.version.as_str(), one.in_flight)).collect();
        assert_eq!(told, [(env!("CARGO_PKG_VERSION"), Some(0))]);
    }
}

/// With keys for what is erased.
mod keyed {
    use super::*;

    on_both_databases! { TestApp::keyed =>
        async fn how_far_erasing_has_come_is_told_of_each_kind(app) {
            let mut admin = app.admin(app.bob, "ops");
            let chores = admin.get_retention(GetRetentionRequest {}).await.unwrap().into_inner().chores;
            assert!(chores.len() == 5 && chores.iter().all(|chore| chore.due_at.is_none() && !chore.due), "{chores:?}");
            app.service.erase_old().await.unwrap();
            let chores = admin.get_retention(GetRetentionRequest {}).await.unwrap().into_inner().chores;
            assert!(chores.iter().all(|chore| chore.due_at.is_some() && !chore.due), "{chores:?}");
        }
    }
}
