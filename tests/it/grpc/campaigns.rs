//! Campaigns: making, reading and counting them.

use messaging::proto::*;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::send::to;
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

fn new(name: &str) -> CreateCampaignRequest {
    CreateCampaignRequest { name: name.to_owned(), text: "Hi {{first_name}}".to_owned(), ..Default::default() }
}

on_both_databases! { TestApp::start =>
    async fn a_campaign_is_read_as_it_was_made(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let request = CreateCampaignRequest {
            sender: Some("Shop".to_owned()),
            delivery_guarantee: DeliveryGuarantee::AtMostOnce as i32,
            validity: Some(pbjson_types::Duration { seconds: 3600, nanos: 0 }),
            scheduled_at: Some(pbjson_types::Timestamp { seconds: 1_900_000_000, nanos: 0 }),
            ..new("spring")
        };
        let made = campaigns.create_campaign(request).await.unwrap().into_inner().campaign.unwrap();
        assert_eq!((made.state(), made.owner_id, made.sender.as_str()), (CampaignState::Draft, app.alice.0, "Shop"));
        let read = campaigns.get_campaign(GetCampaignRequest { campaign_id: made.id }).await.unwrap().into_inner();
        assert_eq!(read.campaign, Some(made));
    }

    async fn a_repeated_call_with_its_key_makes_one_campaign(app) {
        let request = CreateCampaignRequest { idempotency_key: "k".to_owned(), ..new("spring") };
        let calls = (0..16).map(|_| {
            let (mut campaigns, request) = (app.campaigns_of(app.alice), request.clone());
            tokio::spawn(async move { campaigns.create_campaign(request).await.unwrap().into_inner().campaign.unwrap().id })
        });
        let mut made: Vec<i64> = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
        made.dedup();
        assert_eq!(made.len(), 1);
        let other = CreateCampaignRequest { name: "autumn".to_owned(), ..request };
        assert_eq!(app.campaigns_of(app.alice).create_campaign(other).await.unwrap_err().code(), Code::AlreadyExists);
    }

    async fn every_violation_of_a_campaign_is_told_at_once(app) {
        let request = CreateCampaignRequest {
            sender: Some("!".to_owned()),
            delivery_guarantee: 9,
            validity: Some(pbjson_types::Duration { seconds: 1, nanos: 0 }),
            ..Default::default()
        };
        let error = app.campaigns_of(app.alice).create_campaign(request).await.unwrap_err();
        let fields = error.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field);
        assert_eq!(fields.collect::<Vec<_>>(), ["name", "text", "sender", "delivery_guarantee", "validity"]);
    }

    async fn stats_count_each_message_in_its_state_before_and_after_the_roll_up(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = campaigns.create_campaign(new("c")).await.unwrap().into_inner().campaign.unwrap().id;
        for destination in ["+306900000001", "+306900000004", "+306900000010", "+306900000012"] {
            app.alice().send_single(SendSingleRequest { campaign_id: Some(id), ..to(destination) }).await.unwrap();
        }
        let _ = app.alice().send_single(SendSingleRequest { campaign_id: Some(id), ..to("+306900000016") }).await;
        for _ in 0..2 {
            let stats = campaigns.get_campaign_stats(GetCampaignStatsRequest { campaign_id: id }).await;
            let stats = stats.unwrap().into_inner().stats.unwrap();
            let counts = (stats.total, stats.queued, stats.sent, stats.delivered, stats.failed, stats.unknown, stats.cancelled);
            assert_eq!(counts, (5, 1, 2, 0, 1, 1, 0));
            assert!(stats.first_sent_at.is_some());
            app.service.run_maintenance().await.unwrap();
        }
    }

    async fn pages_visit_every_campaign_of_the_owner_once_newest_first(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let mut made = Vec::new();
        for name in ["a", "b", "c", "d", "e"] {
            made.push(campaigns.create_campaign(new(name)).await.unwrap().into_inner().campaign.unwrap().id);
        }
        app.campaigns_of(app.bob).create_campaign(new("bobs")).await.unwrap();
        made.reverse();
        for page_size in [1, 2, 5, i32::MAX] {
            let mut request = ListCampaignsRequest { page_size, ..Default::default() };
            let mut seen = Vec::new();
            loop {
                let page = campaigns.list_campaigns(request.clone()).await.unwrap().into_inner();
                seen.extend(page.campaigns.into_iter().map(|c| c.id));
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
            assert_eq!(seen, made);
        }
        let forged = ListCampaignsRequest { page_size: -1, page_token: "AAAA".to_owned(), owner_id: None };
        let error = campaigns.list_campaigns(forged).await.unwrap_err();
        let fields = error.get_details_bad_request().unwrap().field_violations.into_iter().map(|v| v.field);
        assert_eq!(fields.collect::<Vec<_>>(), ["page_size", "page_token"]);
        let bobs = ListCampaignsRequest { owner_id: Some(app.bob.0), ..Default::default() };
        assert_eq!(campaigns.list_campaigns(bobs).await.unwrap_err().code(), Code::PermissionDenied);
    }

    async fn a_text_whose_braces_begin_no_placeholder_is_refused_with_their_place(app) {
        let request = CreateCampaignRequest { text: "Γειά {{first name}}".to_owned(), ..new("spring") };
        let error = app.campaigns_of(app.alice).create_campaign(request).await.unwrap_err();
        let violations = error.get_details_bad_request().unwrap().field_violations;
        let [violation] = violations.as_slice() else { panic!("{violations:?}") };
        assert_eq!(violation.field, "text");
        assert!(violation.description.starts_with("has {{ at character 6 that begins no placeholder"), "{violation:?}");
    }
}
