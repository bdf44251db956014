//! What fails by halves: the other half goes on, and nobody says that anything is wrong. One file for each kind of it.

mod clock;
mod frozen;
mod full_disk;
mod outage;
mod postgres;
mod provider;
mod read_only;
mod readers;
mod refused;
mod stop_start;

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;

use crate::fleet::{Fleet, Replica};
use crate::options::{Scenario, Size};
use crate::scenarios::Done;

/// Does it.
pub async fn disturb(scenario: Scenario, fleet: &Arc<Fleet>, size: Size, rng: &mut StdRng) -> Done {
    match scenario {
        Scenario::Swallowed => postgres::swallowed(fleet, size, rng).await,
        Scenario::CommitLost => postgres::commit_lost(fleet, size, rng).await,
        Scenario::Frozen => frozen::frozen(fleet, size, rng).await,
        Scenario::OutageLong => outage::outage(fleet, size, false).await,
        Scenario::OutageKilled => outage::outage(fleet, size, true).await,
        Scenario::TakesAnd500 => provider::takes_and_500(fleet, size).await,
        Scenario::Clock => clock::clock(fleet, size, rng).await,
        Scenario::RefusedRow => refused::refused_row(fleet, size).await,
        Scenario::ReadOnly => read_only::read_only(fleet, size).await,
        Scenario::FullDisk => full_disk::full_disk(fleet, size).await,
        Scenario::Readers => readers::readers(fleet, size).await,
        Scenario::StopStart => stop_start::stop_start(fleet, size, rng).await,
        _ => unreachable!("it is not one of these"),
    }
}

/// How long an answer of `/readyz` may take.
const READY: Duration = Duration::from_secs(10);

/// The answer of a replica's `/readyz`: an error with its status if it is not 200, or what kept it from coming.
async fn ready(replica: &Replica) -> Result<(), String> {
    let client = reqwest::Client::builder().no_proxy().timeout(READY).build().unwrap();
    let address = replica.web().ok_or("nothing: it is down")?;
    let answer = client.get(format!("http://{address}/readyz")).send().await.map_err(|e| e.to_string())?;
    if answer.status() == 200 { Ok(()) } else { Err(answer.status().as_u16().to_string()) }
}

/// The reason that a replica's `/readyz` gives; nothing if it is ready, or does not say.
async fn unready(replica: &Replica) -> Option<String> {
    let client = reqwest::Client::builder().no_proxy().timeout(READY).build().unwrap();
    let answer = client.get(format!("http://{}/readyz", replica.web()?)).send().await.ok()?;
    let said: serde_json::Value = answer.json().await.ok()?;
    Some(said["code"].as_str()?.to_owned())
}
