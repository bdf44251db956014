//! The fields of a JSON body that cannot be read into its message, each by its path, in the contract's words.
//!
//! It is asked only of a body that was refused: the reader of the contract's JSON says that something is wrong, and not where.
//! Values are never told, they may be a number or a text; of names those that look like one.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value};

use crate::error::Violation;
use crate::http::transcode::field;

/// How many are told at most: a list of twenty thousand recipients may be wrong in each of them.
const MOST: usize = 100;
/// The longest name of an unknown field that is told.
const LONGEST_NAME: usize = 64;

/// The faults of a body as a message; empty if its parts can all be read.
pub(super) fn violations(of: &MessageDescriptor, json: &Value) -> Vec<Violation> {
    let mut faults = Faults::default();
    faults.message(of, json, "");
    faults.0
}

/// The values that a field of this kind has.
pub(super) fn wording(kind: &Kind) -> String {
    let words = match kind {
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "must be a whole number of at most 32 bits",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "must be a whole number of at most 64 bits",
        Kind::Uint32 | Kind::Fixed32 => "must be a whole number of at most 32 bits, not negative",
        Kind::Uint64 | Kind::Fixed64 => "must be a whole number of at most 64 bits, not negative",
        Kind::Double | Kind::Float => "must be a number",
        Kind::Bool => "must be true or false",
        Kind::String => "must be text",
        Kind::Bytes => "must be Base64",
        Kind::Message(of) => match of.full_name() {
            "google.protobuf.Timestamp" => "must be a time, such as 2026-09-21T14:00:00Z",
            "google.protobuf.Duration" => "must be a duration in seconds, such as 90s",
            _ => "must be an object",
        },
        Kind::Enum(of) => {
            // 0 stands for nothing.
            let values = of.values().filter(|value| value.number() != 0);
            let names: Vec<String> = values.map(|value| value.name().to_owned()).collect();
            return format!("must be one of {}", names.join(", "));
        }
    };
    words.to_owned()
}

#[derive(Default)]
struct Faults(Vec<Violation>);

impl Faults {
    fn add(&mut self, path: &str, why: impl std::fmt::Display) {
        if self.0.len() < MOST {
            self.0.push(Violation::new(if path.is_empty() { "body" } else { path }, why));
        }
    }

    fn message(&mut self, of: &MessageDescriptor, json: &Value, path: &str) {
        let Value::Object(fields) = json else { return self.add(path, "must be an object") };
        let mut given: Vec<FieldDescriptor> = Vec::new();
        for (name, value) in fields {
            let Some(field) = field(of, name) else {
                self.unknown(name, path);
                continue;
            };
            // As the reader has it, `null` is nothing.
            if value.is_null() {
                continue;
            }
            let place = joined(path, field.name());
            if given.contains(&field) {
                self.add(&place, "is given twice");
            } else if let Some(other) = given.iter().find(|other| excludes(other, &field)) {
                self.add(&place, format_args!("must not be given beside {}", other.name()));
            }
            self.value(&field, value, &place);
            given.push(field);
        }
    }

    fn unknown(&mut self, name: &str, path: &str) {
        let plain = |c: char| c.is_ascii_alphabetic() || c == '_';
        if name.len() <= LONGEST_NAME && !name.is_empty() && name.chars().all(plain) {
            self.add(&joined(path, name), "is not a field that can be given here");
        } else {
            self.add(path, "has a field that cannot be given here");
        }
    }

    fn value(&mut self, field: &FieldDescriptor, value: &Value, path: &str) {
        match (value, field.kind()) {
            (Value::Object(entries), Kind::Message(entry)) if field.is_map() => {
                // A key is the caller's own word: the map alone is named.
                let of = entry.map_entry_value_field();
                if entries.values().any(|value| value.is_null() || !reads(&of, value)) {
                    self.add(path, format_args!("has a value that {}", wording(&of.kind())));
                }
            }
            _ if field.is_map() => self.add(path, "must be an object"),
            (Value::Array(list), kind) if field.is_list() => {
                for (index, value) in list.iter().enumerate() {
                    self.one(field, &kind, value, &format!("{path}[{index}]"));
                }
            }
            _ if field.is_list() => self.add(path, "must be a list"),
            (_, kind) => self.one(field, &kind, value, path),
        }
    }

    fn one(&mut self, field: &FieldDescriptor, kind: &Kind, value: &Value, path: &str) {
        match kind {
            Kind::Message(of) if of.package_name() != "google.protobuf" => self.message(of, value, path),
            _ if reads(field, value) => {}
            _ => self.add(path, wording(kind)),
        }
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Whether two fields are of one choice.
fn excludes(one: &FieldDescriptor, other: &FieldDescriptor) -> bool {
    let choice = one.containing_oneof().filter(|choice| !choice.is_synthetic());
    choice.is_some() && choice == other.containing_oneof()
}

/// Whether the field, or one entry of its list, can have this value.
fn reads(field: &FieldDescriptor, value: &Value) -> bool {
    let value = if field.is_list() { Value::Array(vec![value.clone()]) } else { value.clone() };
    let alone = Map::from_iter([(field.json_name().to_owned(), value)]);
    DynamicMessage::deserialize(field.parent_message().clone(), Value::Object(alone)).is_ok()
}
