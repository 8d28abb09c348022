//! Tests of the whole: the order of the modules, the running binary, the path of a request on real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod attack;
mod attack_late;
mod attack_words;
mod burdens;
mod chain;
mod cli;
mod confined;
mod crash;
mod demo;
mod edge;
mod faults;
mod floods;
mod freezes;
mod honest;
mod layers;
mod logins;
mod mail;
mod mutations;
mod online;
mod own;
mod path;
mod rates;
mod records;
mod relay;
mod reload;
mod renewal;
mod requirements;
mod retries;
mod rules;
mod running;
mod secrets;
mod status;
mod stop;
mod storm;
mod stream;
mod store;
mod supervisor;
mod switches;
mod told;
mod watch;
mod whole;
