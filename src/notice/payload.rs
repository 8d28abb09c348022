//! What a webhook carries: the same facts as the mail to the same recipient, as JSON. The members are contract; more may
//! come, none goes and none changes its meaning.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{Delivery, Templates, view::View};

/// Members that only templates need.
const FOR_TEMPLATES: [&str; 4] = ["audience", "kind", "what", "subject_user"];

/// The words of payloads are always the built-in English ones: programs read them, and the operator's own templates
/// must not be able to change what a program relies on.
static WORDS: LazyLock<Option<Templates>> = LazyLock::new(|| Templates::built_in().ok());

impl Delivery {
    /// What a webhook carries.
    ///
    /// Texts are as in the mails: one line, at most 512 characters and then `...`; characters that act instead of being
    /// seen are written as `\u{..}`; what could become a link is defused (`[.]`, `[at]`), but for plain addresses. Times
    /// are RFC 3339 in UTC, to the second. Lists hold at most 40 items and are followed by how many are left out. What is
    /// not known is `null`.
    ///
    /// | member | of | what |
    /// |---|---|---|
    /// | `id` | all | the id of the message: the same in a repeat (`webhook-id`, `Message-ID`) |
    /// | `type` | all | `connect-guard.` and the kind, `connect-guard.address-changed` |
    /// | `severity` | all | `info`, `warning` or `critical`: one for each kind |
    /// | `summary` | all | one line, English |
    /// | `steps` | all | what to do now, one line each, English |
    /// | `time` | all | when it was found; of an event, when it happened |
    /// | `masked` | all | whether values are masked: the hook is declared so |
    /// | `record.chain`, `record.seq` | all | the record of the ledger, for `connect-guard audit verify` |
    /// | `record.head` | all | its hash: the head of that chain when it was written |
    /// | `operation` | changes | Connect's operation |
    /// | `outcome` | changes | `done`, `seen-done` (no answer, a read shows it), `not-done`, `seen-not-done`, `unknown`, `undetermined` (no read can tell), `not-shown` (accepted, reads show the old values), `not-read` (accepted, could not be read), `refused` (by Connect Guard), `not-sent` (about to be) |
    /// | `decided` | changes | when it was decided |
    /// | `request_id` | changes | the request, as in `x-amzn-RequestId` |
    /// | `target.account`, `.region`, `.instance`, `.id`, `.username`, `.person` | changes | whom it concerns; `id` is the user's id, or what else it is about |
    /// | `caller.principal`, `.unique_id`, `.proof`, `.source`, `.user_agent` | changes | who asked, how proven, from where, with what by its own account |
    /// | `ticket` | changes | the tickets the request carried, where a rule asks for one; otherwise `null` |
    /// | `rules` | changes | the rules it rests on, or the one that denies: `id (file:line)` |
    /// | `refusal` | changes | a refusal's code and words (masked: its code); otherwise `null` |
    /// | `policy` | changes | the digest of the policy |
    /// | `fields[].field`, `.before`, `.after` | changes | each field: as it was, and as asked; `null` is no value |
    /// | `side_effects[]` | changes | what changed and was not asked for, in the same form |
    /// | `untold` | changes | whose address could not be told: `old-primary`, `old-secondary`, `new` |
    /// | `event` | the guard itself | the members of its kind, see [`Event`](super::Event) |
    /// | `refusals.count`, `.first`, `.last` | `repeated-refusals` | how many, and when |
    /// | `refusals.callers`, `.users`, `.codes` | `repeated-refusals` | `most[].name`, `most[].count`; `left_out` names with `left_out_count` refusals |
    /// | `refusals.records`, `.records_left_out` | `repeated-refusals` | their records as `chain/seq` |
    pub fn payload(&self) -> Value {
        let english = Self { language: "en".to_owned(), ..self.clone() };
        let words = WORDS.as_ref().and_then(|templates| templates.render(&english).ok());
        let summary = words.as_ref().map_or(self.kind.as_str(), |words| words.subject.as_str());
        let mut payload = json!({
            "id": self.message_id,
            "type": format!("connect-guard.{}", self.kind),
            "summary": summary,
            "steps": words.as_ref().map(|words| words.steps.as_slice()).unwrap_or_default(),
        });
        if let (Value::Object(payload), Ok(Value::Object(view))) =
            (&mut payload, serde_json::to_value(View::of(self)))
        {
            let told = view.into_iter().filter(|(name, _)| !FOR_TEMPLATES.contains(&name.as_str()));
            payload.extend(told);
            for list in ["fields", "side_effects"] {
                for field in payload.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                    field.as_object_mut().map(|field| field.remove("hidden"));
                }
            }
        }
        payload
    }
}
