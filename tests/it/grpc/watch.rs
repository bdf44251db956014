//! `WatchCampaign`: at once, at every change, until the campaign is over; a reader who leaves leaves nothing.

use messaging::proto::*;
use tonic::Streaming;

use super::recipients::{add, made, named};
use crate::support::app::{Campaigns, TestApp};
use crate::support::database::on_both_databases;

async fn watch(campaigns: &mut Campaigns, campaign_id: i64) -> Streaming<WatchCampaignResponse> {
    campaigns.watch_campaign(WatchCampaignRequest { campaign_id }).await.unwrap().into_inner()
}

/// State, total, queued, sent of the next message; `None` at the end.
async fn next(stream: &mut Streaming<WatchCampaignResponse>) -> Option<(CampaignState, i64, i64, i64)> {
    let now = stream.message().await.unwrap()?;
    let stats = now.stats.as_ref().unwrap();
    Some((now.state(), stats.total, stats.queued, stats.sent))
}

on_both_databases! { TestApp::start =>
    async fn a_watcher_is_told_at_once_then_of_changes_and_last_of_the_end(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi").await;
        let mut stream = watch(&mut campaigns, id).await;
        assert_eq!(next(&mut stream).await, Some((CampaignState::Draft, 0, 0, 0)));
        add(&mut campaigns, id, &named(0..3), 3).await.unwrap();
        campaigns.start_campaign(StartCampaignRequest { campaign_id: id, dry_run: false, ..Default::default() }).await.unwrap();
        assert_eq!(next(&mut stream).await, Some((CampaignState::Running, 3, 3, 0)));
        app.run_due().await;
        let mut last = None;
        while let Some(now) = next(&mut stream).await {
            assert_eq!(now.1, 3, "the total stays");
            last = Some(now);
        }
        assert_eq!(last, Some((CampaignState::Completed, 3, 0, 3)));
        let mut late = watch(&mut campaigns, id).await;
        assert_eq!(next(&mut late).await, Some((CampaignState::Completed, 3, 0, 3)));
        assert_eq!(next(&mut late).await, None);
    }

    async fn a_cancelled_campaign_is_watched_until_nothing_of_it_is_left(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi").await;
        campaigns.cancel_campaign(CancelCampaignRequest { campaign_id: id }).await.unwrap();
        let mut stream = watch(&mut campaigns, id).await;
        assert_eq!(next(&mut stream).await, Some((CampaignState::Cancelled, 0, 0, 0)));
        app.run_due().await;
        assert_eq!(next(&mut stream).await, Some((CampaignState::Cancelled, 0, 0, 0)), "the end is a change");
        assert_eq!(next(&mut stream).await, None);
    }

    async fn a_reader_who_leaves_gives_its_place_back(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi").await;
        // The server takes 500 calls at a time.
        for _ in 0..700 {
            let mut stream = watch(&mut campaigns, id).await;
            assert!(next(&mut stream).await.is_some());
        }
    }

    async fn a_process_that_stops_ends_its_watches(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi").await;
        let mut stream = watch(&mut campaigns, id).await;
        next(&mut stream).await;
        app.service.stop_sending();
        assert_eq!(stream.message().await.unwrap_err().code(), tonic::Code::Unavailable);
    }
}
