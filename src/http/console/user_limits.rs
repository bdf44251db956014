//! The limits on a user's page: what they are, and the form that changes them.

use maud::{Markup, html};

use crate::error::{Error, Violation};
use crate::http::console::desk::Desk;
use crate::http::console::field::{Field, Typed};
use crate::http::console::form::Fields;
use crate::http::console::{times, words};
use crate::proto::{GetUserResponse, LimitUserRequest, Names, NumberLimit, UserLimits};

/// The part of the page.
pub(super) fn section(desk: &Desk, found: &GetUserResponse, typed: Typed<'_>) -> Markup {
    let user = found.user.clone().unwrap_or_default();
    let now = user.limits.unwrap_or_default();
    html! {
        section aria-labelledby="limits" {
            h2 #limits { "Limits" }
            dl {
                @if let Some(left) = found.segments_left_today { dt { "Segments left today" } dd { (left) } }
                @if let Some(left) = found.segments_left_this_month { dt { "Segments left this month" } dd { (left) } }
                @for (_, name, value) in numbers(&now) { dt { (name) } dd { @if let Some(n) = value { (n) } @else { "no limit of its own" } } }
                dt { "Countries" } dd { (countries(now.countries.as_ref())) }
                dt { "To one number" } dd { (per_number(now.per_number.as_ref())) }
            }
            (form(desk, user.id, typed))
        }
    }
}

fn form(desk: &Desk, id: i64, typed: Typed<'_>) -> Markup {
    let numbers = numbers(&UserLimits::default()).map(|(field, name, _)| Field::number(field, name));
    let others = [
        Field::text("countries", "Countries").hint("Such as GR CY; * is every one."),
        Field::number("per_number", "Messages to one number"),
        Field::number("window", "in so many minutes").hint("Empty: in a day."),
    ];
    let all = || numbers.iter().chain(&others);
    html! {
        details open[all().any(|field| typed.is_wrong(field.name()))] {
            summary { "Change a limit" }
            form.stack method="post" action=(desk.to(&format!("/users/{id}/limit"))) {
                p.hint { "What is left empty stays as it is; 0 is no limit." }
                @for field in all() { (field.shown(typed)) }
                button { "Change" }
            }
        }
    }
}

/// The limits that are numbers: field, name and what each is.
fn numbers(now: &UserLimits) -> [(&'static str, &'static str, Option<i32>); 7] {
    [
        ("segments_per_day", "Segments a day", now.segments_per_day),
        ("segments_per_month", "Segments a month", now.segments_per_month),
        ("in_flight", "Messages in flight", now.in_flight),
        ("calls", "Calls at once", now.calls),
        ("streams", "Streams at once", now.streams),
        ("uploads", "Uploads at once", now.uploads),
        ("refreshes", "Refreshes at once", now.refreshes),
    ]
}

fn countries(names: Option<&Names>) -> String {
    match names {
        Some(names) if !names.every => names.names.join(", "),
        _ => "every one".to_owned(),
    }
}

fn per_number(limit: Option<&NumberLimit>) -> String {
    let Some(limit) = limit else { return "no limit".to_owned() };
    let window = limit.window.as_ref().map_or(0, |window| window.seconds);
    format!(
        "{} in {}",
        words::many(limit.messages.into(), "message"),
        times::span(jiff::SignedDuration::from_secs(window))
    )
}

/// The request of the form.
pub(super) fn read(id: i64, fields: &Fields) -> Result<LimitUserRequest, Error> {
    let mut violations = Vec::new();
    let mut number = |name: &str| {
        let given = Some(fields.get(name)).filter(|text| !text.is_empty())?;
        let read = given.parse::<i32>();
        if read.is_err() {
            violations.push(Violation::new(name, "must be a whole number"));
        }
        read.ok()
    };
    let [segments_per_day, segments_per_month, in_flight, calls, streams, uploads, refreshes] =
        numbers(&UserLimits::default()).map(|(field, ..)| number(field));
    let minutes = number("window");
    let per_number = number("per_number").map(|messages| NumberLimit {
        messages,
        window: minutes.map(|n| pbjson_types::Duration { seconds: i64::from(n) * 60, nanos: 0 }),
    });
    let given = fields.get("countries");
    let split = given.split([' ', ',', ';']).filter(|name| !name.is_empty());
    let named =
        || Names { every: given == "*", names: split.filter(|name| *name != "*").map(str::to_uppercase).collect() };
    let countries = (!given.is_empty()).then(named);
    if minutes.is_some() && per_number.is_none() {
        violations.push(Violation::new("per_number", "is required with a window"));
    }
    if countries.as_ref().is_some_and(|countries| given.contains('*') && !countries.every) {
        violations.push(Violation::new("countries", "must be * alone, or countries"));
    }
    if !violations.is_empty() {
        return Err(Error::Invalid(violations));
    }
    Ok(LimitUserRequest {
        id,
        in_flight,
        calls,
        streams,
        uploads,
        refreshes,
        segments_per_day,
        segments_per_month,
        countries,
        per_number,
    })
}
