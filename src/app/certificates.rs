//! The listeners' certificates, read again when the operator says so. A pair that cannot be served keeps the old one.

use std::path::PathBuf;

use crate::{
    clock::{Clock, Now},
    config::Listen,
    secret::SecretRef,
    server::Tls,
};

/// The certificates of all listeners.
pub struct Certificates(Vec<Pair>, Clock);

/// Where one listener's certificate is, and where it is used.
struct Pair {
    certificate: PathBuf,
    key: SecretRef,
    tls: Tls,
}

impl Certificates {
    pub(super) fn of(listen: &[Listen], tls: &[Tls], clock: Clock) -> Self {
        let pairs = listen.iter().zip(tls).map(|(listen, tls)| Pair {
            certificate: listen.certificate.value.clone(),
            key: listen.key.value.clone(),
            tls: tls.clone(),
        });
        Self(pairs.collect(), clock)
    }

    /// Reads every certificate and key again, and serves those that belong together. May block.
    pub fn reload(&self) {
        for pair in &self.0 {
            let certificate = pair.certificate.display();
            match pair.reload(self.1.now()) {
                Ok(()) => tracing::info!(%certificate, "certificate read again"),
                Err(why) => tracing::error!(%certificate, why, "the old certificate is kept"),
            }
        }
    }
}

impl Pair {
    fn reload(&self, now: Now) -> Result<(), String> {
        let chain = std::fs::read(&self.certificate).map_err(|error| error.to_string())?;
        let key = self.key.read().map_err(|error| error.to_string())?;
        self.tls.replace(&chain, key.expose(), None, now).map_err(|fault| fault.to_string())
    }
}
