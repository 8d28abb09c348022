//! Where a record is: several guards on one server have a chain each.

use serde_json::Value;

use crate::records::Record;

/// A chain, and a number in it.
pub type Place = (String, u64);

/// What is somewhere in the chains, and about an intent that is.
pub trait Placed {
    /// Its chain and its number.
    fn place(&self) -> Place;

    /// Where the intent is that it is about.
    fn intent_place(&self) -> Place;
}

impl Placed for Record {
    fn place(&self) -> Place {
        place(&self.0)
    }

    fn intent_place(&self) -> Place {
        place(&self.0["intent"])
    }
}

fn place(of: &Value) -> Place {
    (of["chain"].as_str().unwrap().to_owned(), of["seq"].as_u64().unwrap())
}
