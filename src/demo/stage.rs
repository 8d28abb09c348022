//! A stage: an embedded Connect, an embedded mailbox, and a folder with everything a guard between them needs:
//! certificates, keys, policy, configuration.

use std::{
    fmt::Write,
    fs, io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};

use super::{
    caller::Caller,
    certificates::Authority,
    connect::{Connect, ConnectOptions},
    mailbox::{Mailbox, MailboxOptions},
    sts::{Identity, Sts},
};
use crate::{caller::GuardKey, clock::Clock, secret::random};

/// The instance of everything that is staged.
pub const INSTANCE: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";
/// The account.
pub const ACCOUNT: &str = "111122223333";
/// The Region.
pub const REGION: &str = "us-east-1";
/// The security team's address.
pub const SECURITY: &str = "security@example.com";

const MAIL_USER: &str = "connect-guard";
const MAIL_PASSWORD: &str = "a password of the demo";

/// What is to be set up.
pub struct Setting {
    /// Connect, and who is in it.
    pub connect: ConnectOptions,
    /// The files of the policy directory: name and text.
    pub policy: Vec<(String, String)>,
    /// The names of the roles that get a key.
    pub roles: Vec<String>,
    /// TOML that is added to the end of the configuration.
    pub more: String,
    /// TOML that is added to `[[upstream]]`.
    pub upstream: String,
    /// TOML that is added to the gateway's `[[listen]]`.
    pub gateway: String,
    /// Who is known to AWS, and a session listener for them; none when nobody is listed.
    pub identities: Vec<Identity>,
    /// TOML that is added to `[session]`.
    pub session: String,
    /// Where the guard listens. `127.0.0.1:0`: any free port.
    pub listen: SocketAddr,
}

/// A stage, set up. The folder is the caller's to remove.
pub struct Stage {
    /// Connect.
    pub connect: Connect,
    /// The mailbox.
    pub mailbox: Mailbox,
    /// The folder with everything.
    pub folder: PathBuf,
    /// STS; nobody is known to it unless the setting says so.
    pub sts: Sts,
    /// The CA of the guard's certificate, PEM.
    pub ca: String,
    /// The CA of clients' certificates: `tls/clients-ca.pem`.
    pub clients: Authority,
    keys: Vec<Key>,
}

struct Key {
    role: String,
    id: String,
    secret: String,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            connect: ConnectOptions::default(),
            policy: vec![("policy.toml".into(), include_str!("policy.toml").into())],
            roles: vec!["HelpDesk".into(), "IdentityDesk".into()],
            more: String::new(),
            upstream: String::new(),
            gateway: String::new(),
            identities: Vec::new(),
            session: String::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

impl Stage {
    /// Sets everything up in `folder`, which must exist and be empty.
    ///
    /// # Errors
    /// When something cannot be written, or nothing can be listened on.
    pub async fn set(setting: Setting, folder: &Path) -> io::Result<Self> {
        let connect = Connect::start(setting.connect).await?;
        let mailbox = Mailbox::start(MailboxOptions {
            credentials: Some((MAIL_USER.into(), MAIL_PASSWORD.into())),
            ..MailboxOptions::default()
        })
        .await?;
        let sessions = !setting.identities.is_empty();
        let sts = Sts::start(REGION, setting.identities).await?;
        let authority = Authority::new("connect-guard stage")?;
        let clients = Authority::new("connect-guard stage's clients")?;
        let issued = authority.issue(&["localhost", "127.0.0.1"])?;
        let secrets = folder.join("secrets");
        for name in ["tls", "secrets", "policies", "policies/deny.d"] {
            fs::create_dir(folder.join(name))?;
        }
        fs::write(folder.join("tls/guard.pem"), issued.certificate)?;
        hide(&folder.join("tls/guard.key"), issued.key.as_bytes())?;
        fs::write(folder.join("tls/ca.pem"), authority.pem())?;
        fs::write(folder.join("tls/connect-ca.pem"), connect.ca_pem())?;
        fs::write(folder.join("tls/mail-ca.pem"), &mailbox.ca_pem)?;
        fs::write(folder.join("tls/sts-ca.pem"), sts.ca_pem())?;
        fs::write(folder.join("tls/clients-ca.pem"), clients.pem())?;
        for name in ["seal", "hash", "session"] {
            let key = random::<32>().map_err(io::Error::other)?;
            hide(&secrets.join(name), hex::encode(key).as_bytes())?;
        }
        hide(&secrets.join("mail"), MAIL_PASSWORD.as_bytes())?;
        for (name, text) in &setting.policy {
            fs::write(folder.join("policies").join(name), text)?;
        }
        let mut keys = Vec::new();
        for role in setting.roles {
            let (id, secret) = GuardKey::issue(random().map_err(io::Error::other)?);
            hide(&secrets.join(&id), secret.expose())?;
            let secret = secret.expose_str().unwrap_or_default().to_owned();
            keys.push(Key { role, id, secret });
        }
        let ca = authority.pem().to_owned();
        let stage = Self { connect, mailbox, sts, folder: folder.to_owned(), ca, clients, keys };
        let mut text = stage.configuration(setting.listen, &setting.gateway, &setting.upstream);
        if sessions {
            text.push_str(&stage.sessions(&setting.session));
        }
        text.push_str(&setting.more);
        fs::write(stage.config(), text)?;
        Ok(stage)
    }

    /// The configuration's path.
    pub fn config(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    /// The ledger's URL.
    pub fn ledger(&self) -> String {
        format!("sqlite:{}", self.folder.join("ledger.db").display())
    }

    /// Somebody with the key of this role, calling the guard at this address; none when the role has no key.
    pub fn caller(&self, role: &str, guard: SocketAddr) -> Option<Caller> {
        let key = self.keys.iter().find(|key| key.role == role)?;
        Some(Caller {
            address: guard,
            name: "localhost".into(),
            ca: self.ca.clone(),
            key_id: key.id.clone(),
            secret: key.secret.clone(),
            token: None,
            region: REGION.into(),
            certificate: None,
            source: None,
        })
    }

    /// A session listener, and STS for whoever is known to it.
    fn sessions(&self, more: &str) -> String {
        let sts = self.sts.address();
        format!(
            r#"
[[listen]]
kind        = "session"
address     = "127.0.0.1:0"
certificate = "tls/guard.pem"
key_file    = "tls/guard.key"

[session]
audience = "guard.example.com"
{more}

[[session.key]]
id          = "stage"
secret_file = "secrets/session"

[session.sts]
accounts = ["{ACCOUNT}"]
regions  = ["{REGION}"]
address  = "{sts}"
ca_file  = "tls/sts-ca.pem"

"#
        )
    }

    fn configuration(&self, listen: SocketAddr, gateway: &str, upstream: &str) -> String {
        let end: Timestamp = Clock::system().now().plus(SignedDuration::from_hours(24 * 30)).timestamp();
        let end = end.strftime("%Y-%m-%dT%H:%M:%SZ");
        let connect = self.connect.address().port();
        let mail = self.mailbox.address.port();
        let mut text = format!(
            r#"[[listen]]
kind        = "gateway"
address     = "{listen}"
certificate = "tls/guard.pem"
key_file    = "tls/guard.key"
{gateway}

[policy]
directory = "policies"

[store]
url = "sqlite:ledger.db"

[keys]
hash_file = "secrets/hash"

[[keys.seal]]
id          = "stage"
secret_file = "secrets/seal"

[[upstream]]
name      = "stage"
account   = "{ACCOUNT}"
region    = "{REGION}"
instances = ["{INSTANCE}"]
endpoint  = "https://localhost:{connect}"
address   = "127.0.0.1:{connect}"
ca_file   = "tls/connect-ca.pem"
{upstream}

[mail]
host          = "localhost"
port          = {mail}
tls           = "starttls"
ca_file       = "tls/mail-ca.pem"
username      = "{MAIL_USER}"
password_file = "secrets/mail"
from          = "connect-guard@example.com"
security      = ["{SECURITY}"]
timeout       = "10s"
"#
        );
        for Key { role, id, .. } in &self.keys {
            let _ = write!(
                text,
                "\n[[caller]]\nkey_id      = \"{id}\"\nprincipal   = \"arn:aws:iam::{ACCOUNT}:role/{role}\"\n\
                 expires     = {end}\nsecret_file = \"secrets/{id}\"\n"
            );
        }
        text.push('\n');
        text
    }
}

/// Writes a file that only this user may read.
fn hide(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}
