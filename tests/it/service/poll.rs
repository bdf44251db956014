//! Messages that nobody reported on are asked about, within a budget, and ends softly if nothing comes of it.

use jiff::SignedDuration;
use messaging::domain::ids::MessageId;
use messaging::domain::message::{Message, Status};
use messaging::domain::polling::unreported_from;
use messaging::proto::SendSingleRequest;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

async fn sent(app: &TestApp, destination: &str) -> MessageId {
    let request = SendSingleRequest { destination: destination.to_owned(), text: "x".to_owned(), ..Default::default() };
    let sent = app.alice().send_single(request).await.unwrap().into_inner().message.unwrap();
    MessageId::parse(&sent.id).unwrap()
}

async fn record(app: &TestApp, id: MessageId) -> Message {
    app.store.message_of_anyone(id).await.unwrap().unwrap()
}

on_both_databases! { TestApp::start =>
    async fn a_message_without_a_report_is_asked_about_until_it_is_final(app) {
        let id = sent(&app, "+306900000001").await;
        assert_eq!(app.service.poll_unreported().await.unwrap(), 0, "its time has not come");
        assert_eq!(record(&app, id).await.status(), Status::Sent);
        app.advance(11);
        assert_eq!(app.service.poll_unreported().await.unwrap(), 1);
        let message = record(&app, id).await;
        assert_eq!((message.status(), message.state.due_at), (Status::Delivered, None));
        app.advance(3600);
        assert_eq!(app.service.poll_unreported().await.unwrap(), 0);
    }

    async fn what_stays_on_its_way_is_asked_about_at_every_step(app) {
        let id = sent(&app, "+306900000004").await;
        let mut asked = Vec::new();
        for second in 0..700 {
            if app.service.poll_unreported().await.unwrap() > 0 {
                asked.push(second);
            }
            app.advance(1);
        }
        assert_eq!(asked.len(), 4, "after 10 s, 30 s, 2 min and 10 min: {asked:?}");
        assert_eq!(record(&app, id).await.status(), Status::Sent);
    }

    async fn two_replicas_ask_once(app) {
        for i in 0..30 {
            sent(&app, &format!("+30690{i:03}0004")).await;
        }
        app.advance(12);
        let other = app.service_with(Vec::new());
        let (one, two) = tokio::join!(app.service.poll_unreported(), other.poll_unreported());
        let (mut one, mut two) = (one.unwrap(), two.unwrap());
        for _ in 0..3 {
            app.clock.advance(SignedDuration::from_millis(500));
            one += app.service.poll_unreported().await.unwrap();
            two += other.poll_unreported().await.unwrap();
        }
        assert_eq!(one + two, 30, "{one} and {two}");
    }

    async fn the_budget_bounds_the_questions_and_puts_the_rest_off(app) {
        for i in 0..50 {
            sent(&app, &format!("+30690{i:03}0004")).await;
        }
        app.advance(12);
        let mut asked = Vec::new();
        for _ in 0..3 {
            asked.push(app.service.poll_unreported().await.unwrap());
            assert_eq!(app.service.poll_unreported().await.unwrap(), 0, "the second's budget is used up");
            app.advance(1);
        }
        assert_eq!(asked, [18, 18, 14], "twenty a second, less what may arrive late");
    }

    async fn nobody_is_asked_while_the_breaker_is_open(app) {
        sent(&app, "+306900000004").await;
        app.outage("503").await;
        for _ in 0..12 {
            sent(&app, "+306900000001").await;
        }
        app.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(app.service.poll_unreported().await.unwrap(), 0);
        app.leaves_work("the breaker is open");
    }

    async fn what_never_gets_a_report_expires_softly_a_day_after_its_validity(app) {
        let id = sent(&app, "+306900000004").await;
        let end = unreported_from(&record(&app, id).await);
        app.clock.advance(end.duration_since(app.clock.now()) - SignedDuration::from_secs(1));
        app.service.poll_unreported().await.unwrap();
        assert_eq!(record(&app, id).await.status(), Status::Sent);
        app.advance(1);
        app.service.poll_unreported().await.unwrap();
        let message = record(&app, id).await;
        assert_eq!((message.status(), message.state.error_code.as_deref()), (Status::Expired, Some("NO_REPORT")));
        assert_eq!(message.state.due_at, None, "nobody looks at it again");
        let report = json!({"reference": id.to_string(), "status": "Delivered"});
        crate::http::post::post(&app, crate::http::post::DLR, report.to_string()).await;
        assert_eq!(record(&app, id).await.status(), Status::Delivered, "a report that comes later still decides");
    }

    async fn while_the_provider_does_not_answer_nothing_is_called_unreported(app) {
        let id = sent(&app, "+306900000004").await;
        app.outage("503").await;
        let end = unreported_from(&record(&app, id).await);
        app.clock.advance(end.duration_since(app.clock.now()));
        app.service.poll_unreported().await.unwrap();
        assert_eq!(record(&app, id).await.status(), Status::Sent);
        app.outage("none").await;
        app.advance(3601);
        app.service.poll_unreported().await.unwrap();
        assert_eq!(record(&app, id).await.status(), Status::Expired);
    }
}
