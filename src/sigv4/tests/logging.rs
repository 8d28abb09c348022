//! The signer traces what it signs. None of it is heard.

use std::{
    io,
    sync::{Arc, Mutex},
};

use super::{captures::SECRET, recorded::Recorded};

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn s11_nothing_of_a_signature_is_logged_at_any_level() {
    let heard = Heard::default();
    let writer = heard.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::trace!("listening");
        let capture = Recorded::read("captures/boto3-update-sessiontoken.raw");
        let claimed = capture.claimed().unwrap();
        assert_eq!(capture.verify(&claimed, SECRET), Ok(()));
        assert!(capture.verify(&claimed, "another").is_err());
    });
    let text = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("listening"));
}
