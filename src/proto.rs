//! The generated code of `proto/messaging/v1` and its descriptors, as reflection serves them.
#![expect(clippy::pedantic, reason = "generated code")]

pub mod codec;
mod counting;
pub mod rpc;

tonic::include_proto!("messaging.v1");
include!(concat!(env!("OUT_DIR"), "/messaging.v1.serde.rs"));
include!(concat!(env!("OUT_DIR"), "/methods.rs"));
include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The encoded `FileDescriptorSet`, with comments and imports.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The gRPC service config that clients are given: which calls to repeat, and when.
pub const SERVICE_CONFIG: &str = include_str!("../proto/messaging/v1/messaging_grpc_service_config.json");
