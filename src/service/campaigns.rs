//! Campaigns: making, reading and counting them; and behind it what their owners do to them.

mod moves;
mod recipients;
mod watch;

pub use recipients::{AddedRecipients, Adding, GivenRecipient, InvalidRecipient};
pub use watch::CampaignWatch;

use jiff::{SignedDuration, Timestamp};

use crate::auth::{Caller, Scope};
use crate::domain::campaign::{Campaign, NewCampaign, Stats};
use crate::domain::ids::CampaignId;
use crate::domain::message::Message;
use crate::domain::page;
use crate::domain::sender::SenderId;
use crate::domain::template::Template;
use crate::domain::text::MessageText;
use crate::error::{Error, Resource, Violation};
use crate::service::Service;
use crate::service::send::{digest, idempotency_key, parse_guarantee};
use crate::service::tags::GivenTags;
use crate::store::CampaignInsert;

/// A campaign to make.
#[derive(Debug, Clone)]
pub struct CreateCampaign {
    /// Its name.
    pub name: String,
    /// The text.
    pub text: String,
    /// The sender ID, if it has one of its own.
    pub sender: Option<String>,
    /// The number of the delivery guarantee; 0 means the default.
    pub delivery_guarantee: i32,
    /// When it is to be sent; when it is started if absent.
    pub scheduled_at: Option<Timestamp>,
    /// How long each message is worth sending; the default if absent.
    pub validity: Option<SignedDuration>,
    /// The caller's own tags of it.
    pub tags: GivenTags,
    /// The idempotency key, which makes the call repeatable; empty for none.
    pub idempotency_key: String,
}

/// Which campaigns to list.
#[derive(Debug, Clone, Default)]
pub struct ListCampaigns {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
}

/// One page of campaigns.
#[derive(Debug, Clone)]
pub struct CampaignPage {
    /// The campaigns, newest first.
    pub campaigns: Vec<Campaign>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

/// The longest name, in characters.
const MAX_NAME: usize = 200;

impl Service {
    /// Makes a campaign of the caller's. `violations` are what could not be read of the request: they are told with all
    /// others.
    pub async fn create_campaign(
        &self,
        caller: &Caller,
        request: CreateCampaign,
        mut violations: Vec<Violation>,
    ) -> Result<Campaign, Error> {
        caller.require(Scope::CampaignsDraft)?;
        let new = check(caller, &request, &mut violations);
        let key = idempotency_key(&request.idempotency_key, || new.as_ref().map(fingerprint), &mut violations);
        let (Some(new), true) = (new, violations.is_empty()) else { return Err(Error::Invalid(violations)) };
        if let Some(sender) = new.sender.clone().map(SenderId::from_stored) {
            let user = self.inner.users.get(caller.user).await?;
            self.sender_of(&user, Some(sender))?;
        }
        match self.inner.store.create_campaign(new, key).await? {
            CampaignInsert::Made(campaign) => Ok(*campaign),
            CampaignInsert::KeyReused => Err(Error::KeyReused),
        }
    }

    /// One of the caller's campaigns.
    pub async fn campaign(&self, caller: &Caller, id: i64) -> Result<Campaign, Error> {
        caller.require(Scope::CampaignsDraft)?;
        let found = self.inner.store.campaign(caller.user, CampaignId(id)).await?;
        found.ok_or_else(|| Error::NotFound(Resource::Campaign, id.to_string()))
    }

    /// A page of the owner's campaigns.
    pub async fn list_campaigns(&self, caller: &Caller, request: &ListCampaigns) -> Result<CampaignPage, Error> {
        caller.require(Scope::CampaignsDraft)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let filters = format!("campaigns/{owner}");
        let mut violations = Vec::new();
        let asked = (request.page_size, request.page_token.as_str());
        let (page, before) = self.page(filters, asked, page::number, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let _turn = self.inner.admission.list(caller.user).await;
        let mut campaigns = self.inner.store.campaigns(owner, before.map(CampaignId), page.limit()).await?;
        let next_page_token = page.cut_by(&mut campaigns, bytes, |campaign| campaign.id.0.to_be_bytes().to_vec());
        Ok(CampaignPage { campaigns, next_page_token })
    }

    /// How one of the caller's campaigns stands, at most a second ago.
    pub async fn campaign_stats(&self, caller: &Caller, id: i64) -> Result<Stats, Error> {
        caller.require(Scope::CampaignsDraft)?;
        let stats = self.inner.stats.get(caller.user, CampaignId(id)).await?;
        stats.ok_or_else(|| Error::NotFound(Resource::Campaign, id.to_string()))
    }
}

/// How many bytes a campaign takes at most, as an answer: its texts, and the rest, which is of one size.
fn bytes(campaign: &Campaign) -> usize {
    let content = &campaign.content;
    content.name.len() + content.text.len() + content.tags.bytes() + 1000
}

fn check(caller: &Caller, request: &CreateCampaign, violations: &mut Vec<Violation>) -> Option<NewCampaign> {
    let before = violations.len();
    let tags = request.tags.check(violations);
    let mut keep = |field: &str, e: &dyn std::fmt::Display| violations.push(Violation::new(field, e));
    let name = request.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        keep("name", &"is required: 1 to 200 characters, none of them a control character");
    }
    if let Err(e) = MessageText::parse(&request.text) {
        keep("text", &e);
    } else if let Err(e) = Template::parse(&request.text) {
        keep("text", &e);
    }
    let sender = request.sender.as_deref().filter(|s| !s.is_empty()).map(SenderId::parse);
    let sender = sender.transpose().map_err(|e| keep("sender", &e)).ok().flatten();
    let guarantee = parse_guarantee(request.delivery_guarantee);
    if guarantee.is_none() {
        keep("delivery_guarantee", &"is not a guarantee that this service knows");
    }
    let scheduled_at = request.scheduled_at;
    let validity = Message::validity(request.validity).map_err(|e| keep("validity", &e));
    let sender = sender.map(|s| s.as_str().to_owned());
    let (text, name) = (request.text.clone(), name.to_owned());
    let (guarantee, validity) = (guarantee?, validity.ok()?);
    let new = NewCampaign { owner: caller.user, name, text, sender, guarantee, scheduled_at, validity, tags };
    (violations.len() == before).then_some(new)
}

/// A digest of the normalised request.
fn fingerprint(new: &NewCampaign) -> [u8; 32] {
    let parts = [
        new.name.clone(),
        new.text.clone(),
        new.sender.clone().unwrap_or_default(),
        (new.guarantee as i16).to_string(),
        new.scheduled_at.map(|at| at.to_string()).unwrap_or_default(),
        new.validity.as_secs().to_string(),
    ];
    let mut parts = parts.to_vec();
    parts.extend(new.tags.parts());
    digest(&parts)
}
