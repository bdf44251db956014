//! The frame: who gets in, how it ends, and what other sites can do, which is nothing.

use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode};
use messaging::http::{Console, act_paths, page_paths};
use messaging::proto::{ListAuditEventsRequest, SendSingleRequest};
use messaging::service::console_link;
use messaging::store::Point;
use tokio::sync::Notify;

use super::markup::elements;
use super::{Browser, EVERYTHING, MASKED, key, sent};
use crate::http::call::{ask, send};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;
use crate::support::store::eventually;

fn link(app: &TestApp, scopes: &str) -> String {
    let link = console_link(app.service.tokens(), (app.alice, scopes), app.clock.now(), rand::random());
    format!("/console/link/{}", link.unwrap())
}

fn is_sign_in(answer: &crate::http::call::Answer) -> bool {
    answer.status == StatusCode::SEE_OTHER
        && answer.headers["location"].to_str().unwrap().starts_with("/console/sign-in")
}

on_both_databases! { TestApp::start =>
    async fn an_act_whose_browser_goes_away_is_written_down_all_the_same(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let done = Arc::new(Notify::new());
        let tells = done.clone();
        app.store.interrupt(move |point| {
            if point == Point::Committed {
                tells.notify_one();
            }
            None
        });
        // Other things are committed as well, such as that the key was used.
        let is_made = async {
            loop {
                done.notified().await;
                if app.count("campaigns").await == 1 {
                    break;
                }
            }
        };
        tokio::select! {
            biased;
            () = is_made => {}
            _ = browser.post("/console/campaigns", &[("name", "Away"), ("text", "t")]) => {}
        }
        app.store.interrupt(|_| None);
        eventually(async || app.count("audit WHERE act = 32").await == 1).await;
        assert_eq!(app.count("campaigns").await, 1);
    }

    async fn a_key_signs_in_and_once_it_is_revoked_the_next_click_is_the_sign_in(app) {
        let (browser, id) = Browser::signed_in(&app, app.alice, MASKED).await;
        assert!(browser.page("/console").await.contains("Nothing needs you"));
        let tampered = Browser { cookie: format!("{}x", browser.cookie), ..Browser::at(&app.service) };
        assert!(is_sign_in(&tampered.get("/console").await));
        app.store.revoke_key(id).await.unwrap();
        assert!(is_sign_in(&browser.get("/console").await));
        assert!(is_sign_in(&browser.post("/console/campaigns", &[("name", "x"), ("text", "y")]).await));
        assert_eq!(app.count("campaigns").await, 0, "nothing was done");
    }

    async fn what_is_no_key_signs_nobody_in_and_the_session_is_for_scripts_out_of_reach(app) {
        let browser = Browser::at(&app.service);
        for wrong in ["", "msk_", "msk_0000000000000000000000000000000000000000000", "eyJhbGciOiJub25lIn0.e30."] {
            let answer = browser.post("/console/sign-in", &[("key", wrong)]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
            assert!(!answer.headers.contains_key("set-cookie"));
        }
        let (key, _) = key(&app, app.alice, MASKED).await;
        let plain = browser.post("/console/sign-in", &[("key", &key)]).await;
        let cookie = plain.headers["set-cookie"].to_str().unwrap().to_owned();
        assert!(cookie.starts_with("messaging-console=") && cookie.contains("; HttpOnly; SameSite=Lax; "), "{cookie}");
        let secure = Browser { console: Console { secure: true, ..Console::default() }, ..Browser::at(&app.service) };
        let answer = secure.post("/console/sign-in", &[("key", &key)]).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with("__Host-messaging=") && cookie.contains("Path=/;") && cookie.ends_with("; Secure"), "{cookie}");
        let token = app.token(app.alice, MASKED);
        assert_eq!(browser.post("/console/sign-in", &[("key", &token)]).await.status, StatusCode::SEE_OTHER);
    }

    async fn a_session_ends_with_the_day_with_its_user_and_when_one_signs_out(app) {
        let (mut browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let out = browser.post("/console/sign-out", &[]).await;
        assert!(out.headers["set-cookie"].to_str().unwrap().starts_with("messaging-console=; "));
        app.store.disable_user(app.alice, true).await.unwrap();
        assert!(is_sign_in(&browser.get("/console").await));
        app.store.disable_user(app.alice, false).await.unwrap();
        browser.page("/console").await;
        app.advance(12 * 3600 + 1);
        assert!(is_sign_in(&browser.get("/console").await));
        browser.keep(&browser.post("/console/sign-in", &[("key", &app.token(app.alice, MASKED))]).await);
        app.advance(1);
        app.store.end_tokens(app.alice).await.unwrap();
        assert!(is_sign_in(&browser.get("/console").await), "its token was ended");
    }

    async fn a_link_signs_in_once_over_all_replicas_and_for_a_minute_alone(app) {
        let (mut one, mut other) = (Browser::at(&app.service), Browser::at(&app.service_with(Vec::new())));
        let first = link(&app, EVERYTHING);
        for _ in 0..3 {
            // Whoever looks at it, a preview for example, does not use it up.
            assert!(one.page(&first).await.contains("alice"));
        }
        let (here, there) = tokio::join!(one.post(&first, &[]), other.post(&first, &[]));
        let mut statuses = [here.status, there.status];
        statuses.sort();
        assert_eq!(statuses, [StatusCode::SEE_OTHER, StatusCode::FORBIDDEN]);
        assert_eq!(one.post(&first, &[]).await.status, StatusCode::FORBIDDEN);
        let second = link(&app, EVERYTHING);
        let opened = other.post(&second, &[]).await;
        other.keep(&opened);
        one.cookie.clone_from(&other.cookie);
        assert!(one.page("/console").await.contains("Sign out"), "any replica knows the session");
        let third = link(&app, EVERYTHING);
        app.advance(61);
        assert_eq!(one.get(&third).await.status, StatusCode::FORBIDDEN);
        assert_eq!(one.post(&third, &[]).await.status, StatusCode::FORBIDDEN);
        let forged = format!("{}A", link(&app, EVERYTHING));
        assert_eq!(one.post(&forged, &[]).await.status, StatusCode::FORBIDDEN);
    }

    async fn posts_of_other_sites_are_refused_at_every_act(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, &format!("{EVERYTHING} ops act-as")).await;
        let message = sent(&app, SendSingleRequest::default()).await.id;
        let acts = act_paths();
        assert!(acts.len() >= 20, "{acts:?}");
        for act in acts {
            let path = act.replace("{id}", &message);
            let post = || Request::post(&path).header("host", "console.example").header("content-type", "application/x-www-form-urlencoded");
            for site in ["cross-site", "same-site", "none", "", "same-origin, cross-site"] {
                // An origin that would do is nothing beside what the browser says.
                let foreign = post().header("sec-fetch-site", site).header("origin", "http://console.example");
                assert_eq!(browser.send(foreign, "").await.status, StatusCode::FORBIDDEN, "{act} {site}");
            }
            for origin in ["http://evil.example", "null", "http://console.example.evil.example", "http://console.example:81", ""] {
                assert_eq!(browser.send(post().header("origin", origin), "").await.status, StatusCode::FORBIDDEN, "{act} {origin}");
            }
            assert_eq!(browser.send(post(), "").await.status, StatusCode::FORBIDDEN, "{act}");
            let own = browser.send(post().header("origin", "http://console.example"), "").await;
            assert!(own.status != StatusCode::FORBIDDEN || act.contains("sign-in") || act.contains("link"), "{act}");
        }
        // The proxy's name counts where there is one.
        let public = Some("https://sms.example/path".parse().unwrap());
        let behind = Browser { console: Console { origin: public, ..Console::default() }, cookie: browser.cookie, ..Browser::at(&app.service) };
        let post = |origin: &str| Request::post("/console/find").header("host", "10.0.0.1").header("origin", origin.to_owned());
        assert_eq!(behind.send(post("http://10.0.0.1"), "").await.status, StatusCode::FORBIDDEN);
        assert_eq!(behind.send(post("https://sms.example"), "").await.status, StatusCode::SEE_OTHER);
        app.run_due().await;
    }

    async fn every_answer_keeps_browsers_safe_and_is_kept_by_none(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        for path in ["/console", "/console/messages", "/console/sign-in", "/console/link/x", "/console/messages/none"] {
            let answer = browser.get(path).await;
            let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
            let policy = header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; "), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'") && !policy.contains("unsafe"));
            assert_eq!(header("cache-control"), "no-store", "{path}");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("referrer-policy"), "same-origin");
            assert!(header("content-type").starts_with("text/html"), "{path}");
        }
        for file in ["console.css", "console.js"] {
            let answer = Browser::at(&app.service).get(&format!("/console/{file}?x")).await;
            assert!(answer.status == StatusCode::OK && answer.headers["cache-control"].to_str().unwrap().contains("immutable"));
        }
    }

    async fn a_session_is_asked_for_at_every_page_and_the_sign_in_leads_back_inside_alone(app) {
        let stranger = Browser::at(&app.service);
        for path in page_paths() {
            let answer = stranger.get(&path.replace("{id}", "1").replace("{cover}", "x")).await;
            assert!(is_sign_in(&answer), "{path}: {}", answer.status);
        }
        let (key, _) = key(&app, app.alice, MASKED).await;
        let there = |to: &'static str| { let key = key.clone(); let stranger = &stranger; async move { stranger.led("/console/sign-in", &[("key", &key), ("to", to)]).await } };
        assert_eq!(there("/console/messages?status=x").await, "/console/messages?status=x");
        for outside in ["https://evil.example", "//evil.example", "/console//evil\\", "/api/v1/messages", "/consoles", "/console/messages/1/events", "/console\r\nx: y"] {
            let place = there(outside).await;
            assert!(place == "/console" || place == "/console//evil\\", "{place}");
            assert_ne!(place, outside);
        }
    }

    async fn an_address_that_leads_nowhere_is_told_by_a_page(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        for path in ["/console/find", "/console/mesages", "/console/messages/1/2/3"] {
            let answer = browser.get(path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            assert!(answer.text().contains("There is no such page") && answer.text().contains("href=\"/console\""), "{path}");
        }
    }

    async fn a_prefix_that_a_proxy_takes_off_is_on_every_link(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        sent(&app, SendSingleRequest::default()).await;
        let origin = Some("https://ops.example.com/sms/".parse().unwrap());
        let behind = Browser { console: Console { origin, ..Console::default() }, cookie: browser.cookie, ..Browser::at(&app.service) };
        for path in ["/console", "/console/messages", "/console/campaigns", "/console/campaigns/new"] {
            for element in elements(&behind.page(path).await) {
                for place in ["href", "src", "action", "formaction"] {
                    let value = element.get(place);
                    assert!(value.is_empty() || value.starts_with('#') || value.starts_with("/sms/console"), "{element:?}");
                }
            }
        }
        assert_eq!(behind.led("/console/find", &[("q", "")]).await, "/sms/console/messages");
        assert_eq!(behind.get("/").await.headers["location"], "/sms/console");
        app.run_due().await;
    }

    async fn the_root_leads_to_the_console_or_to_the_manual_where_it_is_off(app) {
        assert_eq!(Browser::at(&app.service).get("/").await.headers["location"], "/console");
        let off = send(&app, Request::get("/"), Body::empty()).await;
        assert_eq!((off.status, off.headers["location"].to_str().unwrap()), (StatusCode::SEE_OTHER, "/docs"));
        assert_eq!(ask(&app, app.alice, "GET", "/console").await.status, StatusCode::NOT_FOUND);
    }

    async fn who_signs_in_and_what_they_do_is_written_down(app) {
        let (browser, id) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let made = browser.led("/console/campaigns", &[("name", "Audited"), ("text", "x")]).await;
        let listed = app.admin(app.bob, "ops").list_audit_events(ListAuditEventsRequest::default()).await;
        let acts = listed.unwrap().into_inner().audit_events;
        let of = |act: i32| acts.iter().find(|done| done.act == act).unwrap();
        let campaign = made.split('/').nth(3).unwrap();
        assert_eq!(of(32).subject, format!("made campaign {campaign}"));
        assert_eq!((of(32).actor.clone(), of(31).actor.clone()), (format!("key:{id}"), format!("key:{id}")));
        assert!(of(31).subject.ends_with("messages:send messages:read campaigns reveal"), "{}", of(31).subject);
    }

    async fn what_the_scopes_do_not_allow_is_neither_offered_nor_done(app) {
        let (reader, _) = Browser::signed_in(&app, app.alice, "messages:read").await;
        let later = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() + 3600, nanos: 0 });
        let m = sent(&app, SendSingleRequest { scheduled_at: later, ..Default::default() }).await;
        let page = reader.page(&format!("/console/messages/{}", m.id)).await;
        assert!(!page.contains("/cancel") && !page.contains("/again"));
        let refused = reader.post(&format!("/console/messages/{}/cancel", m.id), &[]).await;
        assert!(refused.status == StatusCode::FORBIDDEN && refused.text().contains("messages:send"));
        assert_eq!(reader.get("/console/campaigns").await.status, StatusCode::FORBIDDEN);
        let (nothing, _) = Browser::signed_in(&app, app.alice, "ops").await;
        assert_eq!(nothing.get("/console/messages").await.status, StatusCode::FORBIDDEN);
        nothing.page("/console").await;
    }
}
