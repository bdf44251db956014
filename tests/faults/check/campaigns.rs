//! Each campaign: it has the recipients that its client gave it, it is over if nothing of it is left to do, and its
//! counters are what counting its messages gives.

use std::collections::{HashMap, HashSet};

use messaging::domain::message::Status;
use messaging::proto::CampaignState;

use super::{Records, Verdict};

/// Holds what clients are told of campaigns against the rows, and against what was asked for.
pub fn check(records: &Records<'_>, verdict: &mut Verdict) {
    let mut given: HashMap<i64, i64> = HashMap::new();
    for campaign in records.told.iter().filter(|told| told.key.is_none()).filter_map(|told| told.campaign) {
        *given.entry(campaign).or_default() += 1;
    }
    let cancelled = records.told.iter().filter(|told| told.orders.as_ref().is_some_and(|orders| orders.cancelled));
    let cancelled: HashSet<i64> = cancelled.filter_map(|told| told.campaign).collect();
    for (campaign, stats) in &records.read.campaigns {
        let id = campaign.id;
        let asked = given.remove(&id).unwrap_or(0);
        let mut wrong = |what: String| verdict.contradictions.push(format!("campaign {id}: {what}"));
        if campaign.recipients != asked {
            wrong(format!("{asked} recipients were given, it has {}", campaign.recipients));
        }
        let of = || records.rows.messages.iter().filter(|row| row.lane == id);
        let made = i64::try_from(of().count()).unwrap();
        // What had not become messages when it was cancelled never does.
        let unmade = if cancelled.contains(&id) { asked - made } else { 0 };
        if made + unmade != asked || unmade < 0 {
            wrong(format!("{asked} recipients were given, {made} are messages"));
        }
        let waits = of().any(|row| row.status == Status::Unknown as i16 && row.due == 1);
        let state = match (asked, waits) {
            (0, _) => CampaignState::Draft,
            _ if cancelled.contains(&id) => CampaignState::Cancelled,
            (_, true) => CampaignState::Running,
            (_, false) => CampaignState::Completed,
        };
        // What nobody knows of it may wait to be sent again: it is over when that time has come, and it is not sent.
        if cancelled.contains(&id) && campaign.ended_at.is_none() && !waits {
            wrong("cancelled, and not over".to_owned());
        }
        if campaign.state() != state {
            wrong(format!("{:?}, and should be {state:?}", campaign.state()));
        }
        let count = |statuses: &[Status]| -> i64 {
            let n = |status: &Status| records.rows.counted.get(&(id, *status as i16)).copied().unwrap_or(0);
            statuses.iter().map(n).sum()
        };
        let counters = [
            ("in all", stats.total, count(&Status::ALL) + unmade),
            ("queued", stats.queued, count(&[Status::Scheduled, Status::Queued, Status::Sending])),
            ("sent", stats.sent, count(&[Status::Sent])),
            ("delivered", stats.delivered, count(&[Status::Delivered])),
            ("failed", stats.failed, count(&[Status::Failed, Status::Expired])),
            ("unknown", stats.unknown, count(&[Status::Unknown])),
            ("cancelled", stats.cancelled, count(&[Status::Cancelled]) + unmade),
        ];
        for (name, told, counted) in counters.into_iter().filter(|(_, told, counted)| told != counted) {
            verdict.drift += (told - counted).unsigned_abs();
            verdict.drifted.push(format!("campaign {id}: GetCampaignStats says {told} {name}, {counted} are there"));
        }
    }
    for (id, asked) in given {
        verdict.lost.push(format!("campaign {id} with {asked} recipients: no client can read it"));
    }
}
