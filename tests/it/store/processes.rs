//! Who serves the database, and whether it takes a write.

use jiff::SignedDuration;
use messaging::domain::phone::Msisdn;
use messaging::store::{Error, Store};
use secrecy::SecretString;
use uuid::Uuid;

use crate::support::database::on_both_databases;
use crate::support::store::Rig;

on_both_databases![Rig::on =>
    a_first_erasure_is_refused_while_a_process_serves_without_the_key,
    a_database_that_takes_no_write_does_not_take_a_process_either,
    who_serves_is_known_for_a_minute_with_its_release_and_what_it_has_in_flight,
];

async fn who_serves_is_known_for_a_minute_with_its_release_and_what_it_has_in_flight(rig: Rig) {
    let begun = rig.clock.now();
    rig.store.note_process(Uuid::from_u128(7), 3).await.unwrap();
    rig.clock.advance(SignedDuration::from_secs(30));
    rig.store.note_process(Uuid::from_u128(8), 0).await.unwrap();
    rig.store.note_process(Uuid::from_u128(7), 5).await.unwrap();
    let replicas = rig.store.replicas().await.unwrap();
    let told: Vec<_> = replicas.iter().map(|one| (one.id.as_u128(), one.started_at, one.in_flight)).collect();
    assert_eq!(told, [(7, begun, Some(5)), (8, rig.clock.now(), Some(0))]);
    assert!(replicas.iter().all(|one| one.version.as_deref() == Some(env!("CARGO_PKG_VERSION"))));
    rig.clock.advance(SignedDuration::from_secs(50));
    rig.store.note_process(Uuid::from_u128(8), 0).await.unwrap();
    rig.clock.advance(SignedDuration::from_secs(20));
    assert_eq!(rig.store.replicas().await.unwrap().len(), 1, "the other one is gone");
}

async fn a_first_erasure_is_refused_while_a_process_serves_without_the_key(rig: Rig) {
    rig.owner().await;
    rig.store.note_process(Uuid::from_u128(7), 0).await.unwrap();
    let mut config = rig.config.clone();
    config.pseudonym_key = Some(SecretString::from("a key of the tests, 32 bytes or more"));
    let command = Store::open(&config, rig.clock.clone(), false).await.unwrap();
    let number = Msisdn::parse("+306900000001").unwrap();
    let refused = command.erase_number(&number, None).await;
    assert!(matches!(refused, Err(Error::Key(_))), "{refused:?}");
    rig.store.check_key().await.expect("nothing was noted");

    // One that ended says so; one that was killed is not believed for longer than a minute.
    rig.store.forget_process(Uuid::from_u128(7)).await.unwrap();
    rig.store.note_process(Uuid::from_u128(8), 0).await.unwrap();
    rig.clock.advance(SignedDuration::from_secs(61));
    command.note_process(Uuid::from_u128(9), 0).await.unwrap();
    command.erase_number(&number, None).await.unwrap();
    assert!(rig.store.check_key().await.is_err());
    assert!(rig.store.note_process(Uuid::from_u128(8), 0).await.is_err(), "it is not ready any more");
}

async fn a_database_that_takes_no_write_does_not_take_a_process_either(rig: Rig) {
    let refuse = if rig.is_postgres() {
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER full_disk BEFORE INSERT ON processes FOR EACH ROW EXECUTE FUNCTION full_disk()"
    } else {
        "CREATE TRIGGER full_disk BEFORE INSERT ON processes BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    };
    rig.execute(refuse).await;
    assert!(matches!(
        rig.store.note_process(Uuid::from_u128(7), 0).await,
        Err(Error::Unavailable(_) | Error::Query(_))
    ));
    rig.store.ping().await.expect("it can be read");
}
