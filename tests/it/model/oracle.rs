//! What has to be true once everything is at rest.

use std::collections::HashSet;

use messaging::domain::campaign::CampaignState;
use messaging::domain::message::{Dispatch, Guarantee, Message, Status};

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
