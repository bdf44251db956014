//! Bodies that cannot be read into their messages: each fault is told by the path of its field, and never with its value.

use serde_json::{Value, json};

use super::call::{of, send};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

/// The violations that a body is refused with.
async fn refused(app: &TestApp, method: &str, path: &str, body: &Value) -> Vec<(String, String)> {
    let request = of(app, app.alice, method, path).header("content-type", "application/json");
    let (status, told) = send(app, request, body.to_string()).await.error();
    assert_eq!((status, &told["code"]), (400, &json!("VALIDATION_ERROR")), "{path} {body}: {told}");
    assert!(!told.to_string().contains("canary"), "{told}");
    let word = |violation: &Value, name: &str| violation[name].as_str().unwrap().to_owned();
    let violations = told["violations"].as_array().unwrap();
    violations.iter().map(|violation| (word(violation, "field"), word(violation, "description"))).collect()
}

const MESSAGES: &str = "/api/v1/messages";
const RECIPIENTS: &str = "/api/v1/campaigns/1/recipients";
const ENDPOINTS: &str = "/api/v1/webhook-endpoints";
const STREAM: &str = "/api/v1/stream-urls";

on_both_databases! { TestApp::start =>
    async fn what_cannot_be_read_is_told_by_the_path_of_its_field(app) {
        let whole = "must be a whole number of at most 64 bits";
        let guarantee = "must be one of DELIVERY_GUARANTEE_AT_LEAST_ONCE, DELIVERY_GUARANTEE_AT_MOST_ONCE";
        let cases = [
            (MESSAGES, json!({"destination": 1, "text": "x"}), "destination", "must be text"),
            (MESSAGES, json!({"destination": "canary", "text": ["canary"]}), "text", "must be text"),
            (MESSAGES, json!({"deliveryGuarantee": "canary"}), "delivery_guarantee", guarantee),
            (MESSAGES, json!({"campaign_id": "canary"}), "campaign_id", whole),
            (MESSAGES, json!({"campaignId": "99999999999999999999"}), "campaign_id", whole),
            (MESSAGES, json!({"campaignId": 1.5}), "campaign_id", whole),
            (MESSAGES, json!({"dryRun": "yes"}), "dry_run", "must be true or false"),
            (MESSAGES, json!({"scheduledAt": "canary"}), "scheduled_at", "must be a time, such as 2026-09-21T14:00:00Z"),
            (MESSAGES, json!({"validity": 90}), "validity", "must be a duration in seconds, such as 90s"),
            (MESSAGES, json!({"metadata": {"canary": 1}}), "metadata", "has a value that must be text"),
            (MESSAGES, json!({"metadata": []}), "metadata", "must be an object"),
            (MESSAGES, json!({"text": "x", "txt": "canary"}), "txt", "is not a field that can be given here"),
            (MESSAGES, json!({"+30canary1": "x"}), "body", "has a field that cannot be given here"),
            (RECIPIENTS, json!([{"destination": "x"}, {"destination": "x", "variables": "canary"}]), "recipients[1].variables", "must be an object"),
            (RECIPIENTS, json!({"recipients": [{"destination": {}}]}), "recipients[0].destination", "must be text"),
            (RECIPIENTS, json!({"recipients": [{"number": "canary"}]}), "recipients[0].number", "is not a field that can be given here"),
            (RECIPIENTS, json!({"recipients": "canary"}), "recipients", "must be a list"),
            (RECIPIENTS, json!(["canary"]), "recipients[0]", "must be an object"),
            (RECIPIENTS, json!([null]), "recipients[0]", "must be an object"),
            (ENDPOINTS, json!({"url": "https://receiver.example/", "types": ["a", 2]}), "types[1]", "must be text"),
            (STREAM, json!({"watchMessages": {"statuses": ["canary"]}}), "statuses[0]", ""),
            (STREAM, json!({"watchCampaign": "canary"}), "body", "must be an object"),
            (STREAM, json!({"refreshStatusBulk": {"campaignId": 1, "providerMessageIds": {"ids": []}}}), "provider_message_ids", "must not be given beside campaign_id"),
        ];
        for (path, body, field, why) in cases {
            let told = refused(&app, "POST", path, &body).await;
            assert_eq!(told.len(), 1, "{path} {body}: {told:?}");
            let (named, words) = &told[0];
            assert!(named == field && (why.is_empty() || words == why), "{path} {body}: {told:?}");
        }
        assert!(app.ledger("").await.is_empty());
    }

    async fn all_that_cannot_be_read_is_told_at_once_and_never_without_end(app) {
        let body = json!({"destination": 1, "text": 2, "nonsense": 3, "validity": "1", "reference": null});
        let told = refused(&app, "POST", MESSAGES, &body).await;
        let fields: Vec<&str> = told.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["destination", "nonsense", "text", "validity"]);
        let given_twice = refused(&app, "POST", MESSAGES, &json!({"traffic_account_id": "x", "trafficAccountId": "y"})).await;
        assert_eq!(given_twice, [("traffic_account_id".to_owned(), "is given twice".to_owned())]);
        let many: Vec<Value> = (0..1000).map(|_| json!({"destination": 1})).collect();
        assert_eq!(refused(&app, "POST", RECIPIENTS, &json!(many)).await.len(), 100);
    }

    async fn what_a_url_says_is_told_by_its_field_as_well(app) {
        for (query, field, why) in [
            ("created_after=canary", "created_after", "must be a time, such as 2026-09-21T14:00:00Z"),
            ("status=canary", "status", ""),
            ("page_size=canary", "page_size", "must be a whole number of at most 32 bits"),
        ] {
            let told = refused(&app, "GET", &format!("{MESSAGES}?{query}"), &Value::Null).await;
            let (named, words) = &told[0];
            assert!(told.len() == 1 && named == field && (why.is_empty() || words == why), "{query}: {told:?}");
        }
    }
}
