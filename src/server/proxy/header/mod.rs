//! A PROXY protocol header, version 2 (section 2.2 of `proxy-protocol.txt`, of `HAProxy`): the whole of it has one reading, or
//! none. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Octets up to the addresses.
pub(super) const FIXED: usize = 16;
/// What a header begins with, and nothing that TLS or HTTP begin with does.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Addresses and ports, by family.
const INET: usize = 12;
const INET6: usize = 36;
/// Octets of type-length-value fields; what balancers send are tens of them.
const FIELDS: usize = 4 * 1024;
/// The field that holds the header's checksum (`PP2_TYPE_CRC32C`).
const CHECKSUM: u8 = 0x03;

/// Why octets are no header that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) enum Fault {
    /// They begin otherwise: as version 1 does, or TLS.
    Signature,
    /// Another version than 2.
    Version,
    /// Neither `LOCAL` nor `PROXY`.
    Command,
    /// Not TCP over IPv4 or IPv6: a name of a file says nothing of who connects, and "unspecified" says nothing at all.
    Family,
    /// Too short for its addresses, or longer than addresses and 4 KiB.
    Length,
    /// A field that does not end where the header ends.
    Field,
    /// Not the checksum that the header says it has, or two of them.
    Checksum,
}

/// The first part of a header, which says how much follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fixed {
    octets: [u8; FIXED],
    origin: Origin,
    /// Octets that follow.
    pub(super) rest: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// The balancer itself connects, to see whether anybody is there.
    Local,
    Inet,
    Inet6,
}

impl Fixed {
    /// Reads the first part.
    pub(super) fn read(octets: [u8; FIXED]) -> Result<Self, Fault> {
        let rest = octets.strip_prefix(SIGNATURE).ok_or(Fault::Signature)?;
        let &[version_and_command, family, high, low] = rest else { return Err(Fault::Length) };
        if version_and_command >> 4 != 2 {
            return Err(Fault::Version);
        }
        let (origin, addresses) = match (version_and_command & 0xf, family) {
            // Whatever addresses it has mean nothing.
            (0, _) => (Origin::Local, 0),
            (1, 0x11) => (Origin::Inet, INET),
            (1, 0x21) => (Origin::Inet6, INET6),
            (1, _) => return Err(Fault::Family),
            _ => return Err(Fault::Command),
        };
        let rest = usize::from(u16::from_be_bytes([high, low]));
        if rest < addresses || rest > INET6 + FIELDS {
            return Err(Fault::Length);
        }
        Ok(Self { octets, origin, rest })
    }

    /// Who connects, by the part that follows; none for the balancer itself.
    pub(super) fn source(&self, rest: &[u8]) -> Result<Option<IpAddr>, Fault> {
        if rest.len() != self.rest {
            return Err(Fault::Length);
        }
        let (source, fields) = match self.origin {
            Origin::Local => return Ok(None),
            Origin::Inet => {
                let (addresses, fields) = rest.split_at_checked(INET).ok_or(Fault::Length)?;
                let source = addresses.first_chunk().ok_or(Fault::Length)?;
                (IpAddr::V4(Ipv4Addr::from_octets(*source)), fields)
            }
            Origin::Inet6 => {
                let (addresses, fields) = rest.split_at_checked(INET6).ok_or(Fault::Length)?;
                let source = addresses.first_chunk().ok_or(Fault::Length)?;
                (IpAddr::V6(Ipv6Addr::from_octets(*source)).to_canonical(), fields)
            }
        };
        if let Some((at, expected)) = checksum(fields)? {
            let at = FIXED + rest.len() - fields.len() + at;
            let all = self.octets.iter().chain(rest).copied().enumerate();
            // It is made with nothing where it stands.
            let all = all.map(|(index, octet)| if (at..at + 4).contains(&index) { 0 } else { octet });
            if crc32c(all) != expected {
                return Err(Fault::Checksum);
            }
        }
        Ok(Some(source))
    }
}

/// Where in the fields the checksum stands, and what it is, if there is one. All fields are walked through.
fn checksum(fields: &[u8]) -> Result<Option<(usize, u32)>, Fault> {
    let mut found = None;
    let mut rest = fields;
    while let Some((&[kind, high, low], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, next) = after.split_at_checked(length).ok_or(Fault::Field)?;
        if kind == CHECKSUM {
            let expected = u32::from_be_bytes(value.try_into().map_err(|_| Fault::Checksum)?);
            let at = fields.len() - after.len();
            if found.replace((at, expected)).is_some() {
                return Err(Fault::Checksum);
            }
        }
        rest = next;
    }
    if rest.is_empty() { Ok(found) } else { Err(Fault::Field) }
}

/// CRC-32C (RFC 3720 appendix B.4), bit by bit: a header is short, and most have none.
fn crc32c(octets: impl Iterator<Item = u8>) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
    !octets.fold(u32::MAX, |crc, octet| (0..8).fold(crc ^ u32::from(octet), |crc, _| step(crc)))
}

#[cfg(test)]
pub(in crate::server) mod tests;
