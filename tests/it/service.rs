//! The service over a provider that the test holds in its hand.

mod refresh_bulk;
