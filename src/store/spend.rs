//! The account of each owner with limits, under its row's lock: counted in the transaction that accepts, so that no number of
//! replicas and calls at once can overshoot a limit.

use std::collections::{BTreeMap, HashMap, HashSet};

use diesel::dsl::count_star;
use diesel::upsert::excluded;
use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, Insertable, QueryDsl as _, SqliteConnection};
use diesel_async::RunQueryDsl as _;
use jiff::Timestamp;

use super::user_limits::LimitsRow;
use crate::domain::ids::{MessageId, OwnerId};
use crate::domain::message::Message;
use crate::domain::phone::Msisdn;
use crate::domain::spend::{self, Account, Left, Limits, Over};
use crate::store::columns::{Guid, Instant, columns_of};
use crate::store::error::Failure;
use crate::store::pseudonyms::Keyed;
use crate::store::schema::{messages, spent, users};
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store};

/// `spent.period` of a day, and of a month.
const DAY: i16 = 1;
const MONTH: i16 = 2;

/// How long a period is kept.
const KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 62);

#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = spent)]
struct SpentRow {
    owner_id: i64,
    period: i16,
    began: Instant,
    segments: i64,
}

/// The accounts of the owners with limits in one transaction. Owners without are not in it.
#[derive(Default)]
pub(super) struct Accounts {
    open: BTreeMap<OwnerId, Account>,
    /// The owners whose rows another transaction has, where it is not waited for them.
    busy: HashSet<OwnerId>,
}

impl Accounts {
    /// Opens the accounts of these owners, who write to these numbers; their rows stay locked, in the order of their ids. Without
    /// `patience` those are left out that another transaction has: nobody is to wait for another owner's row.
    pub(super) async fn open(
        tx: &mut Tx,
        keyed: &Keyed,
        asked: &BTreeMap<OwnerId, HashSet<String>>,
        patience: bool,
    ) -> Result<Self, Failure> {
        let mut accounts = Self::default();
        for (owner, numbers) in asked {
            let query = users::table.find(owner.0).select(columns_of::<LimitsRow>());
            // A campaign that is made at the same time refers to the row, and need not wait.
            let row: Option<LimitsRow> = on!(
                tx,
                |pg| if patience {
                    query.for_no_key_update().load(pg).await?
                } else {
                    query.for_no_key_update().skip_locked().load(pg).await?
                },
                |lite| query.load(lite).await?
            )
            .pop();
            match row.map(|row| Limits::from(&row)) {
                Some(limits) if limits != Limits::default() => {
                    accounts.open.insert(*owner, account(tx, keyed, (*owner, limits), numbers).await?);
                }
                Some(_) => {}
                None if patience => {}
                None => drop(accounts.busy.insert(*owner)),
            }
        }
        Ok(accounts)
    }

    /// Whether another transaction has this owner's row.
    pub(super) fn is_busy(&self, owner: OwnerId) -> bool {
        self.busy.contains(&owner)
    }

    /// As [`Accounts::open`], for an owner of whom it is not known yet whether it has limits: one without is not locked.
    pub(super) async fn of_owner(
        tx: &mut Tx,
        keyed: &Keyed,
        owner: OwnerId,
        numbers: HashSet<String>,
    ) -> Result<Self, Failure> {
        let query = users::table.find(owner.0);
        let limits: Option<LimitsRow> = on!(tx, |c| query.select(columns_of::<LimitsRow>()).load(c).await?).pop();
        match limits.filter(|row| Limits::from(row) != Limits::default()) {
            Some(_) => Self::open(tx, keyed, &BTreeMap::from([(owner, numbers)]), true).await,
            None => Ok(Self::default()),
        }
    }

    /// Whether one of the owners has no segment left.
    pub(super) fn any_is_spent(&self) -> bool {
        self.open.values().any(Account::is_spent)
    }

    /// Takes a message's segments from its owner's account, or says which limit it would break.
    pub(super) fn take(&mut self, message: &Message) -> Result<(), Over> {
        match self.open.get_mut(&message.owner) {
            Some(account) => account.take(&message.destination, message.segments),
            None => Ok(()),
        }
    }

    /// Writes down what was taken.
    pub(super) async fn book(&self, tx: &mut Tx) -> Result<(), Failure> {
        let (day, month) = spend::periods(tx.now);
        for (owner, account) in self.open.iter().filter(|(_, account)| account.taken() > 0) {
            for (period, began) in [(DAY, day), (MONTH, month)] {
                let row = SpentRow { owner_id: owner.0, period, began: Instant(began), segments: account.taken() };
                let add = diesel::insert_into(spent::table)
                    .values(row)
                    .on_conflict((spent::owner_id, spent::period, spent::began))
                    .do_update()
                    .set(spent::segments.eq(spent::segments + excluded(spent::segments)));
                on!(tx, |c| add.execute(c).await?);
            }
        }
        Ok(())
    }
}

/// An owner's account as it is now.
async fn account(
    tx: &mut Tx,
    keyed: &Keyed,
    (owner, limits): (OwnerId, Limits),
    numbers: &HashSet<String>,
) -> Result<Account, Failure> {
    let (day, month) = spend::periods(tx.now);
    let mut used = [0_i64; 2];
    for (used, (period, began)) in used.iter_mut().zip([(DAY, day), (MONTH, month)]) {
        let query = spent::table.find((owner.0, period, Instant(began))).select(spent::segments);
        *used = on!(tx, |c| query.load::<i64>(c).await?).pop().unwrap_or(0);
    }
    let since = limits.per_number.map(|n| tx.now.checked_sub(n.window).unwrap_or(Timestamp::MIN));
    let mut had: HashMap<String, i64> = HashMap::new();
    if let Some(since) = since {
        // An erased message was sent all the same.
        let forms: HashMap<String, &String> =
            numbers.iter().flat_map(|number| keyed.forms(number).into_iter().map(move |form| (form, number))).collect();
        let since = Guid(MessageId::floor(since).0);
        for (form, messages) in to_numbers(tx, owner, forms.keys().cloned().collect(), since).await? {
            let Some(number) = forms.get(&form) else { continue };
            *had.entry((*number).clone()).or_default() += messages;
        }
    }
    let [today, this_month] = used;
    Ok(Account::new(limits, tx.now, (today, this_month), had))
}

/// How many messages of the owner's went to each of the numbers that had one.
async fn to_numbers(
    tx: &mut Tx,
    owner: OwnerId,
    numbers: Vec<String>,
    since: Guid,
) -> Result<Vec<(String, i64)>, Failure> {
    let of_owner = messages::table.filter(messages::owner_id.eq(owner.0).and(messages::id.ge(since)));
    Ok(on!(
        tx,
        |pg| {
            let query = of_owner.filter(messages::destination.eq_any(numbers)).group_by(messages::destination);
            query.select((messages::destination, count_star())).load(pg).await?
        },
        |lite| {
            // By one probe of the index each: a list of numbers would be another statement for each length.
            let probe = move |c: &mut SqliteConnection| {
                let mut found = Vec::new();
                for number in numbers {
                    let query = of_owner.filter(messages::destination.eq(&number)).select(count_star());
                    found.push((number.clone(), diesel::RunQueryDsl::get_result::<i64>(query, c)?));
                }
                Ok(found)
            };
            lite.spawn_blocking(probe).await?
        }
    ))
}

impl Store {
    /// The rest of the owner's limits, for this number among others, or which of them a message of so many segments would
    /// break. Takes nothing.
    pub async fn spend_left(&self, owner: OwnerId, to: &Msisdn, segments: i16) -> Result<Result<Left, Over>, Error> {
        let to = to.clone();
        let asked = BTreeMap::from([(owner, HashSet::from([to.as_str().to_owned()]))]);
        let keyed = self.keyed.clone();
        transact!(&self.transactions, |tx| {
            let accounts = Accounts::open(tx, &keyed, &asked, true).await?;
            let Some(account) = accounts.open.get(&owner) else { return Ok(Ok(Left::default())) };
            let left = account.left(Some(&to));
            Ok(account.clone().take(&to, segments).map(|()| left))
        })
    }

    /// The rest of the owner's limits of segments.
    pub async fn segments_left(&self, owner: OwnerId) -> Result<Left, Error> {
        let (asked, keyed) = (BTreeMap::from([(owner, HashSet::new())]), self.keyed.clone());
        transact!(&self.transactions, |tx| {
            let accounts = Accounts::open(tx, &keyed, &asked, true).await?;
            Ok(accounts
                .open
                .get(&owner)
                .map(|account| Left { to_number: None, ..account.left(None) })
                .unwrap_or_default())
        })
    }

    /// Lets go of the periods that no limit asks about any more; there is one row a day of each owner with limits.
    pub async fn forget_old_periods(&self) -> Result<(), Error> {
        transact!(&self.transactions, |tx| {
            let old = spent::began.lt(Instant(tx.now.checked_sub(KEPT).unwrap_or(tx.now)));
            on!(tx, |c| diesel::delete(spent::table.filter(old)).execute(c).await?);
            Ok(())
        })
    }
}
