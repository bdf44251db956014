//! Which tokens count: keys and their names, times, audiences, and what a header asks for.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use messaging::auth::follower::Follower;
use messaging::auth::rules::{Key, Refused, Rules};
use messaging::auth::seals::Seal;
use messaging::auth::tokens::Tokens;
use messaging::domain::ids::OwnerId;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::store::eventually;

const OLD: &str = "an old secret of 32 bytes or more";
const NEW: &str = "a new secret of 32 bytes and more";

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn rules() -> Rules {
    Rules::of(SecretString::from(OLD))
}

fn named(id: &str, secret: &str) -> Key {
    Key { id: Some(id.to_owned()), secret: SecretString::from(secret.to_owned()) }
}

/// Our own claims, and what a case changes of them.
fn claims(change: &Value) -> Value {
    let mut claims = json!({"sub": "7", "exp": now().as_second() + 3600, "iat": now().as_second()});
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn token(change: &Value) -> SecretString {
    let key = EncodingKey::from_secret(OLD.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims(change), &key).unwrap().into()
}

/// A token with any header, signed rightly.
fn with_header(header: &Value) -> SecretString {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(&claims(&json!({}))));
    let key = EncodingKey::from_secret(OLD.as_bytes());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}").into()
}

fn verified(rules: Rules, token: &SecretString) -> Result<i64, Refused> {
    Tokens::with(rules).unwrap().verify(token, now()).map(|caller| caller.user.0)
}

#[test]
fn a_token_needs_an_end_that_is_not_years_away() {
    let years = now().as_second() + 3600 * 24 * 401;
    for (change, expected) in [
        (json!({}), Ok(7)),
        (json!({"sub": 7}), Ok(7)),
        (json!({"exp": null}), Err(Refused::Endless)),
        (json!({"exp": years}), Err(Refused::Endless)),
        (json!({"exp": now().as_second() - 31}), Err(Refused::Expired)),
        (json!({"nbf": now().as_second() + 31}), Err(Refused::Early)),
        (json!({"sub": "me"}), Err(Refused::Subject)),
    ] {
        assert_eq!(verified(rules(), &token(&change)), expected, "{change}");
    }
    let lenient = Rules { lenient: true, ..rules() };
    assert_eq!(verified(lenient, &token(&json!({"exp": null, "aud": "another"}))), Ok(7), "as the system before");
}

#[test]
fn a_token_for_others_or_by_others_is_refused() {
    let ours = Rules { issuer: Some("us".to_owned()), audience: Some("sms".to_owned()), ..rules() };
    for (change, expected) in [
        (json!({"iss": "us", "aud": "sms"}), Ok(7)),
        (json!({"iss": "us", "aud": ["web", "sms"]}), Ok(7)),
        (json!({"iss": "us", "aud": "web"}), Err(Refused::Audience)),
        (json!({"iss": "us"}), Err(Refused::Audience)),
        (json!({"iss": "them", "aud": "sms"}), Err(Refused::Issuer)),
        (json!({"aud": "sms"}), Err(Refused::Issuer)),
    ] {
        assert_eq!(verified(ours.clone(), &token(&change)), expected, "{change}");
    }
    assert_eq!(verified(rules(), &token(&json!({"aud": "web"}))), Err(Refused::Audience), "it is meant for somebody");
    let own = Tokens::with(ours).unwrap();
    let issued = own.issue(OwnerId(7), "campaigns", now(), SignedDuration::from_hours(1)).unwrap();
    assert!(own.verify(&issued, now()).is_ok(), "our own tokens count");
}

#[test]
fn a_header_that_asks_for_what_is_not_understood_is_refused() {
    for (header, expected) in [
        (json!({"alg": "HS256", "typ": "JWT"}), Ok(7)),
        (json!({"alg": "HS256", "typ": "application/at+jwt"}), Ok(7)),
        (json!({"alg": "HS256"}), Ok(7)),
        (json!({"alg": "HS256", "typ": "reset+jwt"}), Err(Refused::Type)),
        (json!({"alg": "HS256", "crit": ["exp"], "exp": 1}), Err(Refused::Critical)),
        (json!({"alg": "HS256", "kid": "elsewhere"}), Ok(7)),
        (json!({"alg": "HS512"}), Err(Refused::Key)),
        (json!({"alg": "RS256", "kid": "a"}), Err(Refused::Key)),
        (json!({"alg": "none"}), Err(Refused::Malformed)),
    ] {
        assert_eq!(verified(rules(), &with_header(&header)), expected, "{header}");
    }
}

#[test]
fn keys_rotate_without_an_outage() {
    let before = Tokens::with(Rules { keys: vec![named("old", OLD)], ..rules() }).unwrap();
    let during = Tokens::with(Rules { keys: vec![named("new", NEW), named("old", OLD)], ..rules() }).unwrap();
    let after = Tokens::with(Rules { keys: vec![named("new", NEW)], ..rules() }).unwrap();
    let issue = |tokens: &Tokens| tokens.issue(OwnerId(7), "campaigns", now(), SignedDuration::from_hours(1)).unwrap();
    let (old, new) = (issue(&before), issue(&during));
    assert!(during.verify(&old, now()).is_ok() && during.verify(&new, now()).is_ok());
    assert!(after.verify(&new, now()).is_ok());
    assert_eq!(after.verify(&old, now()).err(), Some(Refused::Key));
    let token = Seal::new(before.signatures(), "a list").seal(b"a place");
    let open = |tokens: &Tokens| Seal::new(tokens.signatures(), "a list").open(&token);
    assert_eq!((open(&during).as_deref(), open(&after).is_err()), (Ok(&b"a place"[..]), true));
    let signed = before.signatures().sign("x", &[b"y"]);
    assert!(during.signatures().signed("x", &[b"y"], &signed) && !after.signatures().signed("x", &[b"y"], &signed));
}

#[test]
fn an_identity_providers_tokens_count_by_its_public_keys() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let public = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
    let set =
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "idp-1", "alg": "EdDSA", "use": "sig", "x": public}]});
    let trusting = Rules { provider: Some(serde_json::from_value(set).unwrap()), ..rules() };
    let signed = |id: Option<&str>| -> SecretString {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = id.map(str::to_owned);
        let key = EncodingKey::from_ed_der(&pair.serialize_der());
        jsonwebtoken::encode(&header, &claims(&json!({})), &key).unwrap().into()
    };
    assert_eq!(verified(trusting.clone(), &signed(Some("idp-1"))), Ok(7));
    assert_eq!(verified(trusting.clone(), &signed(Some("idp-2"))), Err(Refused::Key));
    assert_eq!(verified(trusting.clone(), &signed(None)), Err(Refused::Key));
    assert_eq!(verified(rules(), &signed(Some("idp-1"))), Err(Refused::Key));
    // The public key is public: as an HMAC secret it signs nothing.
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("idp-1".to_owned());
    let forged = jsonwebtoken::encode(&header, &claims(&json!({})), &EncodingKey::from_secret(pair.public_key_raw()));
    assert_eq!(verified(trusting, &forged.unwrap().into()), Err(Refused::Signature));
}

/// Where an identity provider's keys are found: what it answers now, and how often it was asked.
#[derive(Clone)]
struct Provider(Arc<Mutex<(u16, String, usize)>>);

impl Provider {
    async fn open() -> (Self, reqwest::Url) {
        let provider = Self(Arc::new(Mutex::new((503, String::new(), 0))));
        let asked = provider.clone();
        let answer = move || {
            let mut now = asked.0.lock().unwrap();
            now.2 += 1;
            std::future::ready((http::StatusCode::from_u16(now.0).unwrap(), now.1.clone()))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
        let router = axum::Router::new().route("/keys", axum::routing::get(answer));
        tokio::spawn(axum::serve(listener, router).into_future());
        (provider, url)
    }

    fn answers(&self, status: u16, body: &Value) {
        let mut now = self.0.lock().unwrap();
        (now.0, now.1) = (status, body.to_string());
    }

    /// Waits until it was asked twice more: the first of them may have been under way.
    async fn is_asked(&self) {
        let before = self.0.lock().unwrap().2;
        eventually(async || self.0.lock().unwrap().2 >= before + 2).await;
    }
}

/// A key of the provider, and what it publishes of it.
fn provider_key(id: &str) -> (rcgen::KeyPair, Value) {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key_raw());
    (pair, json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "alg": "EdDSA", "use": "sig", "x": x}))
}

fn signed_by(pair: &rcgen::KeyPair, id: &str) -> SecretString {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(id.to_owned());
    jsonwebtoken::encode(&header, &claims(&json!({})), &EncodingKey::from_ed_der(&pair.serialize_der())).unwrap().into()
}

#[tokio::test]
async fn the_keys_at_a_url_are_found_when_they_come_change_and_cannot_be_had() {
    let (provider, url) = Provider::open().await;
    let tokens = Tokens::with(rules()).unwrap();
    let follower = Follower::new(url, tokens.clone()).unwrap().again_after(Duration::from_millis(1));
    let following = tokio::spawn(follower.follow());
    let ((first, of_first), (second, of_second)) = (provider_key("one"), provider_key("two"));
    let (by_first, by_second) = (signed_by(&first, "one"), signed_by(&second, "two"));
    let counts = |token: &SecretString| tokens.verify(token, now()).is_ok();
    provider.is_asked().await;
    assert!(!counts(&by_first), "it cannot be reached yet");

    // Keys of other kinds are passed over.
    provider.answers(200, &json!({"keys": [{"kty": "new", "kid": "x"}, {"kty": "OKP"}, of_first]}));
    eventually(async || counts(&by_first)).await;
    for (status, useless) in [
        (500, json!({"keys": [of_second]})),
        (302, json!({"keys": [of_second]})),
        (200, json!({"keys": []})),
        (200, json!("no set")),
        (200, json!({"keys": [of_second], "x": " ".repeat(1 << 20)})),
    ] {
        provider.answers(status, &useless);
        assert!(!counts(&by_second), "which rings for the keys");
        provider.is_asked().await;
        assert!(counts(&by_first) && !counts(&by_second), "{status}");
    }
    // A token under a new key is refused once, and is why the keys are asked for.
    provider.answers(200, &json!({"keys": [of_second]}));
    eventually(async || counts(&by_second)).await;
    assert!(!counts(&by_first), "its key is gone, however well it was known");
    following.abort();
}
