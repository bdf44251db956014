//! The kinds of values that OpenTelemetry's variables have besides the general ones.

use http::HeaderMap;

use crate::config::variable::Values;
use crate::otlp;

/// The samplers that every SDK knows.
pub(super) const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

/// Headers, written as pairs.
#[derive(Debug, Clone, Copy)]
pub struct Headers;

/// Names and values.
#[derive(Debug, Clone, Copy)]
pub struct Pairs;

/// A share of all.
#[derive(Debug, Clone, Copy)]
pub struct Share;

impl Values for Headers {
    type Value = HeaderMap;
    const SECRET: bool = true;

    fn shape(&self) -> String {
        "key=value, separated by commas and percent-encoded".to_owned()
    }

    fn read(&self, text: &str) -> Result<HeaderMap, String> {
        otlp::headers(text)
    }
}

impl Values for Pairs {
    type Value = Vec<(String, String)>;

    fn shape(&self) -> String {
        "key=value, separated by commas and percent-encoded".to_owned()
    }

    fn read(&self, text: &str) -> Result<Vec<(String, String)>, String> {
        otlp::pairs(text)
    }
}

impl Values for Share {
    type Value = f64;

    fn shape(&self) -> String {
        "0 to 1".to_owned()
    }

    fn read(&self, text: &str) -> Result<f64, String> {
        let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
        share.ok_or_else(|| format!("must be a share from {}", self.shape()))
    }
}
