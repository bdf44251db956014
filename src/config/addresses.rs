//! The values that say where something is: addresses, URLs, origins, databases.

use std::net::SocketAddr;

use http::HeaderValue;
use url::Url;

use crate::config::values::listed;
use crate::config::variable::Values;
use crate::domain::webhook::address::Nets;
use crate::store;

/// An IP address with a port.
#[derive(Debug, Clone, Copy)]
pub struct Address;

/// Where something is on the web.
#[derive(Debug, Clone, Copy)]
pub struct Web;

/// Origins as browsers send them.
#[derive(Debug, Clone, Copy)]
pub struct Origins;

/// A database's URL.
#[derive(Debug, Clone, Copy)]
pub struct Database;

/// Nets of the operator's own.
#[derive(Debug, Clone, Copy)]
pub struct OwnNets;

impl Values for OwnNets {
    type Value = Nets;

    fn shape(&self) -> String {
        "nets or addresses, separated by commas".to_owned()
    }

    fn read(&self, text: &str) -> Result<Nets, String> {
        Nets::parse(text.split(',')).ok_or_else(|| {
            "must be nets such as 10.1.0.0/16, separated by commas; links, groups of hosts and addresses of IPv4 in IPv6 are never called".to_owned()
        })
    }
}

impl Values for Address {
    type Value = SocketAddr;

    fn shape(&self) -> String {
        "an address with a port".to_owned()
    }

    fn read(&self, text: &str) -> Result<SocketAddr, String> {
        text.parse().map_err(|_| "must be an address with a port, such as 127.0.0.1:8080".to_owned())
    }
}

impl Values for Web {
    type Value = Url;

    fn shape(&self) -> String {
        "an http or https URL".to_owned()
    }

    fn read(&self, text: &str) -> Result<Url, String> {
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        url.ok_or_else(|| format!("must be {}", self.shape()))
    }
}

impl Values for Origins {
    type Value = Vec<HeaderValue>;

    fn shape(&self) -> String {
        "origins, separated by commas".to_owned()
    }

    /// Each is compared as a browser sends it, so it has to be written like that.
    fn read(&self, text: &str) -> Result<Vec<HeaderValue>, String> {
        let origin = |text: &str| {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            let exact = url.is_some_and(|url| url.origin().ascii_serialization() == text);
            HeaderValue::from_str(text).ok().filter(|_| exact).ok_or_else(|| {
                "must be origins as browsers send them, separated by commas: scheme, host and port alone, such as https://app.example.com".to_owned()
            })
        };
        listed(text).map(origin).collect()
    }
}

impl Values for Database {
    type Value = store::Url;
    const SECRET: bool = true;

    fn shape(&self) -> String {
        "`postgres://…` (TLS with `sslmode=require`) or `sqlite://path`".to_owned()
    }

    fn read(&self, text: &str) -> Result<store::Url, String> {
        let expected = "must be postgres://user:password@host/database or sqlite://path/to/file";
        store::Url::parse(text).ok_or_else(|| expected.to_owned())
    }
}
