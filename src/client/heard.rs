//! Whether an endpoint answers at all, and what time it says it is: one `GET /` that nobody has signed, for whoever checks a
//! configuration. What is answered to it is of no interest, and nothing is changed by it.

use std::{error::Error, fmt};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp, fmt::strtime};

use super::{Client, ClientBounds, ClientError, Endpoint, Outgoing, Presented, Unusable};
use crate::clock::{Clock, Now};

/// What an endpoint answered to somebody who asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The status: any is an answer.
    pub(crate) status: u16,
    /// How far this machine's clock is ahead of the endpoint's at least; negative where it is behind. None: the endpoint
    /// does not say what time it is.
    pub(crate) ahead: Option<SignedDuration>,
}

/// Why an endpoint was not heard.
#[derive(Debug)]
pub(crate) enum Unheard {
    /// There can be no client for it.
    Unusable(Unusable),
    /// It does not answer.
    Silent(ClientError),
}

impl Heard {
    /// Asks an endpoint, over a client of its own, which shows a certificate where one is given.
    ///
    /// # Errors
    /// There is nothing to trust, or it does not answer.
    pub(crate) async fn of(
        endpoint: &Endpoint,
        bounds: ClientBounds,
        presented: Option<&Presented>,
        clock: &Clock,
    ) -> Result<Self, Unheard> {
        let client = Client::presenting(endpoint, bounds, presented).map_err(Unheard::Unusable)?;
        client.hear(clock).await.map_err(Unheard::Silent)
    }
}

impl Client {
    /// Asks for `/` without a signature, on a connection that is there before the time is taken.
    ///
    /// # Errors
    /// No address, no connection, TLS failed, or no answer in HTTP.
    async fn hear(&self, clock: &Clock) -> Result<Heard, ClientError> {
        self.connect().await?;
        let headers = vec![("host", self.authority().to_owned())];
        let nothing = Outgoing { method: "GET", target: "/".to_owned(), headers, body: Bytes::new() };
        let asked = clock.now();
        let answer = self.send(nothing).await?;
        let answered = clock.now();
        let date = answer.headers.iter().find(|(name, _)| name == "date").map(|(_, value)| value.as_str());
        Ok(Heard { status: answer.status, ahead: date.and_then(|date| ahead(date, asked, answered)) })
    }
}

/// How far a clock that showed `asked` and `answered` is ahead of one that showed `date` in between, at least. A date
/// (RFC 9110 section 5.6.7) is of whole seconds, so that it stands for all of one.
fn ahead(date: &str, asked: Now, answered: Now) -> Option<SignedDuration> {
    let date: Timestamp = strtime::parse("%a, %d %b %Y %H:%M:%S GMT", date)
        .and_then(|parsed| parsed.to_datetime())
        .and_then(|read| read.to_zoned(jiff::tz::TimeZone::UTC))
        .ok()?
        .timestamp();
    let (begin, end) = (date, date.saturating_add(SignedDuration::from_secs(1)).unwrap_or(date));
    let (asked, answered) = (asked.timestamp(), answered.timestamp());
    if asked > end {
        return Some(asked.duration_since(end));
    }
    if answered < begin {
        return Some(answered.duration_since(begin));
    }
    Some(SignedDuration::ZERO)
}

impl fmt::Display for Unheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(unusable) => unusable.fmt(f),
            // Whether anything was sent is of no interest: nothing was asked for.
            Self::Silent(error) => error.why.fmt(f),
        }
    }
}

impl Error for Unheard {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unusable(unusable) => Some(unusable),
            Self::Silent(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Now {
        Now::from(text.parse::<Timestamp>().unwrap())
    }

    #[test]
    fn a_clock_is_off_by_what_a_date_cannot_explain() {
        let date = "Fri, 12 Mar 2027 10:00:00 GMT";
        for (asked, answered, off) in [
            ("2027-03-12T10:00:00.4Z", "2027-03-12T10:00:00.5Z", 0),
            ("2027-03-12T09:59:58Z", "2027-03-12T10:00:00.001Z", 0),
            ("2027-03-12T10:00:00.9Z", "2027-03-12T10:00:03Z", 0),
            ("2027-03-12T10:00:02Z", "2027-03-12T10:00:03Z", 1_000),
            ("2027-03-12T09:55:00Z", "2027-03-12T09:55:01Z", -299_000),
            ("2027-03-12T11:00:01Z", "2027-03-12T11:00:02Z", 3_600_000),
        ] {
            let found = ahead(date, at(asked), at(answered));
            assert_eq!(found, Some(SignedDuration::from_millis(off)), "{asked}");
        }
    }

    #[test]
    fn what_is_no_date_says_nothing() {
        let now = at("2027-03-12T10:00:00Z");
        for date in ["", "2027-03-12T10:00:00Z", "Fri, 12 Mar 2027 10:00:00", "Fri, 32 Mar 2027 10:00:00 GMT"]
        {
            assert_eq!(ahead(date, now, now), None, "{date}");
        }
    }
}
