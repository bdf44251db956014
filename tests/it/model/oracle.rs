//! What has to be true once everything is at rest.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use messaging::domain::campaign::CampaignState;
use messaging::domain::message::{Dispatch, Guarantee, Message, Status};
use messaging::domain::supersede::Fate;

use super::world::{World, is_under_way};

/// What is wrong.
pub async fn judge(world: &World) -> Vec<String> {
    let mut wrong = world.wrong.clone();
    let messages = world.messages().await;
    for message in &messages {
        let faults = of_message(world, message);
        wrong.extend(faults.into_iter().map(|fault| format!("{}: {fault}: {:?}", message.id, message.state)));
    }
    let there: HashSet<_> = messages.iter().map(|message| message.id).collect();
    wrong.extend(unexplained(world, &messages));
    wrong.extend(withheld(world, &messages));
    wrong.extend(messages.iter().filter_map(|message| superseded(world, &messages, message)));
    let lost = world.accepted.iter().filter(|id| !there.contains(id));
    wrong.extend(lost.map(|id| format!("{id} was accepted, and is lost")));
    of_campaigns(world, &messages, &mut wrong).await;
    wrong
}

fn of_message(world: &World, message: &Message) -> Vec<&'static str> {
    let mut wrong = Vec::new();
    let state = &message.state;
    if is_under_way(message) {
        wrong.push("it is not at rest");
    }
    let copies = world.provider.copies(message.id);
    let requeued = world.requeued.get(&message.id).copied().unwrap_or(0);
    match message.guarantee {
        Guarantee::AtMostOnce if copies.taken > 1 + requeued => wrong.push("sent more than once at most"),
        Guarantee::AtLeastOnce if copies.taken > 2 + copies.denied + 2 * requeued => wrong.push("sent without bound"),
        _ => {}
    }
    if copies.taken > 1 && !state.possible_duplicate {
        wrong.push("a duplicate is not marked");
    }
    let never = matches!(state.dispatch, Dispatch::Rejected | Dispatch::Cancelled | Dispatch::Expired | Dispatch::Dead);
    if never && copies.taken > 0 {
        wrong.push("the provider has it, and it reads as never sent");
    }
    if state.dispatch == Dispatch::Accepted && copies.taken == 0 {
        wrong.push("it reads as sent, and the provider never had it");
    }
    wrong
}

/// How a message came to harm that nobody did it: neither the provider by its answers nor the end of a process.
pub fn harmed(world: &World, message: &Message) -> Option<&'static str> {
    let state = &message.state;
    let copies = world.provider.copies(message.id);
    let ended = world.harm.held.get(&message.id).copied().unwrap_or(0).max(copies.hung);
    let more = |counted: i16, than: usize| usize::try_from(counted).is_ok_and(|counted| counted > than);
    let given_up = matches!(state.dispatch, Dispatch::Unknown | Dispatch::Dead);
    if more(state.ambiguous, copies.unclear + ended) {
        Some("it counts a lost answer, and no answer to it was lost")
    } else if more(state.crashes, ended) {
        Some("it counts a crash, and the process that held it lived")
    } else if given_up && copies.calls == 0 && ended == 0 {
        Some("it was given up, and never handed over")
    } else {
        None
    }
}

/// What came to harm beyond what the database refused: one row that it refuses harms that one's message, a commit that it
/// refuses for no row's sake one message at most.
fn unexplained(world: &World, messages: &[Message]) -> Vec<String> {
    let innocent = |message: &&Message| !world.harm.refused.contains(message.destination.as_str());
    let why = |message: &Message| {
        let before = world.harm.harmed.contains(&message.id).then_some("it had come to harm before it was put back");
        Some(format!("{}: {}: {:?}", message.id, harmed(world, message).or(before)?, message.state))
    };
    let harmed: Vec<_> = messages.iter().filter(innocent).filter_map(why).collect();
    if harmed.len() > world.harm.commits.load(Ordering::Relaxed) { harmed } else { Vec::new() }
}

/// A message that was said to be cancelled for the sake of this one, and is not.
fn superseded(world: &World, messages: &[Message], message: &Message) -> Option<String> {
    let older = message.supersede.older.filter(|older| older.fate == Fate::Cancelled)?;
    let found = messages.iter().find(|message| message.id == older.id)?;
    let never = found.state.dispatch == Dispatch::Cancelled && world.provider.copies(older.id).taken == 0;
    (!never).then(|| format!("{}: it was said to be superseded, and is not: {:?}", older.id, found.state))
}

/// What was not handed over although nothing stood against it.
pub fn withheld(world: &World, messages: &[Message]) -> Vec<String> {
    let mut wrong = Vec::new();
    for owed in &world.owed {
        let Some(message) = messages.iter().find(|message| message.id == owed.id) else { continue };
        let number = message.destination.as_str();
        let excused = world.unwilling.contains(number) || world.harm.refused.contains(number);
        // What the carrier spoke of meanwhile is there.
        let there = message.state.dispatch == Dispatch::Accepted;
        if !excused && !there && world.provider.copies(owed.id).calls <= owed.calls {
            wrong.push(format!(
                "{}: nothing stood against it, and it was not handed over: {:?} of {:?}, valid until {}: {:?}",
                owed.id, message.lane, message.campaign, message.expires_at, message.state
            ));
        }
    }
    wrong
}

async fn of_campaigns(world: &World, messages: &[Message], wrong: &mut Vec<String>) {
    for (owner, id) in &world.campaigns {
        let stats = world.rig.store.campaign_stats(*owner, *id).await.unwrap().expect("the campaign is there");
        if stats.state == CampaignState::Draft {
            continue;
        }
        if !stats.over {
            wrong.push(format!("campaign {id:?} has not ended: {:?}", stats.state));
        }
        let of = |status: Status| {
            let has = |message: &&Message| message.campaign == Some(*id) && message.status() == status;
            i64::try_from(messages.iter().filter(has).count()).unwrap()
        };
        for (status, counted) in Status::ALL.into_iter().zip(stats.counts) {
            // Those that never became messages are counted as what they would be.
            let waiting = stats.state.of_waiting() == Some(status);
            if counted < of(status) || !waiting && counted != of(status) {
                wrong.push(format!("campaign {id:?} counts {counted} as {status:?} and has {}", of(status)));
            }
        }
    }
}
