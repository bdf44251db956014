//! What clients are told in the end: every message through `ListMessages`, some through `GetMessage`, the campaign's
//! counters through `GetCampaignStats`.

use std::collections::HashMap;

use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::{CampaignStats, GetCampaignStatsRequest, GetMessageRequest, ListMessagesRequest, Message};

use crate::fleet::Fleet;

/// One of so many is asked for by its id.
const SAMPLE: usize = 25;

/// The answers.
pub struct ReadBack {
    /// By the id's digits; more than one where two answers differ.
    pub messages: HashMap<String, Vec<Message>>,
    pub stats: CampaignStats,
}

/// Asks a replica for everything.
pub async fn read(fleet: &Fleet) -> ReadBack {
    let channel = fleet.door(0).expect("a replica is up");
    let mut client = MessagingServiceClient::new(channel.clone()).max_decoding_message_size(64 << 20);
    let mut messages: HashMap<String, Vec<Message>> = HashMap::new();
    let mut page_token = String::new();
    let mut seen = 0_usize;
    loop {
        let request = ListMessagesRequest { page_size: 1000, page_token, ..ListMessagesRequest::default() };
        let page = client.list_messages(fleet.with_token(request)).await.unwrap().into_inner();
        for message in page.messages {
            seen += 1;
            let mut answers = vec![message];
            if seen.is_multiple_of(SAMPLE) {
                let request = GetMessageRequest { id: answers[0].id.clone() };
                let answer = client.get_message(fleet.with_token(request)).await.unwrap().into_inner();
                answers.extend(answer.message);
            }
            messages.entry(answers[0].id.replace('-', "")).or_default().extend(answers);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    // Counters may be a second old: a replica that has not been asked yet would not matter, one that has would.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let mut client = CampaignServiceClient::new(channel);
    let request = GetCampaignStatsRequest { campaign_id: fleet.campaign };
    let stats = client.get_campaign_stats(fleet.with_token(request)).await.unwrap().into_inner().stats;
    ReadBack { messages, stats: stats.unwrap_or_default() }
}
