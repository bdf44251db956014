//! The law of spending: whatever is asked for in whatever order, no limit is overshot, and a refusal takes nothing.

use std::collections::{BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use messaging::domain::allowed::Allowed;
use messaging::domain::phone::Msisdn;
use messaging::domain::spend::{Account, Left, Limit, Limits, Over, PerNumber, periods};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn number(n: u32) -> Msisdn {
    Msisdn::from_stored(format!("+3069000000{n:02}"))
}

fn opened(limits: Limits, used: (i64, i64)) -> Account {
    Account::new(limits, at("2026-11-30T23:59:00Z"), used, HashMap::new())
}

proptest! {
    #[test]
    fn no_limit_is_overshot_and_what_is_refused_takes_nothing(
        per_day in prop::option::of(1_u32..60),
        per_month in prop::option::of(1_u32..60),
        per_number in prop::option::of(1_u32..4),
        used in (0_i64..30, 0_i64..30),
        asked in prop::collection::vec((0_u32..5, 1_i16..8), 1..60),
    ) {
        let window = SignedDuration::from_hours(1);
        let per_number = per_number.map(|messages| PerNumber { messages, window });
        let limits = Limits { per_day, per_month, countries: Allowed::Any, per_number };
        let mut account = opened(limits, used);
        let (mut taken, mut to) = (0_i64, [0_u32; 5]);
        for (who, segments) in asked {
            let before = account.left(Some(&number(who)));
            let fits = |left: Option<u32>, n: i64| left.is_none_or(|left| n <= i64::from(left));
            let wanted = i64::from(segments);
            let may = fits(before.today, wanted) && fits(before.this_month, wanted) && fits(before.to_number, 1);
            prop_assert_eq!(account.take(&number(who), segments).is_ok(), may);
            if may {
                taken += wanted;
                to[who as usize] += 1;
            } else {
                prop_assert_eq!(account.left(Some(&number(who))), before);
            }
            prop_assert_eq!(account.taken(), taken);
        }
        prop_assert!(taken == 0 || per_day.is_none_or(|most| used.0 + taken <= i64::from(most)));
        prop_assert!(taken == 0 || per_month.is_none_or(|most| used.1 + taken <= i64::from(most)));
        prop_assert!(per_number.is_none_or(|most| to.iter().all(|n| *n <= most.messages)));
    }
}

#[test]
fn a_refusal_names_the_limit_and_when_it_ends() {
    let limits = Limits { per_day: Some(2), ..Limits::default() };
    let until_midnight = Some(SignedDuration::from_mins(1));
    let refused = opened(limits, (2, 2)).take(&number(1), 1);
    assert_eq!(refused, Err(Over { limit: Limit::Day, most: 2, wait: until_midnight }));

    // The last day of a month: both end at once.
    let limits = Limits { per_month: Some(2), ..Limits::default() };
    let refused = opened(limits, (0, 2)).take(&number(1), 1);
    assert_eq!(refused, Err(Over { limit: Limit::Month, most: 2, wait: until_midnight }));
}

#[test]
fn days_and_months_begin_at_midnight_utc() {
    let (day, month) = periods(at("2026-02-28T23:59:59.999999Z"));
    assert_eq!((day, month), (at("2026-02-28T00:00:00Z"), at("2026-02-01T00:00:00Z")));
    assert_eq!(periods(at("2026-03-01T00:00:00Z")), (at("2026-03-01T00:00:00Z"), at("2026-03-01T00:00:00Z")));
}

#[test]
fn a_number_belongs_to_the_country_of_its_range() {
    let of = |text: &str| Msisdn::parse(text).unwrap().country();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(of("+306900000001"), named("GR"));
    // Countries that share a code: by their ranges, and the first of them where the range is nobody's.
    assert_eq!((of("+12025550123"), of("+14165550123")), (named("US"), named("CA")));
    assert_eq!((of("+77011234567"), of("+79161234567")), (named("KZ"), named("RU")));
    assert_eq!(of("+10000000000"), named("US"));
    // A satellite network has none, and neither has a pseudonym.
    assert_eq!(of("+881612345678"), None);
    assert_eq!(Msisdn::from_stored(format!("~{}", "0".repeat(32))).country(), None);
    assert!(Msisdn::is_country("GR") && !Msisdn::is_country("gr") && !Msisdn::is_country("XX"));
}

#[test]
fn a_number_without_a_country_is_in_no_list_of_countries() {
    let countries = Allowed::Only(BTreeSet::from(["GR".to_owned()]));
    let limits = Limits { countries, ..Limits::default() };
    let refused = Err(Over { limit: Limit::Country, most: 0, wait: None });
    let mut account = opened(limits, (0, 0));
    assert_eq!(account.take(&Msisdn::parse("+881612345678").unwrap(), 1), refused);
    assert_eq!(account.take(&Msisdn::parse("+4915112345678").unwrap(), 1), refused);
    assert_eq!(account.take(&number(1), 1), Ok(()));
    assert_eq!(account.left(None), Left::default());
}
