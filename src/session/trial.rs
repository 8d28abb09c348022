//! Whether what an exchange asks of others can be had: each STS, and the keys of each issuer. For whoever checks a
//! configuration; a session listener asks by itself, when somebody comes.

use std::{error::Error, fmt};

use super::{
    ExchangeFault, IssuerOptions, StsHost, StsOptions,
    issuer::{Issuer, Unread},
    sts::{addresses, endpoint},
};
use crate::{
    client::{ClientBounds, Heard, Unheard},
    clock::Clock,
};

/// Why something is not to be had.
#[derive(Debug)]
pub(crate) enum Unavailable {
    /// The options make no sense.
    Options(ExchangeFault),
    /// The name to connect to instead of STS's own has no address.
    Address,
    /// STS does not answer.
    Unheard(Unheard),
    /// The keys of an issuer cannot be read.
    Keys(Unread),
}

impl StsOptions {
    /// Hears the STS of a Region, over the way that proofs go. Nobody is proven.
    ///
    /// # Errors
    /// It cannot be reached, or does not answer.
    pub(crate) async fn hear(&self, region: &str, clock: &Clock) -> Result<Heard, Unavailable> {
        let no_region = || Unavailable::Options(ExchangeFault::Region(region.to_owned()));
        let host = StsHost::of(region).ok_or_else(no_region)?;
        let mut last = Unavailable::Address;
        for address in addresses(self).await.map_err(|_| Unavailable::Address)? {
            let bounds =
                ClientBounds { connect: self.timeout, answer: self.timeout, ..ClientBounds::default() };
            match Heard::of(&endpoint(self, host, address), bounds, None, clock).await {
                Ok(heard) => return Ok(heard),
                Err(unheard) => last = Unavailable::Unheard(unheard),
            }
        }
        Err(last)
    }
}

impl IssuerOptions {
    /// Reads the keys of this issuer; how many tokens may be signed with.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) async fn keys(&self) -> Result<usize, Unavailable> {
        let issuer = Issuer::new(self).map_err(Unavailable::Options)?;
        issuer.count().await.map_err(Unavailable::Keys)
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(fault) => fault.fmt(f),
            Self::Address => f.write_str("what `address` names has no address"),
            Self::Unheard(unheard) => unheard.fmt(f),
            Self::Keys(unread) => unread.fmt(f),
        }
    }
}

impl Error for Unavailable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Options(fault) => Some(fault),
            Self::Unheard(unheard) => Some(unheard),
            Self::Address | Self::Keys(_) => None,
        }
    }
}
