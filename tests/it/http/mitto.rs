//! The routes that the existing clients call, byte for byte as they know it.

use messaging::auth::keys;
use messaging::proto::{CreateCampaignRequest, SendSingleRequest};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::call::{ask, of, post, send};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

const UNKNOWN: &str = "01M83N17DQBRD5R3YZJ7P9MYZW";

async fn campaign(app: &TestApp) -> i64 {
    let new = CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), ..Default::default() };
    let made = app.campaigns_of(app.alice).create_campaign(new).await.unwrap().into_inner();
    made.campaign.unwrap().id
}

/// The provider's id of a message that Alice sent.
async fn sent(app: &TestApp, campaign_id: Option<i64>) -> String {
    let request = SendSingleRequest {
        destination: "+306900000001".to_owned(),
        text: "Hello".to_owned(),
        campaign_id,
        ..Default::default()
    };
    app.alice().send_single(request).await.unwrap().into_inner().message_id
}

fn keys_of(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

on_both_databases! { TestApp::start =>
    async fn a_message_has_the_eleven_fields_that_clients_know(app) {
        let id = sent(&app, None).await;
        app.advance(2);
        let view = ask(&app, app.alice, "GET", &format!("/api/mitto/message/{id}")).await.ok();
        let known = ["messageId", "text", "sender", "conversation", "createdAt", "updatedAt", "trafficAccountId",
            "deliveryStatus", "messageParts", "requestInfo", "rawResponse"];
        let (mut known, mut told) = (known.to_vec(), keys_of(&view));
        known.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, known);
        assert_eq!((&view["messageId"], &view["text"], &view["messageParts"]), (&json!(id), &json!("Hello"), &json!(1)));
        assert_eq!((&view["deliveryStatus"], &view["requestInfo"]["sms"]["text"]), (&json!("Delivered"), &json!("Hello")));
        assert_eq!(view["sender"]["name"], "Alice");
        assert!(view["conversation"]["participants"].is_array(), "{view}");
        assert!(view["createdAt"].as_str().unwrap().ends_with('Z'), "{view}");
        assert_eq!(view["rawResponse"]["messageId"], json!(id));
    }

    async fn a_refresh_tells_what_it_found_and_changed(app) {
        let campaign = campaign(&app).await;
        let id = sent(&app, Some(campaign)).await;
        app.advance(2);
        let found = post(&app, app.alice, "/api/mitto/refresh-status", &json!({"providerMessageId": id})).await.ok();
        assert_eq!(keys_of(&found), ["affectedCampaignIds", "internalStatus", "status", "updated"]);
        assert_eq!((&found["updated"], &found["internalStatus"]), (&json!(1), &json!("delivered")));
        assert_eq!((&found["affectedCampaignIds"], &found["status"]["messageId"]), (&json!([campaign]), &json!(id)));
        let stats = ask(&app, app.alice, "GET", &format!("/api/v1/campaigns/{campaign}/stats")).await.ok();
        let counted = ["total", "queued", "sent", "delivered", "failed", "unknown", "cancelled"].map(|n| &stats[n]);
        assert_eq!(counted, [1, 0, 0, 1, 0, 0, 0].map(|n| json!(n)).each_ref());
        assert_eq!(stats["deliveredRate"], 1.0);
        assert!(stats["firstSentAt"].is_string() && stats["updatedAt"].is_string(), "{stats}");
    }

    async fn a_list_is_refreshed_and_one_bad_id_is_one_failed_result(app) {
        let id = sent(&app, None).await;
        app.advance(2);
        let body = json!({"providerMessageIds": [id, UNKNOWN, 7]});
        let mut done = post(&app, app.alice, "/api/mitto/refresh-status-bulk", &body).await.ok();
        assert_eq!(keys_of(&done), ["failed", "results", "total", "updated"]);
        let results = done["results"].as_array_mut().unwrap();
        results.sort_by_key(|result| result["success"] == false);
        assert_eq!(keys_of(&results[0]), ["internalStatus", "providerMessageId", "status", "success", "updated"]);
        assert_eq!((&results[0]["updated"], &results[0]["internalStatus"]), (&json!(1), &json!("delivered")));
        assert_eq!(results[0]["status"]["deliveryStatus"], "Delivered");
        let mut failed = results[1..].to_vec();
        failed.sort_by_key(|result| result["providerMessageId"].to_string());
        let failure = |id: &str| json!({"providerMessageId": id, "success": false, "code": "REFRESH_FAILED",
            "message": format!("Message not found: {id}")});
        assert_eq!(failed, [failure(UNKNOWN), failure("7")]);
        assert_eq!((&done["total"], &done["updated"], &done["failed"]), (&json!(3), &json!(1), &json!(2)));
    }

    async fn a_campaign_above_a_hundred_is_done_page_by_page(app) {
        let campaign = campaign(&app).await;
        let sends = (0..205).map(|_| sent(&app, Some(campaign)));
        let mut ids = futures::future::join_all(sends).await;
        app.advance(2);
        let mut told = Vec::new();
        let mut body = json!({"campaignId": campaign.to_string()});
        let mut pages = Vec::new();
        loop {
            let page = post(&app, app.alice, "/api/mitto/refresh-status-bulk", &body).await.ok();
            assert_eq!((&page["total"], &page["failed"]), (&json!(205), &json!(0)));
            let results = page["results"].as_array().unwrap();
            assert_eq!(page["updated"], results.len());
            pages.push(results.len());
            told.extend(results.iter().map(|result| result["providerMessageId"].as_str().unwrap().to_owned()));
            match page.get("nextPageToken") {
                Some(token) => body["pageToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(pages, [100, 100, 5]);
        ids.sort();
        told.sort();
        assert_eq!(told, ids);
    }

    async fn a_campaign_of_a_hundred_is_one_page(app) {
        let campaign = campaign(&app).await;
        futures::future::join_all((0..100).map(|_| sent(&app, Some(campaign)))).await;
        let page = post(&app, app.alice, "/api/mitto/refresh-status-bulk", &json!({"campaignId": campaign})).await.ok();
        assert_eq!(page["results"].as_array().unwrap().len(), 100);
        assert_eq!(page.get("nextPageToken"), None);
    }

    async fn what_cannot_be_used_is_told_with_message_and_code_alone(app) {
        let bulk = "/api/mitto/refresh-status-bulk";
        let invalid = |message: &str| (400, json!({"message": message, "code": "VALIDATION_ERROR"}));
        let ids: Vec<String> = (0..101).map(|n| format!("id-{n}")).collect();
        let cases = [
            (bulk, json!({"providerMessageIds": ids}), "providerMessageIds must hold 1 to 100 ids"),
            (bulk, json!({"providerMessageIds": []}), "providerMessageIds must hold 1 to 100 ids"),
            (bulk, json!({"providerMessageIds": "x"}), "providerMessageIds must be a list of ids"),
            (bulk, json!({}), "body must hold campaignId or providerMessageIds"),
            (bulk, json!({"campaignId": 1, "providerMessageIds": ["x"]}), "body must hold campaignId or providerMessageIds, not both"),
            (bulk, json!({"campaignId": "x"}), "campaignId must be a whole number"),
            (bulk, json!({"providerMessageIds": ["x"], "pageToken": "x"}), "pageToken is not a token of a stream of this very request"),
            ("/api/mitto/refresh-status", json!({}), "providerMessageId is required: the provider's id of the message"),
            ("/api/mitto/refresh-status", json!({"providerMessageId": "a/b"}),
                "providerMessageId must be 1 to 128 letters, digits and . _ : = + ~ -"),
        ];
        for (path, body, message) in cases {
            assert_eq!(post(&app, app.alice, path, &body).await.error(), invalid(message), "{body}");
        }
        let hostile = ask(&app, app.alice, "GET", "/api/mitto/message/..%2f..%2fWebhooks").await.error();
        assert_eq!(hostile, invalid("messageId must be 1 to 128 letters, digits and . _ : = + ~ -"));
        let no_campaign = post(&app, app.alice, bulk, &json!({"campaignId": 9})).await.error();
        assert_eq!(no_campaign, (404, json!({"message": "Campaign not found: 9", "code": "RESOURCE_NOT_FOUND"})));
        let none = ask(&app, app.alice, "GET", &format!("/api/mitto/message/{UNKNOWN}")).await.error();
        assert_eq!(none, (404, json!({"message": format!("Message not found: {UNKNOWN}"), "code": "MESSAGE_NOT_FOUND"})));
    }

    async fn another_owners_things_read_like_nothing(app) {
        let campaign = campaign(&app).await;
        let id = sent(&app, Some(campaign)).await;
        let none = (404, json!({"message": format!("Message not found: {id}"), "code": "MESSAGE_NOT_FOUND"}));
        assert_eq!(ask(&app, app.bob, "GET", &format!("/api/mitto/message/{id}")).await.error(), none);
        let body = json!({"providerMessageId": id});
        assert_eq!(post(&app, app.bob, "/api/mitto/refresh-status", &body).await.error(), none);
        let none = (404, json!({"message": format!("Campaign not found: {campaign}"), "code": "RESOURCE_NOT_FOUND"}));
        assert_eq!(ask(&app, app.bob, "GET", &format!("/api/v1/campaigns/{campaign}/stats")).await.error(), none);
        let body = json!({"campaignId": campaign});
        assert_eq!(post(&app, app.bob, "/api/mitto/refresh-status-bulk", &body).await.error(), none);
    }

    async fn missing_and_invalid_tokens_are_told_by_the_words_alone_and_keys_are_taken(app) {
        let path = "/api/mitto/message/x";
        let missing = send(&app, http::Request::get(path), "").await;
        assert_eq!(missing.error(), (401, json!({"message": "Missing token"})));
        assert_eq!(missing.text(), r#"{"message":"Missing token"}"#);
        for (name, value) in [("authorization", "Bearer x"), ("authorization", "Basic x"), ("x-api-key", "msk_x")] {
            let invalid = send(&app, http::Request::get(path).header(name, value), "").await;
            assert_eq!(invalid.error(), (401, json!({"message": "Invalid token"})), "{name}: {value}");
        }
        let key = keys::create([7; 32]);
        let (hash, hint, scopes) = (key.hash, key.hint.clone(), "messages:send".to_owned());
        let new = messaging::store::NewApiKey { user: app.alice, hash, hint, scopes, name: None, expires_at: None };
        app.store.create_key(new).await.unwrap();
        let denied = http::Request::get(path).header("x-api-key", key.secret.expose_secret());
        let denied = send(&app, denied, "").await.error();
        assert_eq!(denied, (403, json!({"message": "The credentials lack the scope messages:read", "code": "SCOPE_REQUIRED"})));
    }

    async fn the_providers_401_is_never_the_clients(app) {
        let id = sent(&app, None).await;
        app.outage("unauthorized").await;
        let answer = ask(&app, app.alice, "GET", &format!("/api/mitto/message/{id}")).await;
        assert_eq!(answer.error(), (503, json!({"code": "PROVIDER_ACCOUNT_BLOCKED",
            "message": "The provider refuses this service's account; its operator has to act."})));
        assert_eq!(answer.headers["retry-after"], "60");
    }

    async fn with_an_event_stream_a_campaign_is_done_whole(app) {
        let campaign = campaign(&app).await;
        futures::future::join_all((0..120).map(|_| sent(&app, Some(campaign)))).await;
        let request = of(&app, app.alice, "POST", "/api/mitto/refresh-status-bulk")
            .header("content-type", "application/json").header("accept", "text/event-stream");
        let answer = send(&app, request, json!({"campaignId": campaign}).to_string()).await;
        assert_eq!(answer.headers["content-type"], "text/event-stream");
        let text = answer.text();
        assert_eq!(text.matches("event: result\n").count(), 120);
        assert!(text.contains("event: summary\n") && text.ends_with("event: end\ndata: {}\n\n"), "{text}");
    }
}
