//! The adapters to SMS providers.

mod mitto;
