//! Canaries: no number, text or secret that passes through the program ever appears in what it writes.

use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{ListMessagesRequest, RefreshStatusRequest, SendSingleRequest};
use serde_json::json;
use tonic::Request;

use crate::support::program::{Running, printed};
use crate::support::settings::ACCOUNT;
use crate::support::store::eventually;

const TEXT: &str = "canary-text-7391";
const API_KEY: &str = "canary-provider-key-7391";
const SECRET: &str = "canary-jwt-secret-7391-0123456789abcdef";
const WEBHOOK_SECRET: &str = "canary-webhook-secret-7391";
const HOOK_KEY: &str = "canary-hook-key-7391-0123456789abcdef";
const IDEMPOTENCY_KEY: &str = "canary-idempotency-7391";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_or_secret_reaches_the_logs_even_when_everything_fails() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/m.db", directory.path().display());
    let sandbox = Running::start(&["sandbox", "--addr", "127.0.0.1:0", "--api-key", API_KEY], &[]);
    let base = format!("http://{}", sandbox.address("sandbox"));
    for format in ["human", "json"] {
        let env = [
            ("DATABASE_URL", database.as_str()),
            ("JWT_SECRET", SECRET),
            ("MITTO_API_KEY", API_KEY),
            ("MITTO_API_BASE", base.as_str()),
            ("SMS_TRAFFIC_ACCOUNT_ID", ACCOUNT),
            ("GRPC_ADDR", "127.0.0.1:0"),
            ("HTTP_ADDR", "127.0.0.1:0"),
            ("WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("HOOK_KEY", HOOK_KEY),
            ("HOOK_NETS", "127.0.0.0/8"),
            ("LOG_LEVEL", "debug"),
            ("LOG_FORMAT", format),
            ("MITTO_TIMEOUT_SECONDS", "2"),
            ("MITTO_CONNECT_TIMEOUT_SECONDS", "1"),
        ];
        printed(&["migrate"], &env);
        let user = printed(&["user", "create", "--name", "carol", "--sender", "Carol"], &env);
        let token = printed(&["token", "--user", &user], &env);
        let key = printed(&["key", "create", "--user", &user], &env);
        let mut server = Running::start(&["serve"], &env);
        let addr = format!("http://{}", server.address("grpc"));
        let mut client = MessagingServiceClient::connect(addr).await.unwrap();
        let secrets = endpoints(&format!("http://{}", server.address("http")), &key).await;
        // Accepted, lost, throttled, slow, malformed, refused; and numbers that are none.
        let destinations = ["01", "02", "09", "10", "11", "12", "13", "16"].map(|s| format!("+3069073917{s}"));
        for destination in destinations.iter().map(String::as_str).chain(["+3069073917", "canary", ""]) {
            let mut request = Request::new(SendSingleRequest {
                destination: destination.to_owned(),
                text: TEXT.to_owned(),
                reference: Some("canary-reference-7391".to_owned()),
                metadata: [("canary-key".to_owned(), "canary-value-7391".to_owned())].into(),
                idempotency_key: format!("{IDEMPOTENCY_KEY}-{format}-{destination}"),
                ..Default::default()
            });
            request.metadata_mut().insert("x-api-key", key.parse().unwrap());
            if let Ok(sent) = client.send_single(request).await {
                let mut refresh = Request::new(RefreshStatusRequest {
                    provider_message_id: sent.into_inner().message_id,
                    owner_id: None,
                });
                refresh.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
                let _ = client.refresh_status(refresh).await;
            }
        }
        let mut list = Request::new(ListMessagesRequest { destination: destinations[0].clone(), ..Default::default() });
        list.metadata_mut().insert("authorization", "Bearer canary-forged-token-7391".parse().unwrap());
        let _ = client.list_messages(list).await;
        // What the provider posts, by itself or by somebody else; what it means, or nothing.
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        for secret in [WEBHOOK_SECRET, "canary-forged-secret-7391"] {
            for (hook, body) in [
                ("dlr", r#"{"messageId":"p","status":"canary-word","to":"+306907391701","text":"canary-text-7391"}"#),
                ("dlr", "canary-unreadable +306907391701"),
                ("inbound", r#"{"from":"+306907391701","to":"Carol","text":"stop by, canary-text-7391"}"#),
                ("inbound", "canary-unreadable +306907391701"),
            ] {
                let url = format!("http://{}/webhooks/mitto/{hook}", server.address("http"));
                let answer = http.post(url).header("x-webhook-token", secret).body(body).send().await.unwrap();
                assert_eq!(answer.status() == 202, secret == WEBHOOK_SECRET);
            }
        }
        // What came in is read by its owner, in two ways, and asked for by a number, a reference and an id that are none.
        let inbox = format!("http://{}/api/v1/inbound", server.address("http"));
        let messages = format!("http://{}/api/v1/messages", server.address("http"));
        let read = async || http.get(&inbox).header("x-api-key", &key).send().await.unwrap().text().await.unwrap();
        eventually(async || read().await.contains("canary-text-7391")).await;
        for wrong in [
            format!("{inbox}?number=%2B306907391701"),
            format!("{inbox}?number=canary"),
            format!("{inbox}/canary"),
            format!("{messages}?reference=canary-reference-7391&provider_message_id=canary%20id&error_code=canary"),
        ] {
            http.get(wrong).header("x-api-key", &key).send().await.unwrap();
        }
        server.signal("TERM");
        assert!(server.wait().success());
        let log = server.log();
        assert!(log.lines().count() > 10 && log.contains("SendSingle"), "{log}");
        for canary in ["canary", "306907391", "3069073917", &token, &key, SECRET, API_KEY, WEBHOOK_SECRET, "whsec_"] {
            assert!(!log.contains(canary), "{canary} in:\n{log}");
        }
        assert!(secrets.iter().all(|secret| !log.contains(secret)), "a webhook endpoint's secret in:\n{log}");
        assert!(!sandbox.log().contains("canary") && !sandbox.log().contains("306907391"), "{}", sandbox.log());
    }
}

/// Makes webhook endpoints whose URLs hold a secret: one that nobody listens at, one that is none, and what is wrong with the rest.
/// Returns the secrets, without what all begin with.
async fn endpoints(base: &str, key: &str) -> Vec<String> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |method: reqwest::Method, path: &str, body: serde_json::Value| {
        let url = format!("{base}/api/v1/webhook-endpoints{path}");
        let answer = http.request(method, url).header("x-api-key", key).json(&body).send().await.unwrap();
        answer.json::<serde_json::Value>().await.unwrap()
    };
    let (post, patch) = (reqwest::Method::POST, reqwest::Method::PATCH);
    let url = "http://127.0.0.1:9/canary-url-7391?key=canary-key-7391";
    let made = ask(post.clone(), "", json!({"url": url, "includeDestination": true, "includeText": true})).await;
    let one = format!("/{}", made["endpoint"]["id"].as_str().unwrap());
    let tested = ask(post.clone(), &format!("{one}/test"), json!({})).await;
    assert_eq!(tested, json!({"outcome": "CALL_OUTCOME_NO_CONNECTION"}));
    let rotated = ask(post.clone(), &format!("{one}/rotate-secret"), json!({})).await;
    for wrong in ["https://canary-user:canary-password@example.com/", "canary", "http://10.0.0.1/canary"] {
        for refused in [
            ask(post.clone(), "", json!({"url": wrong})).await,
            ask(patch.clone(), &one, json!({"url": wrong, "description": "canary\n", "types": ["canary"]})).await,
        ] {
            assert!(refused["code"] == "VALIDATION_ERROR" && !refused.to_string().contains("canary"), "{refused}");
        }
    }
    let secret = |made: &serde_json::Value| made["secret"].as_str().unwrap().strip_prefix("whsec_").unwrap().to_owned();
    vec![secret(&made), secret(&rotated)]
}
