//! Every channel that the configuration names: one for mail, one for each webhook.

use std::{collections::BTreeMap, sync::Arc};

use tokio_util::task::AbortOnDropHandle;

use super::{
    Hook, Mail,
    turn::{Taken, Turn, Waiting},
    unsent::Unsent,
    words::{Said, Words},
};
use crate::{
    clock::Clock,
    notice::{Channel, Delivery, Templates},
};

/// The ways to people.
pub(crate) struct Channels {
    mail: Option<Arc<Mail>>,
    hooks: BTreeMap<String, Arc<Hook>>,
    clock: Clock,
    said: Said,
    /// A message whose attempt panics.
    #[cfg(test)]
    pub(super) panics_on: Option<String>,
}

/// One of them.
enum Way {
    Mail(Arc<Mail>),
    Hook(Arc<Hook>),
}

impl Channels {
    /// The mail channel, where there is one, and the webhooks by their names.
    pub(crate) fn new(mail: Option<Mail>, hooks: BTreeMap<String, Hook>, clock: Clock) -> Self {
        let hooks = hooks.into_iter().map(|(name, hook)| (name, Arc::new(hook))).collect();
        Self {
            mail: mail.map(Arc::new),
            hooks,
            clock,
            said: Said::default(),
            #[cfg(test)]
            panics_on: None,
        }
    }

    /// The mail channel, for its credentials to be replaced.
    pub(crate) fn mail(&self) -> Option<&Arc<Mail>> {
        self.mail.as_ref()
    }

    /// A webhook, for its options to be replaced.
    pub(crate) fn hook(&self, name: &str) -> Option<&Arc<Hook>> {
        self.hooks.get(name)
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<Channel> {
        let mail = self.mail.iter().map(|_| Channel::Mail);
        mail.chain(self.hooks.keys().cloned().map(Channel::Hook)).collect()
    }

    /// Connects, TLS, AUTH; sends no message.
    ///
    /// # Errors
    /// When nothing could be brought by it now, or there is no such channel.
    pub(crate) async fn check(&self, channel: &Channel) -> Result<(), Unsent> {
        match self.way(channel)? {
            Way::Mail(mail) => mail.check().await,
            Way::Hook(hook) => hook.check().await,
        }
    }

    /// One attempt at one delivery; a mail waits for its turn before its content. The work is a task of its own, so that a panic in a library
    /// ends this attempt only; it ends with this future.
    pub(super) async fn send(
        &self,
        templates: &Arc<Templates>,
        delivery: &Delivery,
        waiting: Option<Waiting>,
    ) -> Result<Taken, Unsent> {
        let way = self.way(&delivery.channel)?;
        let (words, delivery, now) = (Words::new(templates, &self.said), delivery.clone(), self.clock.now());
        #[cfg(test)]
        let panics = self.panics_on.as_ref() == Some(&delivery.message_id);
        let attempt = tokio::spawn(async move {
            #[cfg(test)]
            assert!(!panics, "as the test asked for");
            match way {
                Way::Mail(mail) => mail.hand_in(&words, &delivery, waiting.as_ref()).await,
                Way::Hook(hook) => {
                    let reply = hook.post(&words, &delivery, now).await?;
                    Ok(Taken { reply, turn: Turn::default() })
                }
            }
        });
        AbortOnDropHandle::new(attempt).await.map_err(|_| Unsent::Panicked)?
    }

    /// Posts one JSON document to a webhook, signed as notices are, past the outbox: whoever calls tries again.
    ///
    /// # Errors
    /// When it was not taken, or may not have been.
    pub(crate) async fn post(&self, hook: &str, id: &str, document: String) -> Result<(), Unsent> {
        let hook = self.hooks.get(hook).ok_or(Unsent::NoChannel)?;
        hook.post_document(id, document, self.clock.now()).await
    }

    fn way(&self, channel: &Channel) -> Result<Way, Unsent> {
        match channel {
            Channel::Mail => self.mail.clone().map(Way::Mail),
            Channel::Hook(name) => self.hooks.get(name).cloned().map(Way::Hook),
        }
        .ok_or(Unsent::NoChannel)
    }
}
