//! How much a page weighs, and that every page is one that everybody can use.

use std::collections::BTreeSet;

use messaging::http::page_paths;
use messaging::proto::{CreateEndpointRequest, SendSingleRequest};

use super::markup::{elements, faults};
use super::{Browser, EVERYTHING, MASKED, sent};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;
use crate::support::files;

#[test]
fn the_style_sheet_and_the_script_are_small_and_ask_nobody_else() {
    let (style, script) = (files::read("src/http/console/console.css"), files::read("src/http/console/console.js"));
    assert!(style.len() <= 14_000, "{}", style.len());
    assert!(script.len() <= 10_000, "{}", script.len());
    for foreign in ["http:", "https:", "//cdn", "@import", "url(", "@font-face"] {
        assert!(!style.contains(foreign) && !script.contains(foreign), "{foreign}");
    }
    for dangerous in ["eval(", "new Function", "document.write", "insertAdjacentHTML", "outerHTML"] {
        assert!(!script.contains(dangerous), "{dangerous}");
    }
    // What a style sheet has to have for everybody.
    for wanted in ["prefers-color-scheme: dark", "forced-colors: active", ":focus-visible", "prefers-reduced-motion"] {
        assert!(style.contains(wanted), "{wanted}");
    }
    for wanted in ["visibilitychange", "document.hidden", "activeElement", "Keep this part still"] {
        assert!(script.contains(wanted), "{wanted}");
    }
}

/// The contrast of two colours by WCAG 2.2.
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |hex: &str| {
        let hex: String =
            if hex.len() == 4 { hex[1..].chars().flat_map(|c| [c, c]).collect() } else { hex[1..].to_owned() };
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
    };
    let (a, b) = (luminance(one), luminance(other));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn every_pair_of_colours_can_be_read_in_the_light_and_in_the_dark() {
    let style = files::read("src/http/console/console.css");
    let blocks: Vec<&str> = style.split(":root {").skip(1).map(|block| block.split('}').next().unwrap()).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let colour = |name: &str| {
            let value = block.split(&format!("--{name}: ")).nth(1).unwrap_or_else(|| panic!("{name}"));
            value.split(';').next().unwrap().to_owned()
        };
        let backs = ["back", "paper"];
        for ink in ["ink", "soft", "link", "good", "bad", "doubt", "open", "still"] {
            for back in backs {
                assert!(contrast(&colour(ink), &colour(back)) >= 4.5, "{ink} on {back}");
            }
        }
        for tone in ["good", "bad", "doubt", "open", "still"] {
            assert!(contrast(&colour(tone), &colour(&format!("{tone}-back"))) >= 4.5, "{tone}");
        }
        assert!(contrast(&colour("on-main"), &colour("main")) >= 4.5);
        for edge in ["edge", "focus"] {
            for back in backs {
                assert!(contrast(&colour(edge), &colour(back)) >= 3.0, "{edge} on {back}");
            }
        }
    }
}

/// The text of the first element of this name.
fn between(page: &str, name: &str) -> String {
    let from = page.split(&format!("<{name}>")).nth(1).unwrap();
    let inside = from.split(&format!("</{name}>")).next().unwrap();
    let text = inside.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    text.collect()
}

on_both_databases! { TestApp::start =>
    async fn a_full_list_of_long_messages_is_light(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, EVERYTHING).await;
        for n in 0..50 {
            let text = format!("{n} {}", "<&\"ω>".repeat(60));
            let reference = Some(format!("{n}{}", "&<\"".repeat(30)));
            sent(&app, SendSingleRequest { text, reference, ..Default::default() }).await;
        }
        let page = browser.page("/console/messages").await;
        assert_eq!(page.matches("<tr>").count(), 51);
        assert!(page.len() <= 60_000, "{} bytes", page.len());
        app.run_due().await;
    }

    async fn every_page_is_whole_and_everybody_can_use_it(app) {
        let (browser, _) = Browser::signed_in(&app, app.alice, &format!("{MASKED} ops act-as")).await;
        let message = sent(&app, SendSingleRequest::default()).await.id;
        let campaign = browser.led("/console/campaigns", &[("name", "n"), ("text", "t")]).await.split('/').nth(3).unwrap().to_owned();
        browser.post(&format!("/console/campaigns/{campaign}/recipients"), &[("lines", "+306900000001")]).await;
        let hook = CreateEndpointRequest { url: "http://127.0.0.1:9/".to_owned(), ..Default::default() };
        let hook = app.hooks(app.alice, MASKED).create_endpoint(hook).await.unwrap().into_inner().endpoint.unwrap().id;
        let cover = browser.led("/console/find", &[("q", "+306900000001")]).await.rsplit('/').next().unwrap().to_owned();
        let (mut seen, mut titles, user) = (0, BTreeSet::new(), app.alice.0.to_string());
        for path in page_paths().into_iter().filter(|path| !path.contains("phone")) {
            let id = match path {
                path if path.contains("campaigns") => &campaign,
                path if path.contains("endpoints") => &hook,
                path if path.contains("users") => &user,
                _ => &message,
            };
            let path = path.replace("{id}", id).replace("{cover}", &cover);
            let path = path.replace("/waiting", "/waiting?until=2026-09-21T14:00");
            let page = browser.page(&path).await;
            assert_eq!(faults(&page), Vec::<String>::new(), "{path}");
            let (title, heading) = (between(&page, "title"), between(&page, "h1"));
            assert!(title.starts_with(&heading) && title.ends_with(" – messaging"), "{path}: {title}, and {heading}");
            assert!(titles.insert(title), "{path} has the title of another page");
            let all = elements(&page);
            let current = all.iter().filter(|e| e.get("aria-current") == "page").count();
            assert_eq!(current, 1, "{path}");
            assert!(all.iter().any(|e| e.name == "nav") && all.iter().any(|e| e.get("role") == "search"), "{path}");
            seen += 1;
        }
        assert!(seen >= 20, "{seen}");
        let outside = Browser::at(&app.service).page("/console/sign-in").await;
        assert_eq!(faults(&outside), Vec::<String>::new());
        app.run_due().await;
    }
}
