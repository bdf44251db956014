//! Signed things that count once, for as long as their signed time counts: posts that were taken, and links that were opened. One that
//! comes again is known by its hash.

use diesel::ExpressionMethods as _;
use diesel_async::RunQueryDsl as _;
use jiff::Timestamp;

use crate::store::columns::Instant;
use crate::store::error::Failure;
use crate::store::schema::seen_posts;
use crate::store::transaction::{Tx, on, transact};
use crate::store::{Error, Store};

/// A signed post: what it is known by, and until when it could be taken again.
#[derive(Debug, Clone, Copy)]
pub struct SignedPost {
    /// A hash of its id and its body.
    pub hash: [u8; 32],
    /// Its time counts until then.
    pub until: Timestamp,
}

/// Notes a post. False if it was noted before: then it is to change nothing.
pub(super) async fn note(tx: &mut Tx, post: SignedPost) -> Result<bool, Failure> {
    let row = (seen_posts::id.eq(post.hash.to_vec()), seen_posts::until_at.eq(Instant(post.until)));
    let insert = diesel::insert_into(seen_posts::table).values(row).on_conflict_do_nothing();
    Ok(on!(tx, |c| insert.execute(c).await?) == 1)
}

impl Store {
    /// Notes that something is used that counts once. False if it was used before, at whichever replica.
    pub async fn use_once(&self, used: SignedPost) -> Result<bool, Error> {
        transact!(&self.transactions, |tx| note(tx, used).await)
    }
}

/// Forgets those whose time counts no more. For one at a time alone.
pub(super) async fn forget(tx: &mut Tx) -> Result<(), Failure> {
    let over = diesel::delete(seen_posts::table).filter(seen_posts::until_at.lt(Instant(tx.now)));
    on!(tx, |c| over.execute(c).await?);
    Ok(())
}
