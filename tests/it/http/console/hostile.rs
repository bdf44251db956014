//! Hostile texts, wherever a stranger can leave one: nothing of them runs, leads elsewhere, or turns what stands beside it round.

use axum::body::Body;
use http::Request;
use messaging::proto::{CreateCampaignRequest, CreateEndpointRequest, SendSingleRequest};

use super::markup::faults;
use super::{Browser, EVERYTHING, sent};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

const NUMBER: &str = "+306900000001";

/// Texts that did harm somewhere: markup, attributes, addresses, directions, and much of one kind.
fn hostile() -> Vec<String> {
    let markup = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "<svg><script>alert(1)</script>",
        "</textarea><script>alert(1)</script>",
        "</title><script>alert(1)</script>",
        "</blockquote></main><h1>x</h1>",
        "<iframe src=//evil.example>",
        "<a href=javascript:alert(1)>x</a>",
        "<base href=//evil.example/>",
        "<form action=//evil.example><input name=key>",
        "<meta http-equiv=refresh content=0;url=//evil.example>",
        "<style>*{display:none}</style>",
        "<link rel=stylesheet href=//evil.example>",
        "<!--",
        "-->",
        "<![CDATA[",
        "<?php",
        "<body onload=alert(1)>",
        "<details open ontoggle=alert(1)>",
        "<math><mtext></mtext></math>",
        "<object data=x>",
    ];
    let attributes = [
        "\" onmouseover=\"alert(1)",
        "' onmouseover='alert(1)",
        "\" autofocus onfocus=alert(1) x=\"",
        "\"><script>alert(1)</script>",
        "`onmouseover=alert(1)`",
        "x\" style=\"position:fixed",
        "\" href=\"javascript:alert(1)",
        "&quot; onclick=&quot;x",
        "&#34;&#62;",
    ];
    let addresses = [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//evil.example",
        "\\\\evil.example",
    ];
    let directions = [
        "\u{202E}moc.live",
        "\u{2066}\u{202E}x\u{2069}",
        "\u{200F}\u{200E}abc",
        "שלום <b>x</b>",
        "مرحبا \"x\"",
        "\u{202B}<script>\u{202C}",
    ];
    let odd = [
        "{{",
        "${alert(1)}",
        "{{constructor}}",
        "%3Cscript%3E",
        "\u{FEFF}<script>",
        "\u{0001}<b>",
        "a\u{0301}\u{0301}\u{0301}<i>",
        "<\u{200B}script>",
        "＜script＞",
    ];
    let mut all: Vec<String> = [markup.as_slice(), &attributes, &addresses, &directions, &odd]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
    // Each of them again behind something and before something, and something without a place to break.
    let around: Vec<String> =
        all.iter().flat_map(|text| [format!("x {text}"), format!("{text} <y"), format!("{text}{text}")]).collect();
    all.extend(around);
    all.push("W".repeat(1500));
    all.push("<b>".repeat(300));
    all
}

/// The raw form of what must not stand in a page.
fn is_raw(page: &str, text: &str) -> bool {
    text.contains(['<', '"']) && page.contains(text)
}

on_both_databases! { TestApp::reported =>
    async fn texts_references_and_metadata_run_nothing(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let all = hostile();
        assert!(all.len() >= 200, "{}", all.len());
        for texts in all.chunks(50) {
            let mut ids = Vec::new();
            for text in texts {
                let tag: String = text.chars().filter(|c| !c.is_control()).take(100).collect();
                let request = SendSingleRequest {
                    text: text.chars().take(900).collect(),
                    reference: Some(tag.clone()),
                    metadata: [("key".to_owned(), tag)].into(),
                    ..Default::default()
                };
                ids.push((sent(&app, request).await.id, text));
            }
            let list = browser.page("/console/messages").await;
            assert_eq!(faults(&list), Vec::<String>::new());
            assert!(!texts.iter().any(|text| is_raw(&list, text)));
            for (id, text) in ids {
                let page = browser.page(&format!("/console/messages/{id}")).await;
                assert_eq!(faults(&page), Vec::<String>::new(), "{text}");
                assert!(!is_raw(&page, text), "{text}");
            }
        }
        app.run_due().await;
        let place = browser.led("/console/find", &[("q", NUMBER)]).await;
        assert_eq!(faults(&browser.page(&place).await), Vec::<String>::new());
    }

    async fn a_number_is_hidden_however_it_is_written(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, "messages:send messages:read campaigns").await;
        let written = ["306 - 900 - 000 - 001", "306\n900\n000\n001", "306\u{202F}900\u{2014}000:001", "(306),900*000_001", "٣٠٦٩٠٠٠٠٠٠٠١", "1230000", "12300000", "1-2-3-0-0-0-0", "1230. 30/11/2026 20:45", "1230 2000-11-30", "123000. 2109876000", "123000\n306900000501", "123-000 123-000"];
        for text in written {
            sent(&app, SendSingleRequest { text: format!("call {text} now"), ..Default::default() }).await;
        }
        browser.led("/console/campaigns", &[("name", "306900000001 the number"), ("text", "t")]).await;
        for place in ["/console/messages", "/console/campaigns"] {
            let page = browser.page(place).await;
            // What is read, not what is between angle brackets: an id may have any three digits.
            let table = page.split("<tbody>").nth(1).unwrap();
            let read: Vec<&str> = table.split('<').filter_map(|piece| Some(piece.split_once('>')?.1)).collect();
            let shown = read.join(" ");
            assert!(!shown.contains("000"), "{place}: {shown}");
            assert!(!shown.contains("٠٠٠"), "{place}: {shown}");
            assert!(!shown.contains("123…") && !shown.contains("1-2"), "a code is hidden whole: {shown}");
        }
    }

    async fn names_of_campaigns_endpoints_and_filters_run_nothing(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        let mut named = 0;
        for text in hostile().into_iter().filter(|text| text.chars().count() <= 200 && !text.contains(char::is_control)) {
            let new = CreateCampaignRequest { name: text.clone(), text: text.replace("{{", "("), ..Default::default() };
            if let Ok(made) = app.campaigns_of(app.alice).create_campaign(new).await {
                named += 1;
                let id = made.into_inner().campaign.unwrap().id;
                for place in ["", "/recipients"] {
                    let page = browser.page(&format!("/console/campaigns/{id}{place}")).await;
                    assert_eq!(faults(&page), Vec::<String>::new(), "{text}");
                    assert!(!is_raw(&page, &text), "{text}");
                }
            }
            let asked = url::form_urlencoded::Serializer::new(String::new()).append_pair("reference", &text).append_pair("code", &text).append_pair("page", &text).append_pair("done", &text).append_pair("number", &text).finish();
            for page in [browser.get(&format!("/console/messages?{asked}")).await, browser.post("/console/campaigns/new", &[("name", &text), ("text", &text), ("sender", &text)]).await, browser.post("/console/find", &[("q", &text)]).await] {
                if page.status == http::StatusCode::SEE_OTHER {
                    assert!(page.headers["location"].to_str().unwrap().starts_with("/console/"), "{text}");
                    continue;
                }
                assert_eq!(faults(&page.text()), Vec::<String>::new(), "{text}");
                assert!(!is_raw(&page.text(), &text), "{text}");
            }
            let to = url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let stranger = Browser::at(&app.service);
            let page = stranger.send(Request::get(format!("/console/sign-in?to={to}&over={to}")), Body::empty()).await.text();
            assert!(!is_raw(&page, &text) && faults(&page).is_empty(), "{text}: {:?}", faults(&page));
        }
        assert!(named >= 20, "{named}");
        let described = CreateEndpointRequest {
            url: "http://127.0.0.1:9/x?a=%22%3E%3Cscript%3E&b='onload=".to_owned(),
            description: "\"><script>alert(1)</script>".to_owned(),
            disabled: true,
            ..Default::default()
        };
        let made = app.hooks(app.alice, "messages:read messages:send").create_endpoint(described).await.unwrap().into_inner();
        for place in ["/console/endpoints".to_owned(), format!("/console/endpoints/{}", made.endpoint.unwrap().id)] {
            let page = browser.page(&place).await;
            assert!(faults(&page).is_empty() && !page.contains("<script>alert"), "{:?}", faults(&page));
        }
    }

    async fn replies_run_nothing(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        sent(&app, SendSingleRequest::default()).await;
        for text in hostile().iter().step_by(4) {
            app.inject(NUMBER, "Alice", text).await;
        }
        app.run_due().await;
        let place = browser.led("/console/find", &[("q", NUMBER)]).await;
        for path in ["/console/inbox", &place, "/console"] {
            let page = browser.page(path).await;
            assert!(path == "/console" || page.matches("class=\"theirs\"").count() >= 10, "{path}: {page}");
            assert_eq!(faults(&page), Vec::<String>::new(), "{path}");
            assert!(!hostile().iter().any(|text| is_raw(&page, text)), "{path}");
        }
    }
}
