//! No circle of files within any folder of `src/`: of two files that stand side by side, one knows the other or neither
//! does. A file and what stands in its folder may know each other: they are one thing, told in several files.

use std::collections::{BTreeMap, BTreeSet};

use super::sources;

/// A module's path: the names from the crate's root on.
type Path = Vec<String>;

/// For each folder, which file or folder in it names which other.
type Named = BTreeMap<Path, BTreeMap<String, BTreeSet<String>>>;

/// The module that a file is.
fn module(file: &str) -> Path {
    file.trim_end_matches(".rs").split('/').map(str::to_owned).collect()
}

/// The paths of a `use` tree, or the one path of an expression, that goes on at `text` behind `before`.
fn paths<'a>(before: &[String], text: &'a str, found: &mut Vec<Path>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = paths(before, rest, found).trim_start();
            if let Some(name) = rest.strip_prefix("as ") {
                rest = name.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').trim_start();
            }
            match rest.chars().next() {
                Some(',') => rest = rest[1..].trim_start(),
                Some('}') => {}
                // What is no tree after all ends here.
                _ => return rest,
            }
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let mut path = before.to_vec();
    path.extend((!name.is_empty()).then(|| name.to_owned()));
    match rest.strip_prefix("::") {
        Some(rest) if !name.is_empty() => paths(&path, rest, found),
        _ => {
            found.push(path);
            rest
        }
    }
}

/// The paths that a module's code names: from the crate's root, from its parents, from itself.
fn named(code: &str, me: &[String]) -> Vec<Path> {
    let mut found = Vec::new();
    for (start, climb) in [("crate::", me.len()), ("self::", 0), ("super::", 1)] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') || code[..at].ends_with("super::") {
                continue;
            }
            let (mut climb, mut rest) = (climb, &code[at + start.len()..]);
            while start == "super::" && rest.starts_with("super::") {
                (climb, rest) = (climb + 1, &rest["super::".len()..]);
            }
            paths(&me[..me.len().saturating_sub(climb)], rest, &mut found);
        }
    }
    found
}

/// The paths under which modules pass on what others have, and where it is.
fn passed_on(sources: &[(String, String)], modules: &BTreeSet<Path>) -> BTreeMap<Path, Path> {
    let mut passed_on = BTreeMap::new();
    for (file, code) in sources {
        let me = module(file);
        for line in ["pub use ", "pub(super) use ", "pub(crate) use "] {
            for (at, _) in code.match_indices(line).filter(|(at, _)| *at == 0 || code[..*at].ends_with('\n')) {
                let mut found = Vec::new();
                paths(&[], &code[at + line.len()..], &mut found);
                for path in found.into_iter().filter(|path| path.len() > 1) {
                    let target = match path[0].as_str() {
                        "crate" => path[1..].to_vec(),
                        "self" => [&me[..], &path[1..]].concat(),
                        "super" => [&me[..me.len().saturating_sub(1)], &path[1..]].concat(),
                        _ => [&me[..], &path[..]].concat(),
                    };
                    if (1..target.len()).any(|n| modules.contains(&target[..n])) {
                        passed_on.insert([&me[..], &path[path.len() - 1..]].concat(), target);
                    }
                }
            }
        }
    }
    passed_on
}

/// The module that holds what `path` names, however often it is passed on.
fn holder(mut path: Path, modules: &BTreeSet<Path>, passed_on: &BTreeMap<Path, Path>) -> Option<Path> {
    let mut known = None;
    // More often than anything is.
    for _ in 0..8 {
        let n = (1..=path.len()).rev().find(|n| modules.contains(&path[..*n]))?;
        known = Some(path[..n].to_vec());
        let Some(target) = path.get(..=n).and_then(|name| passed_on.get(name)) else { break };
        path = [&target[..], &path[n + 1..]].concat();
    }
    known
}

/// Who names whom among the files and folders that stand side by side.
fn siblings(sources: &[(String, String)]) -> Named {
    let modules: BTreeSet<Path> = sources.iter().map(|(file, _)| module(file)).collect();
    let passed_on = passed_on(sources, &modules);
    let mut all = Named::new();
    for (file, code) in sources {
        let me = module(file);
        for path in named(code, &me) {
            let Some(other) = holder(path, &modules, &passed_on) else { continue };
            let shared = me.iter().zip(&other).take_while(|(one, other)| one == other).count();
            if let (Some(from), Some(to)) = (me.get(shared), other.get(shared)) {
                let folder = all.entry(me[..shared].to_vec()).or_default();
                folder.entry(from.clone()).or_default().insert(to.clone());
            }
        }
    }
    all
}

/// The shortest way from `start` back to itself.
fn circle(start: &str, names: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| names.get(last)).into_iter().flatten() {
                let mut way = way.clone();
                way.push(next.clone());
                if next == start {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

/// Every circle, as `src/domain: message -> status -> message`; of several through the same files one.
fn circles(sources: &[(String, String)]) -> Vec<String> {
    let mut told = Vec::new();
    for (folder, names) in siblings(sources) {
        let mut known = BTreeSet::new();
        for start in names.keys() {
            let Some(way) = circle(start, &names).filter(|_| !known.contains(start)) else { continue };
            known.extend(way.iter().cloned());
            told.push(format!("src/{}: {}", folder.join("/"), way.join(" -> ")));
        }
    }
    told
}

#[test]
fn no_files_side_by_side_name_each_other() {
    assert_eq!(circles(&sources()), Vec::<String>::new());
}

#[test]
fn a_circle_is_found_and_named_however_it_is_written() {
    let file = |name: &str, code: &str| (name.to_owned(), code.to_owned());
    let mut all = vec![
        file("a.rs", "mod x; mod y; use x::X;"),
        file("a/x.rs", "use crate::{b, a::y::{self, z::{Z as W, V}}}; use super::A;"),
        file("a/y.rs", "mod z; fn f() { z::g() }"),
        file("a/y/z.rs", "fn g() { super::super::x::h(); self::i() } use crate::a::A;"),
        file("b.rs", "struct B;"),
    ];
    assert_eq!(circles(&all), ["src/a: x -> y -> x"]);
    all[3].1 = "use crate::a::A;".to_owned();
    assert_eq!(circles(&all), Vec::<String>::new(), "a parent and its child may know each other");
    all[4].1 = "fn f(_: crate::a::y::z::Z) {}".to_owned();
    assert_eq!(circles(&all), ["src/: a -> b -> a"]);
    let passed_on = [
        file("a.rs", "mod x;\nmod y;\npub use x::X;\npub(super) use y::{Y, Z as W};\n"),
        file("a/x.rs", "use crate::a::{Y, other};"),
        file("a/y.rs", "use super::X;"),
    ];
    assert_eq!(circles(&passed_on), ["src/a: x -> y -> x"]);
}
