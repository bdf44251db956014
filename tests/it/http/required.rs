//! What a request has to have: the contract's option, its comments, the document and the service say the same of every field.

use std::collections::{BTreeMap, BTreeSet};

use messaging::proto::DESCRIPTORS;
use prost::Message as _;
use prost_reflect::{DescriptorPool, FieldDescriptor, MessageDescriptor};
use serde_json::Value;
use tonic_types::pb;

use super::document::document;
use crate::grpc::web;
use crate::support::app::{ORDINARY, TestApp};
use crate::support::contract::rpcs;
use crate::support::database::Kind;

fn contract() -> DescriptorPool {
    DescriptorPool::decode(DESCRIPTORS).unwrap()
}

/// The fields of the package that fulfil a condition, as `Message.field`.
fn fields(fulfil: impl Fn(&FieldDescriptor) -> bool) -> BTreeSet<String> {
    let ours = contract();
    // The entry of a map is a message that nobody wrote.
    let written = |message: &MessageDescriptor| message.package_name() == "messaging.v1" && !message.is_map_entry();
    let messages = ours.all_messages().filter(written);
    let fields = messages.flat_map(|message| message.fields().collect::<Vec<_>>());
    let name = |field: FieldDescriptor| format!("{}.{}", field.parent_message().name(), field.name());
    fields.filter(fulfil).map(name).collect()
}

fn is_required(field: &FieldDescriptor) -> bool {
    let option = field.parent_pool().get_extension_by_name("messaging.v1.required").unwrap();
    field.options().get_extension(&option).as_bool().unwrap()
}

fn required(message: &MessageDescriptor) -> BTreeSet<String> {
    message.fields().filter(is_required).map(|field| field.name().to_owned()).collect()
}

fn is_required_unless(message: &MessageDescriptor, name: &str) -> bool {
    message.get_field_by_name(name).is_some_and(|field| comment(&field).contains("Required unless"))
}

fn comment(field: &FieldDescriptor) -> String {
    let file = field.parent_file();
    let places = &file.file_descriptor_proto().source_code_info.as_ref().unwrap().location;
    places.iter().find(|place| place.path == field.path()).unwrap().leading_comments().to_owned()
}

#[test]
fn the_comments_say_of_a_field_what_its_option_says() {
    let says_so = |field: &FieldDescriptor| comment(field).trim_end().ends_with("Required.");
    let by_option = fields(is_required);
    assert_eq!(by_option, fields(says_so));
    assert!(by_option.contains("SendSingleRequest.destination") && by_option.len() >= 17, "{by_option:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_requires_what_the_contract_does() {
    let app = TestApp::start(Kind::Sqlite).await;
    let document = document(&app).await;
    let mut seen = 0;
    for message in contract().all_messages().filter(|message| message.package_name() == "messaging.v1") {
        let name = message.full_name().strip_prefix("messaging.v1.").unwrap();
        let Some(Value::Object(schema)) = document["components"]["schemas"].get(name) else { continue };
        let fields = message.fields().filter(is_required).map(|field| Value::from(field.json_name()));
        let fields: Vec<Value> = fields.collect();
        assert_eq!(schema.get("required").and_then(Value::as_array).map_or(&[][..], Vec::as_slice), fields, "{name}");
        seen += usize::from(!fields.is_empty());
    }
    assert!(seen >= 4, "{seen}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_lacks_what_it_has_to_have_is_refused_under_the_names_of_the_fields() {
    let app = TestApp::start(Kind::Sqlite).await;
    let mut refused = BTreeMap::new();
    for (service, rpc) in rpcs() {
        let service = contract().get_service_by_name(&format!("messaging.v1.{service}")).unwrap();
        let method = service.methods().find(|method| method.name() == rpc).unwrap();
        let required = required(&method.input());
        if required.is_empty() {
            continue;
        }
        let scopes = format!("{ORDINARY} ops act-as");
        let answer = web::call_with(&app, app.alice, &scopes, &format!("{}/{rpc}", service.full_name()), &[]).await;
        let details = pb::Status::decode(&answer.details[..]).unwrap().details;
        let bad = details.iter().find(|detail| detail.type_url.ends_with("google.rpc.BadRequest"));
        let violations = bad.map(|bad| pb::BadRequest::decode(&bad.value[..]).unwrap().field_violations);
        let named: BTreeSet<String> = violations.unwrap_or_default().into_iter().map(|v| v.field).collect();
        // A field may be required of some requests and not of others: its comment says of which.
        let always: BTreeSet<String> =
            named.iter().filter(|name| !is_required_unless(&method.input(), name)).cloned().collect();
        assert_eq!((answer.code().as_str(), &always), ("3", &required), "{rpc}");
        refused.insert(rpc, named);
    }
    assert!(refused.len() >= 14, "{refused:?}");
}
