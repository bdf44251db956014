//! The generated code of `proto/messaging/v1` and its descriptors, as reflection serves them.
#![expect(clippy::pedantic, reason = "generated code")]

pub mod rpc;

tonic::include_proto!("messaging.v1");
include!(concat!(env!("OUT_DIR"), "/messaging.v1.serde.rs"));
include!(concat!(env!("OUT_DIR"), "/methods.rs"));

/// The encoded `FileDescriptorSet`, with comments and imports.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
