//! Operators are told of an endpoint that fails again and again, once until it takes something again.

use jiff::SignedDuration;
use messaging::auth::Caller;
use messaging::domain::webhook::health::Outcome;
use messaging::service::CreateEndpoint;

use super::{Fake, answer, endpoint, look, none, service};
use crate::support::database::on_both_databases;
use crate::support::store::{Rig, eventually};

const FAILING: &str = "ops.endpoint_failing";

/// How often operators were told.
fn times(fake: &Fake) -> usize {
    fake.heard().iter().filter(|heard| heard.of == FAILING && heard.answer == Outcome::Taken).count()
}

on_both_databases! { Rig::on =>
    async fn an_endpoint_that_fails_again_and_again_is_told_of_once(rig) {
        let (owner, fake) = (rig.owner().await, Fake::new());
        let service = service(&rig.store, &rig, &fake);
        let failing = endpoint(&service, owner, CreateEndpoint::default()).await;
        let ops = CreateEndpoint { url: "https://receiver.example/ops".to_owned(), types: vec![FAILING.to_owned()], ..Default::default() };
        service.create_endpoint(&Caller::new(owner, "messages:read messages:send ops"), ops, Vec::new()).await.unwrap();
        fake.answers(|heard| if heard[0].of == FAILING { answer(200) } else { none(Outcome::NoConnection) });
        look(&service).await;
        let mut told = 0;
        for _ in 0..2 {
            told += 1;
            rig.many(owner, 3).await;
            eventually(async || {
                rig.clock.advance(SignedDuration::from_mins(5));
                look(&service).await;
                times(&fake) == told
            }).await;
            // It goes on failing for a day.
            let tried = fake.heard().len();
            eventually(async || {
                rig.clock.advance(SignedDuration::from_hours(1));
                look(&service).await;
                fake.heard().len() >= tried + 3
            }).await;
            assert_eq!(times(&fake), told);
            fake.answers(|_| answer(200));
            let taken = fake.taken().len();
            eventually(async || {
                rig.clock.advance(SignedDuration::from_hours(1));
                look(&service).await;
                fake.taken().len() > taken
            }).await;
            fake.answers(|heard| if heard[0].of == FAILING { answer(200) } else { none(Outcome::NoConnection) });
        }
        let body = fake.bodies().into_iter().find(|body| body["type"] == FAILING).unwrap();
        assert_eq!(body["data"]["endpoint_id"], failing.id.to_string());
    }
}
