//! Which tokens count: keys and their names, times, audiences, and what a header asks for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use messaging::auth::rules::{Key, Refused, Rules};
use messaging::auth::seals::Seal;
use messaging::auth::tokens::Tokens;
use messaging::domain::ids::OwnerId;
use secrecy::SecretString;
use serde_json::{Value, json};

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
