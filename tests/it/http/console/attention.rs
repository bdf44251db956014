//! What operators deal with in the console: messages that were given up, what waits, replies, accounts, users, keys, and the audit.

use http::StatusCode;
use messaging::http::act_paths;
use messaging::proto::{Message, SendSingleRequest};
use serde_json::json;

use super::markup::faults;
use super::{Browser, MASKED, sent};
use crate::http::post::{INBOUND, post};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

/// The scopes of an operator who may do everything here.
const OPERATOR: &str = "ops act-as";

async fn scheduled(app: &TestApp, digits: &str) -> Message {
    let now = app.clock.now();
    let at = pbjson_types::Timestamp { seconds: now.as_second() + 3600, nanos: 0 };
    let destination = format!("+3069000000{digits}");
    sent(app, SendSingleRequest { destination, scheduled_at: Some(at), ..Default::default() }).await
}

async fn dead(app: &TestApp, code: &str) {
    let set = format!("dispatch = 9, status = 6, due_at = NULL, attempts = 12, error_code = '{code}'");
    app.execute(&format!("UPDATE messages SET {set} WHERE dispatch = 0")).await;
}

pub fn hidden(page: &str, name: &str) -> String {
    let value =
        page.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {page}"));
    value.split('"').next().unwrap().to_owned()
}

fn sound(page: &str) {
    assert!(faults(page).is_empty(), "{:?} in {page}", faults(page));
}

on_both_databases! { TestApp::start =>
    async fn all_of_one_reason_are_put_back_once_their_number_was_read(app) {
        for n in 0..3 {
            scheduled(&app, &format!("0{n}")).await;
        }
        dead(&app, "RETRIES_EXHAUSTED").await;
        scheduled(&app, "09").await;
        dead(&app, "PROCESS_CRASHED").await;
        let (browser, _) = Browser::signed_in(&app, app.bob, OPERATOR).await;
        assert!(browser.page("/console").await.contains("4 messages of all owners were given up."));
        let page = browser.page("/console/attention").await;
        sound(&page);
        assert!(page.contains("/console/attention/dead?code=RETRIES_EXHAUSTED") && !page.contains("+30690000000"), "{page}");
        let stated = browser.page("/console/attention/dead?code=RETRIES_EXHAUSTED").await;
        sound(&stated);
        assert!(stated.contains("3 messages match: reason RETRIES_EXHAUSTED."), "{stated}");
        assert_eq!(hidden(&stated, "count"), "3");
        let wrong = browser.post("/console/attention/requeue", &[("code", "RETRIES_EXHAUSTED"), ("count", "2")]).await;
        assert_eq!(wrong.status, StatusCode::CONFLICT, "{}", wrong.text());
        let led = browser.led("/console/attention/requeue", &[("code", "RETRIES_EXHAUSTED"), ("count", "3")]).await;
        assert!(led.starts_with("/console/attention?done=put-back"), "{led}");
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 3, "and the one of another reason stays");
        assert!(browser.page("/console/attention?code=nothing+like+it").await.contains("must be an error code"));
    }

    async fn one_is_looked_at_and_put_back_by_itself(app) {
        let message = scheduled(&app, "01").await;
        dead(&app, "RETRIES_EXHAUSTED").await;
        let (browser, _) = Browser::signed_in(&app, app.bob, OPERATOR).await;
        let place = format!("/console/operated/{}", message.id);
        let page = browser.page(&place).await;
        sound(&page);
        assert!(page.contains("twelve tries did not get through") && !page.contains("+306900000001") && !page.contains("Hello"), "{page}");
        assert_eq!(browser.led(&format!("{place}/requeue"), &[]).await, format!("{place}?done=put-back-one"));
        let again = browser.post(&format!("{place}/requeue"), &[]).await;
        assert_eq!(again.status, StatusCode::CONFLICT);
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 1);
    }

    async fn what_waits_is_counted_and_then_taken_back(app) {
        scheduled(&app, "01").await;
        scheduled(&app, "02").await;
        app.advance(60);
        let until = app.clock.now().strftime("%Y-%m-%dT%H:%M").to_string();
        let (browser, _) = Browser::signed_in(&app, app.bob, OPERATOR).await;
        let page = browser.page(&format!("/console/attention/waiting?until={until}&of={}", app.alice.0)).await;
        sound(&page);
        assert!(page.contains("2 messages wait that were accepted until"), "{page}");
        let of = app.alice.0.to_string();
        let fields = [("until", until.as_str()), ("of", of.as_str()), ("count", "2")];
        assert_eq!(browser.led("/console/attention/cancel", &fields).await, "/console/attention?done=taken-back");
        app.advance(7200);
        app.run_due().await;
        assert!(app.ledger("").await.is_empty());
    }

    async fn replies_that_a_person_has_to_read_are_dealt_with(app) {
        post(&app, INBOUND, json!({"from": "+306900000001", "to": "Alice", "text": "When do you stop?"}).to_string()).await;
        app.run_due().await;
        let (browser, _) = Browser::signed_in(&app, app.bob, OPERATOR).await;
        let page = browser.page("/console/attention").await;
        sound(&page);
        assert!(page.contains("When do you stop?") && !page.contains("+306900000001"), "{page}");
        let act = page.split("/console/attention/replies/").nth(1).unwrap().split('"').next().unwrap();
        let led = browser.led(&format!("/console/attention/replies/{act}"), &[]).await;
        assert_eq!(led, "/console/attention?done=resolved");
        assert!(browser.page("/console/attention").await.contains("No reply waits for a person."));
        let (blind, _) = Browser::signed_in(&app, app.bob, "ops").await;
        assert!(!blind.page("/console/attention").await.contains("Replies that may mean STOP"));
    }

    async fn a_held_account_is_seen_first_and_let_go_in_two_steps(app) {
        app.outage("unauthorized").await;
        sent(&app, SendSingleRequest::default()).await;
        let (browser, _) = Browser::signed_in(&app, app.bob, OPERATOR).await;
        assert!(browser.page("/console").await.contains("refuses the account."));
        let page = browser.page("/console/system").await;
        sound(&page);
        let account = hidden(&page, "account");
        app.outage("none").await;
        assert_eq!(browser.led("/console/system/unblock", &[("account", &account)]).await, "/console/system?done=unblocked");
        app.advance(120);
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 1);
        let limit = [("id", account.as_str()), ("rate", "5"), ("burst", "")];
        assert_eq!(browser.led("/console/system/limit", &limit).await, "/console/system?done=limited");
        let wrong = browser.post("/console/system/limit", &[("id", "x"), ("rate", "fast")]).await;
        assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.text().contains("href=\"#rate\""), "{}", wrong.text());
    }

    async fn a_user_is_made_limited_granted_and_given_a_key_that_is_shown_once(app) {
        let (browser, _) = Browser::signed_in(&app, app.bob, OPERATOR).await;
        let led = browser.led("/console/users", &[("name", "<i>Shop</i>"), ("sender", "Shop")]).await;
        let place = led.split('?').next().unwrap().to_owned();
        let page = browser.page(&place).await;
        sound(&page);
        assert!(page.contains("&lt;i&gt;Shop") && page.contains("It has no key."), "{page}");
        assert!(browser.page("/console/users").await.contains("&lt;i&gt;Shop"));
        let act = |name: &str| format!("{place}/{name}");
        let done = |word: &str| format!("{place}?done={word}");
        let limit = [("segments_per_day", "1000"), ("countries", "gr cy"), ("per_number", "5"), ("window", "60"), ("calls", "")];
        assert_eq!(browser.led(&act("limit"), &limit).await, done("user-limited"));
        assert_eq!(browser.led(&act("grant"), &[("sender", "Sale")]).await, done("granted"));
        let page = browser.page(&place).await;
        sound(&page);
        assert!(page.contains("CY, GR") && page.contains("5 messages in 60 min") && page.contains("Sale"), "{page}");
        assert_eq!(browser.led(&act("ungrant"), &[("sender", "Sale")]).await, done("ungranted"));
        // A sender that is a number is in no field of a page for those who may not see it.
        let number = "+306912345678";
        assert_eq!(browser.led(&act("grant"), &[("sender", number)]).await, done("granted"));
        let (masked, _) = Browser::signed_in(&app, app.alice, "ops").await;
        let page = masked.page(&place).await;
        assert!(!page.contains("306912345678") && page.contains("+306…78"), "{page}");
        let covered = hidden(&page, "sender");
        assert_eq!(masked.led(&act("ungrant"), &[("sender", &covered)]).await, done("ungranted"));
        assert!(!browser.page(&place).await.contains("306912345678"));
        let seen = hidden(&browser.page(&place).await, "seen");
        let key = [("name", "till"), ("scope", "messages:read"), ("until", ""), ("seen", seen.as_str())];
        let made = browser.post(&act("keys"), &key).await.text();
        sound(&made);
        let again = browser.post(&act("keys"), &key).await;
        assert!(again.status == StatusCode::UNPROCESSABLE_ENTITY && again.text().contains("was not done"), "{}", again.text());
        let secret = made.split("msk_").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let page = browser.page(&place).await;
        assert!(!page.contains(&secret), "shown once");
        let mut shop = Browser::at(&app.service);
        let entered = shop.post("/console/sign-in", &[("key", &format!("msk_{secret}"))]).await;
        shop.keep(&entered);
        assert_eq!(shop.get("/console/attention").await.status, StatusCode::FORBIDDEN);
        assert_eq!(browser.led(&act("revoke"), &[("key", &hidden(&page, "key"))]).await, done("key-revoked"));
        assert_eq!(shop.get("/console").await.status, StatusCode::SEE_OTHER, "the next click is the sign-in");
        assert_eq!(browser.led(&act("disable"), &[]).await, done("user-disabled"));
        assert!(browser.page(&place).await.contains("Disabled"));
        assert_eq!(browser.led(&act("enable"), &[]).await, done("user-enabled"));
        assert_eq!(browser.led(&act("end-tokens"), &[]).await, done("tokens-ended"));
        let wrong = browser.post(&act("limit"), &[("calls", "many")]).await;
        assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.text().contains("href=\"#calls\""));
        let audit = browser.page("/console/audit").await;
        sound(&audit);
        assert!(audit.contains("key revoked") && audit.contains("&lt;i&gt;Shop"), "{audit}");
        assert!(!browser.page("/console/audit?act=AUDIT_ACT_KEY_REVOKED").await.contains("<td>user created</td>"));
    }

    async fn nobody_but_operators_gets_there(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let page = browser.page("/console").await;
        assert!(!page.contains("/console/attention") && !page.contains("/console/system"), "{page}");
        let message = scheduled(&app, "01").await;
        let one = format!("/console/operated/{}", message.id);
        for place in ["/console/attention", "/console/attention/dead", "/console/system", "/console/users", "/console/users/1", "/console/audit", &one] {
            assert_eq!(browser.get(place).await.status, StatusCode::FORBIDDEN, "{place}");
        }
        let acts = act_paths().into_iter().filter(|act| ["attention", "operated", "system", "users"].iter().any(|of| act.contains(of)));
        let mut refused = 0;
        for act in acts {
            let id = if act.contains("users") { app.alice.0.to_string() } else { message.id.clone() };
            let answer = browser.post(&act.replace("{id}", &id), &[("key", "1")]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{act}");
            refused += 1;
        }
        assert!(refused >= 15, "{refused}");
    }
}
