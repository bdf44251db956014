//! Nobody takes the service from the others: shares, connections, and what strangers and tenants do to a server.

mod answers;
mod connections;
mod failures;
mod matrix;
mod shares;
mod strangers;
mod tenants;
