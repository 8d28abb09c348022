//! The first door: what is true now. Sends reads of the closed list, and nothing else.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    Unseen,
    answer::{error_name, is_own, is_throttled, wait},
    read::Read,
    site::{AGENT, By, SiteClient, Unsigned},
};
use crate::{
    client::{Answer, ClientError, Failure},
    operation::{
        Address, AnswerFault, Directory, InstanceId, Look, Page, Profile, Seen, User, UserId,
        read_channel_addresses, read_permissions, read_profile_name, read_users_named,
    },
};

/// Pages of one list that are read at most: a list that does not end is none.
const PAGES: usize = 20;

impl SiteClient {
    /// What `look` asks for in an instance. What does not depend on anything else is read at the same time.
    pub(super) async fn observe(&self, instance: &InstanceId, look: &Look) -> Result<Seen, Unseen> {
        let Look { instance: directory_of, user, username, profiles, permissions, addresses } = look;
        let (directory, user, username_taken_by, channel_addresses) = tokio::try_join!(
            async {
                match directory_of {
                    Some(instance) => self.directory(instance).await.map(Some),
                    None => Ok(None),
                }
            },
            async {
                match user {
                    Some(user) => self.user(instance, user).await.map(Some),
                    None => Ok(None),
                }
            },
            async {
                match username {
                    Some(username) => self.user_named(instance, username).await,
                    None => Ok(None),
                }
            },
            async {
                if addresses.is_empty() {
                    return Ok(Vec::new());
                }
                let own = self.channel_mailboxes(instance).await?;
                Ok(addresses.iter().filter(|address| own.contains(&address.mailbox())).cloned().collect())
            },
        )?;
        let mut ids: BTreeSet<&str> = profiles.iter().map(String::as_str).collect();
        if let Some(user) = user.as_ref().filter(|_| *permissions) {
            ids.extend(user.security_profiles.iter().map(String::as_str));
        }
        let mut profiles = Vec::with_capacity(ids.len());
        for id in ids {
            profiles.push(self.profile(instance, id).await?);
        }
        Ok(Seen { directory, user, username_taken_by, profiles, channel_addresses })
    }

    async fn user(&self, instance: &InstanceId, user: &UserId) -> Result<User, Unseen> {
        let read = Read::User(instance, user);
        let answer = self.ask(read).await?;
        User::read(user, &answer.body).map_err(|fault| unreadable(read, &fault))
    }

    /// The user that has a Username already. Several would be one too many: the first is enough to refuse.
    async fn user_named(&self, instance: &InstanceId, username: &str) -> Result<Option<UserId>, Unseen> {
        let read = Read::UsersNamed { instance, username, next: None };
        let found = self.pages(read, |body| read_users_named(username, body)).await?;
        Ok(found.into_iter().next())
    }

    async fn directory(&self, instance: &InstanceId) -> Result<Directory, Unseen> {
        let read = async || {
            let read = Read::Instance(instance);
            let answer = self.ask(read).await?;
            Directory::read(instance, &answer.body).map_err(|fault| unreadable(read, &fault))
        };
        self.directories.get(instance.clone(), read).await
    }

    async fn profile(&self, instance: &InstanceId, id: &str) -> Result<Profile, Unseen> {
        let read = async || {
            let read = Read::Profile(instance, id);
            let answer = self.ask(read).await?;
            let name = read_profile_name(id, &answer.body).map_err(|fault| unreadable(read, &fault))?;
            let read = Read::Permissions { instance, profile: id, next: None };
            let permissions = self.pages(read, read_permissions).await?;
            Ok(Profile { id: id.to_owned(), name, permissions: permissions.into_iter().collect() })
        };
        self.profiles.get((instance.clone(), id.to_owned()), read).await
    }

    /// The instance's own mailboxes, as [`Address::mailbox`] has them: two spellings of one must not pass for two.
    async fn channel_mailboxes(&self, instance: &InstanceId) -> Result<Arc<BTreeSet<String>>, Unseen> {
        let read = async || {
            let read = Read::ChannelAddresses { instance, next: None };
            let all = self.pages(read, read_channel_addresses).await?;
            Ok(Arc::new(all.iter().map(Address::mailbox).collect()))
        };
        self.channels.get(instance.clone(), read).await
    }

    /// All pages of a list: whole, or not at all.
    async fn pages<T>(
        &self,
        first: Read<'_>,
        page: impl Fn(&[u8]) -> Result<Page<T>, AnswerFault>,
    ) -> Result<Vec<T>, Unseen> {
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES {
            let read = match &next {
                None => first,
                Some(next) => first.after(next),
            };
            let answer = self.ask(read).await?;
            let page = page(&answer.body).map_err(|fault| unreadable(read, &fault))?;
            all.extend(page.items);
            next = page.next;
            if next.is_none() {
                return Ok(all);
            }
        }
        Err(unavailable(first, &format!("more than {PAGES} pages")))
    }

    /// One read: charged, signed, sent; sent again once when nothing of it left. Gives an answer with status 200 only.
    async fn ask(&self, read: Read<'_>) -> Result<Answer, Unseen> {
        if !read.is_reserved() {
            let needed = [(read.operation(), 1)];
            self.limiter
                .own_reads(&self.site.account, &self.site.region, &needed)
                .map_err(|limited| Unseen::Throttled(limited.wait))?;
        }
        let (answer, by) = match Box::pin(self.send(read)).await? {
            Ok(answered) => answered,
            Err(error) if is_worth_another(&error) => {
                Box::pin(self.send(read)).await?.map_err(|error| unavailable(read, &error.to_string()))?
            }
            Err(ClientError { why: Failure::Busy, .. }) => return Err(Unseen::Overloaded),
            Err(error) => return Err(unavailable(read, &error.to_string())),
        };
        if answer.status == 200 {
            return Ok(answer);
        }
        let error = error_name(&answer);
        if is_throttled(answer.status, error.as_deref()) {
            return Err(Unseen::Throttled(wait(&answer.headers)));
        }
        match (answer.status, error) {
            (404, Some(name)) if name == "ResourceNotFoundException" && read.is_of_the_target() => {
                Err(Unseen::Unknown)
            }
            (status @ 400..=499, Some(name)) if is_own(&name) => {
                self.not_accepted(&by, read.operation(), &name);
                Err(unavailable(read, &format!("{status} {name}")))
            }
            (status, Some(name)) => Err(unavailable(read, &format!("{status} {name}"))),
            (status, None) => Err(unavailable(read, &format!("status {status}"))),
        }
    }

    async fn send(&self, read: Read<'_>) -> Result<Result<(Answer, By), ClientError>, Unseen> {
        let own = self.credentials.base().clone();
        let signed =
            self.sign(read.build(), own, AGENT.to_owned()).await.map_err(|unsigned| match unsigned {
                Unsigned::Credentials(why) => Unseen::Credentials(why),
                Unsigned::Form(why) => unavailable(read, &why),
            })?;
        let answered = self.client.send(signed.outgoing).await;
        Ok(answered.map(|answer| (answer, signed.by)))
    }
}

/// Whether nothing was sent, for a reason that may be gone at once.
fn is_worth_another(error: &ClientError) -> bool {
    let passing = match &error.why {
        Failure::Connect(_) | Failure::Tls(_) | Failure::Broken(_) | Failure::Answer(_) => true,
        Failure::Busy | Failure::Request(_) | Failure::Timeout(_) | Failure::Late => false,
    };
    !error.sent && passing
}

fn unreadable(read: Read<'_>, fault: &AnswerFault) -> Unseen {
    unavailable(read, fault.0)
}

fn unavailable(read: Read<'_>, why: &str) -> Unseen {
    Unseen::Unavailable(format!("{}: {why}", read.operation()))
}
