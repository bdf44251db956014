//! The two databases behind one enum, and the macro that writes each read once.

use std::pin::Pin;

use crate::store::error::Failure;
use crate::store::pg_pool::PgPool;
use crate::store::sqlite_threads::SqliteThreads;

/// The database, whichever it is. Cheap to clone.
#[derive(Clone)]
pub(super) enum Db {
    /// Postgres, shared by a fleet.
    Pg(PgPool),
    /// SQLite, embedded.
    Lite(SqliteThreads),
}

impl Db {
    /// How many connections are in use, and how many idle.
    pub(super) fn status(&self) -> (usize, usize) {
        match self {
            Self::Pg(pool) => pool.status(),
            Self::Lite(threads) => threads.status(),
        }
    }
}

/// A statement on its way. Boxed, so that the types of queries, which are as long as the queries, end here: else the compiler looks
/// through them for everyone who waits for it, from far away.
pub(super) type Statement<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// `run!(db, |c| query)` reads by one query on either database, type-checked for both; `run!(db, |pg| …, |lite| …)` is for
/// the few that differ. The body ends with `?` applied, and owns what it names: on SQLite it moves to another thread.
/// Nothing is written by it: that is what `transact!` is for.
macro_rules! run {
    ($db:expr, |$c:ident| $body:expr) => {
        run!($db, |$c| $body, |$c| $body)
    };
    ($db:expr, |$p:ident| $pg:expr, |$l:ident| $lite:expr $(,)?) => {
        match $db {
            $crate::store::db::Db::Pg(pool) => {
                let mut lent = pool.lend_to_read().await?;
                let read: $crate::store::db::Statement<'_, _> = Box::pin(async {
                    let $p = lent.connection()?;
                    Ok($pg)
                });
                let read = tokio::time::timeout($crate::store::pg_pool::READ, read).await;
                lent.finish(read)?
            }
            $crate::store::db::Db::Lite(threads) => {
                let read = async move |$l: &mut $crate::store::sqlite_threads::Lite| {
                    Ok::<_, $crate::store::error::Failure>($lite)
                };
                threads.read(read).await?
            }
        }
    };
}
pub(super) use run;
