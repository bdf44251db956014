//! Where traces and metrics go, how, and which of them: by the standard variables, `OTEL_…`.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::otlp::attribute;
use crate::traces::Sampler;

/// How a collector is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Calls of gRPC.
    Grpc,
    /// Protobuf, posted over HTTP.
    Http,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where spans go; none are made without.
    pub traces: Option<Url>,
    /// Where metrics go.
    pub metrics: Option<Url>,
    /// How.
    pub protocol: Protocol,
    /// Headers of every export; their values print nowhere.
    pub headers: HeaderMap,
    /// How long an export may take.
    pub timeout: Duration,
    /// Which traces are kept.
    pub sampler: Sampler,
    /// How long a span waits at most for others to be exported with.
    pub delay: Duration,
    /// How often metrics are exported.
    pub every: Duration,
    /// The name of the service.
    pub service: String,
    /// Names and values besides, which describe the process.
    pub attributes: Vec<(String, String)>,
}

impl Settings {
    /// The process, in the words of the protocol. What the operator says of it counts.
    pub(super) fn resource(&self) -> Resource {
        let said = |key: &str| self.attributes.iter().any(|(name, _)| name == key);
        let own = [
            ("service.name", self.service.clone()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", uuid::Uuid::new_v4().to_string()),
        ];
        let own = own.into_iter().filter(|(key, _)| *key == "service.name" || !said(key));
        let others = self.attributes.iter().filter(|(key, _)| key != "service.name");
        let own = own.map(|(key, value)| attribute(key, Value::StringValue(value)));
        let others = others.map(|(key, value)| attribute(key, Value::StringValue(value.clone())));
        Resource { attributes: own.chain(others).collect(), ..Resource::default() }
    }
}

/// Reads `key=value,key=value`, percent-encoded. The error says which entry is wrong, not what is in it: it may hold a secret.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let read = |(n, entry): (usize, &str)| {
        let pair = entry.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
        let value = |text: &str| percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned);
        let pair = pair.filter(|(key, _)| !key.is_empty()).and_then(|(key, text)| Some((value(key)?, value(text)?)));
        pair.ok_or_else(|| {
            format!("must be key=value, separated by commas and percent-encoded; entry {} is not", n + 1)
        })
    };
    entries.enumerate().map(read).collect()
}

/// Reads headers from pairs.
pub fn headers(text: &str) -> Result<HeaderMap, String> {
    let read = |(n, (key, value)): (usize, (String, String))| {
        let name = HeaderName::try_from(key).ok();
        let pair = name.and_then(|name| Some((name, HeaderValue::try_from(value).ok()?)));
        let (name, mut value) = pair.ok_or_else(|| format!("entry {} cannot be a header", n + 1))?;
        value.set_sensitive(true);
        Ok((name, value))
    };
    pairs(text)?.into_iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_as_baggage_is_written() {
        let read = pairs(" a=1, b = x%20y%2C ,c=%C3%A9=,").unwrap();
        let read: Vec<_> = read.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(read, [("a", "1"), ("b", "x y,"), ("c", "é=")]);
        assert_eq!(pairs("").unwrap(), []);
    }

    #[test]
    fn a_wrong_pair_is_named_by_its_place_alone() {
        for wrong in ["a=1,secret", "a=1,=secret", "a=1,b=%ffsecret"] {
            let told = pairs(wrong).unwrap_err();
            assert!(told.contains("entry 2") && !told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn headers_print_no_values() {
        let read = headers("api-key=s3cret,Authorization=Bearer%20s3cret").unwrap();
        assert_eq!(read["authorization"], "Bearer s3cret");
        assert!(!format!("{read:?}").contains("s3cret"));
        let told = headers("api-key=x,bad key=s3cret").unwrap_err();
        assert!(told.contains("entry 2") && !told.contains("s3cret"), "{told}");
        assert!(headers("api-key=new%0Aline").is_err());
    }
}
