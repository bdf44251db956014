//! Support's pages: messages, one message, one number, and the field that finds anything.

use http::StatusCode;
use messaging::proto::{AddOptOutRequest, Message, SendSingleRequest};

use super::{Browser, EVERYTHING, MASKED, sent};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

const NUMBER: &str = "+306900000001";

async fn delivered(app: &TestApp, request: SendSingleRequest) -> Message {
    let message = sent(app, request).await;
    app.run_due().await;
    app.advance(3);
    message
}

/// The place of a number's page, as the field leads to it.
async fn number_place(browser: &Browser) -> String {
    browser.led("/console/find", &[("q", NUMBER)]).await
}

on_both_databases! { TestApp::start =>
    async fn a_message_is_told_in_a_sentence_and_its_history_in_sentences(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let message = delivered(&app, SendSingleRequest::default()).await;
        let place = format!("/console/messages/{}", message.id);
        let page = browser.page(&place).await;
        for words in ["Nothing final was reported yet", "Accepted and stored.", "the provider took it, as ", "Ask the provider", "ExplainMessage"] {
            assert!(page.contains(words), "{words} is not in {page}");
        }
        assert_eq!(browser.led(&format!("{place}/refresh"), &[]).await, format!("{place}?done=refreshed"));
        let page = browser.page(&format!("{place}?done=refreshed")).await;
        assert!(page.contains("The provider was asked") && page.contains("The carrier said “Delivered”"), "{page}");
        assert!(page.contains(" after the provider took it, at "), "{page}");
        assert!(!page.contains("/cancel"), "it is over");
    }

    async fn a_message_that_waits_is_cancelled_and_says_so(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let later = Some(pbjson_types::Timestamp { seconds: app.clock.now().as_second() + 3600, nanos: 0 });
        let message = sent(&app, SendSingleRequest { scheduled_at: later, ..Default::default() }).await;
        let place = format!("/console/messages/{}", message.id);
        assert!(browser.page(&place).await.contains("It waits for its time"));
        assert_eq!(browser.led(&format!("{place}/cancel"), &[]).await, format!("{place}?done=cancelled"));
        let page = browser.page(&place).await;
        assert!(page.contains("It was cancelled.") && !page.contains(&format!("{place}/cancel")), "{page}");
        assert!(browser.page(&format!("{place}?done=evil")).await.contains("It was cancelled."), "no word of an address is shown");
    }

    async fn a_message_is_sent_again_once_and_only_by_whoever_knows_what_that_means(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let request = SendSingleRequest { reference: Some("order-7".to_owned()), ..Default::default() };
        let message = delivered(&app, request).await;
        let again = format!("/console/messages/{}/again", message.id);
        let refused = browser.post(&again, &[]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().contains("has to be ticked") && app.count("messages").await == 1);
        let first = browser.led(&again, &[("sure", "yes")]).await;
        assert_eq!(browser.led(&again, &[("sure", "yes")]).await, first, "pressed twice it is one");
        let later = browser.led(&again, &[("sure", "yes"), ("page", "1")]).await;
        assert_ne!(later, first, "and from a page that was loaded anew another one");
        assert_eq!(app.count("messages").await, 3);
        let page = browser.page(&first).await;
        assert!(page.contains("This is the new message") && page.contains("order-7"));
        app.run_due().await;
        assert_eq!(app.ledger("").await.len(), 3);
    }

    async fn what_waits_for_its_next_try_says_when_and_why(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        app.outage("503").await;
        let message = sent(&app, SendSingleRequest { delivery_guarantee: 1, ..Default::default() }).await;
        let page = browser.page(&format!("/console/messages/{}", message.id)).await;
        assert!(page.contains("It waits for its next try, after 1 try: the provider failed"), "{page}");
        assert!(page.contains("Next try at "), "{page}");
        assert!(browser.page("/console/messages").await.contains("tried once"));
        assert!(browser.page("/console/messages").await.contains("again at "), "and when again");
    }

    async fn what_waits_behind_a_held_account_says_so(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, &format!("{MASKED} ops")).await;
        app.outage("unauthorized").await;
        let first = sent(&app, SendSingleRequest::default()).await;
        let behind = sent(&app, SendSingleRequest::default()).await;
        let because = "the provider refuses its route account";
        for message in [&first, &behind] {
            let page = browser.page(&format!("/console/messages/{}", message.id)).await;
            assert!(page.contains(&format!("It waits because {because}.")), "{page}");
        }
        let list = browser.page("/console/messages").await;
        assert_eq!(list.matches(&format!("<span class=\"why\">{because}</span>")).count(), 2, "{list}");
        app.outage("none").await;
        browser.led("/console/system/unblock", &[("account", &first.traffic_account_id)]).await;
        app.advance(120);
        app.run_due().await;
        let page = browser.page(&format!("/console/messages/{}", behind.id)).await;
        assert!(!page.contains(because), "{page}");
    }

    async fn the_list_has_its_filters_in_its_address_and_goes_on_page_by_page(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        for n in 0..55 {
            app.advance(1);
            sent(&app, SendSingleRequest { text: format!("text {n:02}"), reference: Some(format!("ref-{}", n % 2)), ..Default::default() }).await;
        }
        let first = browser.page("/console/messages").await;
        assert!(first.contains("text 54") && !first.contains("text 04<") && first.contains("<p>55 messages.</p>"));
        let older = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
        let second = browser.page(&older).await;
        assert!(second.contains("text 04<") && !second.contains("text 54") && second.contains("First page"));
        let filtered = browser.page("/console/messages?reference=ref-1&status=MESSAGE_STATUS_SENT").await;
        assert!(filtered.contains("text 53") && !filtered.contains("text 54") && filtered.contains("value=\"ref-1\""));
        assert!(browser.page("/console/messages?status=MESSAGE_STATUS_FAILED").await.contains("No message is like this"));
        for wrong in ["campaign=x", "after=yesterday", "code=lower", "page=x", "number=x"] {
            let page = browser.page(&format!("/console/messages?{wrong}")).await;
            assert!(page.contains("There is something to mend"), "{wrong}");
        }
        app.leaves_work("the provider is asked about so many messages at its own pace");
    }

    async fn the_field_takes_a_number_any_id_or_a_reference_and_goes_there(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let one = delivered(&app, SendSingleRequest { reference: Some("order 1".to_owned()), ..Default::default() }).await;
        let two = delivered(&app, SendSingleRequest { reference: Some("twice".to_owned()), ..Default::default() }).await;
        delivered(&app, SendSingleRequest { reference: Some("twice".to_owned()), ..Default::default() }).await;
        let find = |q: String| { let browser = &browser; async move { browser.led("/console/find", &[("q", &q)]).await } };
        let place = |m: &Message| format!("/console/messages/{}", m.id);
        assert_eq!(find(format!("  {} ", one.id)).await, place(&one));
        assert_eq!(find(one.provider_message_id.clone().unwrap()).await, place(&one));
        assert_eq!(find("order 1".to_owned()).await, place(&one));
        assert_eq!(find("twice".to_owned()).await, "/console/messages?reference=twice");
        let number = find("+30 690 000 0001".to_owned()).await;
        assert!(number.starts_with("/console/numbers/") && !number.contains("6900000"), "{number}");
        assert_eq!(find("306900000001".to_owned()).await, number);
        assert_eq!(find("0030-6900000001".to_owned()).await, number, "one number has one address");
        let made = browser.led("/console/campaigns", &[("name", "n"), ("text", "t")]).await;
        let id = made.split('/').nth(3).unwrap().to_owned();
        assert_eq!(find(id.clone()).await, format!("/console/campaigns/{id}"));
        let none = browser.post("/console/find", &[("q", "no such thing")]).await;
        assert!(none.status == StatusCode::NOT_FOUND && none.text().contains("Nothing found"));
        // Another owner's is found by nobody else.
        let (bob, _) = Browser::signed_in(&app, app.bob, EVERYTHING).await;
        for q in [one.id.clone(), two.provider_message_id.clone().unwrap(), "order 1".to_owned(), id] {
            assert_eq!(bob.post("/console/find", &[("q", &q)]).await.status, StatusCode::NOT_FOUND, "{q}");
        }
        assert_eq!(bob.get(&number).await.status, StatusCode::NOT_FOUND, "a number's address is its user's");
    }

    async fn the_field_looks_in_what_one_may_see_and_says_where_it_did_not(app) {
        let message = delivered(&app, SendSingleRequest { reference: Some("order 1".to_owned()), ..Default::default() }).await;
        let (marketing, _) = Browser::signed_in(&app, app.alice, "campaigns:draft").await;
        let campaign = marketing.led("/console/campaigns", &[("name", "n"), ("text", "t")]).await.split('/').nth(3).unwrap().to_owned();
        let unseen = "It was not looked for in your messages, their numbers, replies and endpoints: your key has no scope messages:read.";
        assert_eq!(marketing.led("/console/find", &[("q", &campaign)]).await, format!("/console/campaigns/{campaign}"));
        let (operator, _) = Browser::signed_in(&app, app.bob, "ops").await;
        assert_eq!(operator.led("/console/find", &[("q", &message.id)]).await, format!("/console/operated/{}", message.id));
        assert_eq!(operator.led("/console/find", &[("q", &app.alice.0.to_string())]).await, format!("/console/users/{}", app.alice.0));
        for browser in [&marketing, &operator] {
            for q in [NUMBER, "order 1", "306900000001", "019b0000-0000-7000-8000-000000000000"] {
                let none = browser.post("/console/find", &[("q", q)]).await;
                assert_eq!(none.status, StatusCode::NOT_FOUND, "{q}: {}", none.text());
                assert!(none.text().contains(unseen), "{q}: {}", none.text());
            }
            assert_eq!(browser.led("/console/find", &[("q", "")]).await, "/console");
        }
        let none = operator.post("/console/find", &[("q", "order 1")]).await.text();
        assert!(none.contains("your key has no scope campaigns:draft") && none.contains("the messages of all owners and the users"), "{none}");
        let (support, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let none = support.post("/console/find", &[("q", "no such thing")]).await.text();
        assert!(none.contains("It was looked for in your messages") && !none.contains("not looked for"), "{none}");
    }
}

mod by_number {
    use super::{
        AddOptOutRequest, Browser, EVERYTHING, MASKED, NUMBER, SendSingleRequest, delivered, number_place, sent,
    };
    use crate::http::console::markup::faults;
    use crate::support::app::TestApp;
    use crate::support::database::on_both_databases;

    on_both_databases! { TestApp::reported =>
        async fn a_number_has_messages_replies_and_opt_out_in_one_column_of_time(app) {
            let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
            delivered(&app, SendSingleRequest { text: "first of ours".to_owned(), ..Default::default() }).await;
            app.inject(NUMBER, "Alice", "STOP").await;
            app.run_due().await;
            let place = number_place(&browser).await;
            let page = browser.page(&place).await;
            let at = |words: &str| page.find(words).unwrap_or_else(|| panic!("{words} is not in {page}"));
            assert!(at("It wrote") < at("first of ours") && at("by its own STOP") < at("first of ours"));
            assert!(page.contains("It gets no messages of yours") && page.contains("Whoever wrote STOP"));
            assert_eq!(browser.led(&format!("{place}/opt-in"), &[]).await, format!("{place}?done=opted-in"));
            assert!(browser.page(&place).await.contains("It is not on the list of opt-outs"));
            assert_eq!(browser.led(&format!("{place}/opt-out"), &[]).await, format!("{place}?done=opted-out"));
            assert!(browser.page(&place).await.contains("by hand"));
            let inbox = browser.page("/console/inbox?verdict=INBOUND_VERDICT_STOP").await;
            assert!(inbox.contains("STOP") && inbox.contains(&place));
            assert!(browser.page("/console/inbox?verdict=INBOUND_VERDICT_START").await.contains("Nobody wrote this"));
            let cover = place.split('?').next().unwrap().rsplit('/').next().unwrap();
            let theirs = browser.page(&format!("/console/inbox?number={cover}")).await;
            assert!(theirs.contains("Only what one number wrote") && theirs.contains("STOP"), "{theirs}");
        }

        async fn a_numbers_page_is_light_and_leads_to_what_is_older(app) {
            let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
            let long = "<&\"ω>".repeat(110);
            for n in 0..50 {
                // Two of them stand at each moment.
                app.advance(n % 2);
                sent(&app, SendSingleRequest { text: format!("sent {n:02} {long}"), ..Default::default() }).await;
                if n % 5 == 0 {
                    app.inject(NUMBER, "Alice", &format!("wrote {n:02} {long}")).await;
                }
            }
            app.run_due().await;
            let mut place = number_place(&browser).await;
            let (mut seen, mut pages) = (Vec::new(), 0);
            loop {
                let page = browser.page(&place).await;
                assert!(page.len() <= 60_000, "{} bytes", page.len());
                assert!(faults(&page).is_empty() && page.contains("It is not on the list of opt-outs"), "{page}");
                let texts = page.split("<bdi dir=\"auto\">").skip(1).map(|text| text.split(" &lt;").next().unwrap().to_owned());
                seen.extend(texts.filter(|text| text.starts_with("sent ") || text.starts_with("wrote ")));
                pages += 1;
                let Some(next) = page.split("rel=\"next\" href=\"").nth(1) else { break };
                let next = next.split('"').next().unwrap().to_owned();
                assert_ne!(next, place, "it goes on");
                place = next;
            }
            assert!(pages >= 3, "{pages}");
            let of = |what: &str| seen.iter().filter(|text| text.starts_with(what)).cloned().collect::<Vec<_>>();
            assert_eq!((of("sent").len(), of("wrote").len()), (50, 10), "each of them once: {seen:?}");
            let unique: std::collections::BTreeSet<&String> = seen.iter().collect();
            assert_eq!(unique.len(), seen.len(), "{seen:?}");
        }

        async fn a_reply_that_may_mean_stop_needs_somebody_now(app) {
            let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
            delivered(&app, SendSingleRequest::default()).await;
            app.inject(NUMBER, "Alice", "please stop this, call 2101234567").await;
            app.run_due().await;
            let page = browser.page("/console").await;
            assert!(page.contains("Replies that may mean STOP") && page.contains("please stop this"), "{page}");
            assert!(!page.contains("2101234567") && !page.contains(&NUMBER[1..]) && !page.contains("Nothing needs you"));
        }

        async fn without_reveal_no_page_has_a_whole_number_or_a_code(app) {
            let number = "+306912345678";
            let text = format!("Your code is 482913, call +30 691 234 5678 or {}", &number[1..]);
            let request = SendSingleRequest { destination: number.to_owned(), text, ..Default::default() };
            let message = delivered(&app, request).await;
            app.inject(number, "Alice", "my number is 00306912345678").await;
            app.run_due().await;
            app.alice().add_opt_out(AddOptOutRequest { destination: number.to_owned(), owner_id: None }).await.unwrap();
            let (masked, _) = Browser::signed_in(&app, app.alice, MASKED).await;
            let (whole, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
            let cover = masked.led("/console/find", &[("q", number)]).await;
            let pages = ["/console".to_owned(), "/console/messages".to_owned(), "/console/inbox".to_owned(), cover.clone(),
                format!("/console/messages/{}", message.id), format!("/console/messages?number={}", cover.rsplit('/').next().unwrap())];
            for path in pages {
                let page = masked.page(&path).await;
                for hidden in ["6912345678", "691 234", "482913", "1234567"] {
                    assert!(!page.contains(hidden), "{hidden} is in {path}: {page}");
                }
                assert!(path == "/console" || page.contains("+306…78"), "{path}");
                let seen = whole.page(&path).await;
                assert!(path == "/console" || seen.contains(number), "{path}: {seen}");
                assert!(!path.contains("6912345678"), "no address has it");
            }
        }
    }
}
