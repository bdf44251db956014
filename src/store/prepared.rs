//! Statements that the database parses once a connection, of kinds that Diesel has parsed each time: SQL text, UPDATE, conditions that
//! are spelt out.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::{QueryResult, RunQueryDsl};

/// A query that each connection keeps, if it is so marked. Its text must be one of a few: all of them are kept as long as the connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prepared<Q> {
    query: Q,
    kept: bool,
}

/// `.prepared()` on a query.
pub(super) trait Prepare: Sized {
    /// Has each connection keep it.
    fn prepared(self) -> Prepared<Self> {
        self.prepared_if(true)
    }

    /// The same if its text is one of the few.
    fn prepared_if(self, kept: bool) -> Prepared<Self> {
        Prepared { query: self, kept }
    }
}

impl<Q: QueryId> Prepare for Q {}

impl<Q, DB: Backend> QueryFragment<DB> for Prepared<Q>
where
    Q: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.query.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &DB) -> QueryResult<bool> {
        Ok(self.kept)
    }
}

/// It is known by its text, as what it holds may differ.
impl<Q> QueryId for Prepared<Q> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Prepared<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, C> RunQueryDsl<C> for Prepared<Q> {}
