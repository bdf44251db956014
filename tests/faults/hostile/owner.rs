//! What an owner with good credentials does to the others: files, streams, lists, refreshes; and what the provider posts at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use messaging::proto::add_recipients_request::Recipient;
use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use messaging::proto::refresh_status_bulk_request::Target;
use messaging::proto::{
    AddRecipientsRequest, CreateCampaignRequest, ListMessagesRequest, MessageStatus, RefreshStatusBulkRequest,
    StartCampaignRequest, WatchCampaignRequest, WatchMessagesRequest,
};
use serde_json::json;
use tokio::time::sleep;
use tonic::Request;
use tonic::transport::Channel;

use super::Attackers;
use super::sockets::Doors;
use super::strangers::{channel, web};
use crate::evidence::tables::Tables;
use crate::fleet::Fleet;
use crate::reports::SECRET;

const SCOPE: &str = "messages:send messages:read campaigns";
/// How many streams it watches, over so many connections: more than half of what there are.
const WATCHES: usize = 1200;
const CONNECTIONS: usize = 12;
/// How many lists it asks for at a time, and how many bulk refreshes.
const LISTS: usize = 20;
const REFRESHES: usize = 24;
/// How many digests a forged token has.
const DIGESTS: usize = 300_000;
/// How many messages the provider posts at once.
const ARRAY: usize = 8300;
/// Between two of each kind.
const EVERY: Duration = Duration::from_millis(500);
/// How long its messages may take to be sent.
const FILLED: Duration = Duration::from_mins(2);

/// Its credentials, and what it has.
#[derive(Clone)]
pub struct Hostile {
    token: Arc<str>,
    /// A campaign that takes recipients, and one whose messages are sent.
    draft: i64,
    sent: i64,
}

impl Hostile {
    /// A user with so many messages.
    pub async fn new(fleet: &Fleet, messages: u32) -> Self {
        let replica = &fleet.replicas[0];
        let user = replica.ask(&["user", "create", "--name", "hostile"]).await;
        let token = replica.ask(&["token", "--user", &user, "--scope", SCOPE]).await;
        fleet.owners.lock().unwrap().push(user.parse().unwrap());
        let mut hostile = Self { token: token.into(), draft: 0, sent: 0 };
        let mut client = CampaignServiceClient::new(fleet.channel(0).unwrap());
        for sent in [false, true] {
            let text = "hostile {{n}}".to_owned();
            let wanted = CreateCampaignRequest { name: "hostile".to_owned(), text, ..CreateCampaignRequest::default() };
            let made = client.create_campaign(hostile.request(wanted)).await.unwrap().into_inner();
            let campaign = made.campaign.unwrap().id;
            *(if sent { &mut hostile.sent } else { &mut hostile.draft }) = campaign;
        }
        let recipient = |n: u32| Recipient {
            destination: format!("+30697{:03}{}", n / 9000 % 1000, 1000 + n % 9000),
            variables: [("n".to_owned(), n.to_string())].into(),
            ..Recipient::default()
        };
        let all: Vec<_> = (0..messages).map(recipient).collect();
        let campaign_id = hostile.sent;
        let parts: Vec<_> =
            all.chunks(500).map(|part| AddRecipientsRequest { campaign_id, recipients: part.to_vec() }).collect();
        client.add_recipients(hostile.request(futures::stream::iter(parts))).await.unwrap();
        client
            .start_campaign(hostile.request(StartCampaignRequest { campaign_id, ..Default::default() }))
            .await
            .unwrap();
        let (tables, begun) = (Tables::open(&fleet.database).await, Instant::now());
        while tables.unsettled(false).await + tables.alive(false).await > 0 && begun.elapsed() < FILLED {
            sleep(EVERY).await;
        }
        hostile
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", format!("Bearer {}", self.token).parse().unwrap());
        request
    }

    /// The head of a CSV file that comes in chunks.
    pub fn upload_head(&self) -> String {
        format!(
            "POST /api/v1/campaigns/{}/recipients HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n",
            self.draft, self.token
        )
    }

    /// A token of the form that the service gives out, of a stream that was never there.
    fn forged(&self) -> String {
        let payload: Vec<u8> = [0_i64; 4].iter().flat_map(|n| n.to_be_bytes()).chain([0]).collect();
        let digests = (0..DIGESTS as u64).flat_map(u64::to_be_bytes);
        URL_SAFE_NO_PAD.encode([7; 16].into_iter().chain(payload).chain(digests).collect::<Vec<_>>())
    }
}

/// Begins all of it.
pub fn all(attackers: &mut Attackers, doors: &Doors, hostile: &Hostile) {
    for _ in 0..CONNECTIONS {
        let channel = channel(doors);
        for number in 0..WATCHES / CONNECTIONS {
            attackers.add(watch(doors.clone(), channel.clone(), hostile.clone(), number));
        }
    }
    let shared = channel(doors);
    for _ in 0..LISTS {
        attackers.add(list(doors.clone(), shared.clone(), hostile.clone()));
    }
    for number in 0..REFRESHES {
        attackers.add(refresh(doors.clone(), shared.clone(), hostile.clone(), number));
    }
    attackers.add(resume(doors.clone(), shared, hostile.clone()));
    attackers.add(arrays(doors.clone()));
}

/// A stream that it reads as long as it is there.
async fn watch(doors: Doors, channel: Channel, hostile: Hostile, number: usize) {
    sleep(Duration::from_millis(100) * u32::try_from(number).unwrap()).await;
    loop {
        doors.did("watched");
        if number.is_multiple_of(4) {
            let wanted = hostile.request(WatchCampaignRequest { campaign_id: hostile.draft });
            if let Ok(stream) = CampaignServiceClient::new(channel.clone()).watch_campaign(wanted).await {
                let mut stream = stream.into_inner();
                while let Ok(Some(_)) = stream.message().await {}
            }
        } else {
            let wanted = hostile.request(WatchMessagesRequest::default());
            if let Ok(stream) = MessagingServiceClient::new(channel.clone()).watch_messages(wanted).await {
                let mut stream = stream.into_inner();
                while let Ok(Some(_)) = stream.message().await {}
            }
        }
        sleep(EVERY * 8).await;
    }
}

/// Lists with filters that match nothing.
async fn list(doors: Doors, channel: Channel, hostile: Hostile) {
    let mut client = MessagingServiceClient::new(channel);
    loop {
        for status in [MessageStatus::Scheduled, MessageStatus::Failed] {
            let destination = "+306970009999".to_owned();
            let wanted =
                ListMessagesRequest { page_size: 1000, status: status.into(), destination, ..Default::default() };
            doors.did("listed");
            let _ = client.list_messages(hostile.request(wanted)).await;
            sleep(EVERY).await;
        }
    }
}

/// All of a campaign, again and again, by many at a time.
async fn refresh(doors: Doors, channel: Channel, hostile: Hostile, number: usize) {
    sleep(Duration::from_millis(100) * u32::try_from(number).unwrap()).await;
    loop {
        let target = Some(Target::CampaignId(hostile.sent));
        let wanted = RefreshStatusBulkRequest { target, ..RefreshStatusBulkRequest::default() };
        doors.did("refreshed");
        if let Ok(stream) =
            MessagingServiceClient::new(channel.clone()).refresh_status_bulk(hostile.request(wanted)).await
        {
            let mut stream = stream.into_inner();
            while let Ok(Some(_)) = stream.message().await {}
        }
        sleep(EVERY * 40).await;
    }
}

/// A token that says that hundreds of thousands are done beyond its place.
async fn resume(doors: Doors, channel: Channel, hostile: Hostile) {
    let mut client = MessagingServiceClient::new(channel);
    let resume_token = hostile.forged();
    loop {
        let target = Some(Target::CampaignId(hostile.sent));
        let wanted = RefreshStatusBulkRequest { target, resume_token: resume_token.clone(), ..Default::default() };
        doors.did("resumed");
        let _ = client.refresh_status_bulk(hostile.request(wanted)).await;
        sleep(EVERY).await;
    }
}

/// More messages from recipients than a statement has parameters for. Once: reading them takes as long as it takes.
async fn arrays(doors: Doors) {
    let web = web();
    let one = json!({ "from": "+306980001234", "to": "Faults", "text": "hello" });
    let body = serde_json::Value::Array(vec![one; ARRAY]);
    doors.did("arrays");
    let post = web.post(format!("http://{}/webhooks/mitto/inbound", doors.web)).header("x-webhook-token", SECRET);
    let _ = post.json(&body).send().await;
}
