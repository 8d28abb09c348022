use proptest::prelude::*;

use super::*;

/// A header with this command and family, over these octets.
pub(in crate::server) fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[0x20 | command, family], &length, rest].concat()
}

/// The header of a connection from `source`, followed by these fields.
pub(in crate::server) fn from(source: IpAddr, fields: &[u8]) -> Vec<u8> {
    let ports = [0xc0, 0x01, 0x01, 0xbb];
    match source {
        IpAddr::V4(v4) => header(1, 0x11, &[&v4.octets(), &[192, 0, 2, 9][..], &ports, fields].concat()),
        IpAddr::V6(v6) => header(1, 0x21, &[&v6.octets(), &[1; 16][..], &ports, fields].concat()),
    }
}

/// The header of the balancer's own connection.
pub(in crate::server) fn local() -> Vec<u8> {
    header(0, 0, &[])
}

/// One field.
pub(in crate::server) fn field(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind], &u16::try_from(value.len()).unwrap().to_be_bytes()[..], value].concat()
}

fn read(octets: &[u8]) -> Result<Option<IpAddr>, Fault> {
    let (fixed, rest) = octets.split_first_chunk().ok_or(Fault::Length)?;
    Fixed::read(*fixed)?.source(rest)
}

fn v4() -> IpAddr {
    IpAddr::from([198, 51, 100, 7])
}

/// A header with the checksum of its own, spoilt by `spoil`.
fn summed(spoil: u32) -> Vec<u8> {
    let mut octets = from(v4(), &[field(0x04, b"abc"), field(CHECKSUM, &[0; 4])].concat());
    let sum = crc32c(octets.iter().copied()) ^ spoil;
    let at = octets.len() - 4;
    octets[at..].copy_from_slice(&sum.to_be_bytes());
    octets
}

#[test]
fn addresses_are_read_and_the_balancer_is_nobody_else() {
    assert_eq!(read(&from(v4(), &[])), Ok(Some(v4())));
    let v6: IpAddr = "2001:db8::7".parse().unwrap();
    assert_eq!(read(&from(v6, &field(0xea, b"vpce-0"))), Ok(Some(v6)));
    let mapped: IpAddr = "::ffff:198.51.100.7".parse().unwrap();
    assert_eq!(read(&from(mapped, &[])), Ok(Some(v4())));
    assert_eq!(read(&local()), Ok(None));
    // What it says of itself means nothing.
    assert_eq!(read(&header(0, 0x31, &[7; 216])), Ok(None));
}

#[test]
fn what_is_not_a_header_of_tcp_is_told_apart() {
    let inet = |command, family| read(&header(command, family, &[0; INET]));
    for family in [0x00, 0x01, 0x10, 0x12, 0x22, 0x31, 0x32, 0x41] {
        assert_eq!(inet(1, family), Err(Fault::Family), "{family:#x}");
    }
    for command in 2..16 {
        assert_eq!(inet(command, 0x11), Err(Fault::Command), "{command}");
    }
    let mut other = from(v4(), &[]);
    other[12] = 0x11;
    assert_eq!(read(&other), Err(Fault::Version));
    assert_eq!(read(b"PROXY TCP4 198.51.100.7 192.0.2.9 49153 443\r\n"), Err(Fault::Signature));
    assert_eq!(read(&header(1, 0x11, &[0; INET - 1])), Err(Fault::Length));
    assert_eq!(read(&header(1, 0x21, &[0; INET6 - 1])), Err(Fault::Length));
    assert_eq!(read(&header(0, 0, &[0; INET6 + FIELDS + 1])), Err(Fault::Length));
}

#[test]
fn fields_end_where_the_header_ends() {
    let full = field(0xe0, &vec![0; FIELDS - 3]);
    assert_eq!(read(&from("2001:db8::7".parse().unwrap(), &full)), Ok(Some("2001:db8::7".parse().unwrap())));
    let empty: Vec<u8> = (0..1000).flat_map(|_| field(0x04, &[])).collect();
    assert_eq!(read(&from(v4(), &empty)), Ok(Some(v4())));
    for cut in [&[0x04][..], &[0x04, 0], &[0x04, 0, 1], &[0x04, 0xff, 0xff, 1]] {
        assert_eq!(read(&from(v4(), cut)), Err(Fault::Field), "{cut:?}");
    }
}

#[test]
fn a_checksum_is_that_of_the_header() {
    // RFC 3720 appendix B.4.
    assert_eq!(crc32c([0; 32].into_iter()), 0x8a91_36aa);
    assert_eq!(crc32c(0..32), 0x46dd_794e);
    assert_eq!(read(&summed(0)), Ok(Some(v4())));
    assert_eq!(read(&summed(1)), Err(Fault::Checksum));
    assert_eq!(read(&from(v4(), &field(CHECKSUM, &[0; 3]))), Err(Fault::Checksum));
    let right = summed(0);
    let twice = from(v4(), &[&right[28..], &right[34..]].concat());
    assert_eq!(read(&twice), Err(Fault::Checksum));
}

#[test]
fn nothing_cut_short_and_no_bit_turned_makes_it_another_source() {
    let whole = summed(0);
    for length in 0..whole.len() {
        assert!(read(&whole[..length]).is_err(), "{length}");
    }
    for bit in 0..whole.len() * 8 {
        let mut spoilt = whole.clone();
        spoilt[bit / 8] ^= 1 << (bit % 8);
        let found = read(&spoilt);
        // A header of the balancer's own has no checksum, and one bit of its kind makes the checksum another field.
        assert!(found.is_err() || found == Ok(None) || found == Ok(Some(v4())), "{bit}: {found:?}");
    }
}

proptest! {
    #[test]
    fn any_octets_are_read_without_a_fault(rest: Vec<u8>, command in 0..3_u8, family: u8) {
        let _ = read(&rest);
        let _ = read(&header(command, family, &rest));
    }

    #[test]
    fn every_address_comes_back(v4: [u8; 4], v6: [u8; 16], value: Vec<u8>) {
        let fields = field(0xe0, &value[..value.len().min(64)]);
        for source in [IpAddr::from(v4), IpAddr::from(v6)] {
            prop_assert_eq!(read(&from(source, &fields)), Ok(Some(source.to_canonical())));
        }
    }
}
