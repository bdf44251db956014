//! The URL of an endpoint: which ones are taken, before any address is looked up.

use url::{Host, Url};

use crate::domain::webhook::address::Nets;

/// The longest URL, in bytes.
const MAX_LEN: usize = 2000;

/// Why a URL is not taken: a sentence without the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// It cannot be read.
    #[error("must be an absolute https URL of at most {MAX_LEN} bytes")]
    Form,
    /// It holds what no URL does, and what would be left out without a word.
    #[error("must hold no space and no control character: write them as %20, %0A")]
    Character,
    /// It is not https.
    #[error("must begin with https://: events are not sent in the clear")]
    Scheme,
    /// It holds a name or a password.
    #[error("must not hold a user name or a password: the signature says who calls")]
    Credentials,
    /// It has a fragment.
    #[error("must not have a fragment")]
    Fragment,
    /// It is an address that nothing is delivered to.
    #[error("must be on a public address; the operator can allow nets of its own by HOOK_NETS")]
    Address,
}

/// Takes an endpoint's URL. In the clear (`http`) it may be only where `nets` are; an address in it is held to the same rule as
/// those that its name will lead to.
pub fn parse(text: &str, nets: &Nets) -> Result<Url, BadTarget> {
    if text.len() > MAX_LEN {
        return Err(BadTarget::Form);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(BadTarget::Character);
    }
    let url = Url::parse(text).map_err(|_| BadTarget::Form)?;
    let in_clear = match url.scheme() {
        "https" => false,
        "http" if !nets.is_empty() => true,
        "http" => return Err(BadTarget::Scheme),
        _ => return Err(BadTarget::Form),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadTarget::Credentials);
    }
    if url.fragment().is_some() {
        return Err(BadTarget::Fragment);
    }
    let allowed = match url.host().ok_or(BadTarget::Form)? {
        Host::Ipv4(address) => allows(nets, address.into(), in_clear),
        Host::Ipv6(address) => allows(nets, address.into(), in_clear),
        Host::Domain(_) => true,
    };
    if allowed { Ok(url) } else { Err(BadTarget::Address) }
}

/// Whether a connection may be made to this address: in the clear, to the operator's own nets alone.
#[must_use]
pub fn allows(nets: &Nets, address: std::net::IpAddr, in_clear: bool) -> bool {
    if in_clear { nets.have(address) } else { nets.allow(address) }
}

/// The address that stands in a URL itself, so that no name is looked up.
#[must_use]
pub fn literal(url: &Url) -> Option<std::net::IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}
