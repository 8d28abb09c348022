//! A panic ends the request it happened in, and no other: its caller is answered, and its connection serves the next.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

/// Work whose panic is its result. It is not polled again after one.
pub(super) struct Caught<F>(Pin<Box<F>>);

/// The work panicked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Panicked;

impl<F> Caught<F> {
    /// The work is put on the heap: its state is large, and is not to be part of every connection's.
    pub(super) fn new(work: F) -> Self {
        Self(Box::pin(work))
    }
}

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.0.as_mut();
        // What it leaves behind is its own, or behind locks that are read whatever happened to their last owner.
        match catch_unwind(AssertUnwindSafe(|| work.poll(cx))) {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_result() {
        assert_eq!(Caught::new(async { 7 }).await, Ok(7));
        let panics = Caught::new(async {
            tokio::task::yield_now().await;
            panic!("on purpose");
        });
        assert_eq!(panics.await, Err::<(), _>(Panicked));
    }
}
