//! `kill -9` while a campaign's recipients become messages: the next process goes on where the cursor is.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use messaging::proto::add_recipients_request::Recipient;
use messaging::proto::campaign_service_client::CampaignServiceClient;
use messaging::proto::*;
use tonic::{Request, Status};

use crate::support::app::Home;
use crate::support::database::{Kind, on_both_databases};
use crate::support::program::{Running, printed};
use crate::support::settings::JWT_SECRET;
use crate::support::store::count;

const RECIPIENTS: usize = 6000;

/// Nobody is at the provider's address: nothing is sent, and all that happens is the expansion.
async fn a_server_killed_while_it_expands_makes_every_message_once(kind: Kind) {
    let home = Home::new(kind).await;
    let database = home.url();
    let env = [
        ("DATABASE_URL", database.as_str()),
        ("JWT_SECRET", JWT_SECRET),
        ("MITTO_API_KEY", "key"),
        ("MITTO_API_BASE", "http://127.0.0.1:9"),
        ("SMS_TRAFFIC_ACCOUNT_ID", "5a4db0c5-0000-4000-8000-000000000001"),
        ("GRPC_ADDR", "127.0.0.1:0"),
        ("HTTP_ADDR", "127.0.0.1:0"),
    ];
    printed(&["migrate"], &env);
    let user = printed(&["user", "create", "--name", "carol", "--sender", "Carol"], &env);
    let token = printed(&["token", "--user", &user], &env);
    let server = Running::start(&["serve"], &env);
    let show = |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        Ok::<_, Status>(request)
    };
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address("grpc"))).unwrap();
    let mut client = CampaignServiceClient::with_interceptor(channel.connect().await.unwrap(), show);
    let new = CreateCampaignRequest { name: "c".to_owned(), text: "Hi".to_owned(), ..Default::default() };
    let id = client.create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id;
    let number = |i| Recipient { destination: format!("+3069{:08}", 12_340_000 + i), ..Default::default() };
    let request = AddRecipientsRequest { campaign_id: id, recipients: (0..RECIPIENTS).map(number).collect() };
    client.add_recipients(tokio_stream::once(request)).await.unwrap();
    client
        .start_campaign(StartCampaignRequest { campaign_id: id, dry_run: false, ..Default::default() })
        .await
        .unwrap();

    let (mut kills, mut server) = (0, Some(server));
    let mut seen = BTreeSet::new();
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let made = count(&home.config.url, "messages").await;
        seen.insert(made);
        if made == i64::try_from(RECIPIENTS).unwrap() {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "{made} messages: {}",
            server.as_ref().map(Running::log).unwrap_or_default()
        );
        if kills < 3 && made > kills * 1000 {
            let running = server.take().unwrap();
            running.signal("KILL");
            drop(running);
            kills += 1;
            server = Some(Running::start(&["serve"], &env));
        }
        tokio::task::yield_now().await;
    }
    assert!(kills > 0, "it was over before it could be killed: {seen:?}");
    let different = "(SELECT DISTINCT destination FROM messages) AS d";
    assert_eq!(count(&home.config.url, different).await, i64::try_from(RECIPIENTS).unwrap());
    assert_eq!(count(&home.config.url, &format!("campaigns WHERE expanded = {RECIPIENTS}")).await, 1);
}

on_both_databases![std::future::ready => a_server_killed_while_it_expands_makes_every_message_once];
