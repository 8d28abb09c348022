//! Mail, webhooks and courier against the embedded mail server and an embedded receiver.

mod announcer;
mod courier;
mod hook;
mod hook_bodies;
mod ledger;
mod mail;
mod memory;
mod receiver;
mod refusals;
mod unclaimed;

use std::{sync::Arc, time::Duration};

use tempfile::NamedTempFile;

use super::{
    Mail, MailOptions, MailTls,
    mail::MailFault,
    unsent::Unsent,
    words::{Said, Words},
};
use crate::{
    demo::mailbox::{Mailbox, MailboxOptions, Protection},
    notice::{Delivery, Templates},
    operation::Address,
    secret::Secret,
};

const LONG: Duration = Duration::from_secs(10);

const USER: &str = "guard";
const PASSWORD: &str = "an example, not a secret";

async fn mailbox(protection: Protection) -> Mailbox {
    let credentials = Some((USER.to_owned(), PASSWORD.to_owned()));
    Mailbox::start(MailboxOptions { protection, credentials, ..MailboxOptions::default() }).await.unwrap()
}

fn options(mailbox: &Mailbox, tls: MailTls, ca_pem: &str) -> (MailOptions, NamedTempFile) {
    let ca_file = NamedTempFile::new().unwrap();
    std::fs::write(ca_file.path(), ca_pem).unwrap();
    let options = MailOptions {
        host: "localhost".to_owned(),
        port: mailbox.address.port(),
        tls,
        ca_file: Some(ca_file.path().to_owned()),
        credentials: Some((USER.to_owned(), Secret::new(PASSWORD.into()))),
        from: Address::read("guard@example.com").unwrap(),
        domain: "guard.example.com".to_owned(),
        timeout: Duration::from_secs(10),
    };
    (options, ca_file)
}

fn over(mailbox: &Mailbox, change: impl FnOnce(&mut MailOptions)) -> Arc<Mail> {
    let (mut options, _ca_file) = options(mailbox, MailTls::StartTls, &mailbox.ca_pem);
    change(&mut options);
    Arc::new(Mail::new(options).unwrap())
}

fn templates() -> Arc<Templates> {
    Arc::new(Templates::built_in().unwrap())
}

fn words() -> Words {
    Words::new(&templates(), &Said::default())
}

async fn hand_in(mail: &Arc<Mail>, delivery: Delivery) -> Result<String, Unsent> {
    mail.hand_in(&words(), &delivery, None).await.map(|taken| taken.reply)
}
