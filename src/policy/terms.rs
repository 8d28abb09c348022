//! What a policy has to fulfil beside its language: that somebody known signed it, and that it is not an older one.

use std::path::Path;

use crate::diagnostic::{Fault, Faults};

use super::{PolicyFiles, Signers, signature::Signature};

/// What a policy has to fulfil beside its language. By default nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'t> {
    /// Who may sign it. A policy that is to be signed has an `epoch` as well: without one an older one could be put back.
    pub signers: Option<&'t Signers>,
    /// The lowest `epoch` it may have: that of the policy in force. One without an `epoch` is refused.
    pub at_least: Option<u64>,
}

/// Whether a policy fulfils them: who signed it, where it had to be signed; what it does not fulfil is an error.
pub(super) fn fulfilled(
    terms: Terms<'_>,
    files: &PolicyFiles,
    epoch: Option<u64>,
    faults: &mut Faults,
) -> Option<String> {
    match (epoch, terms.at_least) {
        (Some(epoch), Some(least)) if epoch < least => {
            let fault = Fault::bare(format!(
                "the policy's epoch {epoch} is lower than {least}, that of the one in force"
            ));
            faults.push(fault.hint("an older policy is not put back: give this one a higher epoch"));
        }
        (None, Some(least)) => {
            let fault = Fault::bare(format!("the policy has no epoch, and the one in force has {least}"));
            faults.push(fault.hint("write epoch = N into one of its files, and raise it with each change"));
        }
        (None, None) if terms.signers.is_some() => {
            let fault = Fault::bare("a policy that is to be signed has no epoch");
            faults.push(fault.hint("write epoch = 1 into one of its files, and raise it with each change"));
        }
        (_, None) | (Some(_), Some(_)) => {}
    }
    match signed(terms.signers?, files) {
        Ok(signer) => Some(signer),
        Err(found) => {
            faults.extend(found);
            None
        }
    }
}

/// Who signed it.
fn signed(signers: &Signers, files: &PolicyFiles) -> Result<String, Faults> {
    let refuse = |message: String| {
        let mut faults = Faults::new();
        let hint = "connect-guard policy manifest DIR | ssh-keygen -Y sign -n connect-guard-policy -f KEY > DIR/policy.sig";
        faults.push(Fault::bare(message).hint(hint));
        faults
    };
    let manifest = files.manifest()?;
    let source = match &files.signature {
        Some(Ok(source)) => source,
        Some(Err(why)) => return Err(refuse(format!("policy.sig cannot be read: {why}"))),
        None => return Err(refuse("the policy is not signed: there is no policy.sig".to_owned())),
    };
    let signature = Signature::read(&source.text)
        .map_err(|fault| refuse(format!("`{}` is no signature of a policy: {fault}", source.name)))?;
    let signer = signers.name_of(&signature.key);
    let signer = signer.ok_or_else(|| refuse(format!("`{}` is by a key that may not sign", source.name)))?;
    if !signature.is_of(&manifest) {
        let message = format!("`{}` is not a signature of these files: one of them is another", source.name);
        return Err(refuse(message));
    }
    Ok(signer.to_owned())
}

/// The `epoch` that files of a policy say, as far as they can be read: of those of a policy that was enforced, whose texts
/// were kept.
pub fn epoch_in(texts: &[(String, String)]) -> Option<u64> {
    let said = |text: &String| toml::from_str::<toml::Table>(text).ok()?.get("epoch")?.as_integer();
    let is_rules = |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "toml");
    let rules = texts.iter().filter(|(name, _)| is_rules(name) && !name.contains('/'));
    rules.filter_map(|(_, text)| said(text)).find_map(|epoch| u64::try_from(epoch).ok())
}
