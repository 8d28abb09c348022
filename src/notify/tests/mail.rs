//! One message, under every way in which a mail server fails.

use super::*;
use crate::{
    client::TrustFault,
    demo::mailbox::{Fault, Letter},
    notice::{
        Audience,
        tests::{
            delivery,
            render::{HOSTILE, hostile},
        },
    },
    notify::unsent::{Step, Verdict},
};

const MARY: &str = "mary.major@example.com";

fn to_mary() -> Delivery {
    delivery(Audience::OldPrimary, MARY, 42)
}

/// The attempt failed for now: nothing was received, and after healing the same message arrives.
async fn waits_for(mailbox: &Mailbox, mail: &Arc<Mail>, fault: Fault) -> Unsent {
    mailbox.fail(fault);
    let unsent = hand_in(mail, to_mary()).await.unwrap_err();
    assert_ne!(unsent.verdict(), Verdict::Never, "{unsent}");
    assert!(!unsent.to_string().contains('@'), "{unsent}");
    mailbox.healed().await;
    let before = mailbox.letters().len();
    hand_in(mail, to_mary()).await.unwrap();
    assert_eq!(mailbox.received(before + 1).await.len(), before + 1);
    unsent
}

#[tokio::test]
async fn a_message_over_starttls_is_complete() {
    let mailbox = mailbox(Protection::StartTls).await;
    let reply = hand_in(&over(&mailbox, |_| ()), to_mary()).await.unwrap();
    assert_eq!(reply, "250 2.0.0 ok: kept");
    let letter = mailbox.received(1).await.remove(0);
    assert_eq!(letter.from, "guard@example.com");
    assert_eq!(letter.to, [MARY]);
    assert_eq!(letter.user.as_deref(), Some(USER));
    let id = format!("<{}@guard.example.com>", to_mary().message_id);
    for (name, value) in [
        ("From", "guard@example.com"),
        ("To", MARY),
        ("Subject", "The primary and secondary e-mail addresses of your Amazon Connect user changed"),
        ("Message-ID", &id),
        ("Date", "Thu, 23 Jul 2026 09:46:42 +0000"),
        ("Auto-Submitted", "auto-generated"),
        ("List-Id", "<guard.example.com>"),
        ("X-Connect-Guard-Event", "address-changed; record=guard-1/42"),
    ] {
        assert_eq!(letter.header(name), [value], "{name}");
    }
    assert!(letter.header("Content-Type")[0].starts_with("multipart/alternative"));
    let types = letter.types();
    assert!(types[0].starts_with("text/plain") && types[1].starts_with("text/html"), "{types:?}");
    let rendered = templates().render(&to_mary()).unwrap();
    assert_eq!(letter.text().unwrap().trim_end(), rendered.text.trim_end());
    assert_eq!(letter.html().unwrap().trim_end(), rendered.html.trim_end());
    assert!(letter.raw.is_ascii());
}

#[tokio::test]
async fn a_message_over_implicit_tls_arrives() {
    let mailbox = mailbox(Protection::Implicit).await;
    hand_in(&over(&mailbox, |options| options.tls = MailTls::Implicit), to_mary()).await.unwrap();
    assert_eq!(mailbox.received(1).await[0].to, [MARY]);
}

#[tokio::test]
async fn connections_are_used_again() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    for _ in 0..3 {
        hand_in(&mail, to_mary()).await.unwrap();
    }
    assert_eq!((mailbox.received(3).await.len(), mailbox.connections()), (3, 1));
}

#[tokio::test]
async fn an_idle_connection_that_died_is_replaced() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    hand_in(&mail, to_mary()).await.unwrap();
    mailbox.fail(Fault::Down);
    waits_for(&mailbox, &mail, Fault::Down).await;
    assert_eq!(mailbox.connections(), 2);
}

#[tokio::test]
async fn h1_h3_hostile_values_make_one_message_and_no_header() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    let names = |letter: &Letter| letter.headers().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let mut count = 0;
    let mut expected = None;
    let long = ["a".repeat(255), "\u{1f600}".repeat(255), ".\r\n".repeat(80), " .".repeat(120)];
    for text in HOSTILE.iter().map(|text| (*text).to_owned()).chain(long) {
        for audience in [Audience::Security, Audience::OldSecondary, Audience::New] {
            let mut delivery = hostile(&text, audience);
            delivery.record.chain.clone_from(&text);
            delivery.message_id.clone_from(&text);
            hand_in(&mail, delivery).await.unwrap();
            count += 1;
            let letters = mailbox.received(count).await;
            assert_eq!(letters.len(), count, "one message: {text:?}");
            let letter = letters.last().unwrap();
            assert_eq!(letter.to, ["someone@example.com"]);
            let names = names(letter);
            assert_eq!(names, *expected.get_or_insert_with(|| names.clone()), "{text:?}");
            assert!(letter.raw.is_ascii(), "{text:?}");
            assert!(!String::from_utf8_lossy(&letter.raw).replace("\r\n", "").contains(['\r', '\n', '\0']));
            assert_eq!(letter.types().len(), 2, "{text:?}");
            let id = letter.header("Message-ID").remove(0);
            let id = id.strip_prefix('<').and_then(|id| id.strip_suffix("@guard.example.com>")).unwrap();
            assert!(id.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.".contains(letter)), "{id}");
            assert!(letter.text().unwrap().contains("Is this message genuine?"), "whole: {text:?}");
        }
    }
    assert_eq!(mailbox.connections(), 1, "the dialogue never broke");
}

#[tokio::test]
async fn h1_a_recipient_that_is_no_plain_address_is_never_spoken() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    for recipient in
        ["a@example.com>\r\nRCPT TO:<b@example.net", "Mary\r\n <mary@example.com>", "m\0@example.com", ""]
    {
        let unsent = hand_in(&mail, delivery(Audience::New, recipient, 1)).await.unwrap_err();
        assert!(matches!(unsent, Unsent::Address), "{unsent}");
    }
    assert_eq!(mailbox.connections(), 0);
}

#[tokio::test]
async fn h4_a_server_that_is_down_or_busy_is_waited_for() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    assert!(matches!(waits_for(&mailbox, &mail, Fault::Down).await, Unsent::Unreachable(_)));
    let busy = waits_for(&mailbox, &mail, Fault::Busy(1)).await;
    assert!(matches!(busy, Unsent::Refused { step: Step::Sender, .. }), "{busy}");
    assert_eq!(busy.to_string(), "the mail server did not accept MAIL FROM: 451 4.3.2 busy, come back later");
}

#[tokio::test]
async fn h5_without_tls_nothing_is_sent() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    assert!(matches!(waits_for(&mailbox, &mail, Fault::NoStartTls).await, Unsent::NoStartTls));
}

#[tokio::test]
async fn h5_another_ca_or_name_is_refused() {
    let (mailbox, other) = (mailbox(Protection::StartTls).await, mailbox(Protection::Implicit).await);
    let (options, _ca_file) = options(&mailbox, MailTls::StartTls, &other.ca_pem);
    let unsent = hand_in(&Arc::new(Mail::new(options).unwrap()), to_mary()).await.unwrap_err();
    assert!(matches!(unsent, Unsent::Tls(_)), "{unsent}");
    assert_eq!(unsent.verdict(), Verdict::Channel);

    let named = MailboxOptions { names: vec!["mail.example.com".to_owned()], ..MailboxOptions::default() };
    let named = Mailbox::start(named).await.unwrap();
    let unsent = hand_in(&over(&named, |_| ()), to_mary()).await.unwrap_err();
    assert!(matches!(unsent, Unsent::Tls(_)), "{unsent}");
    assert!(mailbox.letters().is_empty() && named.letters().is_empty());
}

/// Replies put into the clear part must not be taken for replies inside TLS: all of them together say "accepted".
#[tokio::test]
async fn h5_replies_ahead_of_tls_are_not_believed() {
    let mailbox = mailbox(Protection::StartTls).await;
    let replies = "250-x\r\n250 AUTH PLAIN\r\n235 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 kept";
    let unsent = waits_for(&mailbox, &over(&mailbox, |_| ()), Fault::Injected(replies)).await;
    assert!(matches!(unsent, Unsent::Tls(_)), "{unsent}");
}

#[tokio::test]
async fn h10_an_unknown_mailbox_is_given_up_on() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::Unknown(MARY.to_owned()));
    let mail = over(&mailbox, |_| ());
    let unsent = hand_in(&mail, to_mary()).await.unwrap_err();
    assert_eq!(unsent.verdict(), Verdict::Never);
    assert_eq!(
        unsent.to_string(),
        "the mail server did not accept RCPT TO: 550 5.1.1 <address> no such mailbox"
    );
    hand_in(&mail, delivery(Audience::Security, "security@example.com", 1)).await.unwrap();
    assert_eq!(mailbox.letters().len(), 1);
}

#[tokio::test]
async fn h10_permanent_refusals_that_are_about_us_are_not_final() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    let wrong = waits_for(&mailbox, &mail, Fault::WrongPassword).await;
    assert!(matches!(wrong, Unsent::Refused { step: Step::Auth, .. }), "{wrong}");
    let relay = waits_for(&mailbox, &mail, Fault::RelayDenied).await;
    assert!(matches!(relay, Unsent::Refused { step: Step::Recipient, .. }), "{relay}");
    waits_for(&mailbox, &mail, Fault::Content("554 5.7.1 looks like spam")).await;
    waits_for(&mailbox, &mail, Fault::Content("552 too long")).await;

    mailbox.fail(Fault::Content("550 5.1.1 no such mailbox after all"));
    assert_eq!(hand_in(&mail, to_mary()).await.unwrap_err().verdict(), Verdict::Never);
}

#[tokio::test]
async fn h10_a_missing_password_is_not_final() {
    let mailbox = mailbox(Protection::StartTls).await;
    let unsent = hand_in(&over(&mailbox, |options| options.credentials = None), to_mary()).await.unwrap_err();
    assert_eq!(unsent.verdict(), Verdict::Channel, "{unsent}");
}

#[tokio::test]
async fn a_server_that_never_answers_auth_is_left_in_time() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |options| options.timeout = Duration::from_millis(500));
    assert!(matches!(waits_for(&mailbox, &mail, Fault::SilentAuth).await, Unsent::Timeout { .. }));
}

#[tokio::test]
async fn h10_a_drop_after_the_content_is_repeated_with_the_same_id() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    let dropped = waits_for(&mailbox, &mail, Fault::DropAfterContent(1)).await;
    assert!(matches!(dropped, Unsent::Refused { step: Step::Content, .. }), "{dropped}");
    let letters = mailbox.letters();
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].header("Message-ID"), letters[1].header("Message-ID"));
    assert_eq!(letters[0].header("Date"), letters[1].header("Date"));
}

/// Each step has its own time, and the message says which one it was.
#[tokio::test]
async fn each_step_that_is_never_answered_is_named() {
    let mailbox = mailbox(Protection::StartTls).await;
    let fresh = || over(&mailbox, |options| options.timeout = Duration::from_millis(400));
    let mail = fresh();
    for (silent, step) in [
        ("greeting", Step::Greeting),
        ("EHLO", Step::Hello),
        ("STARTTLS", Step::StartTls),
        ("tls", Step::Tls),
        ("AUTH", Step::Auth),
        ("MAIL", Step::Sender),
        ("RCPT", Step::Recipient),
        ("DATA", Step::Data),
    ] {
        let unsent = waits_for(&mailbox, &fresh(), Fault::Silent(silent)).await;
        assert!(matches!(unsent, Unsent::Timeout { step: named, .. } if named == step), "{silent}: {unsent}");
        assert_eq!(unsent.verdict(), Verdict::Channel);
    }
    mailbox.fail(Fault::SilentContent(1));
    let unsent = hand_in(&mail, to_mary()).await.unwrap_err();
    assert!(matches!(unsent, Unsent::Timeout { step: Step::Content, .. }), "{unsent}");
}

#[tokio::test]
async fn h10_each_reply_has_its_meaning() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    for (command, reply, verdict) in [
        ("MAIL", "421 4.3.2 closing", Verdict::Channel),
        ("MAIL", "451 4.3.2 busy", Verdict::Channel),
        ("MAIL", "530 5.7.0 authentication required", Verdict::Channel),
        ("MAIL", "550 5.7.1 not from you", Verdict::Channel),
        ("MAIL", "550 no", Verdict::Channel),
        ("RCPT", "421 4.3.2 closing", Verdict::Channel),
        ("RCPT", "450 4.2.1 greylisted", Verdict::Message),
        ("RCPT", "451 later", Verdict::Message),
        ("RCPT", "452 4.2.2 full", Verdict::Message),
        ("RCPT", "530 5.7.0 authentication required", Verdict::Channel),
        ("RCPT", "535 5.7.8 who?", Verdict::Channel),
        ("RCPT", "550 5.7.1 relaying denied", Verdict::Message),
        ("RCPT", "550 5.4.1 access denied", Verdict::Message),
        ("RCPT", "550 5.1.1 unknown", Verdict::Never),
        ("RCPT", "550 unknown", Verdict::Never),
        ("RCPT", "551 5.1.6 moved", Verdict::Never),
        ("RCPT", "552 5.2.2 full for good", Verdict::Never),
        ("RCPT", "553 5.1.3 no address", Verdict::Never),
        ("RCPT", "556 5.1.10 takes no mail", Verdict::Never),
        ("RCPT", "554 5.7.1 no", Verdict::Message),
        ("DATA", "451 4.3.0 later", Verdict::Channel),
        ("DATA", "554 5.5.1 no recipients", Verdict::Channel),
    ] {
        mailbox.fail(Fault::Says(command, reply));
        let unsent = hand_in(&mail, to_mary()).await.unwrap_err();
        assert_eq!(unsent.verdict(), verdict, "{command}: {reply}: {unsent}");
    }
    for (reply, verdict) in [
        ("421 4.3.2 closing", Verdict::Channel),
        ("451 4.3.0 later", Verdict::Channel),
        ("550 5.1.1 unknown after all", Verdict::Never),
        ("554 5.2.1 disabled", Verdict::Never),
        ("552 5.3.4 too long", Verdict::Message),
        ("554 5.7.1 looks like spam", Verdict::Message),
    ] {
        mailbox.fail(Fault::Content(reply));
        let unsent = hand_in(&mail, to_mary()).await.unwrap_err();
        assert_eq!(unsent.verdict(), verdict, "content: {reply}: {unsent}");
    }
    assert!(mailbox.letters().is_empty());
}

/// With one reply too many, that to DATA would be taken for that to the content, and a message be given up as taken.
#[tokio::test]
async fn h10_a_reply_to_another_step_is_not_believed() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    for fault in [
        Fault::Says("RCPT", "250 2.1.5 ok\r\n250 2.1.5 and once more"),
        Fault::Says("MAIL", "354 go ahead"),
        Fault::Says("DATA", "250 2.0.0 kept"),
        Fault::Content("354 go ahead"),
    ] {
        mailbox.fail(fault.clone());
        let unsent = hand_in(&mail, to_mary()).await.unwrap_err();
        assert!(matches!(unsent, Unsent::NotSmtp), "{fault:?}: {unsent}");
        assert_eq!(unsent.verdict(), Verdict::Channel);
    }
    mailbox.fail(Fault::None);
    hand_in(&mail, to_mary()).await.unwrap();
}

#[tokio::test]
async fn a_reply_that_does_not_end_is_read_no_further() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |_| ());
    let endless = Box::leak(format!("250-{}", "x".repeat(1024 * 1024)).into_boxed_str());
    mailbox.fail(Fault::Says("MAIL", endless));
    let unsent = hand_in(&mail, to_mary()).await.unwrap_err();
    assert!(unsent.to_string().ends_with("the reply does not end"), "{unsent}");
    assert_eq!(unsent.verdict(), Verdict::Channel);
}

#[tokio::test]
async fn a_check_goes_as_far_as_it_can_without_a_message() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |options| options.timeout = Duration::from_secs(3));
    mail.check().await.unwrap();
    for (fault, ends) in [
        (Fault::Down, "cannot be reached"),
        (Fault::NoStartTls, "STARTTLS"),
        (Fault::WrongPassword, "535"),
        (Fault::Silent("AUTH"), "AUTH was not answered"),
        (Fault::Says("NOOP", "502 5.5.2 what?"), "NOOP"),
    ] {
        mailbox.fail(fault.clone());
        let unsent = mail.check().await.unwrap_err().to_string();
        assert!(unsent.contains(ends), "{fault:?}: {unsent}");
        mailbox.healed().await;
    }
    mailbox.fail(Fault::Silent("QUIT"));
    mail.check().await.unwrap();
    assert!(mailbox.letters().is_empty());
}

#[tokio::test]
async fn a_password_is_replaced_while_messages_wait() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail =
        over(&mailbox, |options| options.credentials = Some((USER.to_owned(), Secret::new(b"old".to_vec()))));
    assert_eq!(hand_in(&mail, to_mary()).await.unwrap_err().verdict(), Verdict::Channel);
    mail.replace_credentials(Some((USER.to_owned(), Secret::new(PASSWORD.into())))).unwrap();
    hand_in(&mail, to_mary()).await.unwrap();
    assert!(matches!(
        mail.replace_credentials(Some((USER.to_owned(), Secret::new(vec![0xff])))),
        Err(MailFault::Password)
    ));
    hand_in(&mail, to_mary()).await.unwrap();
    assert_eq!(mailbox.connections(), 2, "the connection in use stays");
    mail.replace_credentials(None).unwrap();
    hand_in(&mail, to_mary()).await.unwrap_err();
    assert_eq!(mailbox.connections(), 3, "what was authenticated otherwise is not used again");
}

/// A connection with a reply outstanding is not used again: its late reply would be believed for the next message.
#[tokio::test]
async fn a_late_reply_is_not_believed_for_another_message() {
    let mailbox = mailbox(Protection::StartTls).await;
    let mail = over(&mailbox, |options| options.timeout = Duration::from_millis(500));
    hand_in(&mail, to_mary()).await.unwrap();
    mailbox.fail(Fault::SilentContent(1));
    assert!(matches!(hand_in(&mail, to_mary()).await.unwrap_err(), Unsent::Timeout { .. }));
    assert_eq!(mailbox.connections(), 1);
    hand_in(&mail, to_mary()).await.unwrap();
    assert_eq!(mailbox.connections(), 2);
}

#[tokio::test]
async fn options_that_can_never_work_are_faults() {
    let mailbox = mailbox(Protection::StartTls).await;
    let fault = |change: fn(&mut MailOptions), ca_pem: &str| {
        let (mut options, _ca_file) = options(&mailbox, MailTls::StartTls, ca_pem);
        change(&mut options);
        Mail::new(options).err().unwrap()
    };
    let pem = mailbox.ca_pem.as_str();
    assert!(matches!(fault(|_| (), ""), MailFault::Trust(TrustFault::CaFile { .. })));
    assert!(matches!(
        fault(|_| (), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        MailFault::Trust(TrustFault::CaFile { .. })
    ));
    assert!(matches!(
        fault(|options| options.ca_file = Some("/nowhere/ca.pem".into()), pem),
        MailFault::Trust(TrustFault::CaFile { .. })
    ));
    assert!(matches!(fault(|options| options.host = "a b".to_owned(), pem), MailFault::Host(_)));
    assert!(matches!(fault(|options| options.domain = "a>\r\nb".to_owned(), pem), MailFault::Domain(_)));
    assert!(matches!(fault(|options| options.domain.clear(), pem), MailFault::Domain(_)));
    let password =
        |options: &mut MailOptions| options.credentials = Some((USER.to_owned(), Secret::new(vec![0xff])));
    assert!(matches!(fault(password, pem), MailFault::Password));
}
