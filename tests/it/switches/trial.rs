//! One combination: what is asked under it, and what is to be found in the end.

use connect_guard::demo::{
    caller::{Answer, Request},
    connect::{Omitted, Switches, User},
    mailbox::Letter,
    stage::{INSTANCE, SECURITY},
};

use super::{AGENT, Fields, SAML};
use crate::running::{Running, own_address, user};

/// What is to be found of one user in the end.
pub(super) struct Expected {
    /// As Connect has it.
    pub(super) user: User,
    /// The changes on record: what else changed with each.
    pub(super) changes: Vec<Fields>,
    /// The codes of the refusals on record.
    pub(super) refusals: Vec<&'static str>,
    /// Who is told what.
    pub(super) told: Vec<(String, &'static str)>,
}

/// One combination, and its users.
pub(super) struct Trial<'a> {
    pub(super) guard: &'a Running,
    pub(super) switches: Switches,
    pub(super) first: usize,
}

impl Trial<'_> {
    fn user(&self, number: usize) -> User {
        user(self.first + number)
    }

    fn clears(&self) -> bool {
        self.switches.omitted == Omitted::Clear
    }

    /// What is cleared besides what was asked for.
    fn cleared(&self, fields: Fields) -> Fields {
        if self.clears() { fields } else { &[] }
    }

    async fn ask(&self, role: &str, request: &Request) -> Answer {
        self.guard.caller(role).send(request).await.unwrap()
    }

    /// A change that is made: Connect's own answer, which is empty.
    async fn done(&self, role: &str, request: &Request) {
        let answer = self.ask(role, request).await;
        let said = (answer.status, answer.error(), answer.text());
        assert_eq!(said, (200, None, String::new()), "{:?}\n{}", self.switches, self.guard.log());
    }

    async fn refused(&self, role: &str, request: &Request, status: u16, error: &str) {
        let answer = self.ask(role, request).await;
        assert_eq!((answer.status, answer.error()), (status, Some(error)), "{:?}", self.switches);
    }

    /// What becomes of a user when these fields are left out.
    fn without(&self, mut user: User, fields: Fields) -> User {
        for field in self.cleared(fields) {
            match *field {
                "FirstName" => user.first_name.clear(),
                "LastName" => user.last_name.clear(),
                "Email" => user.email.clear(),
                "SecondaryEmail" => user.secondary_email.clear(),
                "Mobile" => user.mobile.clear(),
                other => panic!("no field {other}"),
            }
        }
        user
    }

    /// Those that were there before are told of what else changed, or else of the change.
    fn told(&self, old: &[&str], new: &[&str], otherwise: &'static str) -> Vec<(String, &'static str)> {
        let kind = if self.clears() { "side-effect" } else { otherwise };
        let old = old.iter().map(|to| ((*to).to_owned(), kind));
        old.chain(new.iter().map(|to| ((*to).to_owned(), otherwise))).collect()
    }

    async fn address(&self, number: usize, spelt: fn(&str, &str) -> String) -> Expected {
        const LEFT: Fields = &["FirstName", "LastName", "SecondaryEmail", "Mobile"];
        let before = self.user(number);
        let new = own_address(&before);
        let mut request = Request::update_identity(INSTANCE, &before.id, &[("Email", &new)]);
        request.target = spelt(INSTANCE, &before.id);
        self.done("IdentityDesk", &request).await;
        let old = [&*security(&before), &before.email, &before.secondary_email];
        Expected {
            told: self.told(&old, &[&new], "address-changed"),
            user: self.without(User { email: new, ..before.clone() }, LEFT),
            changes: vec![self.cleared(LEFT)],
            refusals: Vec::new(),
        }
    }

    async fn names(&self) -> Expected {
        const LEFT: Fields = &["Email", "SecondaryEmail", "Mobile"];
        let before = self.user(1);
        let fields = [("FirstName", "Other"), ("LastName", "Name")];
        self.done("HelpDesk", &Request::update_identity(INSTANCE, &before.id, &fields)).await;
        let told = if self.clears() {
            self.told(&[&security(&before), &before.email, &before.secondary_email], &[], "")
        } else {
            Vec::new()
        };
        let after = User { first_name: "Other".into(), last_name: "Name".into(), ..before };
        Expected {
            user: self.without(after, LEFT),
            changes: vec![self.cleared(LEFT)],
            refusals: Vec::new(),
            told,
        }
    }

    /// The secondary address is set, and taken away again.
    async fn secondary(&self) -> Expected {
        const LEFT: Fields = &["FirstName", "LastName", "Email", "Mobile"];
        let before = self.user(2);
        let new = own_address(&before);
        let set = Request::update_identity(INSTANCE, &before.id, &[("SecondaryEmail", &new)]);
        self.done("IdentityDesk", &set).await;
        let removal = Request::update_identity(INSTANCE, &before.id, &[("SecondaryEmail", "")]);
        self.done("IdentityDesk", &removal).await;
        let old = [&*security(&before), &before.email, &before.secondary_email];
        let mut told = self.told(&old, &[&new], "secondary-changed");
        // What was cleared by the first is not cleared again by the second.
        let mut second = vec![security(&before), new];
        second.extend((!self.clears()).then(|| before.email.clone()));
        told.extend(second.into_iter().map(|to| (to, "address-removed")));
        Expected {
            user: self.without(User { secondary_email: String::new(), ..before }, LEFT),
            changes: vec![self.cleared(LEFT), &[]],
            refusals: Vec::new(),
            told,
        }
    }

    async fn created(&self) -> Expected {
        let new = User {
            email: own_address(&self.user(3)),
            secondary_email: String::new(),
            mobile: String::new(),
            username: format!("new{}", self.first),
            ..self.user(3)
        };
        let new = User { email: own_address(&new), ..new };
        let body = format!(
            r#"{{"Username":"{}","Password":"Passw0rd","IdentityInfo":{{"FirstName":"{}","LastName":"{}","Email":"{}"}},
            "RoutingProfileId":"99999999-aaaa-bbbb-cccc-EXAMPLE99999","SecurityProfileIds":["{AGENT}"]}}"#,
            new.username, new.first_name, new.last_name, new.email
        );
        let request = Request::new("PUT", &format!("/users/{INSTANCE}"), body.as_bytes());
        let answer = self.ask("Onboarding", &request).await;
        assert_eq!(answer.status, 200, "{:?}\n{}", self.switches, self.guard.log());
        let made: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        let id = made["UserId"].as_str().unwrap().to_owned();
        let told = [security(&new), new.email.clone()];
        Expected {
            user: User { id, ..new },
            changes: vec![&[]],
            refusals: Vec::new(),
            told: told.map(|to| (to, "user-created")).to_vec(),
        }
    }

    /// A change that is refused: nothing is sent, and those who are there are told that it was tried.
    async fn not_made(&self, number: usize, instance: &str, role: &str, code: &'static str) -> Expected {
        let user = self.user(number);
        let request = Request::update_identity(instance, &user.id, &[("Email", &own_address(&user))]);
        self.refused(role, &request, 403, "AccessDeniedException").await;
        let told = [security(&user), user.email.clone(), user.secondary_email.clone()];
        Expected {
            user,
            changes: Vec::new(),
            refusals: vec![code],
            told: told.map(|to| (to, "address-change-refused")).to_vec(),
        }
    }

    /// The address it has already: nobody is told of a change, and it is on record.
    async fn same(&self) -> Expected {
        const LEFT: Fields = &["FirstName", "LastName", "SecondaryEmail", "Mobile"];
        let user = self.user(5);
        self.done("IdentityDesk", &Request::update_identity(INSTANCE, &user.id, &[("Email", &user.email)]))
            .await;
        let told = if self.clears() {
            self.told(&[&security(&user), &user.email, &user.secondary_email], &[], "")
        } else {
            Vec::new()
        };
        Expected {
            user: self.without(user, LEFT),
            changes: vec![self.cleared(LEFT)],
            refusals: Vec::new(),
            told,
        }
    }

    /// Two readings of one body are none, whichever Connect would take.
    async fn doubled(&self) -> Expected {
        let user = self.user(8);
        let mut request = Request::update_identity(INSTANCE, &user.id, &[]);
        let (first, last) = (own_address(&user), "attacker@example.net");
        request.body = format!(r#"{{"IdentityInfo":{{"Email":"{first}","Email":"{last}"}}}}"#).into_bytes();
        self.refused("IdentityDesk", &request, 400, "InvalidRequestException").await;
        Expected { user, changes: Vec::new(), refusals: Vec::new(), told: Vec::new() }
    }

    pub(super) async fn all(&self) -> Vec<Expected> {
        self.guard.stage.connect.set_switches(self.switches);
        let (address, details, secondary, created, elsewhere, again, refused, spelt, doubled) = tokio::join!(
            self.address(0, bare),
            self.names(),
            self.secondary(),
            self.created(),
            self.not_made(4, SAML, "IdentityDesk", "email-on-saml"),
            self.same(),
            self.not_made(6, INSTANCE, "HelpDesk", "no-rule"),
            self.address(7, arns),
            self.doubled(),
        );
        let all = vec![address, details, secondary, created, elsewhere, again, refused, spelt, doubled];
        for expected in &all {
            let found = self.guard.stage.connect.user(&expected.user.id).unwrap();
            assert_eq!(found, expected.user, "{:?}", self.switches);
        }
        all
    }
}

fn bare(instance: &str, user: &str) -> String {
    format!("/users/{instance}/{user}/identity-info")
}

/// The same path with ARNs in place of ids.
fn arns(instance: &str, user: &str) -> String {
    let instance = format!("arn%3Aaws%3Aconnect%3Aus-east-1%3A111122223333%3Ainstance%2F{instance}");
    format!("/users/{instance}/{instance}%2Fagent%2F{user}/identity-info")
}

/// How the security team's letters about a user are told apart.
fn security(user: &User) -> String {
    format!("{SECURITY} about {}", user.username)
}

/// To whom a letter is, and of whom where it is to the security team.
pub(super) fn addressee(letter: &Letter) -> String {
    let to = letter.to.concat();
    if to != SECURITY {
        return to;
    }
    let text = letter.text().unwrap();
    let user = text.lines().find_map(|line| line.strip_prefix("User: ")).expect("a letter about nobody");
    format!("{to} about {}", user.split([' ', ',']).next().unwrap_or_default())
}
