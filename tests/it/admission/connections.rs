//! The connections of both listeners: who makes room, and who is shown out.

use std::net::IpAddr;
use std::task::{Context, Waker};
use std::time::Duration;

use messaging::admission::{ConnectionLimits, Connections, Ticket};
use messaging::domain::ids::OwnerId;

const HERE: &str = "192.0.2.1";
const THERE: &str = "198.51.100.7";

fn of(most: usize) -> Connections {
    Connections::new(ConnectionLimits::of(most))
}

fn enter(connections: &Connections, address: &str) -> Option<Ticket> {
    connections.enter(address.parse::<IpAddr>().unwrap())
}

fn is_ended(ticket: &Ticket) -> bool {
    ticket.connection().is_ended(&Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn one_more_ends_the_one_that_has_been_idle_longest_where_there_are_most() {
    let connections = of(3);
    let lonely = enter(&connections, THERE).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    let first = enter(&connections, HERE).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    let second = enter(&connections, HERE).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(first.connection().begin());
    let _new = enter(&connections, THERE).unwrap();
    assert!(is_ended(&second) && !is_ended(&first) && !is_ended(&lonely), "the first asked later than the second came");
    assert_eq!(connections.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn connections_at_work_for_somebody_with_credentials_make_no_room() {
    let connections = of(2);
    let (one, two) = (enter(&connections, HERE).unwrap(), enter(&connections, HERE).unwrap());
    let (_at, work) = (one.connection().begin(), two.connection().begin());
    one.connection().vouch(None);
    two.connection().vouch(None);
    assert!(enter(&connections, THERE).is_none());
    drop(work);
    assert!(enter(&connections, THERE).is_some());
    assert!(is_ended(&two) && !is_ended(&one));
}

#[tokio::test(start_paused = true)]
async fn an_owner_at_work_on_more_than_half_of_all_connections_makes_room_for_somebody_else() {
    let connections = of(4);
    let all: Vec<_> = (0..4).map(|_| enter(&connections, HERE).unwrap()).collect();
    let mut work = Vec::new();
    for (ticket, owner) in all.iter().zip([7, 7, 8, 8]) {
        tokio::time::advance(Duration::from_secs(1)).await;
        work.push(ticket.connection().begin());
        ticket.connection().vouch(Some(OwnerId(owner)));
    }
    assert!(enter(&connections, THERE).is_none(), "nobody has more than half");
    all[3].connection().vouch(Some(OwnerId(7)));
    assert!(enter(&connections, THERE).is_none(), "its calls are as short as anybody's");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(enter(&connections, THERE).is_some());
    assert!(is_ended(&all[0]) && all[1..].iter().all(|ticket| !is_ended(ticket)), "the oldest of that owner");
}

#[tokio::test(start_paused = true)]
async fn a_strangers_request_keeps_no_place_and_goes_before_who_is_idle_with_credentials() {
    let connections = of(3);
    let idle = enter(&connections, HERE).unwrap();
    idle.connection().vouch(None);
    tokio::time::advance(Duration::from_secs(1)).await;
    let (first, second) = (enter(&connections, HERE).unwrap(), enter(&connections, HERE).unwrap());
    let _older = second.connection().begin();
    tokio::time::advance(Duration::from_secs(1)).await;
    let _younger = first.connection().begin();
    let new = enter(&connections, HERE).unwrap();
    assert!(is_ended(&second) && !is_ended(&first) && !is_ended(&idle));
    let _at_work = [&first, &new].map(|ticket| {
        ticket.connection().vouch(None);
        ticket.connection().begin()
    });
    let _another = enter(&connections, THERE).unwrap();
    assert!(is_ended(&idle) && !is_ended(&first) && !is_ended(&new), "nobody else is left to make room");
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_nothing_in_time_is_shown_out() {
    let connections = of(10);
    let (silent, asks) = (enter(&connections, HERE).unwrap(), enter(&connections, HERE).unwrap());
    drop(asks.connection().begin());
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(connections.sweep(), 0);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(connections.sweep(), 1);
    assert!(is_ended(&silent) && !is_ended(&asks));
}

#[tokio::test]
async fn a_network_of_ipv6_is_one_address() {
    let connections = of(3);
    let first = enter(&connections, "2001:db8::1").unwrap();
    let _second = enter(&connections, "2001:db8::2").unwrap();
    let other = enter(&connections, "2001:db8:0:1::1").unwrap();
    let _new = enter(&connections, "2001:db8:0:2::1").unwrap();
    assert!(is_ended(&first) && !is_ended(&other));
}
