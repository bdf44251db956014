//! The old rows as they are here, or why one cannot be: words that never hold a number or a text.

use std::collections::HashMap;

use crate::domain::ids::ProviderMessageId;
use crate::domain::imported::{OldStatus, Past, Queued};
use crate::domain::message::Message;
use crate::domain::opt_out::OptOutSource;
use crate::domain::phone::Msisdn;
use crate::domain::sender::SenderId;
use crate::legacy;
use crate::store::{NewOptOut, OldCampaign, OldHome, OldUser};

/// The defaults where a row says nothing, as in the old system.
pub(super) struct Defaults {
    /// `MITTO_SENDER`; empty if it is not set.
    pub sender: String,
    /// `SMS_TRAFFIC_ACCOUNT_ID`; empty if it is not set.
    pub traffic_account_id: String,
    /// The treatment of queued messages.
    pub queued: Queued,
    /// Whether a number without `+` or `00` gets one.
    pub add_plus: bool,
}

/// A name on one line.
fn name(text: Option<String>, otherwise: &str, id: i64) -> String {
    let plain: String = text.unwrap_or_default().trim().chars().filter(|c| !c.is_control()).take(200).collect();
    if plain.is_empty() { format!("{otherwise} {id}") } else { plain }
}

/// The user, and a word about what it could not keep.
pub(super) fn user(user: legacy::User) -> (OldUser, Option<String>) {
    let sender = user.sender.as_deref().map(SenderId::parse);
    let note = match &sender {
        Some(Err(e)) => Some(format!("is taken without its sender, which {e}")),
        _ => None,
    };
    let name = name(user.name, "user", user.id);
    let sender = sender.and_then(Result::ok);
    (OldUser { legacy_id: user.id, name, sender, created_at: user.created_at }, note)
}

fn number(text: Option<String>, defaults: &Defaults) -> Result<Msisdn, String> {
    let text = text.unwrap_or_default();
    let bare = text.trim_start().starts_with(|c: char| c.is_ascii_digit()) && !text.trim_start().starts_with("00");
    let text = if defaults.add_plus && bare { format!("+{}", text.trim_start()) } else { text };
    Msisdn::parse(&text).map_err(|e| format!("its number {e}"))
}

/// The contact's place on its user's list, if the user is here and its number is one. A START takes it off again, as it did.
pub(super) fn contact(
    contact: legacy::Contact,
    owners: &HashMap<i64, OldHome>,
    defaults: &Defaults,
) -> Result<NewOptOut, String> {
    let user = contact.user_id.ok_or("it names no user")?;
    let owner = owners.get(&user).ok_or("its user is not there")?.owner;
    let number = number(contact.number, defaults)?;
    Ok(NewOptOut { owner, number, source: OptOutSource::Recipient, created_at: contact.unsubscribed_at })
}

/// The campaign, if its user is here.
pub(super) fn campaign(
    campaign: legacy::Campaign,
    owners: &HashMap<i64, OldHome>,
) -> Result<OldCampaign, &'static str> {
    let user = campaign.user_id.ok_or("it names no user")?;
    let owner = owners.get(&user).ok_or("its user is not there")?.owner;
    Ok(OldCampaign {
        legacy_id: campaign.id,
        owner,
        name: name(campaign.name, "campaign", campaign.id),
        text: campaign.text.unwrap_or_default(),
        sender: campaign.sender,
        state: OldStatus::read(campaign.status.as_deref().unwrap_or_default()).of_campaign(),
        created_at: campaign.created_at,
        updated_at: campaign.updated_at,
    })
}

/// The message, if what it belongs to is here and its number is one.
pub(super) fn message(
    old: legacy::Message,
    campaigns: &HashMap<i64, OldHome>,
    users: &HashMap<i64, OldHome>,
    defaults: &Defaults,
) -> Result<Message, String> {
    let home = match (old.campaign_id, old.user_id) {
        (Some(campaign), _) => campaigns.get(&campaign).ok_or("its campaign is not there"),
        (None, Some(user)) => users.get(&user).ok_or("its user is not there"),
        (None, None) => Err("it names neither a campaign nor a user"),
    };
    let home = home.map_err(str::to_owned)?.clone();
    let destination = number(old.destination, defaults)?;
    let created_at = old.created_at.ok_or_else(|| "it has no time of its making".to_owned())?;
    let past = Past {
        legacy_id: old.id,
        owner: home.owner,
        campaign: home.campaign,
        destination,
        text: old.text.or(home.text).unwrap_or_default(),
        sender: old.sender.or(home.sender).unwrap_or_else(|| defaults.sender.clone()),
        traffic_account_id: old.traffic_account_id.unwrap_or_else(|| defaults.traffic_account_id.clone()),
        status: OldStatus::read(old.status.as_deref().unwrap_or_default()),
        provider_message_id: old.provider_message_id.and_then(|id| ProviderMessageId::from_provider(id.trim())),
        provider_status: old.provider_status,
        error: old.error,
        created_at,
        sent_at: old.sent_at,
        delivered_at: old.delivered_at,
        failed_at: old.failed_at,
        updated_at: old.updated_at,
    };
    past.into_message(defaults.queued).ok_or_else(|| "it was made before 1970".to_owned())
}
