//! Numbers of things that can be none: refused under the names of their fields, whether anything would be done or not.

use messaging::proto::{
    CancelWaitingMessagesRequest, ListAuditEventsRequest, RequeueDeadMessagesRequest, StartCampaignRequest,
};
use serde_json::json;

use super::webhooks::violated;
use crate::http::call::{send, with_scopes};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

on_both_databases! { TestApp::start =>
    async fn a_number_of_things_below_nothing_is_refused_under_the_name_of_its_field(app) {
        let mut admin = app.admin(app.bob, "ops");
        let accepted_until = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second(), nanos: 0 });
        for dry_run in [false, true] {
            let request = CancelWaitingMessagesRequest { accepted_until, dry_run, at_most: Some(-1), ..Default::default() };
            assert_eq!(violated(&admin.cancel_waiting_messages(request).await.unwrap_err()), ["at_most"]);
            let request = RequeueDeadMessagesRequest { dry_run, expected_count: Some(-1), ..Default::default() };
            assert_eq!(violated(&admin.requeue_dead_messages(request).await.unwrap_err()), ["expected_count"]);
        }
        let request = ListAuditEventsRequest { before_id: Some(-1), ..Default::default() };
        assert_eq!(violated(&admin.list_audit_events(request).await.unwrap_err()), ["before_id"]);
        let request = StartCampaignRequest { campaign_id: 1, expected_recipients: Some(-1), ..Default::default() };
        assert_eq!(violated(&app.campaigns_of(app.alice).start_campaign(request).await.unwrap_err()), ["expected_recipients"]);
    }

    async fn the_same_over_http(app) {
        let request = with_scopes(&app, app.bob, "ops", "POST", "/api/v1/waiting-messages/cancel");
        let body = json!({"acceptedUntil": app.clock.now().to_string(), "atMost": "-1"});
        let (status, told) = send(&app, request.header("content-type", "application/json"), body.to_string()).await.error();
        assert_eq!((status, &told["violations"]), (400, &json!([{"field": "at_most", "description": "must not be negative"}])));
    }
}
