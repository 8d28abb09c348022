//! Deliveries put into words. An operator's own template that fails is no reason not to tell, but it is said in the log:
//! once for each kind, or it would be said with every notice.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use super::unsent::Unsent;
use crate::notice::{Delivery, Kind, Rendered, Templates};

/// Of which kinds it was said that their templates fail.
pub(super) type Said = Arc<Mutex<BTreeSet<Kind>>>;

/// Puts deliveries into words.
pub(super) struct Words {
    templates: Arc<Templates>,
    said: Said,
}

impl Words {
    pub(super) fn new(templates: &Arc<Templates>, said: &Said) -> Self {
        Self { templates: Arc::clone(templates), said: Arc::clone(said) }
    }

    /// The words of a delivery: the built-in ones where the operator's own fail.
    ///
    /// # Errors
    /// When the built-in ones fail too.
    pub(super) fn of(&self, delivery: &Delivery) -> Result<Rendered, Unsent> {
        let rendered = self.templates.render(delivery).map_err(Unsent::Words)?;
        if let Some(fault) = &rendered.fault
            && self.is_news(delivery.kind)
        {
            let kind = delivery.kind;
            tracing::error!(%kind, %fault, "a template of your own fails: the built-in words stand in for it");
        }
        Ok(rendered)
    }

    fn is_news(&self, kind: Kind) -> bool {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).insert(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::{Audience, TemplateFile, tests::delivery};

    #[test]
    fn a_template_that_fails_is_said_once_for_each_kind_and_the_message_is_whole() {
        let text = "{% block subject %}S{% endblock %}{% block lead %}{{ nowhere }}{% endblock %}{% block steps %}{% endblock %}";
        let name = "address_changed.txt".to_owned();
        let file = TemplateFile { place: name.clone(), name, text: text.to_owned() };
        let (templates, said) = (Arc::new(Templates::unchecked(&[file])), Said::default());
        let delivery = delivery(Audience::Security, "security@example.com", 1);
        let built_in = Templates::built_in().unwrap().render(&delivery).unwrap();
        for _ in 0..2 {
            // As each attempt makes it anew.
            let rendered = Words::new(&templates, &said).of(&delivery).unwrap();
            assert!(rendered.fault.is_some());
            assert_eq!((rendered.lead, rendered.text), (built_in.lead.clone(), built_in.text.clone()));
        }
        assert_eq!(*said.lock().unwrap(), BTreeSet::from([delivery.kind]));
        let words = Words::new(&templates, &said);
        assert!(!words.is_news(delivery.kind));
        assert!(words.is_news(Kind::Test) && !words.is_news(Kind::Test));
    }
}
