//! Times and spans as people read them. All are in UTC, and say so.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

/// A time of the contract.
pub(super) fn read(at: Option<pbjson_types::Timestamp>) -> Option<Timestamp> {
    at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())
}

/// A time; a dash if there is none.
pub(super) fn when(at: Option<pbjson_types::Timestamp>) -> Markup {
    read(at).map_or_else(|| html! { "–" }, shown)
}

/// A time, to the second.
pub(super) fn shown(at: Timestamp) -> Markup {
    html! { time datetime=(format!("{at:.0}")) { (plain(at)) } }
}

/// The same as plain text.
pub(super) fn plain(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M:%S UTC").to_string()
}

/// A time, to the millisecond, for what follows on itself.
pub(super) fn exact(at: Timestamp) -> Markup {
    html! { time datetime=(format!("{at:.3}")) { (at.strftime("%-d %b, %H:%M:%S%.3f UTC")) } }
}

/// A span in the two units that matter.
pub(super) fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    match seconds {
        ..10 => format!("{:.1} s", span.as_secs_f64().max(0.0)),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The span between two times, if both are there.
pub(super) fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<String> {
    Some(span(to?.duration_since(from?)))
}
