//! STOP and START of one number, in turn at two replicas, one of which stands still with what it has acknowledged.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use messaging::proto::ListOptOutsRequest;
use messaging::proto::messaging_service_client::MessagingServiceClient;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::time::sleep;

use crate::check::own::Own;
use crate::fleet::{Fleet, Replica};
use crate::load::Singles;
use crate::options::Size;
use crate::reports::SECRET;
use crate::scenarios::Done;

/// How many numbers write in a round.
const NUMBERS: u32 = 12;
/// How long a post may take.
const CALL: Duration = Duration::from_secs(5);
/// How long it may take until all that was acknowledged is in effect.
const SETTLED: Duration = Duration::from_secs(20);
/// How long the one stands still.
const STILL: Duration = Duration::from_secs(2);

/// The last word that was acknowledged counts: each is posted when the one before it was answered.
pub async fn stop_start(fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    // Those who write were written to: the list is that of whose messages they got.
    let load = Singles { messages: NUMBERS * size.rounds * 2, rate: 60 }.start(fleet);
    let told = load.finish().await;
    let numbers: Vec<&str> = told.iter().map(|told| told.destination.as_str()).collect();
    let mut own = Own::default();
    let (mut stopped, mut posts) = (HashSet::new(), 0);
    for part in numbers.chunks(NUMBERS as usize) {
        let victim = rng.random_range(0..fleet.replicas.len());
        for number in part {
            for _ in 0..rng.random_range(0..3) {
                let replica = &fleet.replicas[rng.random_range(0..fleet.replicas.len())];
                say(replica, number, rng.random(), &mut stopped).await;
                posts += 1;
            }
        }
        // The one stands still as soon as it has acknowledged; the other hears the contrary.
        let others: Vec<_> = fleet.replicas.iter().enumerate().filter(|(place, _)| *place != victim).collect();
        let victim = &fleet.replicas[victim];
        let words: Vec<bool> = part.iter().map(|_| rng.random()).collect();
        for (number, stop) in part.iter().zip(&words) {
            say(victim, number, *stop, &mut stopped).await;
        }
        victim.pause();
        fleet.count_cut();
        for (number, stop) in part.iter().zip(&words) {
            if let Some((_, other)) = others.first() {
                say(other, number, !stop, &mut stopped).await;
            }
        }
        sleep(STILL).await;
        victim.resume();
        posts += 2 * part.len();
    }
    let begun = Instant::now();
    let mut listed = list(fleet).await;
    while listed != stopped && begun.elapsed() < SETTLED {
        sleep(Duration::from_millis(250)).await;
        listed = list(fleet).await;
    }
    for number in listed.symmetric_difference(&stopped) {
        let last = if stopped.contains(number) { "STOP" } else { "START" };
        own.wrong.push(format!("{number}: its last word was {last}, and the list says otherwise"));
    }
    own.measured.push(format!("{posts} posts, the last word of {} numbers is STOP", stopped.len()));
    Done { own, ..Done::from(told) }
}

/// Posts a word of a recipient's until it is acknowledged.
async fn say(replica: &Replica, number: &str, stop: bool, stopped: &mut HashSet<String>) {
    let client = reqwest::Client::builder().no_proxy().timeout(CALL).build().unwrap();
    let word = if stop { "STOP" } else { "START" };
    let body = json!({ "from": number, "to": "Faults", "text": word });
    loop {
        let address = replica.web().expect("it is up");
        let post = client.post(format!("http://{address}/webhooks/mitto/inbound")).json(&body);
        let answer = post.header("x-webhook-token", SECRET).send().await;
        if answer.is_ok_and(|answer| answer.status() == 202) {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    if stop {
        stopped.insert(number.to_owned());
    } else {
        stopped.remove(number);
    }
}

async fn list(fleet: &Fleet) -> HashSet<String> {
    let mut client = MessagingServiceClient::new(fleet.channel(1).expect("it is up"));
    let request = ListOptOutsRequest { page_size: 1000, ..ListOptOutsRequest::default() };
    let page = client.list_opt_outs(fleet.with_token(request)).await.unwrap().into_inner();
    page.opt_outs.into_iter().map(|listed| listed.destination).collect()
}
