//! Forms whose input is refused: they come back as they were filled in, with the reason at each field, and nothing was done.

use http::StatusCode;

use super::markup::{elements, faults};
use super::{Browser, MASKED};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

/// The values that fields of a page have, and which of them are said to be wrong.
struct Shown {
    page: String,
}

impl Shown {
    /// The page after this was refused.
    async fn after(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Self {
        let answer = browser.post(path, fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", answer.text());
        let page = answer.text();
        assert_eq!(faults(&page), Vec::<String>::new(), "{path}");
        let shown = Self { page };
        for (name, value) in fields {
            assert_eq!(shown.field(name).get("value"), *value, "{name} of {path} is lost: {}", shown.page);
        }
        shown
    }

    fn field(&self, name: &str) -> super::markup::Element {
        let all = elements(&self.page);
        all.into_iter().find(|e| e.name == "input" && e.get("id") == name).unwrap_or_else(|| panic!("no field {name}"))
    }

    /// These fields are wrong and no others; each is led to, and has its reason right before it.
    fn is_wrong_at(&self, names: &[&str]) {
        let all = elements(&self.page);
        let said: Vec<&str> = all.iter().filter(|e| e.get("aria-invalid") == "true").map(|e| e.get("id")).collect();
        assert_eq!(said, names, "{}", self.page);
        for name in names {
            let reason = format!("{name}-wrong");
            assert!(self.field(name).get("aria-describedby").split(' ').any(|id| id == reason), "{name}");
            assert!(
                all.iter().any(|e| e.name == "a" && e.get("href") == format!("#{name}")),
                "nothing leads to {name}"
            );
        }
        assert!(all.iter().any(|e| e.name == "details" && e.attributes.contains_key("open")) || names == ["sender"]);
    }
}

on_both_databases! { TestApp::start =>
    async fn what_was_typed_about_a_user_comes_back_with_the_reason_at_its_field(app) {
        let (browser, _) = Browser::signed_in(&app, app.bob, "ops act-as").await;
        let users = app.count("users").await;
        let made = Shown::after(&browser, "/console/users", &[("name", "Shop \"7\""), ("sender", "x y")]).await;
        made.is_wrong_at(&["sender"]);
        assert_eq!(app.count("users").await, users, "nobody was made");
        let user = format!("/console/users/{}", app.alice.0);
        let limits = [("segments_per_day", "1000"), ("calls", "many"), ("countries", "gr xx"), ("per_number", "5"), ("window", "")];
        Shown::after(&browser, &format!("{user}/limit"), &limits).await.is_wrong_at(&["calls"]);
        let limits = [("segments_per_day", "-1"), ("countries", "gr xx"), ("per_number", "20000"), ("window", "99999999")];
        let wrong = Shown::after(&browser, &format!("{user}/limit"), &limits).await;
        wrong.is_wrong_at(&["segments_per_day", "countries", "per_number", "window"]);
        let key = [("name", "till"), ("scope", "messages:read nonsense"), ("until", "2020-01-01T00:00")];
        Shown::after(&browser, &format!("{user}/keys"), &key).await.is_wrong_at(&["scope", "until"]);
        let more = [("name", "till"), ("scope", "reveal"), ("until", "")];
        let more = Shown::after(&browser, &format!("{user}/keys"), &more).await;
        more.is_wrong_at(&["scope"]);
        assert!(more.page.contains("names reveal, which your own key does not have"), "{}", more.page);
        Shown::after(&browser, &format!("{user}/grant"), &[("sender", "no sender")]).await.is_wrong_at(&["sender"]);
        let account = Shown::after(&browser, &format!("{user}/grant"), &[("route_account", "mine")]).await;
        assert_eq!(account.field("route_account").get("aria-invalid"), "true");
        assert_eq!(account.field("sender").get("value"), "", "the other form is as it was");
        let page = browser.page(&user).await;
        assert!(!page.contains("1000") && !page.contains("till") && !page.contains("aria-invalid"), "{page}");
        assert!(page.contains("It has no key."), "{page}");
    }

    async fn the_other_forms_say_it_at_the_field_too(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, &format!("{MASKED} ops")).await;
        let limit = [("id", "a"), ("rate", "fast"), ("burst", "2")];
        Shown::after(&browser, "/console/system/limit", &limit).await.is_wrong_at(&["rate"]);
        let campaign = browser.post("/console/campaigns", &[("name", ""), ("text", "{{ x"), ("sender", "?")]).await.text();
        assert_eq!(faults(&campaign), Vec::<String>::new());
        for reason in ["name-wrong", "text-wrong", "sender-wrong"] {
            assert!(campaign.contains(&format!("id=\"{reason}\"")), "{reason} is not in {campaign}");
        }
    }
}
