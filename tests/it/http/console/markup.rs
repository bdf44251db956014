//! A page taken apart as a browser would: its elements with their attributes. What it cannot read is a mistake of the page's.

use std::collections::{BTreeMap, BTreeSet};

/// An element's begin.
#[derive(Debug, Clone)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
}

impl Element {
    pub fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}

const VOID: [&str; 6] = ["meta", "link", "input", "br", "hr", "img"];

/// The elements of a page in their order. Every one that is not void has to end where it should.
pub fn elements(page: &str) -> Vec<Element> {
    let (mut found, mut open) = (Vec::new(), Vec::<String>::new());
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('!') {
            assert!(after.starts_with("DOCTYPE html>"), "{}", &after[..after.len().min(60)]);
            continue;
        }
        if let Some(after) = rest.strip_prefix('/') {
            let name = &after[..after.find('>').unwrap()];
            assert_eq!(open.pop().as_deref(), Some(name), "an end tag without its begin");
            rest = after;
            continue;
        }
        let name: String = rest.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(!name.is_empty(), "a stray < before {:?}", rest.chars().take(40).collect::<String>());
        rest = &rest[name.len()..];
        let mut attributes = BTreeMap::new();
        loop {
            rest = rest.trim_start();
            if let Some(after) = rest.strip_prefix('>') {
                rest = after;
                break;
            }
            let end = rest.find(['=', ' ', '>']).unwrap();
            let attribute = rest[..end].to_owned();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix("=\"") {
                let end = after.find('"').unwrap();
                value = unescaped(&after[..end]);
                rest = &after[end + 1..];
            }
            assert!(attributes.insert(attribute.clone(), value).is_none(), "{attribute} twice in {name}");
        }
        if !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        found.push(Element { name, attributes });
    }
    assert_eq!(open, Vec::<String>::new(), "elements that do not end");
    found
}

pub fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// What a page lacks that everybody can use, and that runs nothing of a stranger's.
pub fn faults(page: &str) -> Vec<String> {
    let all = elements(page);
    let mut faults = Vec::new();
    let named = |name: &str| all.iter().filter(|e| e.name == name).collect::<Vec<_>>();
    let mut wants = |right: bool, what: String| {
        if !right {
            faults.push(what);
        }
    };
    wants(named("html").iter().all(|e| e.get("lang") == "en"), "lang".to_owned());
    wants(named("h1").len() == 1, format!("{} h1", named("h1").len()));
    wants(named("main").len() == 1 && named("title").len() == 1, "main and title".to_owned());
    wants(all.iter().any(|e| e.get("class") == "skip" && e.get("href") == "#main"), "skip link".to_owned());
    let ids: Vec<&str> = all.iter().map(|e| e.get("id")).filter(|id| !id.is_empty()).collect();
    let unique: BTreeSet<&str> = ids.iter().copied().collect();
    wants(ids.len() == unique.len(), format!("ids twice: {ids:?}"));
    let labelled: BTreeSet<&str> = named("label").iter().map(|e| e.get("for")).collect();
    for field in all.iter().filter(|e| ["input", "select", "textarea"].contains(&e.name.as_str())) {
        let hidden = field.get("type") == "hidden";
        wants(hidden || labelled.contains(field.get("id")), format!("a field without a label: {field:?}"));
    }
    for element in &all {
        for about in ["aria-labelledby", "aria-describedby", "for"] {
            for id in element.get(about).split_whitespace() {
                wants(unique.contains(id), format!("{about} leads to no {id}"));
            }
        }
        let scripted = |name: &String| name.starts_with("on") || name == "style" || name == "srcdoc";
        wants(!element.attributes.keys().any(scripted), format!("runs or styles inline: {element:?}"));
        for place in ["href", "src", "action", "formaction", "data-stream", "data-count"] {
            let value = element.get(place);
            let own =
                value.is_empty() || value.starts_with('#') || (value.starts_with('/') && !value.starts_with("//"));
            wants(own, format!("leads elsewhere: {element:?}"));
        }
        let allowed = match element.name.as_str() {
            "script" => element.get("src").contains("/console/console.js?"),
            "style" | "iframe" | "object" | "embed" | "base" | "img" | "svg" | "math" => false,
            _ => true,
        };
        wants(allowed, format!("what no page has: {element:?}"));
        let posts = element.name != "form" || ["post", "get"].contains(&element.get("method"));
        wants(posts, format!("a form without a method: {element:?}"));
    }
    let mut last = 1;
    for heading in all.iter().filter(|e| ["h1", "h2", "h3"].contains(&e.name.as_str())) {
        let level: u8 = heading.name[1..].parse().unwrap();
        wants(level <= last + 1, format!("a heading too deep: {heading:?}"));
        last = level;
    }
    let scoped = named("th").iter().all(|e| ["col", "row"].contains(&e.get("scope")));
    wants(scoped, "a header cell without a scope".to_owned());
    faults
}
