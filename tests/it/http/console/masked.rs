//! Whoever lacks `reveal` sees no whole number, wherever somebody wrote one: in a name, a description, a reference, an address, or what the
//! audit says.

use std::sync::Arc;

use futures::future::BoxFuture;
use messaging::domain::ids::OwnerId;
use messaging::http::{Arrived, Console, Handsets, page_paths};
use messaging::proto::{AddOptOutRequest, CreateCampaignRequest, CreateEndpointRequest, SendSingleRequest};
use messaging::service::console_link;

use super::attention::hidden;
use super::{Browser, EVERYTHING, MASKED, sent};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

/// As many digits as a number can have.
const DIGITS: &str = "491512345678901";
const WRITTEN: &str = "+49 151 234 567 89 01";

/// A text with the number as machines write it and as people do.
fn both(what: &str) -> String {
    format!("{what} {DIGITS} and {WRITTEN}")
}

/// All digits of a page, with nothing between them: however the number is written, they stand in their order.
fn digits(page: &str) -> String {
    page.chars().filter(char::is_ascii_digit).collect()
}

/// A sandbox with one handset.
#[derive(Debug)]
struct Handset(jiff::Timestamp);

impl Handsets for Handset {
    fn arrived(&self, _: usize) -> Vec<Arrived> {
        let (to, from) = (format!("+{DIGITS}"), format!("+{DIGITS}"));
        vec![Arrived { to, from, text: both("Call"), at: self.0, id: "A".to_owned() }]
    }

    fn write<'a>(&'a self, _: &'a str, _: &'a str, _: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(false))
    }

    fn outage(&self) -> String {
        "none".to_owned()
    }

    fn outages(&self) -> Vec<&'static str> {
        vec!["none"]
    }

    fn set_outage(&self, _: &str) -> bool {
        false
    }
}

/// What the pages of a test are about.
struct Seeds {
    message: String,
    campaign: String,
    endpoint: String,
    user: String,
}

impl Seeds {
    /// The number, in every place where somebody can leave one.
    async fn sow(app: &TestApp, browser: &Browser) -> Self {
        let number = format!("+{DIGITS}");
        let user = browser.led("/console/users", &[("name", &both("Shop")), ("sender", &number)]).await;
        let user = user.split(['/', '?']).nth(3).unwrap().to_owned();
        let of = format!("/console/users/{user}");
        browser.led(&format!("{of}/grant"), &[("sender", &number)]).await;
        browser.led(&format!("{of}/grant"), &[("sender", &DIGITS[..11])]).await;
        let key = browser.post(&format!("{of}/keys"), &[("name", &both("Till"))]).await;
        assert!(key.text().contains("msk_"), "{}", key.text());
        let tagged = SendSingleRequest {
            destination: number.clone(),
            text: both("Your order:"),
            reference: Some(both("order")),
            metadata: [("customer".to_owned(), both("of"))].into(),
            ..Default::default()
        };
        let message = sent(app, tagged).await.id;
        let new = CreateCampaignRequest {
            name: both("Sale for"),
            text: both("Call"),
            reference: Some(both("sale")),
            ..Default::default()
        };
        let campaign =
            app.campaigns_of(app.alice).create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id;
        let lines = [("lines", number.as_str())];
        browser.post(&format!("/console/campaigns/{campaign}/recipients"), &lines).await;
        let hook = CreateEndpointRequest {
            url: format!("http://127.0.0.1:9/{DIGITS}?of={DIGITS}"),
            description: both("Of"),
            disabled: true,
            ..Default::default()
        };
        let hook = app.hooks(app.alice, MASKED).create_endpoint(hook).await.unwrap().into_inner();
        // It takes nothing: Now says so.
        app.execute("UPDATE webhook_endpoints SET state = 3").await;
        app.inject(&number, "Alice", &both("please stop this, I am")).await;
        app.run_due().await;
        app.alice().add_opt_out(AddOptOutRequest { destination: number.clone(), owner_id: None }).await.unwrap();
        let endpoint = hook.endpoint.unwrap().id;
        Self { message, campaign: campaign.to_string(), endpoint, user }
    }

    /// Every page of the console, and some with what their addresses ask for.
    async fn pages(&self, browser: &Browser) -> Vec<String> {
        let number = browser.led("/console/find", &[("q", &format!("+{DIGITS}"))]).await;
        let cover = number.rsplit('/').next().unwrap();
        let place = |path: &str| {
            let id = match path {
                path if path.contains("campaigns") => &self.campaign,
                path if path.contains("endpoints") => &self.endpoint,
                path if path.contains("users") => &self.user,
                _ => &self.message,
            };
            path.replace("{id}", id).replace("{cover}", cover).replace("/waiting", "/waiting?until=2026-09-21T14:00")
        };
        let asked = [format!("/console/messages?number={cover}"), format!("/console/inbox?number={cover}")];
        page_paths().into_iter().map(place).chain(asked).collect()
    }
}

on_both_databases! { TestApp::reported =>
    async fn without_reveal_no_page_has_a_number_wherever_somebody_wrote_it(app) {
        let handsets: Arc<dyn Handsets> = Arc::new(Handset(app.clock.now()));
        let console = Console { handsets: Some(handsets), ..Console::default() };
        let (mut whole, _) = Browser::signed_in(&app, app.alice, &format!("{EVERYTHING} ops act-as")).await;
        let (mut masked, _) = Browser::signed_in(&app, app.alice, &format!("{MASKED} ops act-as")).await;
        whole.console = console.clone();
        masked.console = console;
        let seeds = Seeds::sow(&app, &whole).await;
        let mut shown = 0;
        for path in seeds.pages(&masked).await {
            let (page, seen) = (masked.page(&path).await, whole.page(&path).await);
            for at in 0..=DIGITS.len() - 9 {
                let part = &DIGITS[at..at + 9];
                assert!(!digits(&page).contains(part), "{part} is in {path}: {page}");
            }
            shown += usize::from(digits(&seen).contains(DIGITS));
        }
        assert!(shown >= 15, "whoever has it sees the number where it is: on {shown} pages");
        // What is taken away is named by its cover.
        let user = masked.page(&format!("/console/users/{}", seeds.user)).await;
        for _ in 0..2 {
            let covered = hidden(&masked.page(&format!("/console/users/{}", seeds.user)).await, "sender");
            masked.led(&format!("/console/users/{}/ungrant", seeds.user), &[("sender", &covered)]).await;
        }
        let left = masked.page(&format!("/console/users/{}", seeds.user)).await;
        assert!(user.contains("Take away") && !left.contains("Take away"), "{left}");
        // Nor does the page of a link, which anybody opens.
        let of = OwnerId(seeds.user.parse().unwrap());
        let link = console_link(app.service.tokens(), (of, EVERYTHING), app.clock.now(), rand::random()).unwrap();
        let page = Browser::at(&app.service).page(&format!("/console/link/{link}")).await;
        assert!(page.contains("Shop ") && !digits(&page).contains(&DIGITS[..9]), "{page}");
    }

    async fn an_id_is_shown_whole_and_a_host_as_well(app) {
        let (masked, _) = Browser::signed_in(&app, app.alice, &format!("{MASKED} ops")).await;
        let later = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() + 3600, nanos: 0 });
        for _ in 0..8 {
            let message = sent(&app, SendSingleRequest { scheduled_at: later, ..Default::default() }).await.id;
            masked.led(&format!("/console/messages/{message}/cancel"), &[]).await;
            assert!(masked.page("/console/audit").await.contains(&format!("cancelled message {message}")));
        }
        let url = "http://127.100.200.250:8443/hook".to_owned();
        let hook = CreateEndpointRequest { url: url.clone(), disabled: true, ..Default::default() };
        app.hooks(app.alice, MASKED).create_endpoint(hook).await.unwrap();
        assert!(masked.page("/console/endpoints").await.contains(&url));
    }
}
