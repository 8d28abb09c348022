//! In place of the crate of this name: no roots at all. `sqlx` adds them to those of `sslrootcert`, and a database is to be
//! verified by what its operator names and nothing else.
#![no_std]
#![forbid(unsafe_code)]

use rustls_pki_types::TrustAnchor;

/// None.
pub const TLS_SERVER_ROOTS: &[TrustAnchor<'static>] = &[];
