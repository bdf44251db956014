//! On SQLite no statement of the service's own reads a table whole that grows: each that it makes in a day's work is heard, and
//! SQLite is asked how it would carry it out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};
use messaging::domain::report::Form;
use messaging::proto::{
    AddOptOutRequest, AddRecipientsRequest, CancelCampaignRequest, CreateCampaignRequest, ExplainMessageRequest,
    GetCampaignStatsRequest, ListCampaignsRequest, ListMessagesRequest, ListOptOutsRequest, RefreshStatusBulkRequest,
    RefreshStatusRequest, RemoveOptOutRequest, SendSingleRequest, StartCampaignRequest, WatchMessagesRequest,
    add_recipients_request::Recipient, refresh_status_bulk_request::Target,
};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::database::Kind;

/// The tables that do not grow with use: results that the statement has made already, and tables of a row for each account, for each
/// user (`u`), or of one row.
const SMALL: [&str; 8] = ["CONSTANT ROW", "queued", "u", "s LEFT-JOIN", "held", "gates", "journal", "processes"];

/// The statements of each file that is listened to.
static HEARD: Mutex<BTreeMap<String, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

/// The name by which one connection's statements are noted, if somebody listens to its file.
#[derive(Default)]
struct Ear(String);

impl Instrumentation for Ear {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => url.clone_into(&mut self.0),
            InstrumentationEvent::StartQuery { query, .. } => {
                let mut heard = HEARD.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(statements) = heard.get_mut(&self.0) {
                    let text = query.to_string();
                    statements.insert(text.split(" -- binds:").next().unwrap().trim().to_owned());
                }
            }
            _ => {}
        }
    }
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

/// The tables that SQLite would read whole for this statement, by the names that the statement has for it. An index may be read whole:
/// those of some rows alone hold what is waited for.
fn read_whole(connection: &mut SqliteConnection, statement: &str) -> Vec<String> {
    let steps = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load::<Step>(connection);
    let steps = steps.unwrap_or_else(|e| panic!("{e}: {statement}"));
    let scans = steps.iter().filter_map(|step| step.detail.strip_prefix("SCAN "));
    let whole = scans.filter(|what| !what.contains(" INDEX ") && !SMALL.contains(what));
    whole.map(str::to_owned).collect()
}

/// A day's work, by everybody who has any.
async fn work(app: &TestApp) {
    let (mut alice, mut campaigns) = (app.alice(), app.campaigns_of(app.alice));
    let single = SendSingleRequest {
        destination: "+306900000001".to_owned(),
        text: "Hello".to_owned(),
        idempotency_key: "one".to_owned(),
        ..Default::default()
    };
    let sent = alice.send_single(single.clone()).await.unwrap().into_inner().message.unwrap();
    let taken = sent.provider_message_id.clone().unwrap();
    alice.send_single(single).await.unwrap();
    let new = CreateCampaignRequest { name: "c".to_owned(), text: "t".to_owned(), ..CreateCampaignRequest::default() };
    let mut made = Vec::new();
    for _ in 0..2 {
        let id = campaigns.create_campaign(new.clone()).await.unwrap().into_inner().campaign.unwrap().id;
        let recipient = |n| Recipient { destination: format!("+3069000010{n:02}"), ..Default::default() };
        let add = AddRecipientsRequest { campaign_id: id, recipients: (0..20).map(recipient).collect() };
        campaigns.add_recipients(tokio_stream::iter([add])).await.unwrap();
        campaigns.start_campaign(StartCampaignRequest { campaign_id: id, ..Default::default() }).await.unwrap();
        made.push(id);
    }
    campaigns.cancel_campaign(CancelCampaignRequest { campaign_id: made[1] }).await.unwrap();
    app.run_due().await;
    let watch = WatchMessagesRequest { campaign_id: Some(made[0]), ..Default::default() };
    let mut watched = alice.watch_messages(watch).await.unwrap().into_inner();
    watched.message().await.unwrap();
    for (id, word) in [(taken.as_str(), "Delivered"), ("unknown", "Sent")] {
        let body = json!({"messageId": id, "reference": sent.id, "deliveryStatus": word}).to_string();
        app.service.file_reports(Form::Json, body.as_bytes()).await.unwrap();
    }
    let body = json!({"messageId": "unknown", "deliveryStatus": "Delivered"}).to_string();
    app.service.file_reports(Form::Json, body.as_bytes()).await.unwrap();
    app.service
        .file_inbound(Form::Json, br#"{"from":"+306900000001","to":"Alice","text":"STOP"}"#, None)
        .await
        .unwrap();
    let bulk = RefreshStatusBulkRequest { target: Some(Target::CampaignId(made[0])), ..Default::default() };
    let mut refreshed = alice.refresh_status_bulk(bulk).await.unwrap().into_inner();
    while refreshed.message().await.unwrap().is_some() {}
    let one = RefreshStatusRequest { provider_message_id: taken.clone(), ..Default::default() };
    alice.refresh_status(one).await.unwrap();
    alice.explain_message(ExplainMessageRequest { id: sent.id.clone(), ..Default::default() }).await.unwrap();
    for list in [
        ListMessagesRequest::default(),
        ListMessagesRequest { campaign_id: Some(made[0]), ..Default::default() },
        ListMessagesRequest { destination: "+306900000001".to_owned(), ..Default::default() },
        ListMessagesRequest { status: 5, ..Default::default() },
    ] {
        alice.list_messages(list).await.unwrap();
    }
    campaigns.get_campaign_stats(GetCampaignStatsRequest { campaign_id: made[0] }).await.unwrap();
    campaigns.list_campaigns(ListCampaignsRequest::default()).await.unwrap();
    let number = "+306900000002".to_owned();
    alice.add_opt_out(AddOptOutRequest { destination: number.clone(), ..Default::default() }).await.unwrap();
    alice.list_opt_outs(ListOptOutsRequest::default()).await.unwrap();
    alice.remove_opt_out(RemoveOptOutRequest { destination: number, ..Default::default() }).await.unwrap();
    app.service.render_metrics().await;
    for days in [1, 2, 40] {
        app.advance(days * 24 * 3600);
        app.run_due().await;
        app.service.render_metrics().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_of_a_days_work_reads_a_table_whole_that_grows() {
    diesel::connection::set_default_instrumentation(|| Some(Box::new(Ear::default()))).unwrap();
    let app = TestApp::keyed(Kind::Sqlite).await;
    let path = app.sqlite_file();
    HEARD.lock().unwrap().insert(path.clone(), BTreeSet::new());
    Box::pin(work(&app)).await;
    let heard = HEARD.lock().unwrap().remove(&path).unwrap();
    assert!(heard.len() > 60, "only {} statements were heard", heard.len());
    let mut connection = SqliteConnection::establish(&path).unwrap();
    let explained = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
    let whole: Vec<_> = heard
        .iter()
        .filter(|statement| explained.iter().any(|verb| statement.starts_with(verb)))
        .map(|statement| (read_whole(&mut connection, statement), statement))
        .filter(|(whole, _)| !whole.is_empty())
        .collect();
    assert!(whole.is_empty(), "{whole:#?}");
}
