//! Nonces: each is spent once, on any replica, and what was spent is kept until it could be no proof of anything any more.

use crate::{
    secret::Digest,
    store::{Append, Check, Composed, Done, Op, Step, Weight},
};

use super::{Ledger, Unwritten, queue::Purpose, submit::unexpected};

impl Ledger {
    /// Spends a nonce: true when nobody ever did. `until`, in milliseconds since 1970, is when it ends by itself; one that
    /// has ended is never fresh. On disk before this returns.
    ///
    /// # Errors
    /// When it cannot be written: it may count as spent all the same, and never as fresh.
    pub async fn spend(&self, nonce: &Digest, until: i64) -> Result<bool, Unwritten> {
        // What has ended may have been forgotten.
        if until <= self.inner.core.now() {
            return Ok(false);
        }
        let nonce = nonce.hex();
        let op = Op::Spend { nonce: nonce.clone(), until };
        let step = Step::Append(Append {
            weight: Weight::Ordinary,
            person: None,
            checks: vec![Check::Unspent { nonce }],
            compose: Box::new(move |_| Ok(Composed { record: None, ops: vec![op] })),
        });
        let done = self.submit(step, Purpose::Plain).await?;
        let fresh = matches!(done, Done::Plain);
        if fresh || matches!(done, Done::Already) { Ok(fresh) } else { Err(unexpected(done)) }
    }
}
