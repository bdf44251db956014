//! `messaging import-legacy`: takes over what the system before this one had, and counts at the end whether all of it is
//! there. Tables in the order in which they name each other, page by page; a row that cannot be taken is named and left.

mod contacts;
mod convert;
mod report;

use std::collections::{HashMap, HashSet};
use std::io::Write;

use clap::{Args, ValueEnum};
use secrecy::ExposeSecret as _;

use crate::cli::Failure;
use crate::cli::admin::DatabaseArgs;
use crate::config::{self, Env, variables as var};
use crate::domain::imported::Queued;
use crate::legacy::{self, Mapping, Source, Table, Url};
use crate::store::{OldHome, OldKind, Store};
use convert::Defaults;
use report::Count;

/// The treatment of messages that were queued there.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum QueuedAs {
    /// CANCELLED, with the error code `LEGACY_NOT_SENT`
    Cancelled,
    /// UNKNOWN: they may have been sent
    Unknown,
}

/// The arguments. The URL may hold a password, so they have no `Debug`.
#[derive(Args)]
pub(super) struct Import {
    /// The old database, which is read and never written: `postgres://user:password@host/database?schema=public`
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// Read and count, and take nothing
    #[arg(long)]
    dry_run: bool,
    /// How many rows one transaction takes
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    batch: i64,
    /// The name of a table or column there, if it is not found: Table=name or Table.column=name
    #[arg(long = "map", value_name = "TABLE.COLUMN=NAME")]
    maps: Vec<String>,
    /// The treatment of messages that are queued there and have no sign of having been sent
    #[arg(long, value_enum, default_value = "cancelled")]
    queued_as: QueuedAs,
    /// Read numbers without + or 00 as if they had one
    #[arg(long)]
    add_plus: bool,
    #[command(flatten)]
    database: DatabaseArgs,
}

impl From<legacy::Error> for Failure {
    fn from(e: legacy::Error) -> Self {
        match e {
            legacy::Error::Unavailable(_) => Self::other(e),
            legacy::Error::Url | legacy::Error::Mapping(_) | legacy::Error::Shape(_) => {
                Self::Config(config::Error::new(e.to_string()))
            }
        }
    }
}

impl Import {
    pub(super) async fn run(
        self,
        env: Env,
        out: &mut (dyn Write + Send),
        err: &mut (dyn Write + Send),
    ) -> Result<(), Failure> {
        let told = var::LEGACY_DATABASE_URL.read(&env)?.map(|url| url.expose_secret().to_owned());
        let from = self.from.or(told);
        let from = from.ok_or_else(|| config::Error::of("--from", "is required: postgres://user@host/database"))?;
        let url = Url::parse(&from)?;
        let maps = self.maps.iter().map(|map| Mapping::parse(map)).collect::<Result<Vec<_>, _>>()?;
        let defaults = Defaults {
            sender: env.get(&var::MITTO_SENDER).unwrap_or_default().to_owned(),
            traffic_account_id: env
                .get(&var::SMS_TRAFFIC_ACCOUNT_ID)
                .or_else(|| env.get(&var::MITTO_TRAFFIC_ACCOUNT_ID))
                .unwrap_or_default()
                .to_owned(),
            queued: match self.queued_as {
                QueuedAs::Cancelled => Queued::Cancelled,
                QueuedAs::Unknown => Queued::Unknown,
            },
            add_plus: self.add_plus,
        };
        // Before our own is opened, which brings it up to date.
        let source = Source::open(&url, &maps).await?;
        let store = self.database.made(env).await?;
        let pretend = self.dry_run.then(Pretended::default);
        Taking { source, store, defaults, batch: self.batch, pretend, out, err }.all().await
    }
}

/// Everything that a dry run would have taken by now, by the ids there.
#[derive(Default)]
struct Pretended {
    users: HashSet<i64>,
    campaigns: HashSet<i64>,
}

/// An import in progress.
struct Taking<'a> {
    source: Source,
    store: Store,
    defaults: Defaults,
    batch: i64,
    pretend: Option<Pretended>,
    out: &'a mut (dyn Write + Send),
    err: &'a mut (dyn Write + Send),
}

/// Reads a table page by page: `$page` becomes rows, of which `$take` takes some and leaves others.
macro_rules! pages {
    ($self:ident, $table:expr, $read:ident, $take:ident) => {{
        let (rows, _) = $self.source.count($table).await?;
        let mut count = Count { rows, ..Count::default() };
        let mut after = i64::MIN;
        loop {
            let page = $self.source.$read(after, $self.batch).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            $self.$take(page, &mut count).await?;
            if count.pages.is_multiple_of(100) {
                let read = count.imported + count.known + count.skipped;
                let _ = writeln!($self.err, "{}: {read} of {rows} rows", $table.name());
            }
        }
        count
    }};
}

impl Taking<'_> {
    async fn all(mut self) -> Result<(), Failure> {
        if self.pretend.is_none() {
            let (_, users) = self.source.count(Table::User).await?;
            let (_, campaigns) = self.source.count(Table::Campaign).await?;
            self.store.reserve_old_ids(users, campaigns).await.map_err(Failure::other)?;
        }
        let mut counts = vec![(Table::User, pages!(self, Table::User, users, take_users))];
        if self.source.has(Table::Contact) {
            counts.push((Table::Contact, pages!(self, Table::Contact, contacts, take_contacts)));
        } else {
            let lacking = "note\tContact\t-\tthere is no such table: no opt-outs are taken over";
            writeln!(self.out, "{lacking}").map_err(Failure::other)?;
        }
        counts.push((Table::Campaign, pages!(self, Table::Campaign, campaigns, take_campaigns)));
        counts.push((Table::CampaignMessage, pages!(self, Table::CampaignMessage, messages, take_messages)));
        report::table(&counts, self.pretend.is_some(), self.out)?;
        if self.pretend.is_none() {
            self.store.tidy_from_the_beginning().await.map_err(Failure::other)?;
            let differing = self.store.differing_old_counters().await.map_err(Failure::other)?;
            report::counters(&differing, self.out)?;
        }
        report::verdict(&counts)
    }

    async fn take_users(&mut self, page: Vec<legacy::User>, count: &mut Count) -> Result<(), Failure> {
        let ids: Vec<i64> = page.iter().map(|user| user.id).collect();
        let mut users = Vec::with_capacity(page.len());
        for user in page {
            let id = user.id;
            let (user, note) = convert::user(user);
            if let Some(note) = note {
                writeln!(self.out, "note\tUser\t{id}\t{note}").map_err(Failure::other)?;
            }
            users.push(user);
        }
        let new = if self.pretend.is_some() {
            self.unknown(OldKind::User, &ids).await?
        } else {
            self.store.import_users(users).await.map_err(Failure::other)?
        };
        count.page(ids.len(), new, 0);
        if let Some(pretend) = &mut self.pretend {
            pretend.users.extend(ids);
        }
        Ok(())
    }

    async fn take_campaigns(&mut self, page: Vec<legacy::Campaign>, count: &mut Count) -> Result<(), Failure> {
        let users = distinct(page.iter().filter_map(|campaign| campaign.user_id));
        let mut owners = self.store.old_users(&users).await.map_err(Failure::other)?;
        self.pretend.iter().for_each(|p| pretend_homes(&mut owners, &p.users, &users));
        let (mut campaigns, mut ids, mut skipped) = (Vec::with_capacity(page.len()), Vec::new(), 0);
        for campaign in page {
            let id = campaign.id;
            match convert::campaign(campaign, &owners) {
                Ok(campaign) => {
                    campaigns.push(campaign);
                    ids.push(id);
                }
                Err(why) => {
                    skipped += 1;
                    writeln!(self.out, "skipped\tCampaign\t{id}\t{why}").map_err(Failure::other)?;
                }
            }
        }
        let new = if self.pretend.is_some() {
            self.unknown(OldKind::Campaign, &ids).await?
        } else {
            self.store.import_campaigns(campaigns).await.map_err(Failure::other)?
        };
        count.page(ids.len(), new, skipped);
        if let Some(pretend) = &mut self.pretend {
            pretend.campaigns.extend(ids);
        }
        Ok(())
    }

    async fn take_messages(&mut self, page: Vec<legacy::Message>, count: &mut Count) -> Result<(), Failure> {
        let campaigns = distinct(page.iter().filter_map(|message| message.campaign_id));
        let users = distinct(page.iter().filter_map(|message| message.user_id));
        let mut of_campaign = self.store.old_campaigns(&campaigns).await.map_err(Failure::other)?;
        let mut of_user = self.store.old_users(&users).await.map_err(Failure::other)?;
        if let Some(pretend) = &self.pretend {
            pretend_homes(&mut of_campaign, &pretend.campaigns, &campaigns);
            pretend_homes(&mut of_user, &pretend.users, &users);
        }
        let (mut messages, mut skipped) = (Vec::with_capacity(page.len()), 0);
        for message in page {
            let id = message.id;
            match convert::message(message, &of_campaign, &of_user, &self.defaults) {
                Ok(message) => messages.push((id, message)),
                Err(why) => {
                    skipped += 1;
                    writeln!(self.out, "skipped\tCampaignMessage\t{id}\t{why}").map_err(Failure::other)?;
                }
            }
        }
        let there = messages.len();
        let new = if self.pretend.is_some() {
            let ids: Vec<i64> = messages.iter().map(|(id, _)| *id).collect();
            self.unknown(OldKind::Message, &ids).await?
        } else {
            self.store.import_messages(messages).await.map_err(Failure::other)?
        };
        count.page(there, new, skipped);
        Ok(())
    }

    /// How many of these were not taken before.
    async fn unknown(&self, kind: OldKind, ids: &[i64]) -> Result<usize, Failure> {
        Ok(ids.len() - self.store.known_old(kind, ids).await.map_err(Failure::other)?.len())
    }
}

fn distinct(ids: impl Iterator<Item = i64>) -> Vec<i64> {
    ids.collect::<HashSet<_>>().into_iter().collect()
}

/// In a dry run the messages of what would have been taken belong somewhere, too.
fn pretend_homes(homes: &mut HashMap<i64, OldHome>, taken: &HashSet<i64>, wanted: &[i64]) {
    for id in wanted.iter().filter(|id| taken.contains(id)) {
        homes.entry(*id).or_insert_with(OldHome::unowned);
    }
}
