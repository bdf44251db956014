//! The RPCs of the contract, read from the descriptors that the program itself serves.

use prost::Message as _;

/// The needed part of google/protobuf/descriptor.proto.
#[derive(Clone, PartialEq, prost::Message)]
struct Set {
    #[prost(message, repeated, tag = "1")]
    files: Vec<File>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    services: Vec<Service>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    methods: Vec<Method>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Method {
    #[prost(string, tag = "1")]
    name: String,
}

/// Service and method of every RPC, in the order of the contract.
pub fn rpcs() -> Vec<(String, String)> {
    let set = Set::decode(messaging::proto::DESCRIPTORS).unwrap();
    let ours = set.files.into_iter().filter(|file| file.package == "messaging.v1");
    let services = ours.flat_map(|file| file.services);
    let named = |s: Service| s.methods.into_iter().map(move |m| (s.name.clone(), m.name));
    let rpcs: Vec<_> = services.flat_map(named).collect();
    assert!(rpcs.len() >= 18, "{rpcs:?}");
    rpcs
}
