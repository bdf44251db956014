//! Whoever shows many credentials that are worth nothing waits, and nobody beside it.

use futures::StreamExt as _;
use messaging::auth::keys;
use messaging::domain::ids::OwnerId;
use messaging::proto::ListMessagesRequest;
use messaging::store::NewApiKey;
use secrecy::ExposeSecret as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::http::call::{of, send};
use crate::support::app::{Client, TestApp};
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

/// Shows many, and then one more; its answer.
async fn last(app: &TestApp, header: &'static str, shown: impl Fn(u8) -> String) -> Status {
    let many = (0..MANY).map(|n| list(app.client(header, shown(n))));
    let answers: Vec<_> = futures::stream::iter(many).buffer_unordered(50).collect().await;
    assert!(answers.iter().all(Result::is_err));
    list(app.client(header, shown(MANY))).await.unwrap_err()
}

on_both_databases! { TestApp::with_few_places =>
    async fn an_address_that_guesses_waits_and_known_credentials_from_it_do_not(app) {
        let (known, stored) = key(254, app.alice);
        app.store.create_key(stored).await.unwrap();
        let with = |secret: &str| app.client("x-api-key", secret.to_owned());
        list(with(&known)).await.unwrap();
        list(app.alice()).await.unwrap();
        let first = list(with(&key(0, app.alice).0)).await.unwrap_err();
        assert_eq!(first.code(), Code::Unauthenticated);

        for refused in [
            last(&app, "x-api-key", |n| key(n, app.alice).0).await,
            last(&app, "authorization", |n| format!("Bearer a.b.{n}")).await,
        ] {
            assert_eq!(refused.code(), Code::ResourceExhausted);
            assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MANY_FAILURES_OF_ONE_ADDRESS");
            assert!(refused.get_details_retry_info().is_some());
        }

        // What was good before is looked for as ever; what is new waits, good or not.
        list(with(&known)).await.unwrap();
        list(app.alice()).await.unwrap();
        let (new, stored) = key(255, app.alice);
        app.store.create_key(stored).await.unwrap();
        assert_eq!(list(with(&new)).await.unwrap_err().code(), Code::ResourceExhausted);
        // From elsewhere it does not.
        let request = of(&app, app.alice, "GET", "/api/v1/messages");
        let request = request.header("x-api-key", new);
        assert_eq!(send(&app, request, "").await.status, 200);
    }
}
