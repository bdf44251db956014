//! Marketing's pages: from a text to a campaign that is over, and who did not get it.

use http::{Request, StatusCode};

use super::attention::hidden;
use super::{Browser, EVERYTHING, MASKED};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

async fn draft(browser: &Browser, text: &str) -> String {
    let place = browser.led("/console/campaigns", &[("name", "Spring"), ("text", text)]).await;
    place.trim_end_matches("/recipients?done=created").to_owned()
}

async fn upload(browser: &Browser, campaign: &str, csv: &str) -> String {
    let body = format!(
        "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"<script>.csv\"\r\ncontent-type: text/csv\r\n\r\n{csv}\r\n--b--\r\n"
    );
    let request = Request::post(format!("{campaign}/recipients")).header("sec-fetch-site", "same-origin");
    let answer = browser.send(request.header("content-type", "multipart/form-data; boundary=b"), body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.text()
}

on_both_databases! { TestApp::start =>
    async fn a_campaign_goes_from_a_file_with_mistakes_to_its_end_with_everybody_accounted_for(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let campaign = draft(&browser, "Hello {{first_name}}").await;
        let page = browser.page(&format!("{campaign}/recipients")).await;
        assert!(page.contains("number,first_name") && !page.contains("On to the check"));
        let csv = "number,first_name\n+306900000001,Ann\n\nnonsense,Ben\n+306900000002,Cleo\n+306900000001,Dora\n+306900000016,Eve\n+306900000005";
        let page = upload(&browser, &campaign, &csv.replace("\n+306900000005", "")).await;
        assert!(page.contains("3 added, 1 were there already, 1 cannot be used"), "{page}");
        assert!(page.contains("<th scope=\"row\">4</th>"), "the line of the mistake: {page}");
        assert!(page.contains("3 recipients so far") && !page.contains("&lt;script"), "a file's name is not told");
        let torn = upload(&browser, &campaign, csv).await;
        assert!(torn.contains("line 8: has 1 columns"), "{torn}");
        let check = browser.page(&format!("{campaign}/check")).await;
        assert!(check.contains("Send 3 messages now") && check.contains("nothing was sent yet"), "{check}");
        assert_eq!(app.count("messages").await, 0);
        // Somebody else adds one meanwhile: what was stated is what is sent, or nothing.
        let stated = hidden(&check, "recipients");
        assert_eq!(stated, "3");
        let stated = [("recipients", stated.as_str())];
        let more = browser.post(&format!("{campaign}/start"), &[("recipients", "2")]).await;
        assert!(more.status.is_client_error() && more.text().contains("was not started"), "{}", more.text());
        assert_eq!(browser.led(&format!("{campaign}/start"), &stated).await, format!("{campaign}?done=started"));
        app.run_due().await;
        app.advance(5);
        app.run_due().await;
        let page = browser.page(&campaign).await;
        assert!(page.contains("Not delivered, and why") && page.contains("the provider refused it"), "{page}");
        let link = page.split("Reasons").nth(1).unwrap().split("href=\"").nth(1).unwrap().split('"').next().unwrap();
        let listed = browser.page(&link.replace("&amp;", "&")).await;
        assert!(listed.contains("Hello Eve") && !listed.contains("Hello Ann"), "{listed}");
        assert!(page.contains("of 3 delivered, 1 failed or expired, 0 cancelled or opted out, and of "), "{page}");
        let again = browser.led(&format!("{campaign}/again"), &[]).await;
        assert_eq!(browser.led(&format!("{campaign}/again"), &[]).await, again, "pressed twice it is one draft");
        let page = browser.page(again.split('?').next().unwrap()).await;
        assert!(page.contains("Spring (again)") && page.contains("1 recipient so far"), "{page}");
        let check = browser.page(&again.replace("/recipients?done=created", "/check")).await;
        assert!(check.contains("Send 1 message now"), "{check}");
        let first = again.split('/').nth(3).unwrap();
        browser.led(&format!("/console/campaigns/{first}/cancel"), &[]).await;
        let other = browser.led(&format!("{campaign}/again"), &[]).await;
        assert!(other != again && other.contains("done=created"), "one that was given up is no dead end: {other}");
    }

    async fn lines_do_as_a_file_does_and_their_mistakes_are_at_their_lines(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let campaign = draft(&browser, "Same for all").await;
        let answer = browser.post(&format!("{campaign}/recipients"), &[("lines", "\r\n+306900000001\r\n12\r\n+306900000002\r\n")]).await;
        let page = answer.text();
        assert!(page.contains("2 added, 0 were there already, 1 cannot be used"), "{page}");
        assert!(page.contains("<th scope=\"row\">3</th>"), "{page}");
        let told = browser.post(&format!("{campaign}/recipients"), &[("lines", "tel:+306900000004\n")]).await.text();
        assert!(told.contains("0 added") && told.contains("1 cannot be used"), "a number is no header: {told}");
        let headed = browser.post(&format!("{campaign}/recipients"), &[("lines", "number\n+306900000003\nx")]).await.text();
        assert!(headed.contains("1 added") && headed.contains("<th scope=\"row\">3</th>"), "{headed}");
    }

    async fn a_scheduled_campaign_says_its_time_and_a_paused_one_that_its_messages_wait(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let at = (app.clock.now() + jiff::SignedDuration::from_hours(2)).strftime("%Y-%m-%dT%H:%M").to_string();
        let fields = [("name", "Sale 2026-11-30"), ("text", "t"), ("scheduled_at", at.as_str())];
        let place = browser.led("/console/campaigns", &fields).await;
        let campaign = place.trim_end_matches("/recipients?done=created");
        browser.post(&format!("{campaign}/recipients"), &[("lines", "+306900000001")]).await;
        assert_eq!(browser.led(&format!("{campaign}/start"), &[]).await, format!("{campaign}?done=scheduled"));
        let (masked, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let list = masked.page("/console/campaigns").await;
        assert!(list.contains(">for <time") && list.contains("Sale 2026-11-30"), "{list}");
        browser.led(&format!("{campaign}/pause"), &[]).await;
        assert!(browser.page(campaign).await.contains("Its time is <time"));
        assert!(browser.page("/console/campaigns").await.contains(">for <time"));
        browser.led(&format!("{campaign}/resume"), &[]).await;
        app.advance(7200);
        while app.service.reconcile_campaigns().await.unwrap() > 0 {}
        assert!(!browser.page("/console/campaigns").await.contains(">for <time"), "it has begun");
        let list = browser.page("/console/messages").await;
        let message = list.split("/console/messages/").find_map(|rest| rest.get(..36).filter(|id| uuid::Uuid::try_parse(id).is_ok()));
        let message = format!("/console/messages/{}", message.unwrap());
        assert!(!browser.page(&message).await.contains("Its campaign is paused"));
        browser.led(&format!("{campaign}/pause"), &[]).await;
        assert!(browser.page(&message).await.contains("Its campaign is paused"));
        browser.led(&format!("{campaign}/cancel"), &[]).await;
        app.run_due().await;
    }

    async fn what_was_typed_is_kept_where_something_is_wrong_and_a_file_without_names_loses_nobody(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let campaign = draft(&browser, "Same for all").await;
        let wrong = browser.post(&format!("{campaign}/recipients"), &[("lines", "+306900000001\r\n12 3")]).await.text();
        assert!(wrong.contains("12 3</textarea>"), "{wrong}");
        let nameless = upload(&browser, &campaign, "+306900000005\n+306900000006\n").await;
        assert!(nameless.contains("begins with a number") && nameless.contains("1 recipient so far"), "{nameless}");
        let past = app.clock.now().strftime("%Y-%m-%dT%H:%M").to_string();
        let fields = [("name", "Late"), ("text", "a\r\nb"), ("scheduled_at", past.as_str())];
        let late = browser.post("/console/campaigns", &fields).await;
        assert!(late.status == StatusCode::UNPROCESSABLE_ENTITY && late.text().contains("is over: leave it empty"));
        let text = format!("{}\r\n{}", "x".repeat(80), "x".repeat(79));
        let counted = browser.post("/console/campaigns/new", &[("text", &text), ("name", "n")]).await.text();
        assert!(counted.contains("1 segment of GSM-7"), "a line's end is one character: {counted}");
    }

    async fn a_draft_of_those_that_failed_says_whom_it_lacks(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let campaign = draft(&browser, &format!("{} {{{{x}}}}", "y".repeat(500))).await;
        upload(&browser, &campaign, &format!("number,x\n+306900000016,{}\n+306900010016,b", "z".repeat(600))).await;
        browser.led(&format!("{campaign}/start"), &[]).await;
        app.run_due().await;
        app.advance(5);
        app.run_due().await;
        let told = browser.post(&format!("{campaign}/again"), &[]).await;
        let page = told.text();
        assert!(page.contains("1 recipient of 2 are in it") && page.contains("1 are not, because their texts, filled in"), "{page}");
    }

    async fn a_text_is_counted_and_shows_the_characters_that_cost(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let count = |text: String| { let browser = &browser; async move { browser.post("/console/campaigns/new", &[("text", &text), ("name", "kept")]).await.text() } };
        assert!(count("x".repeat(161)).await.contains("2 segments of GSM-7, room for 145 more."));
        let costly = count("Γειά σου “you”".to_owned()).await;
        assert!(costly.contains("1 segment of UCS-2") && costly.contains("<mark>“</mark>") && costly.contains("value=\"kept\""), "{costly}");
        assert!(count("{{".to_owned()).await.contains("The text "));
        assert!(count("Hi {{name}}".to_owned()).await.contains("With placeholders as they stand here"));
        let refused = browser.post("/console/campaigns", &[("name", ""), ("text", "{{ x"), ("scheduled_at", ""), ("sender", "?")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let page = refused.text();
        assert!(page.contains("href=\"#name\"") && page.contains("href=\"#text\"") && page.contains("{{ x"), "{page}");
        assert_eq!(app.count("campaigns").await, 0);
    }

    async fn a_campaign_is_scheduled_paused_resumed_and_ended(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let at = app.clock.now().checked_add(jiff::SignedDuration::from_hours(2)).unwrap().strftime("%Y-%m-%dT%H:%M").to_string();
        let place = browser.led("/console/campaigns", &[("name", "Later"), ("text", "t"), ("scheduled_at", &at)]).await;
        let campaign = place.trim_end_matches("/recipients?done=created");
        browser.post(&format!("{campaign}/recipients"), &[("lines", "+306900000001")]).await;
        assert!(browser.page(&format!("{campaign}/check")).await.contains("Schedule 1 message"));
        assert_eq!(browser.led(&format!("{campaign}/start"), &[]).await, format!("{campaign}?done=scheduled"));
        assert!(browser.page("/console").await.contains("Later"), "it is under way");
        for (act, word, told) in [("pause", "paused", "wait until it goes on"), ("resume", "resumed", "It starts by itself"), ("cancel", "ended", "0 of 1 delivered")] {
            assert_eq!(browser.led(&format!("{campaign}/{act}"), &[]).await, format!("{campaign}?done={word}"));
            app.run_due().await;
            let page = browser.page(campaign).await;
            assert!(page.contains(told), "{act}: {page}");
        }
        assert!(browser.page("/console/campaigns").await.contains("Cancelled"));
        let refused = browser.post(&format!("{campaign}/pause"), &[]).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert!(refused.text().contains("This was not done"));
    }

    async fn whoever_drafts_is_not_offered_the_start(app) {
        let (drafts, _) = Browser::signed_in(&app, app.alice, "campaigns:draft").await;
        let campaign = draft(&drafts, "t").await;
        drafts.post(&format!("{campaign}/recipients"), &[("lines", "+306900000001")]).await;
        let check = drafts.page(&format!("{campaign}/check")).await;
        assert!(check.contains("Somebody who may send campaigns has to start it") && !check.contains("Send 1 message"), "{check}");
        assert_eq!(drafts.post(&format!("{campaign}/start"), &[]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(app.count("messages").await, 0);
    }

    async fn another_owners_campaign_reads_as_none_at_all(app) {
        let (alice, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let (bob, _) = Browser::signed_in(&app, app.bob, MASKED).await;
        let campaign = draft(&alice, "t").await;
        let none = campaign.rsplit_once('/').unwrap().0.to_owned() + "/987654321";
        for place in ["", "/recipients", "/check", "/events"] {
            let (theirs, nobodys) = (bob.get(&format!("{campaign}{place}")).await, bob.get(&format!("{none}{place}")).await);
            let told = |answer: &crate::http::call::Answer, id: &str| answer.text().replace(&format!("found: {id}<"), "found: ID<");
            assert_eq!(theirs.status, StatusCode::NOT_FOUND, "{place}");
            let (mine, other) = (campaign.rsplit('/').next().unwrap(), "987654321");
            assert_eq!(told(&theirs, mine), told(&nobodys, other), "{place}");
        }
        for act in ["start", "pause", "resume", "cancel", "again"] {
            assert_eq!(bob.post(&format!("{campaign}/{act}"), &[]).await.status, StatusCode::NOT_FOUND, "{act}");
        }
    }

    async fn the_counters_move_by_one_stream_of_the_pages_own_markup_until_the_campaign_is_over(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let campaign = draft(&browser, "t").await;
        browser.post(&format!("{campaign}/recipients"), &[("lines", "+306900000001")]).await;
        browser.led(&format!("{campaign}/start"), &[]).await;
        let page = browser.page(&campaign).await;
        assert_eq!(page.matches("data-stream=").count(), 1);
        let parts = browser.follow(&format!("{campaign}/events")).await;
        browser.led(&format!("{campaign}/cancel"), &[]).await;
        app.run_due().await;
        let told = parts.rest().await;
        assert!(told.contains("event: part") && told.contains("event: end"), "{told}");
        assert!(told.contains("<p class=\"lead\"><span class=\"state"), "{told}");
        let over = browser.page(&campaign).await;
        assert!(!over.contains("data-stream="), "what is over does not move");
    }

    async fn why_some_did_not_get_it_and_the_way_to_try_again_come_by_the_stream(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, MASKED).await;
        let campaign = draft(&browser, "t").await;
        browser.post(&format!("{campaign}/recipients"), &[("lines", "+306900000001\n+306900000016")]).await;
        browser.led(&format!("{campaign}/start"), &[]).await;
        let mut parts = browser.follow(&format!("{campaign}/events")).await;
        let first = parts.part().await;
        assert!(first.contains("event: part") && !first.contains("Not delivered, and why"), "{first}");
        for _ in 0..2 {
            app.run_due().await;
            app.advance(5);
        }
        app.run_due().await;
        let told = parts.rest().await;
        for words in ["Not delivered, and why", "the provider refused it", "Try those that failed again", "event: end"] {
            assert!(told.contains(words), "{words} is not in {told}");
        }
        // The page has them once, in the part that moves.
        let page = browser.page(&campaign).await;
        assert!(page.matches("id=\"reasons\"").count() == 1 && page.matches("id=\"again\"").count() == 1, "{page}");
        // Whoever may read no messages sees the counters alone.
        let (drafts, _) = Browser::signed_in(&app, app.alice, "campaigns:draft").await;
        let page = drafts.page(&campaign).await;
        assert!(page.contains("Failed or expired") && !page.contains("id=\"reasons\""), "{page}");
    }
}
