//! `AddRecipients`: checks recipients as they come, and stores them a thousand at a time.
//!
//! The memory holds one batch and the first invalid ones, whatever the number of recipients. A stream that breaks
//! leaves what was stored: whoever sends it again from the start finds those as duplicates, and the rest is added.

use crate::auth::Caller;
use crate::domain::campaign::CampaignState;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::domain::recipient::Recipient;
use crate::domain::tags::Tags;
use crate::domain::template::Template;
use crate::error::{Error, Resource};
use crate::service::Service;
use crate::service::tags::GivenTags;
use crate::store::{Added, RecipientBatch};

/// How many recipients one transaction takes at most.
const BATCH: usize = 1000;
/// After so many recipients other calls have their turn, even if none of these could be used and nothing is stored.
const YIELD: i64 = 1000;
/// How many invalid recipients are listed.
const LISTED: usize = 1000;

/// One recipient as the caller gave it.
#[derive(Clone, Default)]
pub struct GivenRecipient {
    /// The number.
    pub destination: String,
    /// The values of the text's placeholders.
    pub variables: Vec<(String, String)>,
    /// The tags of its own.
    pub tags: GivenTags,
    /// The line of the file that it stands on, from 1.
    pub line: Option<i64>,
}

/// One that could not be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRecipient {
    /// Its place in the whole stream, from 0.
    pub index: i64,
    /// Why, without the number.
    pub reason: String,
    /// The line that it was given with.
    pub line: Option<i64>,
}

/// The result of a stream of recipients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddedRecipients {
    /// How many were added.
    pub added: i64,
    /// How many were there already.
    pub duplicates: i64,
    /// The first of those that could not be added.
    pub invalid: Vec<InvalidRecipient>,
    /// How many could not be added.
    pub invalid_count: i64,
}

/// A stream of recipients on its way into a campaign.
pub struct Adding {
    service: Service,
    owner: OwnerId,
    campaign: CampaignId,
    template: Template,
    /// The campaign's.
    tags: Tags,
    batch: Vec<Recipient>,
    /// Those of the batch that could not be used.
    invalid: i64,
    seen: i64,
    told: AddedRecipients,
}

impl Service {
    /// Begins to add recipients to one of the caller's drafts.
    pub async fn add_recipients(&self, caller: &Caller, id: i64) -> Result<Adding, Error> {
        let campaign = self.campaign(caller, id).await?;
        if campaign.state != CampaignState::Draft {
            return Err(started(campaign.state));
        }
        Ok(Adding {
            service: self.clone(),
            owner: caller.user,
            campaign: campaign.id,
            template: Template::from_stored(&campaign.content.text),
            tags: campaign.content.tags,
            batch: Vec::new(),
            invalid: 0,
            seen: 0,
            told: AddedRecipients::default(),
        })
    }
}

impl Adding {
    /// The names of the variables that the campaign's text needs.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.template.names().map(str::to_owned).collect()
    }

    /// Refuses a later message of the stream that names another campaign; 0 names none.
    pub fn goes_on_with(&self, id: i64) -> Result<(), Error> {
        if id == 0 || id == self.campaign.0 {
            return Ok(());
        }
        Err(Error::invalid("campaign_id", "must be the same in all messages of the stream, or absent after the first"))
    }

    /// Takes some recipients. When this answers, all but those of an unfinished batch are stored.
    pub async fn push(&mut self, given: Vec<GivenRecipient>) -> Result<(), Error> {
        for GivenRecipient { destination, variables, tags, line } in given {
            let recipient = Recipient::parse(&self.template, &destination, variables);
            match recipient.and_then(|recipient| recipient.tagged(&self.tags, &tags.reference, tags.metadata)) {
                Ok(recipient) => self.batch.push(recipient),
                Err(e) => {
                    self.invalid += 1;
                    self.told.invalid_count += 1;
                    if self.told.invalid.len() < LISTED {
                        self.told.invalid.push(InvalidRecipient { index: self.seen, reason: e.to_string(), line });
                    }
                }
            }
            self.seen += 1;
            if self.batch.len() >= BATCH {
                self.store().await?;
            } else if self.seen % YIELD == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Stores the rest and tells what became of them all.
    pub async fn finish(mut self) -> Result<AddedRecipients, Error> {
        if !self.batch.is_empty() || self.invalid > 0 {
            self.store().await?;
        }
        Ok(self.told)
    }

    async fn store(&mut self) -> Result<(), Error> {
        let recipients = std::mem::take(&mut self.batch);
        let given = i64::try_from(recipients.len()).unwrap_or(i64::MAX);
        let invalid = std::mem::take(&mut self.invalid);
        let batch = RecipientBatch { owner: self.owner, campaign: self.campaign, recipients, invalid };
        match self.service.inner.store.add_recipients(batch).await? {
            None => Err(Error::NotFound(Resource::Campaign, self.campaign.to_string())),
            Some(Added::Started(state)) => Err(started(state)),
            Some(Added::Added(added)) => {
                self.told.added += added;
                self.told.duplicates += given - added;
                Ok(())
            }
        }
    }
}

fn started(state: CampaignState) -> Error {
    Error::Precondition {
        reason: "CAMPAIGN_STARTED",
        message: format!("Recipients can be added to a draft alone; the campaign is {}", state.name()),
        metadata: vec![("state", state.name().to_owned())],
    }
}
