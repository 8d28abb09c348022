//! `[[listen]] kind = "status"`: where whoever watches the guard asks.

use std::net::SocketAddr;

use serde_spanned::Spanned;

use super::{Reader, listener::Given};
use crate::{
    config::{StatusListen, raw},
    diagnostic::{Fault, Place},
};

impl Reader<'_> {
    pub(super) fn status(
        &mut self,
        spanned: &Spanned<raw::Listen>,
        given: &mut Given<'_>,
    ) -> Option<StatusListen> {
        let place = self.place(spanned.span());
        let raw = spanned.get_ref();
        self.gateways_only(raw);
        let address = self.listen_address(raw, &place, given);
        let tls = self.certificate(raw, &place);
        let secured = raw.certificate.is_some();
        if !secured && (raw.key_file.is_some() || raw.key_credential.is_some()) {
            self.faults.push(
                Fault::error("a key, and no `certificate`", place.clone())
                    .hint("give both, or neither: plain HTTP"),
            );
        }
        let client_ca = raw.client_ca.as_ref().map(|file| self.file(file));
        if let Some(client_ca) = &client_ca
            && !secured
        {
            self.faults.push(
                Fault::error("`client_ca`, and no `certificate`", client_ca.place.clone())
                    .hint("clients show certificates over TLS only: give `certificate` and `key_file`"),
            );
        }
        if let Some(address) = address
            && !secured
        {
            self.plain(raw, address, &place);
        }
        Some(StatusListen { address: address?, tls, client_ca })
    }

    /// What only callers of Connect need.
    fn gateways_only(&mut self, raw: &raw::Listen) {
        let spans = [
            ("crl_file", raw.crl_file.as_ref().map(Spanned::span)),
            ("require", raw.require.as_ref().map(Spanned::span)),
            ("region", raw.region.as_ref().map(Spanned::span)),
            ("hosts", raw.hosts.as_ref().map(Spanned::span)),
            ("proxy_protocol", raw.proxy_protocol.as_ref().map(Spanned::span)),
            ("timeouts", raw.timeouts.as_ref().map(Spanned::span)),
            ("caps", raw.caps.as_ref().map(Spanned::span)),
        ];
        for (key, span) in spans {
            let Some(span) = span else { continue };
            let at = self.place(span);
            self.faults.push(
                Fault::error(format!("`{key}` is of gateway listeners"), at).hint(
                    "a status listener has address, certificate, key_file or key_credential, client_ca",
                ),
            );
        }
    }

    /// Plain HTTP is for this machine.
    fn plain(&mut self, raw: &raw::Listen, address: SocketAddr, place: &Place) {
        if address.ip().to_canonical().is_loopback() {
            return;
        }
        let at = raw.address.as_ref().map_or_else(|| place.clone(), |text| self.place(text.span()));
        self.faults.push(
            Fault::warning(format!("{address} is not of this machine alone, and speaks plain HTTP"), at)
                .hint("give `certificate` and `key_file`, or an address of 127.0.0.0/8"),
        );
    }
}
