//! The story: what the guard is for, in nine steps, each told in one line: who asked for what, what was decided and by
//! which rule, what Connect saw, and who was written to.

use std::{
    collections::BTreeSet,
    io,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    caller::{Answer, Caller, Request},
    connect::{ConnectOptions, User},
    process::Process,
    stage::{INSTANCE, REGION, SECURITY, Setting, Stage},
};
use crate::ledger::Ledger;

/// Mary's id, of the examples in AWS's documentation.
const MARY: &str = "87654321-2222-1234-1234-111234567891";
/// Li's.
const LI: &str = "12345678-1111-2222-aaaa-111234567892";
/// How long the people of the story wait for mail.
const MAIL: Duration = Duration::from_secs(10);

/// One told step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Who asked.
    pub who: &'static str,
    /// For what.
    pub asked: String,
    /// What came of it.
    pub decision: Decision,
    /// The rule that allows it, or the code that says why not.
    pub ground: String,
    /// What Connect saw.
    pub connect: String,
    /// Who was written to.
    pub mail: String,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It was done.
    Allowed,
    /// It was refused.
    Refused,
    /// It was slowed down.
    Limited,
    /// It had been done before: the same answer again.
    Repeated,
    /// It was looked into.
    Verified,
    /// It did not go as the story has it.
    Unexpected,
}

/// The story, set up.
pub struct Story {
    stage: Stage,
    guard: Process,
    /// Letters that were told of.
    letters: usize,
    /// Updates of Connect that were told of.
    updates: usize,
}

impl Story {
    /// Sets the stage in an empty folder, and starts `program serve` on it.
    ///
    /// # Errors
    /// When something cannot be set up.
    pub async fn begin(program: &Path, folder: &Path) -> io::Result<Self> {
        let stage = Stage::set(Setting { connect: people(), ..Setting::default() }, folder).await?;
        let guard = Process::start(program, &stage).await?;
        Ok(Self { stage, guard, letters: 0, updates: 0 })
    }

    /// How many steps it has.
    pub const STEPS: usize = 9;

    /// Plays a step, from 0, and tells it; none after the last.
    ///
    /// # Errors
    /// When the guard cannot be reached, or the ledger not be read.
    pub async fn step(&mut self, step: usize) -> io::Result<Option<Told>> {
        let (help, desk) = (self.caller("HelpDesk")?, self.caller("IdentityDesk")?);
        let told = match step {
            0 => {
                self.change("help desk", &help, (MARY, "Mary"), ("FirstName", "Maria"), Expect::Done(0))
                    .await?
            }
            1 => {
                let wanted = ("Email", "mary@example.com");
                self.change("help desk", &help, (MARY, "Mary"), wanted, Expect::Refused(2)).await?
            }
            2 => {
                let wanted = ("Email", "mary@example.com");
                self.change("identity desk", &desk, (MARY, "Mary"), wanted, Expect::Done(3)).await?
            }
            3 => self.retry(&desk).await?,
            4 => {
                let wanted = ("Email", "kim@example.com");
                self.change("insider Kim", &desk, (LI, "Li"), wanted, Expect::Refused(2)).await?
            }
            5 => {
                let wanted = ("SecondaryEmail", "kim@example.com");
                self.change("insider Kim", &desk, (LI, "Li"), wanted, Expect::Refused(2)).await?
            }
            6 => self.stranger(&help).await?,
            7 => self.flood(&help).await?,
            8 => self.verify(),
            _ => return Ok(None),
        };
        Ok(Some(told))
    }

    /// The folder of the stage.
    pub fn folder(&self) -> &Path {
        &self.stage.folder
    }

    /// What to type to try it: the lines of a shell.
    ///
    /// # Errors
    /// Never, once the story has begun.
    pub fn to_try(&self) -> io::Result<Vec<String>> {
        let desk = self.caller("IdentityDesk")?;
        let folder = self.stage.folder.display();
        Ok(vec![
            format!("export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}", desk.key_id, desk.secret),
            format!("export AWS_DEFAULT_REGION={REGION} AWS_CA_BUNDLE={folder}/tls/ca.pem"),
            format!(
                "aws connect update-user-identity-info --endpoint-url https://{} --identity-info \
                 FirstName=Mary,LastName=Major,Email=mary@example.com --user-id {MARY} --instance-id {INSTANCE}",
                desk.host()
            ),
        ])
    }

    /// Ends the guard in good order.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn end(mut self) -> io::Result<()> {
        self.guard.stop().await.map(drop)
    }

    fn caller(&self, role: &str) -> io::Result<Caller> {
        self.stage.caller(role, self.guard.address).ok_or_else(|| io::Error::other("nobody of that role"))
    }

    async fn change(
        &mut self,
        who: &'static str,
        caller: &Caller,
        (user, name): (&str, &str),
        (field, value): (&str, &str),
        expect: Expect,
    ) -> io::Result<Told> {
        let answer = patiently(caller, &Request::update_identity(INSTANCE, user, &[(field, value)])).await?;
        let ground = self.ground(&answer).await;
        let (decision, letters) = match (expect, answer.status) {
            (Expect::Done(letters), 200) => (Decision::Allowed, letters),
            (Expect::Refused(letters), 403) => (Decision::Refused, letters),
            (Expect::Done(_) | Expect::Refused(_), _) => (Decision::Unexpected, 0),
        };
        Ok(Told {
            who,
            asked: format!("{name}'s {field} = {value}"),
            decision,
            ground,
            connect: self.seen(),
            mail: self.told(letters).await,
        })
    }

    /// The same request again, as an SDK repeats it that lost the answer: with a new signature, in the same invocation.
    async fn retry(&mut self, desk: &Caller) -> io::Result<Told> {
        let invocation = uuid::Uuid::new_v4().to_string();
        let request =
            Request::update_identity(INSTANCE, MARY, &[("LastName", "Roe")]).invocation(&invocation);
        let first = patiently(desk, &request).await?;
        let seen = self.stage.connect.updates().len();
        let second = desk.send(&request).await?;
        let same = (first.status, second.status) == (200, 200) && seen == self.stage.connect.updates().len();
        Ok(Told {
            who: "identity desk",
            asked: "Mary's LastName = Roe, sent twice".into(),
            decision: if same { Decision::Repeated } else { Decision::Unexpected },
            ground: self.ground(&first).await,
            connect: self.seen(),
            mail: self.told(0).await,
        })
    }

    /// Somebody without a key.
    async fn stranger(&mut self, help: &Caller) -> io::Result<Told> {
        let stranger =
            Caller { secret: "not the secret of this key, and long enough".into(), ..help.clone() };
        let request = Request::update_identity(INSTANCE, MARY, &[("Email", "mary@example.com")]);
        let answer = stranger.send(&request).await?;
        Ok(Told {
            who: "a stranger",
            asked: "Mary's Email, signed with a guess".into(),
            decision: if answer.status == 403 { Decision::Refused } else { Decision::Unexpected },
            ground: answer.error().unwrap_or("-").to_owned(),
            connect: self.seen(),
            mail: self.told(0).await,
        })
    }

    /// More than Connect takes.
    async fn flood(&mut self, help: &Caller) -> io::Result<Told> {
        let (mut done, mut limited) = (0, 0);
        for number in 0..12 {
            let name = format!("Maria {number}");
            let request = Request::update_identity(INSTANCE, MARY, &[("FirstName", &name)]);
            // The steps before have used up what Connect takes at once.
            let answer =
                if number == 0 { patiently(help, &request).await? } else { help.send(&request).await? };
            match answer.status {
                200 => done += 1,
                429 => limited += 1,
                _ => {}
            }
        }
        let expected = done > 0 && limited > 0 && done + limited == 12;
        Ok(Told {
            who: "help desk",
            asked: "12 changes at once".into(),
            decision: if expected { Decision::Limited } else { Decision::Unexpected },
            ground: format!("{done} done, {limited} answered 429"),
            connect: self.seen(),
            mail: self.told(0).await,
        })
    }

    /// The auditor's look at it all.
    fn verify(&self) -> Told {
        let output = self.guard.command(&["audit", "verify", "--store", &self.stage.ledger()]).output();
        let (decision, ground) = match output {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                (Decision::Verified, text.lines().next().unwrap_or_default().to_owned())
            }
            Ok(output) => (Decision::Unexpected, String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => (Decision::Unexpected, error.to_string()),
        };
        Told {
            who: "auditor",
            asked: "audit verify".into(),
            decision,
            ground,
            connect: "-".into(),
            mail: "-".into(),
        }
    }

    /// The rule or the code, from the record of the request.
    async fn ground(&self, answer: &Answer) -> String {
        let id = answer.header("x-amzn-requestid").unwrap_or_default();
        match Ledger::ground(&self.stage.ledger(), id).await {
            Ok(Some(ground)) => ground,
            Ok(None) | Err(_) => answer.error().unwrap_or("-").to_owned(),
        }
    }

    /// What Connect has seen since it was last asked.
    fn seen(&mut self) -> String {
        let updates = self.stage.connect.updates();
        let new = updates.len() - self.updates.min(updates.len());
        self.updates = updates.len();
        match (new, updates.last()) {
            (0, _) | (_, None) => "nothing".into(),
            (1, Some(update)) => {
                let text = update.text();
                text.strip_prefix(r#"{"IdentityInfo":"#)
                    .and_then(|text| text.strip_suffix('}'))
                    .unwrap_or(&text)
                    .into()
            }
            (_, Some(_)) => format!("{new} updates"),
        }
    }

    /// Who was written to since it was last asked, once so many letters have come.
    async fn told(&mut self, letters: usize) -> String {
        let expected = self.letters + letters;
        let all = tokio::time::timeout(MAIL, self.stage.mailbox.received(expected)).await;
        let all = all.unwrap_or_else(|_| self.stage.mailbox.letters());
        let new: BTreeSet<String> =
            all.iter().skip(self.letters).flat_map(|letter| letter.to.clone()).collect();
        self.letters = all.len();
        if new.is_empty() {
            return "nobody".into();
        }
        let security = new.contains(SECURITY).then(|| "security".to_owned());
        let others = new.into_iter().filter(|address| address != SECURITY);
        security.into_iter().chain(others).collect::<Vec<_>>().join(", ")
    }
}

/// What a change is to come to, and how many letters it brings.
#[derive(Clone, Copy)]
enum Expect {
    Done(usize),
    Refused(usize),
}

/// Sends as an SDK does: when told to wait, it waits, and tries again.
async fn patiently(caller: &Caller, request: &Request) -> io::Result<Answer> {
    let begun = Instant::now();
    loop {
        let answer = caller.send(request).await?;
        if answer.status != 429 || begun.elapsed() > Duration::from_secs(20) {
            return Ok(answer);
        }
        let wait = answer.header("x-amz-retry-after").and_then(|millis| millis.parse().ok()).unwrap_or(500);
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

/// Mary, and Li.
fn people() -> ConnectOptions {
    let mut options = ConnectOptions::default();
    for instance in &mut options.instances {
        for user in &mut instance.users {
            user.email = "mary@example.org".into();
        }
        let profiles = instance.users.first().map(|user| user.profiles.clone()).unwrap_or_default();
        instance.users.push(User {
            id: LI.into(),
            username: "li".into(),
            first_name: "Li".into(),
            last_name: "Juan".into(),
            email: "li@example.com".into(),
            profiles,
            ..User::default()
        });
    }
    options
}
