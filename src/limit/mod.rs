//! Rates in memory: per source for failed proofs, per caller, and Connect's own per operation and Region. A rate never
//! fails open; what must survive a restart or hold across replicas is a quota, and lives in the ledger.

mod buckets;
mod charged;
mod limiter;
mod rates;
mod source;

pub use charged::{Admitted, Bucket, Charged, Limited};
pub use limiter::{Limiter, LimiterStats};
pub use rates::{ConnectRate, Rate, RateOf, Rates, RatesFault};
pub use source::Source;
