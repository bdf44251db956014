//! The addresses that webhooks may be delivered to: public ones, and the operator's own nets where it names them.
//!
//! Whoever can have a service call an address of its choice can reach what only the service reaches: databases, consoles, a cloud's
//! metadata. So the question is asked of each address that a connection is about to be made to, however it was found.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Nets of IPv4 that nobody on the internet has, by the IANA's registry of special-purpose addresses.
const INNER_V4: [Ipv4Net; 13] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
];

/// Those of them that are not even an operator's own: this network, links (a cloud's metadata), carriers' translation, groups of
/// hosts and what is reserved.
const NEVER_V4: [Ipv4Net; 5] =
    [v4(0, 0, 0, 0, 8), v4(100, 64, 0, 0, 10), v4(169, 254, 0, 0, 16), v4(224, 0, 0, 0, 4), v4(240, 0, 0, 0, 4)];

/// All that is given out to hosts of the internet (RFC 4291).
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0], 3);

/// Nets in it that lead elsewhere: protocols such as Teredo, 6to4, which hold an address of IPv4, and examples.
const INNER_V6: [Ipv6Net; 4] =
    [v6([0x2001, 0, 0, 0], 23), v6([0x2001, 0x0db8, 0, 0], 32), v6([0x2002, 0, 0, 0], 16), v6([0x3fff, 0, 0, 0], 20)];

/// Nets that are not even an operator's own: addresses of IPv4 in other clothes, translation, links, groups of hosts.
const NEVER_V6: [Ipv6Net; 7] = [
    v6([0x0064, 0xff9b, 0, 0], 32),
    v6([0x0100, 0, 0, 0], 8),
    v6([0x2001, 0, 0, 0], 32),
    v6([0x2002, 0, 0, 0], 16),
    v6([0xfe80, 0, 0, 0], 10),
    v6([0xfec0, 0, 0, 0], 10),
    v6([0xff00, 0, 0, 0], 8),
];

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d]: [u16; 4], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), length)
}

/// The nets of the operator's own that webhooks may be delivered to (`HOOK_NETS`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nets(Vec<IpNet>);

impl Nets {
    /// Takes nets such as `10.1.0.0/16` or single addresses; `None` if one cannot be read, or reaches into what is never allowed.
    #[must_use]
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let net = |text: &str| {
            let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?.trunc();
            (!is_never(net.network())).then_some(net)
        };
        texts.into_iter().map(str::trim).filter(|text| !text.is_empty()).map(net).collect::<Option<_>>().map(Self)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in one of them, and could be anybody's.
    #[must_use]
    pub fn have(&self, address: IpAddr) -> bool {
        !is_never(address) && self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether webhooks may be delivered to this address.
    #[must_use]
    pub fn allow(&self, address: IpAddr) -> bool {
        is_public(address) || self.have(address)
    }
}

/// Whether the address is a host's of the internet.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    if is_never(address) {
        return false;
    }
    match address {
        IpAddr::V4(address) => !INNER_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => GLOBAL_V6.contains(&address) && !INNER_V6.iter().any(|net| net.contains(&address)),
    }
}

/// Whether nothing is ever delivered to the address, whatever the operator says.
fn is_never(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => NEVER_V4.iter().any(|net| net.contains(&address)),
        // The first 96 bits are nought in the forms of old that hold an address of IPv4, and in `::`; only the host itself is there
        // besides. `::ffff:0:0/96` is the form of today, `::ffff:0:0:0/96` a translator's.
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            let holds_v4 = matches!(bits >> 32, 0 | 0xffff | 0xffff_0000);
            (holds_v4 && !address.is_loopback()) || NEVER_V6.iter().any(|net| net.contains(&address))
        }
    }
}
