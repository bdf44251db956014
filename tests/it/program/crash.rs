//! `kill -9` between the fence and the settle: what is left, and what finds it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{DeliveryGuarantee, GetMessageRequest, ListMessagesRequest, MessageStatus, SendSingleRequest};
use tonic::Request;

use crate::support::app::{API_KEY, Home, TestApp};
use crate::support::database::{Kind, on_both_databases};
use crate::support::program::{Running, printed};
use crate::support::settings::{ACCOUNT, JWT_SECRET};

/// Kills the server while the provider has both messages and has answered neither, and lets another process find them.
async fn a_server_killed_while_it_sends_loses_nothing_and_resends_only_as_its_guarantee_allows(kind: Kind) {
    let home = Home::new(kind).await;
    let database = home.url();
    let slow = ["sandbox", "--addr", "127.0.0.1:0", "--api-key", API_KEY, "--slow-answer-ms", "20000"];
    let sandbox = Running::start(&slow, &[]);
    let base = format!("http://{}", sandbox.address("sandbox"));
    let env = [
        ("DATABASE_URL", database.as_str()),
        ("JWT_SECRET", JWT_SECRET),
        ("MITTO_API_KEY", API_KEY),
        ("MITTO_API_BASE", base.as_str()),
        ("SMS_TRAFFIC_ACCOUNT_ID", ACCOUNT),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
    ];
    printed(&["migrate"], &env);
    let user = printed(&["user", "create", "--name", "carol", "--sender", "Carol"], &env);
    let token = printed(&["token", "--user", &user], &env);
    let server = Running::start(&["serve"], &env);
    let mut ids = Vec::new();
    for guarantee in [DeliveryGuarantee::AtLeastOnce, DeliveryGuarantee::AtMostOnce] {
        let addr = format!("http://{}", server.address("grpc"));
        let mut client = MessagingServiceClient::connect(addr).await.unwrap();
        let mut request = Request::new(SendSingleRequest {
            destination: "+306900000011".to_owned(),
            text: "Hello".to_owned(),
            delivery_guarantee: guarantee as i32,
            ..Default::default()
        });
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        tokio::spawn(async move { client.send_single(request).await });
    }
    let ledger = format!("{base}/sandbox/ledger");
    let accepted = async || {
        let answer = reqwest::get(&ledger).await.unwrap();
        answer.json::<Vec<serde_json::Value>>().await.unwrap()
    };
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while accepted().await.len() < 2 {
        assert!(std::time::Instant::now() < deadline, "the provider never got them: {}", server.log());
        tokio::task::yield_now().await;
    }
    server.signal("KILL");
    drop(server);

    // Another process: half a minute after the lease has ended, or at once where nobody else can be at the file.
    let later = if kind == Kind::Postgres { SignedDuration::from_secs(90) } else { SignedDuration::ZERO };
    let later = Timestamp::from_millisecond(now_millis()).unwrap() + later;
    let address = sandbox.address("sandbox").parse().unwrap();
    let app = TestApp::over(home, later, Some(address)).await;
    let owner = messaging::domain::ids::OwnerId(user.parse().unwrap());
    let mut client = app.client_of(owner, "messages:read");
    app.run_due().await;
    let list = client.list_messages(ListMessagesRequest::default()).await.unwrap().into_inner().messages;
    assert_eq!(list.len(), 2, "none is lost");
    for message in list {
        assert_eq!((message.status(), message.attempts), (MessageStatus::Unknown, 1));
        assert_eq!(message.error_code.as_deref(), Some("PROCESS_LOST"));
        ids.push((message.id.clone(), message.delivery_guarantee()));
    }
    // The wait for a report ends: one guarantee allows a second send, the other does not.
    app.sandbox_settings(serde_json::json!({"outage": "503"})).await;
    app.advance(121);
    app.run_due().await;
    app.outage("none").await;
    for (id, guarantee) in ids {
        let read =
            client.get_message(GetMessageRequest { id: id.clone(), ..Default::default() }).await.unwrap().into_inner();
        let sent = accepted().await.iter().filter(|entry| entry["reference"] == id.as_str()).count();
        let message = read.message.unwrap();
        let expected = match guarantee {
            DeliveryGuarantee::AtMostOnce => (MessageStatus::Unknown, 1, false),
            _ => (MessageStatus::Queued, 2, true),
        };
        assert_eq!((message.status(), message.attempts, message.possible_duplicate), expected);
        assert_eq!(sent, 1, "the ledger has each once: the provider refused the second send");
    }
}

/// The readings of the children's clocks.
fn now_millis() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

on_both_databases![std::future::ready => a_server_killed_while_it_sends_loses_nothing_and_resends_only_as_its_guarantee_allows];
