//! The contract's messages as JSON Schema, by the canonical JSON of Protocol Buffers, with the contract's comments.

use prost_reflect::{EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use crate::http::openapi::examples;
use crate::http::transcode::CONTRACT;

const PACKAGE: &str = "messaging.v1.";

/// The schemas of the contract, by their names.
pub(super) fn all() -> Map<String, Value> {
    let mut all = Map::new();
    for message in CONTRACT.all_messages().filter(|m| m.full_name().starts_with(PACKAGE) && !m.is_map_entry()) {
        all.insert(name(message.full_name()).to_owned(), of_message(&message));
    }
    for kind in CONTRACT.all_enums().filter(|e| e.full_name().starts_with(PACKAGE)) {
        all.insert(name(kind.full_name()).to_owned(), of_enum(&kind));
    }
    all
}

/// The name in the document.
pub(super) fn name(full: &str) -> &str {
    full.strip_prefix(PACKAGE).unwrap_or(full)
}

/// A reference to a schema of the document.
pub(super) fn reference(full: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{}", name(full))})
}

/// A message as an object, without the fields that come from elsewhere.
pub(super) fn object(message: &MessageDescriptor, elsewhere: &[&str]) -> Value {
    let fields = || message.fields().filter(|field| !elsewhere.contains(&field.name()));
    let properties: Map<String, Value> = fields().map(|f| (f.json_name().to_owned(), of_field(&f))).collect();
    let required = fields().filter(is_required).map(|f| f.json_name().to_owned());
    let required: Vec<String> = required.collect();
    let mut schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let (Value::Object(schema), false) = (&mut schema, required.is_empty()) {
        schema.insert("required".to_owned(), json!(required));
    }
    if let (Value::Object(schema), Some(example)) = (&mut schema, examples::of(name(message.full_name()))) {
        schema.insert("examples".to_owned(), json!([example]));
    }
    schema
}

/// Whether the contract says so, by its option `(messaging.v1.required)`.
pub(super) fn is_required(field: &FieldDescriptor) -> bool {
    let option = CONTRACT.get_extension_by_name("messaging.v1.required");
    option.is_some_and(|option| field.options().get_extension(&option).as_bool() == Some(true))
}

fn of_message(message: &MessageDescriptor) -> Value {
    let mut schema = object(message, &[]);
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), json!(comment(&message.parent_file(), message.path())));
    }
    schema
}

fn of_enum(kind: &EnumDescriptor) -> Value {
    let file = kind.parent_file();
    let mut text = comment(&file, kind.path());
    for value in kind.values() {
        text = format!("{text}\n\n- `{}`: {}", value.name(), comment(&file, value.path()));
    }
    let names: Vec<String> = kind.values().map(|value| value.name().to_owned()).collect();
    json!({"type": "string", "enum": names, "description": text})
}

/// A field, with its comment.
pub(super) fn of_field(field: &FieldDescriptor) -> Value {
    let mut schema = if field.is_map() {
        json!({"type": "object", "additionalProperties": {"type": "string"}})
    } else if field.is_list() {
        json!({"type": "array", "items": of_kind(&field.kind())})
    } else {
        of_kind(&field.kind())
    };
    if let Value::Object(schema) = &mut schema {
        schema.insert("description".to_owned(), json!(field_comment(field)));
    }
    schema
}

fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Int32 => json!({"type": "integer", "format": "int32"}),
        Kind::Uint32 => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
        Kind::Int64 => json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}),
        Kind::Double => json!({"type": "number", "format": "double"}),
        Kind::Enum(kind) => reference(kind.full_name()),
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" => json!({"type": "string", "format": "date-time"}),
            "google.protobuf.Duration" => json!({"type": "string", "pattern": "^[0-9]+(\\.[0-9]{1,9})?s$"}),
            "google.protobuf.Struct" => json!({"type": "object"}),
            name => reference(name),
        },
        _ => json!({"type": "string"}),
    }
}

fn field_comment(field: &FieldDescriptor) -> String {
    comment(&field.parent_message().parent_file(), field.path())
}

/// The comment before what is at this place of a file, without its line breaks within paragraphs.
pub(super) fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let info = file.file_descriptor_proto().source_code_info.as_ref();
    let location = info.and_then(|info| info.location.iter().find(|location| location.path == path));
    let text = location.and_then(|location| location.leading_comments.as_deref()).unwrap_or_default();
    let paragraphs = text.split("\n\n").flat_map(|p| p.split("\n \n"));
    let joined = |p: &str| p.split_whitespace().collect::<Vec<_>>().join(" ");
    paragraphs.map(joined).filter(|p| !p.is_empty()).collect::<Vec<_>>().join("\n\n")
}
