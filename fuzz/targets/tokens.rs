//! What callers show and hand back: tokens of calls, keys, and places in lists. None is taken that was not given out, and no refusal
//! quotes it.

use jiff::{SignedDuration, Timestamp};
use messaging::auth::keys;
use messaging::auth::seals::Seal;
use messaging::auth::tokens::Tokens;
use messaging::domain::ids::OwnerId;
use messaging::domain::page;
use secrecy::{ExposeSecret as _, SecretString};

use super::tells_nothing;

/// What the tokens of the corpus are signed with, and when.
const SECRET: &str = "a canary secret of the corpus, 32 characters or more";
const NOW: i64 = 1_800_000_000;

/// See the module.
pub fn check(data: &[u8]) {
    let shown = String::from_utf8_lossy(data);
    bearer(&shown);
    key(&shown);
    places(&shown, data);
}

fn bearer(shown: &str) {
    let tokens = Tokens::new(&SecretString::from(SECRET)).expect("long enough");
    let others = Tokens::new(&SecretString::from("another secret, which has 32 characters, too")).expect("long enough");
    let now = Timestamp::from_second(NOW).expect("a time");
    let token = SecretString::from(shown);
    match tokens.verify(&token, now) {
        Ok(caller) => {
            assert_eq!(tokens.verify(&token, now).map(|again| again.user.0).ok(), Some(caller.user.0));
            assert!(others.verify(&token, now).is_err(), "it is signed by somebody else");
            let later = now.checked_add(SignedDuration::from_hours(24 * 401)).expect("a time");
            assert!(tokens.verify(&token, later).is_err(), "it does not end");
        }
        Err(refused) => tells_nothing(&refused.to_string()),
    }
    // What is given out is taken, whatever its scopes are called.
    let issued = tokens.issue(OwnerId(7), shown, now, SignedDuration::from_hours(1)).expect("a token");
    assert_eq!(tokens.verify(&issued, now).map(|caller| caller.user).ok(), Some(OwnerId(7)));
}

fn key(shown: &str) {
    let mut random = [0; 32];
    random.iter_mut().zip(shown.bytes()).for_each(|(to, from)| *to = from);
    let key = keys::create(random).secret;
    assert!(keys::is_whole(&key), "what is given out is whole");
    let whole = keys::is_whole(&SecretString::from(shown));
    assert!(!whole || shown.is_ascii());
    let typo = key.expose_secret().replacen(char::is_alphanumeric, "-", 4);
    assert!(!keys::is_whole(&SecretString::from(typo)), "a mistyped one is not");
}

fn places(shown: &str, data: &[u8]) {
    let tokens = Tokens::new(&SecretString::from(SECRET)).expect("long enough");
    let list = Seal::new(tokens.signatures(), "a list");
    let sealed = list.seal(data);
    assert_eq!(list.open(&sealed).as_deref(), Ok(data));
    assert!(Seal::new(tokens.signatures(), "another list").open(&sealed).is_err(), "it is another list's");
    match list.open(shown) {
        Ok(payload) => assert_eq!(list.seal(&payload), shown, "two tokens for one place"),
        Err(invalid) => tells_nothing(&invalid.to_string()),
    }
    let _ = (page::id(data), page::number(data), page::text(data));
}
