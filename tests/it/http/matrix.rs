//! Every route and every RPC, asked by another owner about what exists and about what does not: the same bytes.
//!
//! The routes come from the document of the API and the RPCs from the descriptors; one that is not in the tables fails.

use messaging::proto::{CreateCampaignRequest, CreateEndpointRequest, ListInboundRequest, SendSingleRequest};
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::{Value, json};

use super::call::{of, send};
use super::document::{document, operations};
use super::post::{INBOUND, post};
use crate::grpc::web;
use crate::support::app::{ORDINARY, TestApp};
use crate::support::contract::rpcs;
use crate::support::database::on_both_databases;

/// Alice's own: a message, the provider's id of it, a campaign, herself, what a recipient wrote to her, a webhook endpoint, and the key
/// that the message was sent with. What nobody has looks alike.
pub struct Ids([String; 7]);

impl Ids {
    /// The text with the ids in place of `{M}`, `{P}`, `{C}`, `{U}`, `{I}`, `{E}` and `{K}`.
    pub fn fill(&self, text: &str) -> String {
        let names = ["{M}", "{P}", "{C}", "{U}", "{I}", "{E}", "{K}"];
        names.iter().zip(&self.0).fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    }
}

/// Alice's ids, and some that nobody has.
pub async fn ids(app: &TestApp) -> (Ids, Ids) {
    let new = CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), ..Default::default() };
    let made = app.campaigns_of(app.alice).create_campaign(new).await.unwrap().into_inner();
    let campaign = made.campaign.unwrap().id;
    let request = SendSingleRequest {
        destination: "+306900000001".to_owned(),
        text: "x".to_owned(),
        campaign_id: Some(campaign),
        idempotency_key: "order-7".to_owned(),
        ..Default::default()
    };
    let sent = app.alice().send_single(request).await.unwrap().into_inner();
    assert!(campaign < 9 && app.alice.0 < 9, "what nobody has must be as long as what Alice has");
    post(app, INBOUND, json!({"from": "+306900000001", "to": "Alice", "text": "Hi"}).to_string()).await;
    app.run_due().await;
    let inbox = app.inbox(app.alice, ORDINARY).list_inbound(ListInboundRequest::default()).await.unwrap().into_inner();
    let wrote = inbox.messages[0].id.clone();
    let new = CreateEndpointRequest { url: "https://receiver.example/".to_owned(), ..Default::default() };
    let made = app.hooks(app.alice, ORDINARY).create_endpoint(new).await.unwrap().into_inner();
    let hook = made.endpoint.unwrap().id;
    let real = [
        sent.message.unwrap().id,
        sent.message_id,
        campaign.to_string(),
        app.alice.to_string(),
        wrote,
        hook,
        "order-7".to_owned(),
    ];
    let unreal = [
        "01a20750-9db4-798c-9475-920d5f61822c",
        "01M83N17DQBRD5R3YZJ7P9MYZW",
        "9",
        "9",
        "01a20750-9db4-798c-9475-920d5f61822d",
        "01a20750-9db4-798c-9475-920d5f61822e",
        "order-9",
    ];
    (Ids(real), Ids(unreal.map(str::to_owned)))
}

/// The answers about what nobody has, with Alice's ids in its place.
fn renamed(bytes: &[u8], real: &Ids, unreal: &Ids) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for (real, unreal) in real.0.iter().zip(&unreal.0) {
        // A single digit is the id only where a text names it.
        let places = if unreal.len() > 1 { vec![""] } else { vec![": ", ":%20"] };
        for place in places {
            text = text.replace(&format!("{place}{unreal}"), &format!("{place}{real}"));
        }
    }
    text
}

/// For each operation, what it is asked: query and body. Empty where it names nothing of anybody's.
#[expect(clippy::match_same_arms, reason = "the arms stand by what the calls are about")]
pub fn asked(operation: &str) -> Option<Vec<(&'static str, &'static str)>> {
    Some(match operation {
        "SendSingle" => vec![
            ("", r#"{"destination":"+306900000001","text":"x","campaignId":"{C}"}"#),
            ("", r#"{"destination":"+306900000001","text":"x","userId":"{U}"}"#),
        ],
        "ListMessages" | "CountMessages" | "WatchMessages" => vec![("?campaign_id={C}", ""), ("?owner_id={U}", "")],
        "ListCampaigns" | "ListOptOuts" | "RemoveOptOut" | "ListAuditEvents" | "ListInbound" | "WatchInbound"
        | "ListEndpoints" => {
            vec![("?owner_id={U}", "")]
        }
        "CreateEndpoint" => vec![
            ("", r#"{"url":"https://receiver.example/","ownerId":"{U}"}"#),
            ("", r#"{"url":"https://receiver.example/","campaignId":"{C}"}"#),
        ],
        "CancelMessageByKey" => vec![("", r#"{"sentIdempotencyKey":"{K}"}"#)],
        "ReplayEvents" => vec![("", r#"{"from":"2026-09-21T14:00:00Z"}"#)],
        "AddOptOut" => vec![("", r#"{"destination":"+306900000001","ownerId":"{U}"}"#)],
        "AddRecipients" => vec![("", r#"[{"destination":"+306900000001"}]"#)],
        "mittoRefreshStatus" => vec![("", r#"{"providerMessageId":"{P}"}"#)],
        "mittoRefreshStatusBulk" => {
            vec![("", r#"{"campaignId":{C}}"#), ("", r#"{"providerMessageIds":["{P}"]}"#)]
        }
        "createStreamUrl" => vec![
            ("", r#"{"watchCampaign":{"campaignId":"{C}"}}"#),
            ("", r#"{"watchMessages":{"campaignId":"{C}"}}"#),
            ("", r#"{"watchMessages":{"ownerId":"{U}"}}"#),
            ("", r#"{"watchInbound":{"ownerId":"{U}"}}"#),
            ("", r#"{"refreshStatusBulk":{"campaignId":"{C}"}}"#),
            ("", r#"{"refreshStatusBulk":{"campaignId":"{C}","ownerId":"{U}"}}"#),
        ],
        // Operators' alone: whoever is none reads the same of everything.
        "ListDeadMessages" => vec![("?owner_id={U}", "")],
        "ListWaitingMessages" => vec![("?owner_id={U}&accepted_until=2026-09-21T14:00:00Z", "")],
        "UngrantUser" => vec![("?sender=*", "")],
        "ListRouteAccounts"
        | "GetQueue"
        | "ListUsers"
        | "GetUser"
        | "InspectMessage"
        | "UnblockRouteAccount"
        | "RequeueMessage"
        | "SetRouteAccountLimit"
        | "DisableUser"
        | "EnableUser"
        | "EndUserTokens"
        | "RevokeKey" => vec![("", "")],
        "ExportOptOuts" | "RetractOptOut" | "ListInboundReview" | "ResolveInbound" => vec![("", "")],
        "ImportOptOuts" => vec![("", r#"{"optOuts":[{"destination":"+306900000001"}]}"#)],
        "EraseNumber" => vec![("", r#"{"destination":"+306900000001","ownerId":"{U}"}"#)],
        "ListReplicas" | "GetRetention" | "ReplayReports" => vec![("", "")],
        "ListKeys" => vec![("?user_id={U}", "")],
        "RequeueDeadMessages" => vec![("", r#"{"filter":{"ownerId":"{U}"},"dryRun":true}"#)],
        "CancelWaitingMessages" => {
            vec![("", r#"{"ownerId":"{U}","acceptedUntil":"2026-09-21T14:00:00Z","dryRun":true}"#)]
        }
        "CreateUser" => vec![("", r#"{"name":"x"}"#)],
        "LimitUser" => vec![("", r#"{"calls":1}"#)],
        "GrantUser" => vec![("", r#"{"sender":"*"}"#)],
        "CreateKey" => vec![("", r#"{"userId":"{U}"}"#)],
        "ExpireKey" => vec![("", r#"{"expiresAt":"2026-09-21T14:00:00Z"}"#)],
        // They name something in the path.
        "GetMessage" | "CancelMessage" | "ExplainMessage" | "GetCampaign" | "GetCampaignStats" | "WatchCampaign"
        | "GetInbound" | "GetEndpoint" | "UpdateEndpoint" | "DeleteEndpoint" | "EnableEndpoint" | "DisableEndpoint"
        | "RotateSecret" | "SendTestEvent" | "ListDeliveries" | "mittoMessage" | "StartCampaign" | "PauseCampaign"
        | "ResumeCampaign" | "CancelCampaign" => {
            vec![("", "")]
        }
        // Everything in them is the caller's own, or open to whoever has the URL.
        "CreateCampaign" | "openStream" => Vec::new(),
        _ => return None,
    })
}

/// A path of the document's with the names of [`Ids::fill`].
pub fn named(path: &str) -> String {
    let names = [
        ("/inbound/{id}", "/inbound/{I}"),
        ("/webhook-endpoints/{id}", "/webhook-endpoints/{E}"),
        ("/users/{id}", "/users/{U}"),
        ("{owner_id}", "{U}"),
        ("/inbound-review/{id}", "/inbound-review/{I}"),
        ("/api-keys/{id}", "/api-keys/{U}"),
        ("{id}", "{M}"),
        ("{campaign_id}", "{C}"),
        ("{messageId}", "{P}"),
        ("{destination}", "%2B306900000001"),
    ];
    names.iter().fold(path.to_owned(), |path, (from, to)| path.replace(from, to))
}

/// The same for each RPC.
#[expect(clippy::match_same_arms, reason = "the arms stand by what the calls are about")]
fn request(rpc: &str) -> Option<Vec<&'static str>> {
    Some(match rpc {
        "SendSingle" => vec![
            r#"{"destination":"+306900000001","text":"x","campaignId":"{C}"}"#,
            r#"{"destination":"+306900000001","text":"x","userId":"{U}"}"#,
        ],
        "SendMany" => vec![
            r#"{"sequence":"1","message":{"destination":"+306900000001","text":"x","campaignId":"{C}","idempotencyKey":"k"}}"#,
            r#"{"sequence":"1","message":{"destination":"+306900000001","text":"x","userId":"{U}","idempotencyKey":"k"}}"#,
        ],
        "GetMessageStatus" => vec![r#"{"messageId":"{P}"}"#],
        "RefreshStatus" => {
            vec![r#"{"providerMessageId":"{P}"}"#, r#"{"providerMessageId":"x","ownerId":"{U}"}"#]
        }
        "RefreshStatusBulk" => vec![r#"{"campaignId":"{C}"}"#, r#"{"campaignId":"{C}","ownerId":"{U}"}"#],
        "GetMessage" | "ExplainMessage" => vec![r#"{"id":"{M}"}"#, r#"{"id":"{M}","ownerId":"{U}"}"#],
        "CancelMessage" => {
            vec![r#"{"id":"{M}"}"#, r#"{"id":"{M}","ownerId":"{U}"}"#, r#"{"sentIdempotencyKey":"{K}"}"#]
        }
        "GetInbound" => vec![r#"{"id":"{I}"}"#],
        "ListMessages" | "CountMessages" => vec![r#"{"campaignId":"{C}"}"#, r#"{"ownerId":"{U}"}"#],
        "WatchMessages" => vec![r#"{"campaignId":"{C}","resumeToken":"x"}"#, r#"{"ownerId":"{U}"}"#],
        "ListOptOuts" | "ListCampaigns" | "ListAuditEvents" | "ListInbound" | "WatchInbound" | "ListEndpoints" => {
            vec![r#"{"ownerId":"{U}"}"#]
        }
        "CreateEndpoint" => vec![
            r#"{"url":"https://receiver.example/","ownerId":"{U}"}"#,
            r#"{"url":"https://receiver.example/","campaignId":"{C}"}"#,
        ],
        "ReplayEvents" => vec![r#"{"id":"{E}","from":"2026-09-21T14:00:00Z"}"#],
        "GetEndpoint" | "UpdateEndpoint" | "DeleteEndpoint" | "EnableEndpoint" | "DisableEndpoint" | "RotateSecret"
        | "SendTestEvent" | "ListDeliveries" => vec![r#"{"id":"{E}"}"#, r#"{"id":"{E}","ownerId":"{U}"}"#],
        "AddOptOut" | "RemoveOptOut" => vec![r#"{"destination":"+306900000001","ownerId":"{U}"}"#],
        "ListRouteAccounts" | "ListUsers" | "ListReplicas" | "GetQueue" | "GetRetention" | "ReplayReports" => {
            vec!["{}"]
        }
        "SetRouteAccountLimit" | "UnblockRouteAccount" => vec![r#"{"id":"*"}"#],
        "ListDeadMessages" => vec![r#"{"ownerId":"{U}"}"#],
        "InspectMessage" | "RequeueMessage" => vec![r#"{"id":"{M}"}"#],
        "RequeueDeadMessages" => vec![r#"{"filter":{"ownerId":"{U}"},"dryRun":true}"#],
        "ListWaitingMessages" | "CancelWaitingMessages" => {
            vec![r#"{"ownerId":"{U}","acceptedUntil":"2026-09-21T14:00:00Z"}"#]
        }
        "CreateUser" => vec![r#"{"name":"x"}"#],
        "GetUser" | "DisableUser" | "EnableUser" | "EndUserTokens" | "LimitUser" | "RevokeKey" => {
            vec![r#"{"id":"{U}"}"#]
        }
        "GrantUser" | "UngrantUser" => vec![r#"{"id":"{U}","sender":"*"}"#],
        "CreateKey" | "ListKeys" => vec![r#"{"userId":"{U}"}"#],
        "ImportOptOuts" => vec![r#"{"ownerId":"{U}","optOuts":[{"destination":"+306900000001"}]}"#],
        "ExportOptOuts" => vec![r#"{"ownerId":"{U}"}"#],
        "RetractOptOut" | "EraseNumber" => vec![r#"{"ownerId":"{U}","destination":"+306900000001"}"#],
        "ListInboundReview" => vec!["{}"],
        "ResolveInbound" => vec![r#"{"id":"{I}"}"#],
        "ExpireKey" => vec![r#"{"id":"{U}","expiresAt":"2026-09-21T14:00:00Z"}"#],
        "CreateCampaign" => Vec::new(),
        "AddRecipients" => vec![r#"{"campaignId":"{C}","recipients":[{"destination":"+306900000001"}]}"#],
        "GetCampaign" | "StartCampaign" | "PauseCampaign" | "ResumeCampaign" | "CancelCampaign"
        | "GetCampaignStats" | "WatchCampaign" => vec![r#"{"campaignId":"{C}"}"#],
        _ => return None,
    })
}

on_both_databases! { TestApp::start =>
    async fn every_route_says_of_anothers_things_what_it_says_of_nothing(app) {
        let (real, unreal) = ids(&app).await;
        let mut pairs = 0;
        for (path, method, operation) in operations(&document(&app).await) {
            if !path.starts_with("/api/") {
                continue;
            }
            let name = operation["operationId"].as_str().unwrap();
            let asked = asked(name).unwrap_or_else(|| panic!("{method} {path} is not in the matrix"));
            let path = named(&path);
            for (query, body) in asked {
                let ask = async |ids: &Ids| {
                    let request = of(&app, app.bob, &method, &ids.fill(&format!("{path}{query}")));
                    let request = request.header("content-type", "application/json").header("x-request-id", "same");
                    send(&app, request, ids.fill(body)).await
                };
                let (about_hers, about_nothing) = (ask(&real).await, ask(&unreal).await);
                assert_eq!(about_hers.status, about_nothing.status, "{name} {query} {body}");
                assert_eq!(about_hers.text(), renamed(&about_nothing.bytes, &real, &unreal), "{name} {query} {body}");
                let names = |headers: &http::HeaderMap| {
                    let kept = headers.iter().filter(|(name, _)| *name != "content-length");
                    kept.map(|(name, value)| format!("{name}: {value:?}")).collect::<Vec<_>>()
                };
                assert_eq!(names(&about_hers.headers), names(&about_nothing.headers), "{name} {query} {body}");
                let listed = ["ListMessages", "CountMessages"].contains(&name) || body.contains("providerMessageIds");
                // A campaign of somebody else's is a field that cannot be used.
                let field = name == "CreateEndpoint" && about_hers.status == 400;
                assert!(about_hers.status == 200 && listed || field || matches!(about_hers.status.as_u16(), 403 | 404), "{name}: {}", about_hers.text());
                pairs += 1;
            }
        }
        assert!(pairs >= 20, "{pairs}");
    }

    async fn every_rpc_says_of_anothers_things_what_it_says_of_nothing(app) {
        let (real, unreal) = ids(&app).await;
        let pool = DescriptorPool::decode(messaging::proto::DESCRIPTORS).unwrap();
        for (service, rpc) in rpcs() {
            let requests = request(&rpc).unwrap_or_else(|| panic!("{rpc} is not in the matrix"));
            let found = pool.get_service_by_name(&format!("messaging.v1.{service}")).unwrap();
            let input = found.methods().find(|method| method.name() == rpc).unwrap().input();
            for request in requests {
                let ask = async |ids: &Ids| {
                    let json: Value = serde_json::from_str(&ids.fill(request)).unwrap();
                    let message = DynamicMessage::deserialize(input.clone(), json).unwrap();
                    let path = format!("messaging.v1.{service}/{rpc}");
                    web::call(&app, app.bob, &path, &prost::Message::encode_to_vec(&message)).await
                };
                let (about_hers, about_nothing) = (ask(&real).await, ask(&unreal).await);
                let whole = |answer: &web::Answer| [answer.messages.concat(), answer.trailers.clone(), answer.details.clone()];
                let expected = whole(&about_nothing).map(|part| renamed(&part, &real, &unreal));
                assert_eq!(whole(&about_hers).map(|part| String::from_utf8_lossy(&part).into_owned()), expected, "{rpc} {request}");
                let code = about_hers.code();
                let empty = about_hers.messages.concat().is_empty();
                let may_be_invalid = ["WatchMessages", "CreateEndpoint"].contains(&rpc.as_str());
                assert!(matches!(code.as_str(), "5" | "7" | "12") || code == "0" && (empty || ["SendMany", "CountMessages"].contains(&rpc.as_str())) || code == "3" && may_be_invalid, "{rpc} {request}: {code}");
            }
        }
    }
}
