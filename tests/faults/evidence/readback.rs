//! The answers that clients get in the end: every message through `ListMessages`, some through `GetMessage`, the campaigns
//! through `ListCampaigns` and `GetCampaignStats`.

use std::collections::HashMap;

use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{
    Campaign, CampaignStats, GetCampaignStatsRequest, GetMessageRequest, ListCampaignsRequest, ListMessagesRequest,
    Message,
};
use tonic::transport::Channel;

use crate::fleet::Fleet;

/// One of so many is asked for by its id.
const SAMPLE: usize = 25;

/// The answers.
pub struct ReadBack {
    /// By the id's digits; more than one where two answers differ.
    pub messages: HashMap<String, Vec<Message>>,
    /// The campaigns, each with its counters.
    pub campaigns: Vec<(Campaign, CampaignStats)>,
}

/// Asks a replica for everything.
pub async fn read(fleet: &Fleet) -> ReadBack {
    let channel = fleet.channel(0).expect("a replica is up");
    let mut messages = HashMap::new();
    let owners = fleet.owners.lock().unwrap().clone();
    for (place, owner) in owners.into_iter().enumerate() {
        // The first one is the token's own, who alone can ask for single ones.
        list(fleet, channel.clone(), owner, place == 0, &mut messages).await;
    }
    // Counters may be a second old: a replica that has not been asked yet would not matter, one that has would.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    ReadBack { messages, campaigns: campaigns(fleet, channel).await }
}

async fn list(fleet: &Fleet, channel: Channel, owner: i64, own: bool, messages: &mut HashMap<String, Vec<Message>>) {
    let mut client = MessagingServiceClient::new(channel).max_decoding_message_size(64 << 20);
    let mut page_token = String::new();
    let mut seen = 0_usize;
    loop {
        let request = ListMessagesRequest {
            page_size: 1000,
            page_token,
            owner_id: Some(owner),
            ..ListMessagesRequest::default()
        };
        let page = client.list_messages(fleet.with_token(request)).await.unwrap().into_inner();
        for message in page.messages {
            seen += 1;
            let mut answers = vec![message];
            if own && seen.is_multiple_of(SAMPLE) {
                let request = GetMessageRequest { id: answers[0].id.clone(), ..Default::default() };
                let answer = client.get_message(fleet.with_token(request)).await.unwrap().into_inner();
                answers.extend(answer.message);
            }
            messages.entry(answers[0].id.replace('-', "")).or_default().extend(answers);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return;
        }
    }
}

async fn campaigns(fleet: &Fleet, channel: Channel) -> Vec<(Campaign, CampaignStats)> {
    let mut client = CampaignServiceClient::new(channel);
    let mut all = Vec::new();
    let request = ListCampaignsRequest { page_size: 1000, ..ListCampaignsRequest::default() };
    for campaign in client.list_campaigns(fleet.with_token(request)).await.unwrap().into_inner().campaigns {
        let request = GetCampaignStatsRequest { campaign_id: campaign.id };
        let stats = client.get_campaign_stats(fleet.with_token(request)).await.unwrap().into_inner().stats;
        all.push((campaign, stats.unwrap_or_default()));
    }
    all
}
