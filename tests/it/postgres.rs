//! How a Postgres server is reached, and how its errors are known in every language.

mod errors;
mod pooler;
mod reach;
mod secure;
mod watched;
