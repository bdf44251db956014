//! `RefreshStatus`: the provider's word becomes our state.

use messaging::proto::*;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::send::to;
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

on_both_databases! { TestApp::start =>
    async fn the_providers_words_become_our_states(app) {
        let mut alice = app.alice();
        let cases = [("01", MessageStatus::Delivered), ("02", MessageStatus::Failed), ("04", MessageStatus::Sent),
            ("05", MessageStatus::Sent)];
        for (suffix, expected) in cases {
            let sent = alice.send_single(to(&format!("+3069000000{suffix}"))).await.unwrap().into_inner();
            app.advance(60);
            let refresh = RefreshStatusRequest { provider_message_id: sent.message_id.clone(), owner_id: None };
            let answer = alice.refresh_status(refresh).await.unwrap().into_inner();
            assert_eq!((answer.internal_status(), answer.updated), (expected, 1), "{suffix}");
            assert_eq!(answer.status.unwrap().message_id, sent.message_id);
            let id = sent.message.unwrap().id;
            let message = alice.get_message(GetMessageRequest { id, ..Default::default() }).await.unwrap().into_inner().message.unwrap();
            assert_eq!(message.status(), expected);
            assert_eq!(message.delivered_at.is_some(), expected == MessageStatus::Delivered);
            assert_eq!(message.failed_at.is_some(), expected == MessageStatus::Failed);
            assert_eq!(message.error.is_some(), expected == MessageStatus::Failed);
        }
    }

    async fn a_refresh_names_the_campaigns_and_their_counters_follow_at_once(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let new = CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), ..Default::default() };
        let id = campaigns.create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id;
        let request = SendSingleRequest { campaign_id: Some(id), ..to("+306900000001") };
        let sent = app.alice().send_single(request).await.unwrap().into_inner();
        let stats = GetCampaignStatsRequest { campaign_id: id };
        let before = campaigns.get_campaign_stats(stats).await.unwrap().into_inner().stats.unwrap();
        assert_eq!((before.sent, before.delivered), (1, 0));
        app.advance(60);
        let refresh = RefreshStatusRequest { provider_message_id: sent.message_id, owner_id: None };
        let answer = app.alice().refresh_status(refresh).await.unwrap().into_inner();
        assert_eq!(answer.affected_campaign_ids, [id]);
        let after = campaigns.get_campaign_stats(stats).await.unwrap().into_inner().stats.unwrap();
        assert_eq!((after.sent, after.delivered, after.total), (0, 1, 1));
        assert!((after.delivered_rate - 1.0).abs() < f64::EPSILON);
    }

    async fn a_provider_that_is_away_is_told_as_such_and_its_refusal_is_not_the_callers(app) {
        let sent = app.alice().send_single(to("+306900000001")).await.unwrap().into_inner();
        let refresh = RefreshStatusRequest { provider_message_id: sent.message_id, owner_id: None };
        for outage in ["500", "429", "unauthorized", "malformed", "cut"] {
            app.outage(outage).await;
            let error = app.alice().refresh_status(refresh.clone()).await.unwrap_err();
            assert_eq!(error.code(), Code::Unavailable, "{outage}");
            assert!(error.get_details_retry_info().is_some());
        }
    }

    async fn a_late_sent_does_not_overwrite_delivered(app) {
        let sent = app.alice().send_single(to("+306900000006")).await.unwrap().into_inner();
        let refresh = RefreshStatusRequest { provider_message_id: sent.message_id, owner_id: None };
        let id = sent.message.unwrap().id;
        let mut delivered = false;
        for _ in 0..5 {
            let word = app.alice().refresh_status(refresh.clone()).await.unwrap().into_inner().internal_status();
            delivered |= word == MessageStatus::Delivered;
            let read = app.alice().get_message(GetMessageRequest { id: id.clone(), ..Default::default() }).await.unwrap().into_inner();
            assert!(!delivered || read.message.unwrap().status() == MessageStatus::Delivered);
            app.advance(1);
        }
        assert!(delivered);
    }
}
