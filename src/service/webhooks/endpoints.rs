//! Endpoints: made, read, changed, enabled and disabled, tested, and taken away.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::given::{self, GivenCalling};
use super::{GivenStart, given_id, may_be_told, may_change, missing, parse_id};
use crate::auth::{Caller, Scope};
use crate::domain::ids;
use crate::domain::page;
use crate::domain::webhook::event::EventType;
use crate::domain::webhook::health::Called;
use crate::domain::webhook::secret::Mark;
use crate::domain::webhook::{Calling, EndpointId, OLD_SECRET, PER_OWNER, Wanted};
use crate::error::{Error, Violation};
use crate::service::Service;
use crate::service::watch::token::{self, Told};
use crate::store::{Endpoint, EndpointChange, EndpointStanding, NewEndpoint, Position};

/// How many entries of the journal are looked through for the oldest that was not delivered.
const LOOKED_THROUGH: i64 = 5000;

/// An endpoint to make. Its URL may hold a secret: it has no `Debug`.
#[derive(Clone, Default)]
pub struct CreateEndpoint {
    /// Where it is.
    pub url: String,
    /// The names of the types of events that it gets; none means all.
    pub types: Vec<String>,
    /// Only events of this campaign.
    pub campaign_id: Option<i64>,
    /// Only events of messages with these pairs.
    pub metadata: BTreeMap<String, String>,
    /// How it is called.
    pub calling: GivenCalling,
    /// Its owner's words.
    pub description: String,
    /// Whether it is made disabled.
    pub disabled: bool,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
}

/// Changes of an endpoint; what is absent stays as it is.
#[derive(Clone, Default)]
pub struct UpdateEndpoint {
    /// Which endpoint.
    pub id: String,
    /// Where it is.
    pub url: Option<String>,
    /// The types of events that it gets.
    pub types: Option<Vec<String>>,
    /// The campaign; 0 for all and none.
    pub campaign_id: Option<i64>,
    /// The pairs.
    pub metadata: Option<BTreeMap<String, String>>,
    /// How it is called.
    pub calling: GivenCalling,
    /// Its owner's words.
    pub description: Option<String>,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
}

/// Which endpoints to list.
#[derive(Debug, Clone, Default)]
pub struct ListEndpoints {
    /// How many at most.
    pub page_size: i32,
    /// Where to go on.
    pub page_token: String,
    /// Whose, if not the caller's.
    pub owner_id: Option<i64>,
}

/// One page of endpoints.
#[derive(Clone)]
pub struct EndpointPage {
    /// The endpoints, newest first.
    pub endpoints: Vec<Endpoint>,
    /// Where to go on; empty on the last page.
    pub next_page_token: String,
}

/// How far an endpoint's events are delivered.
#[derive(Debug, Clone)]
pub struct Stands {
    /// As it is stored.
    pub standing: EndpointStanding,
    /// The age of the oldest event that was not delivered.
    pub lag: Option<SignedDuration>,
    /// The place up to which everything was.
    pub resume_token: String,
}

/// An endpoint with another secret.
#[derive(Clone)]
pub struct Rotated {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its secret.
    pub secret: SecretString,
    /// Until when the old one counts.
    pub old_until: Timestamp,
}

impl Service {
    /// The key that secrets are made with.
    fn hook_mark(&self) -> Result<Mark, Error> {
        self.inner.settings.hooks.keys.current().ok_or_else(|| Error::Precondition {
            reason: "WEBHOOKS_OFF",
            message: "This service has no webhook endpoints: its operator has not set HOOK_KEY".to_owned(),
            metadata: Vec::new(),
        })
    }

    fn secret_of(&self, endpoint: &Endpoint) -> Result<SecretString, Error> {
        let of = endpoint.secret;
        let secret = self.inner.settings.hooks.keys.secret(of.mark, endpoint.id, of.rotation);
        let lost = || Error::Internal { cause: "a key of HOOK_KEY is not there any more".to_owned() };
        Ok(secret.ok_or_else(lost)?.reveal())
    }

    /// Makes an endpoint. Returns it with its secret.
    pub async fn create_endpoint(
        &self,
        caller: &Caller,
        request: CreateEndpoint,
        mut violations: Vec<Violation>,
    ) -> Result<(Endpoint, SecretString), Error> {
        may_change(caller)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let mark = self.hook_mark()?;
        self.target(&request.url, &mut violations);
        given::description(&request.description, &mut violations);
        let calling = request.calling.over(Calling::default(), &mut violations);
        let wanted = Wanted {
            types: given::types(&request.types, &mut violations),
            campaign: self.campaign_of(owner, request.campaign_id.unwrap_or(0), &mut violations).await?,
            metadata: given::pairs(request.metadata, &mut violations),
        };
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        may_be_told(caller, &wanted.types)?;
        self.inner.users.get(owner).await?;
        let settled = self.inner.store.journal_horizon().await?.settled;
        let new = NewEndpoint {
            id: EndpointId(ids::ordered(self.inner.clock.now())),
            owner,
            url: request.url,
            description: request.description,
            wanted,
            calling,
            mark,
            enabled: !request.disabled,
            start: Position::before(settled),
        };
        let made = self.store_of(caller).create_endpoint(new).await?;
        let endpoint = made.ok_or_else(|| Error::Precondition {
            reason: "TOO_MANY_ENDPOINTS",
            message: format!("An owner has {PER_OWNER} webhook endpoints at most: delete one"),
            metadata: Vec::new(),
        })?;
        let secret = self.secret_of(&endpoint)?;
        Ok((endpoint, secret))
    }

    /// One endpoint, and how it stands. Here and below `owner_id` says whose it is, if not the caller's.
    pub async fn endpoint(
        &self,
        caller: &Caller,
        id: &str,
        owner_id: Option<i64>,
    ) -> Result<(Endpoint, Stands), Error> {
        caller.require(Scope::MessagesRead)?;
        let endpoint = self.own_endpoint(caller, id, owner_id).await?;
        let stands = self.stands(caller, &endpoint).await?;
        Ok((endpoint, stands))
    }

    async fn stands(&self, caller: &Caller, endpoint: &Endpoint) -> Result<Stands, Error> {
        let store = &self.inner.store;
        // As much is read as for a page of a list.
        let _turn = self.inner.admission.list(caller.user).await;
        let standing = store.standing(endpoint.id).await?.ok_or_else(|| missing(endpoint.id))?;
        let settled = store.journal_horizon().await?.settled;
        let behind = store.journal(&[endpoint.owner], standing.at, settled, LOOKED_THROUGH).await?;
        let wanted = behind.iter().find(|entry| {
            let of = EventType::of_number(entry.what.to);
            of.is_some_and(|of| endpoint.wanted.has(of, entry.campaign, &entry.tags))
        });
        let now = self.inner.clock.now();
        let timeline = store.journal_timeline().await?;
        let told = Told { at: standing.at, entry: None, timeline };
        let seal = self.seal(token::name(endpoint.owner, &store.journal_name().await?));
        Ok(Stands {
            lag: wanted.map(|entry| now.duration_since(entry.what.at).max(SignedDuration::ZERO)),
            resume_token: token::write(&seal, &told, now),
            standing,
        })
    }

    /// A page of an owner's endpoints.
    pub async fn list_endpoints(&self, caller: &Caller, request: &ListEndpoints) -> Result<EndpointPage, Error> {
        caller.require(Scope::MessagesRead)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let mut violations = Vec::new();
        let asked = (request.page_size, request.page_token.as_str());
        let (page, behind) = self.page(format!("endpoints/{owner}"), asked, page::id, &mut violations);
        if !violations.is_empty() {
            return Err(Error::Invalid(violations));
        }
        let _turn = self.inner.admission.list(caller.user).await;
        let mut endpoints = self.inner.store.endpoints(owner, behind, page.limit()).await?;
        let next_page_token = page.cut_by(&mut endpoints, bytes, |last| last.id.0.as_bytes().to_vec());
        Ok(EndpointPage { endpoints, next_page_token })
    }

    /// Changes an endpoint.
    pub async fn update_endpoint(
        &self,
        caller: &Caller,
        request: UpdateEndpoint,
        mut violations: Vec<Violation>,
    ) -> Result<Endpoint, Error> {
        may_change(caller)?;
        let owner = self.owner_of(caller, request.owner_id).await?;
        let id = given_id(&request.id, &mut violations);
        if let Some(url) = &request.url {
            self.target(url, &mut violations);
        }
        if let Some(text) = &request.description {
            given::description(text, &mut violations);
        }
        let types = request.types.map(|types| given::types(&types, &mut violations));
        let campaign = match request.campaign_id {
            Some(id) => Some(self.campaign_of(owner, id, &mut violations).await?),
            None => None,
        };
        let metadata = request.metadata.map(|pairs| given::pairs(pairs, &mut violations));
        // Whether what is given can be used does not depend on what was.
        request.calling.over(Calling::default(), &mut violations);
        let Some(id) = id.filter(|_| violations.is_empty()) else {
            return Err(Error::Invalid(violations));
        };
        may_be_told(caller, types.as_deref().unwrap_or_default())?;
        let before = self.found_endpoint(owner, id).await?;
        let wanted = Wanted {
            types: types.unwrap_or_else(|| before.wanted.types.clone()),
            campaign: campaign.unwrap_or(before.wanted.campaign),
            metadata: metadata.unwrap_or_else(|| before.wanted.metadata.clone()),
        };
        let calling = request.calling.over(before.calling, &mut violations);
        let change = EndpointChange {
            url: request.url,
            description: request.description,
            wanted: (wanted != before.wanted).then_some(wanted),
            calling: (calling != before.calling).then_some(calling),
        };
        let changed = self.store_of(caller).change_endpoint(owner, before.id, change).await?;
        changed.ok_or_else(|| missing(before.id))
    }

    /// Takes an endpoint away.
    pub async fn delete_endpoint(&self, caller: &Caller, id: &str, owner_id: Option<i64>) -> Result<(), Error> {
        may_change(caller)?;
        let owner = self.owner_of(caller, owner_id).await?;
        let id = parse_id(id)?;
        let gone = self.store_of(caller).delete_endpoint(owner, id).await?;
        if gone { Ok(()) } else { Err(missing(id)) }
    }

    /// Enables an endpoint.
    pub async fn enable_endpoint(
        &self,
        caller: &Caller,
        id: &str,
        owner_id: Option<i64>,
        start: GivenStart,
        mut violations: Vec<Violation>,
    ) -> Result<Endpoint, Error> {
        may_change(caller)?;
        let owner = self.owner_of(caller, owner_id).await?;
        let id = given_id(id, &mut violations);
        let Some(id) = id.filter(|_| violations.is_empty()) else {
            return Err(Error::Invalid(violations));
        };
        let endpoint = self.found_endpoint(owner, id).await?;
        let start = self.start_of(endpoint.owner, start).await?;
        let enabled = self.store_of(caller).enable_endpoint(owner, endpoint.id, start).await?;
        enabled.ok_or_else(|| missing(endpoint.id))
    }

    /// Disables an endpoint.
    pub async fn disable_endpoint(&self, caller: &Caller, id: &str, owner_id: Option<i64>) -> Result<Endpoint, Error> {
        may_change(caller)?;
        let owner = self.owner_of(caller, owner_id).await?;
        let id = parse_id(id)?;
        let disabled = self.store_of(caller).disable_endpoint(owner, id).await?;
        disabled.ok_or_else(|| missing(id))
    }

    /// Gives an endpoint another secret.
    pub async fn rotate_secret(
        &self,
        caller: &Caller,
        id: &str,
        owner_id: Option<i64>,
        at_once: bool,
    ) -> Result<Rotated, Error> {
        may_change(caller)?;
        let owner = self.owner_of(caller, owner_id).await?;
        let (id, mark) = (parse_id(id)?, self.hook_mark()?);
        let now = self.inner.clock.now();
        let old_until = if at_once { now } else { now.checked_add(OLD_SECRET).unwrap_or(now) };
        let rotated = self.store_of(caller).rotate_secret(owner, id, mark, old_until).await?;
        let endpoint = rotated.ok_or_else(|| missing(id))?;
        Ok(Rotated { secret: self.secret_of(&endpoint)?, endpoint, old_until })
    }

    /// Calls an endpoint with a test.
    pub async fn test_endpoint(&self, caller: &Caller, id: &str, owner_id: Option<i64>) -> Result<Called, Error> {
        may_change(caller)?;
        let endpoint = self.own_endpoint(caller, id, owner_id).await?;
        Ok(self.inner.webhooks.test(&endpoint).await)
    }
}

/// How many bytes an endpoint takes at most, as an answer.
fn bytes(endpoint: &Endpoint) -> usize {
    let metadata: usize = endpoint.wanted.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
    endpoint.url.len() + endpoint.description.len() + metadata + 1000
}
