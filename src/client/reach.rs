//! Which addresses a client connects to. A name is resolved once for a connection, every address is looked at, and the
//! one that was looked at is connected to: an answer of the name system that changes afterwards changes nothing.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tokio::net::lookup_host;

/// Which addresses may be connected to.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// Every one.
    Anywhere,
    /// Public unicast ones, and those of the networks named.
    Public {
        /// Networks that are not public and are reached all the same.
        but: Vec<IpNet>,
    },
}

/// Who says which addresses a name has.
#[derive(Clone)]
pub(super) enum Names {
    /// The system.
    System,
    /// A test.
    #[cfg(test)]
    Scripted(std::sync::Arc<dyn Fn() -> Vec<SocketAddr> + Send + Sync>),
}

impl Reach {
    /// Whether this address may be connected to.
    pub(crate) fn allows(&self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::Public { but } => {
                is_public(address) || but.iter().any(|network| network.contains(&address))
            }
        }
    }
}

impl Names {
    pub(super) async fn of(&self, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => Ok(lookup_host((name, port)).await?.collect()),
            #[cfg(test)]
            Self::Scripted(answer) => Ok(answer()),
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Not in a block that IANA's registry of special-purpose IPv4 addresses says is not reachable globally, and not
/// multicast.
fn is_public_v4(address: Ipv4Addr) -> bool {
    const SPECIAL: [(Ipv4Addr, u8); 15] = [
        (Ipv4Addr::UNSPECIFIED, 8),
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        // With 169.254.169.254, where a cloud keeps its instances' credentials.
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 0, 2, 0), 24),
        (Ipv4Addr::new(192, 88, 99, 0), 24),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(198, 51, 100, 0), 24),
        (Ipv4Addr::new(203, 0, 113, 0), 24),
        (Ipv4Addr::new(224, 0, 0, 0), 4),
        (Ipv4Addr::new(240, 0, 0, 0), 4),
    ];
    !SPECIAL.iter().any(|(network, bits)| Ipv4Net::new_assert(*network, *bits).contains(&address))
}

/// Global unicast (`2000::/3`) but for the blocks in it that are special, or that carry an IPv4 address to somebody else
/// (Teredo, 6to4). Everything outside it is refused: loopback, link-local, unique local, multicast, and IPv4 mapped into
/// IPv6. One exception: behind NAT64 (`64:ff9b::/96`, RFC 6052) the IPv4 address inside decides.
fn is_public_v6(address: Ipv6Addr) -> bool {
    const GLOBAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
    const NAT64: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
    const SPECIAL: [Ipv6Net; 4] = [
        Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
        Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
        Ipv6Net::new_assert(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
        Ipv6Net::new_assert(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    ];
    if NAT64.contains(&address) {
        let [.., a, b, c, d] = address.octets();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    GLOBAL.contains(&address) && !SPECIAL.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(but: &[&str]) -> Reach {
        Reach::Public { but: but.iter().map(|network| network.parse().unwrap()).collect() }
    }

    const NOT_PUBLIC: &[&str] = &[
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:1.1.1.1",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
    ];

    #[test]
    fn h9_what_is_not_public_is_not_reached() {
        for address in NOT_PUBLIC {
            assert!(!public(&[]).allows(address.parse().unwrap()), "{address}");
            assert!(Reach::Anywhere.allows(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.1",
            "169.253.0.1",
            "223.255.255.254",
            "2606:4700:4700::1111",
            "2a00::1",
            "64:ff9b::101:101",
        ] {
            assert!(public(&[]).allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn h9_a_network_that_is_named_is_reached_and_no_other() {
        let reach = public(&["10.0.0.0/8", "fd00::/8"]);
        for (address, allowed) in [
            ("10.9.9.9", true),
            ("fd00::1", true),
            ("11.0.0.1", true),
            ("192.168.0.1", false),
            ("fc00::1", false),
        ] {
            assert_eq!(reach.allows(address.parse().unwrap()), allowed, "{address}");
        }
        // A network of IPv4 does not name what is mapped into IPv6.
        assert!(!reach.allows("::ffff:10.0.0.1".parse().unwrap()));
    }
}
