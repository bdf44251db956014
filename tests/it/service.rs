//! The service over a provider that the test holds in its hand.

mod campaigns;
mod refresh_bulk;
