//! A table of a configuration, defined once: what the parser reads, and what the reference says of each key. Bounds that stand
//! here are those that the reader goes by.

use std::{collections::BTreeMap, ops::RangeInclusive, path::PathBuf, time::Duration};

use serde_spanned::Spanned;

/// A key of a table.
pub(in crate::config) struct Key {
    /// Its name.
    pub(in crate::config) name: &'static str,
    /// What it says; empty for the further ways to refer to a secret, which are like the first.
    pub(in crate::config) doc: &'static str,
    /// Whether it has to be there.
    pub(in crate::config) required: bool,
    /// The form of its value.
    pub(in crate::config) form: Form,
    /// What is to be said of its value besides.
    pub(in crate::config) says: Says,
}

/// The form of a value.
pub(in crate::config) enum Form {
    /// A string.
    Text,
    /// A path: relative ones are of the file's directory.
    Path,
    /// `true` or `false`.
    Switch,
    /// A number from 0 up.
    Number,
    /// A number with a fraction.
    Fraction,
    /// A date, or an instant.
    Date,
    /// A list.
    List(Box<Form>),
    /// A table whose keys are names.
    Named(Box<Form>),
    /// A table with these keys.
    Table(Vec<Key>),
}

/// What is to be said of a value, where its form does not say enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Says {
    /// Nothing.
    Nothing,
    /// It is a duration, within these bounds.
    Duration(RangeInclusive<Duration>),
    /// It is a number of days, within these bounds.
    Days(RangeInclusive<u64>),
    /// It is a number within these bounds.
    Number(RangeInclusive<usize>),
    /// It is one of these.
    OneOf(&'static [&'static str]),
    /// What it is when it is absent.
    Otherwise(&'static str),
}

/// The shortest duration and the longest, where nothing else is said.
pub(in crate::config) const DURATIONS: RangeInclusive<Duration> =
    Duration::from_nanos(1)..=Duration::from_hours(24);

/// What can be written in a configuration.
pub(in crate::config) trait Written {
    /// Whether it may be absent.
    const OPTIONAL: bool = false;

    /// Its form.
    fn form() -> Form;
}

macro_rules! written {
    ($($type:ty => $form:ident,)*) => { $(
        impl Written for $type {
            fn form() -> Form {
                Form::$form
            }
        }
    )* };
}

written! {
    String => Text,
    PathBuf => Path,
    bool => Switch,
    u16 => Number,
    u32 => Number,
    usize => Number,
    f64 => Fraction,
    toml::value::Datetime => Date,
}

impl<T: Written> Written for Spanned<T> {
    const OPTIONAL: bool = T::OPTIONAL;

    fn form() -> Form {
        T::form()
    }
}

impl<T: Written> Written for Option<T> {
    const OPTIONAL: bool = true;

    fn form() -> Form {
        T::form()
    }
}

impl<T: Written> Written for Vec<T> {
    fn form() -> Form {
        Form::List(Box::new(T::form()))
    }
}

impl<K, T: Written> Written for BTreeMap<K, T> {
    fn form() -> Form {
        Form::Named(Box::new(T::form()))
    }
}

/// Tables: their name, then each key with what it says, its form and its bounds.
macro_rules! sections {
    ($(
        $name:ident $([$($derive:ident),*])? {
            $(
                $(#[doc = $doc:literal])*
                $(#[serde($($serde:tt)*)])?
                $key:ident: $type:ty $(= $kind:ident($($given:tt)*))?,
            )*
        }
    )*) => { $(
        #[derive(serde::Deserialize $($(, $derive)*)?)]
        #[serde(deny_unknown_fields, expecting = "a table")]
        pub(in crate::config) struct $name {
            $(
                $(#[doc = $doc])*
                $(#[serde($($serde)*)])?
                pub(in crate::config) $key: $type,
            )*
        }

        impl crate::config::raw::section::Written for $name {
            fn form() -> crate::config::raw::section::Form {
                use crate::config::raw::section::{Form, Key, Written, default, says};
                Form::Table(vec![$(
                    Key {
                        name: stringify!($key),
                        doc: concat!($($doc),*).trim_ascii(),
                        required: !<$type as Written>::OPTIONAL && !default!($($($serde)*)?),
                        form: <$type as Written>::form(),
                        says: says!($($kind($($given)*))?),
                    },
                )*])
            }
        }

        impl $name {
            $( crate::config::raw::section::bounds!($key $($kind($($given)*))?); )*
        }
    )* };
}

/// Whether serde has a value where a key is absent.
macro_rules! default {
    () => {
        false
    };
    (default) => {
        true
    };
}

/// What is to be said of a value.
macro_rules! says {
    () => {
        crate::config::raw::section::Says::Nothing
    };
    (duration()) => {
        crate::config::raw::section::Says::Duration(crate::config::raw::section::DURATIONS)
    };
    (duration($least:literal..=$most:literal)) => {
        crate::config::raw::section::Says::Duration(
            std::time::Duration::from_millis($least)..=std::time::Duration::from_millis($most),
        )
    };
    (days($bounds:expr)) => {
        crate::config::raw::section::Says::Days($bounds)
    };
    (number($bounds:expr)) => {
        crate::config::raw::section::Says::Number($bounds)
    };
    (one_of($($one:literal),*)) => {
        crate::config::raw::section::Says::OneOf(&[$($one),*])
    };
    (otherwise($said:literal)) => {
        crate::config::raw::section::Says::Otherwise($said)
    };
}

/// The bounds of a value, for the reader: a function named as the key.
macro_rules! bounds {
    ($key:ident duration($least:literal..=$most:literal)) => {
        pub(in crate::config) fn $key() -> std::ops::RangeInclusive<std::time::Duration> {
            std::time::Duration::from_millis($least)..=std::time::Duration::from_millis($most)
        }
    };
    ($key:ident days($bounds:expr)) => {
        pub(in crate::config) fn $key() -> std::ops::RangeInclusive<u64> {
            $bounds
        }
    };
    ($key:ident number($bounds:expr)) => {
        pub(in crate::config) fn $key() -> std::ops::RangeInclusive<usize> {
            $bounds
        }
    };
    ($($other:tt)*) => {};
}

pub(in crate::config) use {bounds, default, says, sections};
