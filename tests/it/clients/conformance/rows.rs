//! What the client for Rust does, row by row of the list.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use messaging::proto::add_recipients_request::Recipient;
use messaging::proto::refresh_status_bulk_request::Target;
use messaging::proto::refresh_status_bulk_response::Event as Step;
use messaging::proto::*;
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Code, Request};

use super::messaging_client::{Client, Error, verify_webhook};
use super::receiver::Receiver;
use crate::clients::digest;
use crate::support::store::eventually;
use crate::support::wire::Wire;

type Outcome = Result<(), Box<dyn StdError>>;

const TO: &str = "+306900000001";

/// A client, and what its rows need to see.
pub struct Rig {
    setup: Value,
    client: Client,
    numbers: AtomicU64,
}

/// A client at another address, or with other credentials.
fn other(address: &str, token: &str) -> Client {
    Client::new(&format!("http://{address}"), token).unwrap()
}

/// Our record of a message, as a client reads it.
async fn record(client: &Client, id: &str) -> Result<Message, Error> {
    let answer = client.messages().get_message(GetMessageRequest { id: id.to_owned(), ..Default::default() }).await?;
    Ok(answer.into_inner().message.unwrap())
}

/// Fails with what was seen.
fn check(holds: bool, seen: &dyn std::fmt::Debug) -> Outcome {
    if holds { Ok(()) } else { Err(format!("{seen:?}").into()) }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Error>, reason: &str) -> Result<Error, Box<dyn StdError>> {
    match answer {
        Err(error) if error.reason == reason => Ok(error),
        other => Err(format!("{reason} was expected, not {other:?}").into()),
    }
}

fn to(destination: &str, text: &str) -> SendSingleRequest {
    SendSingleRequest { destination: destination.to_owned(), text: text.to_owned(), ..Default::default() }
}

fn fields(error: &Error) -> BTreeSet<&str> {
    error.violations.iter().map(|(field, _)| field.as_str()).collect()
}

impl Rig {
    pub fn new(setup: &Value) -> Self {
        let client =
            Client::new(&format!("http://{}", setup["grpc"].as_str().unwrap()), setup["token"].as_str().unwrap());
        Self { setup: setup.clone(), client: client.unwrap(), numbers: AtomicU64::new(0) }
    }

    fn text(&self, name: &str) -> &str {
        self.setup[name].as_str().unwrap()
    }

    /// A key and a text that no other send of this run has.
    fn fresh(&self) -> (String, String) {
        let n = self.numbers.fetch_add(1, Ordering::Relaxed);
        (format!("rust-{n}"), format!("Hello from Rust {n}"))
    }

    /// How often the provider took a text.
    async fn copies(&self, text: &str) -> usize {
        let url = format!("http://{}/sandbox/ledger", self.text("sandbox"));
        let ledger: Vec<Value> = reqwest::get(url).await.unwrap().json().await.unwrap();
        let digest = digest(text);
        ledger.iter().filter(|entry| entry["text_sha256"] == digest.as_str()).count()
    }

    async fn send(&self) -> Result<Message, Error> {
        let (key, text) = self.fresh();
        self.client.send(&key, to(TO, &text)).await
    }

    /// The versions that a watch of this client tells of the messages that are sent once it has begun.
    async fn watched(
        &self,
        client: &Client,
        send: impl AsyncFnOnce() -> Result<Vec<String>, Error>,
    ) -> Result<Vec<Vec<i32>>, Box<dyn StdError>> {
        let mut stream = Box::pin(client.watch(WatchMessagesRequest::default()));
        stream.next().await.ok_or("the watch ended")??;
        let changes = Arc::<Mutex<Vec<(String, i32, MessageStatus)>>>::default();
        let told = changes.clone();
        let _reading = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(Ok(next)) = stream.next().await {
                if let Some(event) = next.event {
                    told.lock().unwrap().push((event.id.clone(), event.version, event.to()));
                }
            }
        }));
        let ids = send().await?;
        let is_sent = |id: &String| {
            let changes = changes.lock().unwrap();
            changes.iter().any(|(of, _, to)| of == id && *to == MessageStatus::Sent)
        };
        eventually(async || ids.iter().all(is_sent)).await;
        let changes = changes.lock().unwrap();
        let of = |id: &String| changes.iter().filter(|(of, ..)| of == id).map(|(_, version, _)| *version).collect();
        Ok(ids.iter().map(of).collect())
    }

    /// Runs one row.
    pub async fn row(&self, id: &str) -> Outcome {
        match id {
            "keyed_send" | "repeat" | "key_required" | "key_conflict" | "dry_run" | "lost_answer" | "rejected" => {
                self.sends(id).await
            }
            "invalid_number" | "all_violations" | "not_found" | "unauthenticated" | "expired" | "scope"
            | "pushback" => self.errors(id).await,
            "cancel" | "already_sent" | "tags" | "campaign_add" => self.records(id).await,
            "watch" | "watch_resumes" | "refresh" => self.streams(id).await,
            _ => self.webhooks(id).await,
        }
    }

    async fn sends(&self, id: &str) -> Outcome {
        let (key, text) = self.fresh();
        let message = to(TO, &text);
        match id {
            "keyed_send" => {
                let sent = self.client.send(&key, message).await?;
                check(!sent.id.is_empty() && sent.provider_message_id.is_some(), &sent.id)?;
                check((sent.status(), self.copies(&text).await) == (MessageStatus::Sent, 1), &sent.status())
            }
            "key_required" => {
                check(self.client.send("", message).await.is_err(), &"it was sent")?;
                check(self.copies(&text).await == 0, &"it was sent")
            }
            "repeat" => {
                let first = self.client.send(&key, message.clone()).await?;
                let again = self.client.send(&key, message).await?;
                check(first.id == again.id && self.copies(&text).await == 1, &(first.id, again.id))
            }
            "key_conflict" => {
                self.client.send(&key, message).await?;
                refused(self.client.send(&key, to(TO, "other")).await, "IDEMPOTENCY_KEY_REUSED").map(drop)
            }
            "dry_run" => {
                let text = text + &"x".repeat(160);
                let request = SendSingleRequest { dry_run: true, ..to(TO, &text) };
                let counted = self.client.send(&key, request).await?;
                check((counted.segments, counted.id.as_str()) == (2, ""), &counted.segments)?;
                check(self.copies(&text).await == 0, &"it was sent")
            }
            "lost_answer" => {
                let mut request = to("+306900000010", &text);
                request.set_delivery_guarantee(DeliveryGuarantee::AtMostOnce);
                let sent = self.client.send(&key, request).await?;
                check(sent.status() == MessageStatus::Unknown && sent.provider_message_id.is_none(), &sent.status())?;
                eventually(async || self.copies(&text).await == 1).await;
                Ok(())
            }
            _ => {
                let error = refused(self.client.send(&key, to("+306900000016", &text)).await, "PROVIDER_REJECTED")?;
                let found = record(&self.client, &error.metadata["id"]).await?;
                check(found.status() == MessageStatus::Failed, &found.status())
            }
        }
    }

    async fn errors(&self, id: &str) -> Outcome {
        let (key, text) = self.fresh();
        let nobodys = uuid::Uuid::new_v4().to_string();
        match id {
            "invalid_number" => {
                let error = refused(self.client.send(&key, to("12", &text)).await, "VALIDATION_ERROR")?;
                check(fields(&error) == BTreeSet::from(["destination"]), &error)
            }
            "all_violations" => {
                let error = refused(self.client.send(&key, to("12", "")).await, "VALIDATION_ERROR")?;
                check(fields(&error) == BTreeSet::from(["destination", "text"]), &error)
            }
            "not_found" => refused(record(&self.client, &nobodys).await, "MESSAGE_NOT_FOUND").map(drop),
            "unauthenticated" => {
                let stranger = other(self.text("grpc"), "nonsense");
                refused(record(&stranger, &nobodys).await, "UNAUTHENTICATED").map(drop)
            }
            "expired" => {
                let late = other(self.text("grpc"), self.text("expired_token"));
                refused(record(&late, &nobodys).await, "TOKEN_EXPIRED").map(drop)
            }
            "scope" => {
                let reader = other(self.text("grpc"), self.text("reading_token"));
                let error = refused(reader.send(&key, to(TO, &text)).await, "SCOPE_REQUIRED")?;
                check(error.metadata["scope"] == "messages:send", &error)
            }
            _ => {
                let before = self.calls().await;
                let mut request = Request::new(to(TO, &text));
                request.metadata_mut().insert("grpc-previous-rpc-attempts", "1".parse()?);
                let answer = self.client.messages().send_single(request).await.map_err(Error::from);
                let error = refused(answer, "REPEATED_WITHOUT_KEY")?;
                let pushback = error.status.metadata().get("grpc-retry-pushback-ms").is_some_and(|value| value == "-1");
                check(error.code == Code::Unavailable && pushback, &error)?;
                eventually(async || self.calls().await > before).await;
                check(self.calls().await == before + 1 && self.copies(&text).await == 0, &before)
            }
        }
    }

    /// How many sends the service has answered.
    async fn calls(&self) -> u64 {
        let url = format!("http://{}/metrics", self.text("http"));
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let counted = text.lines().filter(|line| line.starts_with("messaging_rpc_calls_total{method=\"SendSingle\""));
        counted.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    async fn records(&self, id: &str) -> Outcome {
        let (key, text) = self.fresh();
        match id {
            "cancel" => {
                let day = messaging::clock::Clock::system().now().as_second() + 86_400;
                let at = pbjson_types::Timestamp { seconds: day, nanos: 0 };
                let request = SendSingleRequest { scheduled_at: Some(at), ..to(TO, &text) };
                let message = self.client.send(&key, request).await?;
                check(message.status() == MessageStatus::Scheduled, &message.status())?;
                self.client
                    .messages()
                    .cancel_message(CancelMessageRequest { id: message.id.clone(), ..Default::default() })
                    .await?;
                let found = record(&self.client, &message.id).await?;
                check(found.status() == MessageStatus::Cancelled, &found.status())
            }
            "already_sent" => {
                let sent = self.client.send(&key, to(TO, &text)).await?;
                let answer = self
                    .client
                    .messages()
                    .cancel_message(CancelMessageRequest { id: sent.id, ..Default::default() })
                    .await;
                let error = refused(answer.map_err(Error::from), "MESSAGE_STATE")?;
                check(["sent", "delivered"].contains(&error.metadata["status"].as_str()), &error)
            }
            "tags" => {
                let metadata = [("shop".to_owned(), "athens".to_owned())].into();
                let request = SendSingleRequest { reference: Some("order 7".to_owned()), metadata, ..to(TO, &text) };
                let sent = self.client.send(&key, request.clone()).await?;
                let found = record(&self.client, &sent.id).await?;
                check((found.reference, found.metadata) == (request.reference, request.metadata), &sent.id)
            }
            _ => {
                let request = CreateCampaignRequest {
                    name: "conformance".to_owned(),
                    text: "Hi {{name}}".to_owned(),
                    idempotency_key: key,
                    ..Default::default()
                };
                let mut campaigns = campaign_service_client::CampaignServiceClient::new(self.client.0.clone());
                let made = campaigns.create_campaign(request.clone()).await?.into_inner().campaign.unwrap();
                let again = campaigns.create_campaign(request).await?.into_inner().campaign.unwrap();
                check(made.id == again.id, &(made.id, again.id))?;
                let of = |(number, name): (&str, &str)| Recipient {
                    destination: number.to_owned(),
                    variables: [("name".to_owned(), name.to_owned())].into(),
                    ..Default::default()
                };
                let all = [(TO, "Maria"), ("12", "Nobody"), (TO, "Maria"), ("+306900000021", "Nikos")].map(of);
                let added = self.client.add_recipients(made.id, &all).await?;
                let places: Vec<i64> = added.invalid.iter().map(|invalid| invalid.index).collect();
                check((added.added, added.duplicates, places) == (2, 1, vec![1]), &added.added)
            }
        }
    }

    async fn streams(&self, id: &str) -> Outcome {
        match id {
            "watch" => {
                let versions = self.watched(&self.client, async || Ok(vec![self.send().await?.id])).await?;
                check(versions[0].len() >= 2 && versions[0].is_sorted_by(|a, b| a < b), &versions)
            }
            "watch_resumes" => {
                let wire = Wire::to(self.text("grpc").parse()?).await;
                let client = other(&wire.address.to_string(), self.text("token"));
                let send = async || {
                    let mut ids = Vec::new();
                    for _ in 0..10 {
                        for _ in 0..3 {
                            ids.push(self.send().await?.id);
                        }
                        wire.cut();
                    }
                    Ok(ids)
                };
                let versions = self.watched(&client, send).await?;
                check(versions.iter().all(|of| of.len() >= 2 && of.is_sorted_by(|a, b| a < b)), &versions)
            }
            _ => {
                let mut ids = BTreeSet::new();
                for _ in 0..3 {
                    ids.extend(self.send().await?.provider_message_id);
                }
                let target = Target::ProviderMessageIds(ProviderMessageIds { ids: ids.iter().cloned().collect() });
                let request = RefreshStatusBulkRequest { target: Some(target), ..Default::default() };
                let mut steps = pin!(self.client.refresh(request));
                let (mut told, mut total) = (Vec::new(), None);
                while let Some(step) = steps.next().await {
                    match step?.event {
                        Some(Step::Result(result)) => told.push(result.provider_message_id),
                        Some(Step::Summary(summary)) => total = Some(summary.total),
                        None => {}
                    }
                }
                let once = told.len() == 3 && told.iter().cloned().collect::<BTreeSet<_>>() == ids;
                check(once && total == Some(3), &(told, total))
            }
        }
    }

    async fn webhooks(&self, id: &str) -> Outcome {
        let (key, text) = self.fresh();
        let mut request = CreateEndpointRequest::default();
        if id == "webhook_batch" {
            let max_wait = Some(pbjson_types::Duration { seconds: 1, nanos: 0 });
            let metadata = [("run".to_owned(), key.clone())].into();
            request = CreateEndpointRequest { max_batch: 5, max_wait, metadata, ..request };
        }
        let mut receiver = Receiver::start(&self.client, request).await?;
        let secret = receiver.secret.clone();
        match id {
            "webhook_verified" => {
                let (body, headers) = receiver.test().await?;
                let events = verify_webhook(&body, &headers, &[&secret])?;
                check(events.len() == 1 && events[0]["type"] == "endpoint.test", &events)?;
            }
            "webhook_tampered" => {
                let (body, headers) = receiver.test().await?;
                let mut changed = body.to_vec();
                changed[body.len() / 2] ^= 1;
                check(verify_webhook(&changed, &headers, &[&secret]).is_err(), &"a forged post was taken")?;
                let mut old = headers.clone();
                let at: i64 = headers["webhook-timestamp"].to_str()?.parse()?;
                old.insert("webhook-timestamp", (at - 3600).into());
                check(verify_webhook(&body, &old, &[&secret]).is_err(), &"an old post was taken")?;
            }
            "webhook_rotated" => {
                let new = receiver.rotate().await?;
                let (body, headers) = receiver.test().await?;
                let nobodys = format!("whsec_{}=", "A".repeat(43));
                check(new != secret, &"it is the same")?;
                for secrets in [&[secret.as_str()][..], &[&new], &[&nobodys, &new]] {
                    verify_webhook(&body, &headers, secrets)?;
                }
                check(verify_webhook(&body, &headers, &[&nobodys]).is_err(), &"nobody's secret verified it")?;
            }
            "webhook_batch" => {
                for n in 0..2 {
                    let metadata = [("run".to_owned(), key.clone())].into();
                    let message = SendSingleRequest { metadata, ..to(TO, &format!("{text} {n}")) };
                    self.client.send(&format!("{key} {n}"), message).await?;
                }
                let (mut told, mut most) = (BTreeSet::new(), 0);
                while told.len() < 2 {
                    let (body, headers) = receiver.post().await?;
                    let events = verify_webhook(&body, &headers, &[&secret])?;
                    most = most.max(events.len());
                    told.extend(events.iter().map(|event| event["data"]["id"].to_string()));
                }
                check(most > 1, &"no batch had several events")?;
            }
            _ => return Err("there is no such row".into()),
        }
        tokio::time::timeout(Duration::from_secs(30), receiver.end()).await?
    }
}
