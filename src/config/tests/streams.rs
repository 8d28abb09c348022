//! `[[stream]]`: each line that cannot be taken is a fault of its own, with its place.

use super::*;
use crate::{config::StreamReceiver, ledger::Kind};

fn streams(text: &str) -> String {
    format!("{EXAMPLE}\n{text}")
}

#[test]
fn what_is_left_out_is_as_the_example_says() {
    let text = "[[stream]]\nname = \"siem\"\nkind = \"syslog\"\naddress = \"[2001:db8::1]:6514\"\nkinds = [\"refusal\"]\n";
    let (config, _) = read(&streams(text)).map_err(|faults| faults.plain()).unwrap();
    let [stream] = config.streams.as_slice() else { panic!() };
    let StreamReceiver::Syslog(to) = &stream.to else { panic!() };
    assert_eq!((to.host.as_str(), to.port, to.facility.as_str()), ("[2001:db8::1]", 6514, "local0"));
    assert_eq!((stream.required, stream.timeout), (false, Duration::from_secs(5)));
    assert_eq!(stream.kinds, BTreeSet::from([Kind::Refusal]));
    assert!(to.certificate.is_none() && to.ca_file.is_none());
}

#[test]
fn every_line_at_fault_is_said_with_its_place() {
    let syslog = "name = \"a\"\nkind = \"syslog\"\naddress = \"h:1\"\n";
    let webhook = "name = \"a\"\nkind = \"webhook\"\nurl = \"https://h/\"\nsecret_file = \"s\"\n";
    for (lines, said) in [
        ("kind = \"syslog\"\naddress = \"h:1\"\n".to_owned(), "`name` is missing"),
        (syslog.replace("\"a\"", "\"a b\""), "`a b` is no name of a stream"),
        (format!("{syslog}\n[[stream]]\n{syslog}"), "two streams are called `a`"),
        (syslog.replace("syslog", "sysklog"), "no kind of stream is `sysklog`"),
        (syslog.replace("address = \"h:1\"", ""), "`address` is missing"),
        (syslog.replace("h:1", "h"), "`h` is no HOST:PORT"),
        (syslog.replace("h:1", "h:0"), "`h:0` is no HOST:PORT"),
        (syslog.replace("h:1", "tcp://h:1"), "is no HOST:PORT"),
        (syslog.replace("h:1", "u@h:1"), "is no HOST:PORT"),
        (syslog.replace("h:1", "h:1/a"), "is no HOST:PORT"),
        (format!("{syslog}facility = \"locale0\""), "no facility is `locale0`"),
        (format!("{syslog}facility = \"kern\""), "no facility is `kern`"),
        (format!("{syslog}timeout = \"1ms\""), "is not between"),
        (format!("{syslog}kinds = [\"intend\"]"), "no kind of record is `intend`"),
        (format!("{syslog}required = true\nkinds = [\"refusal\"]"), "a required stream takes no intents"),
        (format!("{syslog}certificate = \"c\""), "`certificate` and its key go together"),
        (
            format!("{syslog}certificate = \"c\"\nkey_file = \"k\"\nkey_credential = \"k\""),
            "give one of `key_file`",
        ),
        (format!("{syslog}secret_file = \"s\""), "a stream of kind `syslog` has no `secret`"),
        (format!("{syslog}protocol = \"udp\""), "unknown key `protocol`"),
        (webhook.replace("secret_file = \"s\"", ""), "no secret signs"),
        (webhook.replace("https", "http"), "is not https"),
        (format!("{webhook}address = \"h:1\""), "a stream of kind `webhook` has no `address`"),
        (format!("{webhook}certificate = \"c\""), "a stream of kind `webhook` has no `certificate`"),
    ] {
        let text = streams(&format!("[[stream]]\n{lines}\n"));
        let faults = refused(read(&text));
        assert!(faults.contains(said) && faults.contains("config.toml:"), "{lines}\n{faults}");
    }
}
