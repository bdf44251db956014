//! Delivery reports end to end: the sandbox posts them to the real webhook, and every message ends as it should.

use messaging::domain::ids::MessageId;
use messaging::domain::message::{Message, Status};
use messaging::proto::SendSingleRequest;

use crate::support::app::TestApp;
use crate::support::database::on_both_databases;
use crate::support::store::eventually;

/// The fate of a destination with this ending: its status, the provider's last word, and how many different reports
/// come.
const ENDS: [(&str, Status, &str, i64); 11] = [
    ("0001", Status::Delivered, "Delivered", 2),
    ("0002", Status::Failed, "Failure", 2),
    ("0003", Status::Sent, "", 0),
    ("0004", Status::Sent, "Sent", 1),
    ("0005", Status::Sent, "Parked", 2),
    ("0006", Status::Delivered, "Delivered", 2),
    ("0007", Status::Delivered, "Delivered", 2),
    ("0008", Status::Delivered, "Delivered", 2),
    ("0010", Status::Delivered, "Delivered", 2),
    ("0014", Status::Delivered, "Delivered", 2),
    ("0015", Status::Delivered, "Delivered", 2),
];

async fn send(app: &TestApp, ending: &str) -> MessageId {
    let request = SendSingleRequest {
        destination: format!("+30690000{ending}"),
        text: "x".to_owned(),
        delivery_guarantee: 2,
        ..Default::default()
    };
    let sent = app.alice().send_single(request).await.unwrap().into_inner();
    MessageId::parse(&sent.message.unwrap().id).unwrap()
}

async fn read(app: &TestApp, id: MessageId) -> Message {
    app.store.message_of_anyone(id).await.unwrap().unwrap()
}

async fn each_destination_ends_as_it_should(app: TestApp) {
    let mut ids = Vec::new();
    for (ending, ..) in ENDS {
        ids.push(send(&app, ending).await);
    }
    let total: i64 = ENDS.iter().map(|(.., reports)| reports).sum();
    // Step by step, so that what is due together in the sandbox is told in its order.
    for _ in 0..5 {
        app.advance(1);
    }
    eventually(async || app.count("reports").await == total).await;
    eventually(async || app.count("reports WHERE state <> 2").await == 0).await;
    app.run_due().await;
    for ((ending, status, word, _), id) in ENDS.iter().zip(ids) {
        let message = read(&app, id).await;
        let said = message.state.provider_status.clone().unwrap_or_default();
        assert_eq!((message.status(), said.as_str()), (*status, *word), "{ending}");
        assert_eq!(message.state.delivered_at.is_some(), *status == Status::Delivered, "{ending}");
        assert_eq!(message.state.failed_at.is_some(), *status == Status::Failed, "{ending}");
        let explained = message.state.error_code.as_deref() == Some("DELIVERY_FAILED");
        assert_eq!(explained, *status == Status::Failed, "{ending}");
    }
    assert_eq!(app.count("reports").await, total, "a repetition is the same row");
}

async fn a_handset_that_writes_stop_is_left_alone(app: TestApp) {
    let answer = app.inject("+306900000001", "Alice", "Stop.").await;
    assert_eq!(answer["webhookStatus"], 202, "{answer}");
    app.run_due().await;
    assert_eq!(app.store.opt_outs(app.alice, None, 10).await.unwrap().len(), 1);
    assert_eq!(app.store.opt_outs(app.bob, None, 10).await.unwrap().len(), 0);
}

on_both_databases![TestApp::reported => each_destination_ends_as_it_should, a_handset_that_writes_stop_is_left_alone];
