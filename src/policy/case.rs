//! A question with everything that is true when it is asked, owned: what `[[test]]` cases, questions put by hand and the
//! lines of the decision matrix are.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    caller::Principal,
    clock::Now,
    operation::{Address, Class, Directory, Field, InstanceIn, Profile, Route},
};

use super::{
    Known,
    question::{Asker, Facts, Kind, Password, Person, Question},
};

/// One question, and what is true when it is asked.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) caller: Principal,
    pub(super) key_id: Option<String>,
    pub(super) issued: Option<Timestamp>,
    pub(super) claims: BTreeMap<String, String>,
    pub(super) notes: BTreeMap<String, String>,
    pub(super) route: &'static Route,
    pub(super) instance: Option<String>,
    pub(super) instance_arn: Option<String>,
    pub(super) user: Option<CaseUser>,
    pub(super) username: Option<String>,
    pub(super) wanted: Vec<(Field, Option<String>)>,
    pub(super) password: Password,
    pub(super) grants: Vec<String>,
    pub(super) permissions: Vec<String>,
    pub(super) members: Vec<String>,
    pub(super) profile: Option<String>,
    pub(super) profiles: Vec<Profile>,
    pub(super) directory: Directory,
    pub(super) channel: Vec<Address>,
    pub(super) known: Known,
    pub(super) at: Now,
}

/// The user as it is.
#[derive(Clone)]
pub(super) struct CaseUser {
    pub(super) id: String,
    pub(super) username: String,
    pub(super) values: Vec<(Field, String)>,
    pub(super) profiles: Vec<String>,
}

impl Case {
    /// By what kind of operation.
    pub(super) fn kind(&self) -> Kind {
        match self.class() {
            Class::Identity if self.route.operation == "CreateUser" => Kind::Create,
            Class::Identity => Kind::Identity,
            Class::Sensitive | Class::Forbidden => Kind::Sensitive,
            Class::Write | Class::Read => Kind::Ordinary,
        }
    }

    fn class(&self) -> Class {
        let whose = self.user.is_some() || self.profile.is_some();
        if self.route.instance == InstanceIn::ResourceArn && self.route.class == Class::Sensitive && !whose {
            Class::Write
        } else {
            self.route.class
        }
    }

    /// The question.
    pub(super) fn question(&self) -> Question<'_> {
        let asker = Asker {
            principal: &self.caller,
            arn: self.caller.arn.without_session(),
            key_id: self.key_id.as_deref(),
            issued: self.issued,
            claims: &self.claims,
        };
        let mut question = Question::bare(asker, self.route, self.class(), self.kind());
        question.instance = self.instance.as_deref();
        question.instance_arn.clone_from(&self.instance_arn);
        question.user = self.user.as_ref().map(|user| user.id.as_str());
        question.username = self.username.as_deref();
        question.wanted = self.wanted.iter().map(|(field, value)| (*field, value.as_deref())).collect();
        question.password = self.password;
        question.profiles = &self.grants;
        question.permissions = &self.permissions;
        question.members = self.members.iter().map(String::as_str).collect();
        question.profile = self.profile.as_deref();
        question.notes = &self.notes;
        question
    }

    /// What is true.
    pub(super) fn facts(&self) -> Facts<'_> {
        let person = self.user.as_ref().map(|user| Person {
            id: &user.id,
            username: &user.username,
            values: user.values.iter().map(|(field, value)| (*field, value.as_str())).collect(),
            profiles: &user.profiles,
        });
        Facts {
            person,
            directory: Some(self.directory),
            profiles: &self.profiles,
            channel: &self.channel,
            known: &self.known,
        }
    }
}
