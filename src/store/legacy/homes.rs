//! Where what is taken over belongs: the users and campaigns of the old system, as they are here.

use std::collections::{HashMap, HashSet};

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, QueryDsl as _};
use diesel_async::RunQueryDsl as _;

use super::OldKind;
use crate::domain::ids::{CampaignId, OwnerId};
use crate::store::schema::{campaigns, legacy_imports as imports, users};
use crate::store::{Error, Store, run};

/// Whom a message belongs to, and what it has of its campaign and user if it has none of its own. It holds a text, so it has
/// no `Debug`.
#[derive(Clone)]
pub struct OldHome {
    /// The owner.
    pub owner: OwnerId,
    /// The campaign.
    pub campaign: Option<CampaignId>,
    /// The campaign's text.
    pub text: Option<String>,
    /// The campaign's sender, else the user's.
    pub sender: Option<String>,
}

impl Store {
    /// Which of these were taken over, by their ids there.
    pub async fn known_old(&self, kind: OldKind, ids: &[i64]) -> Result<HashSet<i64>, Error> {
        let query = imports::table
            .filter(imports::kind.eq(kind as i16).and(imports::legacy_id.eq_any(ids.to_vec())))
            .select(imports::legacy_id);
        let known: Vec<i64> = run!(&self.db, |c| query.load(c).await?);
        Ok(known.into_iter().collect())
    }

    /// Our ids of what was taken over, by the ids there.
    async fn ids_of(&self, kind: OldKind, ids: &[i64]) -> Result<Vec<(i64, i64)>, Error> {
        let query = imports::table
            .filter(imports::kind.eq(kind as i16).and(imports::legacy_id.eq_any(ids.to_vec())))
            .select((imports::legacy_id, imports::our_id));
        let rows: Vec<(i64, Option<i64>)> = run!(&self.db, |c| query.load(c).await?);
        Ok(rows.into_iter().filter_map(|(old, ours)| Some((old, ours?))).collect())
    }

    async fn senders_of(&self, owners: impl Iterator<Item = i64>) -> Result<HashMap<i64, Option<String>>, Error> {
        let owners: HashSet<i64> = owners.collect();
        let query = users::table.filter(users::id.eq_any(owners)).select((users::id, users::sender_name));
        let rows: Vec<(i64, Option<String>)> = run!(&self.db, |c| query.load(c).await?);
        Ok(rows.into_iter().collect())
    }

    /// These users, by their ids there; without those that were not taken over.
    pub async fn old_users(&self, ids: &[i64]) -> Result<HashMap<i64, OldHome>, Error> {
        let ids = self.ids_of(OldKind::User, ids).await?;
        let senders = self.senders_of(ids.iter().map(|(_, ours)| *ours)).await?;
        let home = |(old, ours): (i64, i64)| {
            let sender = senders.get(&ours)?.clone();
            Some((old, OldHome { owner: OwnerId(ours), campaign: None, text: None, sender }))
        };
        Ok(ids.into_iter().filter_map(home).collect())
    }

    /// These campaigns, by their ids there; without those that were not taken over.
    pub async fn old_campaigns(&self, ids: &[i64]) -> Result<HashMap<i64, OldHome>, Error> {
        type Row = (i64, i64, String, Option<String>);
        let ids = self.ids_of(OldKind::Campaign, ids).await?;
        let ours: Vec<i64> = ids.iter().map(|(_, ours)| *ours).collect();
        let query = campaigns::table.filter(campaigns::id.eq_any(ours)).select((
            campaigns::id,
            campaigns::owner_id,
            campaigns::text,
            campaigns::sender,
        ));
        let rows: Vec<Row> = run!(&self.db, |c| query.load(c).await?);
        let senders = self.senders_of(rows.iter().map(|row| row.1)).await?;
        let rows: HashMap<i64, Row> = rows.into_iter().map(|row| (row.0, row)).collect();
        let home = |(old, ours): (i64, i64)| {
            let (id, owner, text, sender) = rows.get(&ours)?.clone();
            let sender = sender.or_else(|| senders.get(&owner).cloned().flatten());
            let (owner, campaign) = (OwnerId(owner), Some(CampaignId(id)));
            Some((old, OldHome { owner, campaign, text: Some(text), sender }))
        };
        Ok(ids.into_iter().filter_map(home).collect())
    }
}

impl OldHome {
    /// Nobody's: what a dry run has for what it would have taken.
    #[must_use]
    pub fn unowned() -> Self {
        Self { owner: OwnerId(0), campaign: None, text: None, sender: None }
    }
}
