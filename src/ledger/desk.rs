//! The outbox for operators (`audit` has the records), beside a running guard or without one: what waits, what was given up, and a second chance.
//!
//! It reads the store's file from another process without taking its lock, and writes one statement only: what was given
//! up, or waits, is due now. The guard that runs finds it within the time between two looks.

use std::sync::Arc;

use crate::{
    clock::Clock,
    notice::{self, Channel, Delivery, Urgency},
    secret::Seal,
    store::{DeskStore, ListedRow, Location, Pick, Which},
};

use super::{
    LedgerFault, Operator,
    notices::{self, open_delivery},
};

/// Deliveries listed unless more are asked for.
const MOST: u32 = 1_000;

/// The outbox, open for an operator.
pub struct Desk {
    pub(super) store: DeskStore,
    pub(super) seal: Arc<Seal>,
    pub(super) clock: Clock,
}

/// Which deliveries are listed: all that fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In this state.
    pub state: Option<DeliveryState>,
    /// By this channel.
    pub channel: Option<Channel>,
    /// Of this urgency.
    pub urgency: Option<Urgency>,
    /// After this number: for the next page.
    pub after: Option<i64>,
    /// So many at most; 1,000 unless said otherwise.
    pub most: Option<u32>,
    /// Whether recipients are shown.
    pub reveal: Reveal,
}

/// Whether addresses are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reveal {
    /// They are not.
    #[default]
    Nothing,
    /// They are: somebody asked for them by name.
    Recipients,
}

/// How far a delivery came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits: for its time, or for an attempt.
    Waiting,
    /// An attempt is under way, or was when its guard crashed.
    UnderWay,
    /// The other side has it.
    Delivered,
    /// It was given up.
    Dead,
}

/// A delivery as it is listed: nothing personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its number.
    pub id: i64,
    /// How far it came.
    pub state: DeliveryState,
    /// What it says; none when it cannot be opened with these keys.
    pub kind: Option<notice::Kind>,
    /// By which channel: its name.
    pub channel: String,
    /// How urgent.
    pub urgency: Urgency,
    /// Attempts so far.
    pub attempts: u32,
    /// When it was written, milliseconds since 1970.
    pub created_at: i64,
    /// When it is, or was, due.
    pub due_at: i64,
    /// When it was delivered or given up.
    pub settled_at: Option<i64>,
    /// The record it rests on: chain and number.
    pub record: (String, u64),
    /// To whom, when that was asked for.
    pub recipient: Option<String>,
}

/// A delivery in full.
pub struct Shown {
    /// As it is listed, recipient and all.
    pub listed: Listed,
    /// The message that goes, or went, with it.
    pub delivery: Delivery,
    /// The numbers of those that go in the same message, itself among them.
    pub together: Vec<i64>,
    /// Those, as they are listed, without recipients.
    pub folded: Vec<Listed>,
}

/// What is to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// These: given up or waiting. What goes in the same messages comes along.
    These(Vec<i64>),
    /// All that were given up.
    AllDead,
}

impl DeliveryState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::UnderWay => "under-way",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// Which rows may be in this state.
    fn row(self) -> &'static str {
        match self {
            Self::Waiting | Self::UnderWay => "due",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

impl Desk {
    /// Opens the outbox of the store at `url`, sealed with `seal`.
    ///
    /// # Errors
    /// When the store cannot be read, or its tables are not exactly of this version: a guard of another version may be
    /// running on them.
    pub async fn open(url: &str, seal: Seal, clock: Clock) -> Result<Self, LedgerFault> {
        Ok(Self { store: DeskStore::open(Location::read(url)?).await?, seal: Arc::new(seal), clock })
    }

    /// Deliveries in the order in which they were written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Listed>, LedgerFault> {
        let now = self.clock.now().millis();
        let pick = Pick {
            state: filter.state.map(DeliveryState::row),
            channel: filter.channel.as_ref().map(Channel::to_string),
            urgency: filter.urgency.map(notices::urgency),
            after: filter.after.unwrap_or(0),
            most: filter.most.unwrap_or(MOST),
        };
        let rows = self.store.list(&pick).await?;
        let listed = rows.into_iter().map(|row| {
            let delivery = open_delivery(&self.seal, &row.sealed).ok();
            listed(&row, delivery.as_ref(), filter.reveal, now)
        });
        Ok(listed.filter(|listed| filter.state.is_none_or(|state| state == listed.state)).collect())
    }

    /// One delivery in full; none where there is none of this number.
    ///
    /// # Errors
    /// When the store cannot be read, or the delivery cannot be opened with these keys.
    pub async fn show(&self, id: i64) -> Result<Option<Shown>, LedgerFault> {
        let rows = self.store.show(id).await?;
        let together: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut all = Vec::with_capacity(rows.len());
        let (mut found, mut folded) = (None, Vec::with_capacity(rows.len()));
        let now = self.clock.now().millis();
        for row in rows {
            let delivery = open_delivery(&self.seal, &row.sealed).map_err(LedgerFault::Kept)?;
            folded.push(listed(&row, Some(&delivery), Reveal::Nothing, now));
            if row.id == id {
                found = Some((row, delivery.clone()));
            }
            all.push(delivery);
        }
        let Some((row, own)) = found else { return Ok(None) };
        let listed = listed(&row, Some(&own), Reveal::Recipients, now);
        let delivery = if all.len() > 1 { Delivery::folded(all).unwrap_or(own) } else { own };
        Ok(Some(Shown { listed, delivery, together, folded }))
    }

    /// Puts on record who looks at these deliveries, recipients and words, and what was asked for: before they are shown.
    /// Nothing is written of none.
    ///
    /// # Errors
    /// When that cannot be recorded: nothing may be shown then.
    pub async fn looks_at(
        &self,
        deliveries: impl IntoIterator<Item = &Listed>,
        asked: &str,
        who: &Operator,
    ) -> Result<(), LedgerFault> {
        let names = deliveries.into_iter().map(|listed| format!("{}/{}", listed.record.0, listed.record.1));
        let mut records: Vec<String> = names.collect();
        records.sort();
        records.dedup();
        if records.is_empty() {
            return Ok(());
        }
        self.looked(records, asked, who).await
    }

    /// What was given up becomes due again, and what waits becomes due now; an attempt under way is left to its end.
    /// Gives how many deliveries that are.
    ///
    /// # Errors
    /// When the store cannot be written: nothing is changed then.
    pub async fn retry(&self, which: &Again) -> Result<u64, LedgerFault> {
        let which = match which {
            Again::These(ids) => Which::These(ids.clone()),
            Again::AllDead => Which::AllDead,
        };
        Ok(self.store.retry(&which, self.clock.now().millis()).await?)
    }

    /// Closes the store.
    pub async fn close(self) {
        self.store.close().await;
    }
}

fn listed(row: &ListedRow, delivery: Option<&Delivery>, reveal: Reveal, now: i64) -> Listed {
    let state = match row.state.as_str() {
        "delivered" => DeliveryState::Delivered,
        "dead" => DeliveryState::Dead,
        _ if row.claim_until > now => DeliveryState::UnderWay,
        _ => DeliveryState::Waiting,
    };
    let recipient = match reveal {
        Reveal::Nothing => None,
        Reveal::Recipients => delivery.map(|delivery| delivery.recipient.clone()),
    };
    Listed {
        id: row.id,
        state,
        kind: delivery.map(|delivery| delivery.kind),
        channel: row.channel.clone(),
        urgency: notices::read_urgency(row.urgency),
        attempts: row.attempts,
        created_at: row.created_at,
        due_at: row.due_at,
        settled_at: row.settled_at,
        record: row.record.clone(),
        recipient,
    }
}
