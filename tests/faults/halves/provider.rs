//! The provider takes messages, and says that it failed.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::check::own::Own;
use crate::fleet::Fleet;
use crate::load::{Campaigns, Singles};
use crate::options::Size;
use crate::scenarios::Done;

/// Two of five answers are 500 or 503, of messages that were taken.
pub async fn takes_and_500(fleet: &Arc<Fleet>, size: Size) -> Done {
    let mood = |failing| fleet.replicas.iter().for_each(|replica| replica.gateway.mood().fail(failing));
    mood(true);
    let load = Singles { messages: u32::MAX, rate: 30 }.start(fleet);
    let every = Duration::from_secs(1);
    let campaigns = Campaigns { campaigns: 2, recipients: size.recipients / 2, every, one_by_one: 2 }.start(fleet);
    sleep(Duration::from_secs(4) * (size.rounds + 1)).await;
    let (mut told, of_campaigns) = tokio::join!(load.stop(), campaigns.stop());
    told.extend(of_campaigns);
    // Gates that have closed open again, and what waits is sent.
    mood(false);
    Done { own: Own { failing: true, once_each: true, ..Own::default() }, ..Done::from(told) }
}
