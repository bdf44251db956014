//! Whoever shows keys that nobody has does not keep the database busy, and holds nobody up.

use std::time::Duration;

use futures::StreamExt as _;
use messaging::admission::{Admission, Limits};
use messaging::auth::keys;
use messaging::domain::ids::OwnerId;
use messaging::proto::ListMessagesRequest;
use messaging::store::NewApiKey;
use secrecy::ExposeSecret as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::http::call::{of, send};
use crate::support::app::{Client, ORDINARY, TestApp};
use crate::support::database::on_both_databases;

/// Far more than an address may owe, and shown side by side: forgiving goes on meanwhile, five a second.
const MANY: u8 = 200;

fn key(n: u8, user: OwnerId) -> (String, NewApiKey) {
    let key = keys::create([n; 32]);
    let scopes = "messages:send messages:read".to_owned();
    let stored = NewApiKey { user, hash: key.hash, hint: key.hint, scopes, name: None, expires_at: None };
    (key.secret.expose_secret().to_owned(), stored)
}

async fn list(mut client: Client) -> Result<(), Status> {
    client.list_messages(ListMessagesRequest::default()).await.map(drop)
}

async fn list_with(app: &TestApp, key: &str) -> Result<(), Status> {
    list(app.client("x-api-key", key.to_owned())).await
}

/// Shows keys that nobody has, until the address owes far too much.
async fn guess(app: &TestApp) {
    let keys: Vec<_> = (0..MANY).map(|n| key(n, app.alice).0).collect();
    let many = keys.iter().map(|key| list_with(app, key));
    let answers: Vec<_> = futures::stream::iter(many).buffer_unordered(50).collect().await;
    assert!(answers.iter().all(Result::is_err));
}

on_both_databases! { TestApp::with_few_places =>
    async fn the_database_is_not_asked_about_all_that_an_address_makes_up(app) {
        let (known, stored) = key(254, app.alice);
        app.store.create_key(stored).await.unwrap();
        list_with(&app, &known).await.unwrap();
        assert_eq!(list_with(&app, &key(253, app.alice).0).await.unwrap_err().code(), Code::Unauthenticated);
        guess(&app).await;
        let refused = list_with(&app, &key(252, app.alice).0).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MANY_FAILURES_OF_ONE_ADDRESS");
        assert!(refused.get_details_retry_info().is_some());

        // What was good before is looked for as ever, and tokens need no question.
        list_with(&app, &known).await.unwrap();
        list(app.client_of(app.bob, ORDINARY)).await.unwrap();
        let forged = list(app.client("authorization", "Bearer a.b.c".to_owned())).await;
        assert_eq!(forged.unwrap_err().code(), Code::Unauthenticated);
        // Another address owes nothing.
        let (new, stored) = key(255, app.alice);
        app.store.create_key(stored).await.unwrap();
        let request = of(&app, app.alice, "GET", "/api/v1/messages").header("x-api-key", new);
        assert_eq!(send(&app, request, "").await.status, 200);
    }
}

mod with_all_places {
    use super::*;

    on_both_databases! { TestApp::start =>
        async fn a_new_key_is_let_in_from_an_address_that_makes_many_up(app) {
            guess(&app).await;
            let (new, stored) = key(255, app.alice);
            app.store.create_key(stored).await.unwrap();
            list_with(&app, &new).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_forgiven_soon_however_many_it_showed() {
    let admission = Admission::new(&Limits { failures: 10, suspects: 1, ..Limits::default() });
    let (address, other) = ("192.0.2.1".parse().unwrap(), "198.51.100.7".parse().unwrap());
    let suspect = admission.suspect(Some(address));
    (0..100_000).for_each(|_| suspect.failed());
    let one = suspect.look_up().unwrap();
    assert!(suspect.look_up().is_err(), "one at a time");
    assert!(admission.suspect(Some(other)).look_up().is_ok());
    tokio::time::advance(Duration::from_millis(200)).await;
    assert!(suspect.look_up().is_ok(), "it owes no more than anybody may");
    drop(one);
}
