//! `/api/v1`: the contract's own JSON, and how it is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures::StreamExt as _;
use futures::future::join_all;
use messaging::domain::message::Dispatch;
use serde_json::{Value, json};

use super::call::{ask, of, post, send};
use crate::support::app::TestApp;
use crate::support::database::on_both_databases;
use crate::support::store::eventually;

const MESSAGES: &str = "/api/v1/messages";
const CAMPAIGNS: &str = "/api/v1/campaigns";
const OPT_OUTS: &str = "/api/v1/opt-outs";

fn hello() -> Value {
    json!({"destination": "+306900000001", "text": "Hello"})
}

async fn with_key(app: &TestApp, path: &str, key: &str, body: &Value) -> super::call::Answer {
    let request = of(app, app.alice, "POST", path);
    let request = request.header("content-type", "application/json").header("idempotency-key", key);
    send(app, request, body.to_string()).await
}

async fn campaign(app: &TestApp) -> String {
    let new = json!({"name": "Spring", "text": "Hi {{first_name}}", "validity": "86400s"});
    let made = post(app, app.alice, CAMPAIGNS, &new).await.ok();
    made["campaign"]["id"].as_str().unwrap().to_owned()
}

async fn csv(app: &TestApp, path: &str, body: impl Into<axum::body::Body>) -> super::call::Answer {
    send(app, of(app, app.alice, "POST", path).header("content-type", "text/csv; charset=utf-8"), body).await
}

/// The beginning of a CSV, and then nothing for ever; counts that it was asked for more.
fn stalled(waiting: &Arc<AtomicUsize>) -> Body {
    let (begun, waiting) = (futures::stream::iter(["number,first_name\n"]), waiting.clone());
    let mut counted = false;
    let never = futures::stream::poll_fn(move |_| {
        waiting.fetch_add(usize::from(!std::mem::replace(&mut counted, true)), Ordering::Relaxed);
        Poll::Pending
    });
    Body::from_stream(begun.chain(never).map(Ok::<_, std::io::Error>))
}

on_both_databases! { TestApp::start =>
    /// The runtime has 512 threads for what blocks; names are looked up there, and files read.
    async fn uploads_that_stand_still_hold_no_thread_and_nobody_up_and_are_so_many_at_most(app) {
        let path = format!("{CAMPAIGNS}/{}/recipients", campaign(&app).await);
        let waiting = Arc::new(AtomicUsize::new(0));
        let uploads = join_all((0..520).map(|_| csv(&app, &path, stalled(&waiting))));
        let others = async {
            eventually(async || waiting.load(Ordering::Relaxed) == 56).await;
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            let sent = post(&app, app.alice, MESSAGES, &hello()).await.ok();
            let path = format!("{MESSAGES}/{}", sent["message"]["id"].as_str().unwrap());
            ask(&app, app.alice, "GET", &path).await.ok();
            let (status, body) = csv(&app, &format!("{CAMPAIGNS}/1/recipients"), Body::empty()).await.error();
            assert_eq!((status, &body["code"]), (429, &json!("TOO_MANY_UPLOADS_OF_ONE_OWNER")));
        };
        tokio::select! {
            _ = uploads => panic!("an upload without an end came to one"),
            done = tokio::time::timeout(Duration::from_mins(2), others) => done.unwrap(),
        }
    }

    async fn a_message_is_sent_read_listed_and_explained(app) {
        let sent = post(&app, app.alice, MESSAGES, &hello()).await.ok();
        let message = &sent["message"];
        assert_eq!((&message["status"], &message["ownerId"]), (&json!("MESSAGE_STATUS_SENT"), &json!(app.alice.to_string())));
        assert_eq!(message["createdAt"], "2026-09-21T14:13:20Z");
        let id = message["id"].as_str().unwrap();
        assert_eq!(ask(&app, app.alice, "GET", &format!("{MESSAGES}/{id}")).await.ok()["message"], *message);
        let explained = ask(&app, app.alice, "GET", &format!("{MESSAGES}/{id}/explain")).await.ok();
        assert!(explained["message"]["destination"].as_str().unwrap().contains('…'), "{explained}");
        assert_eq!(explained["message"].get("text"), None);
        app.advance(1);
        let other = json!({"destination": "+306900000002", "text": "Other"});
        post(&app, app.alice, MESSAGES, &other).await.ok();
        let page = ask(&app, app.alice, "GET", &format!("{MESSAGES}?page_size=1")).await.ok();
        assert_eq!(page["messages"][0]["text"], "Other");
        let token = page["nextPageToken"].as_str().unwrap();
        let rest = ask(&app, app.alice, "GET", &format!("{MESSAGES}?pageSize=1&pageToken={token}")).await.ok();
        assert_eq!((&rest["messages"][0], rest.get("nextPageToken")), (message, None));
        let filtered = format!("{MESSAGES}?status=MESSAGE_STATUS_SENT&destination=%2B306900000002");
        assert_eq!(ask(&app, app.alice, "GET", &filtered).await.ok()["messages"].as_array().unwrap().len(), 1);
        for (query, texts) in [
            ("created_after=2026-09-21T14:13:21Z", vec!["Other"]),
            ("createdBefore=2026-09-21T14:13:21Z", vec!["Hello"]),
            ("reference=order-7", vec![]),
        ] {
            let page = ask(&app, app.alice, "GET", &format!("{MESSAGES}?{query}")).await.ok();
            let found: Vec<_> = page["messages"].as_array().into_iter().flatten().map(|message| message["text"].as_str().unwrap()).collect();
            assert_eq!(found, texts, "{query}");
        }
        let (status, bad) = ask(&app, app.alice, "GET", &format!("{MESSAGES}?error_code=none")).await.error();
        assert_eq!((status, &bad["violations"][0]["field"]), (400, &json!("error_code")));
        assert_eq!(ask(&app, app.bob, "GET", MESSAGES).await.ok(), json!({}));
    }

    async fn a_repeat_of_a_send_that_is_still_at_work_is_409_and_says_when_to_come_back(app) {
        with_key(&app, MESSAGES, "order-7", &hello()).await.ok();
        let sending = Dispatch::Sending as i16;
        app.execute(&format!("UPDATE messages SET dispatch = {sending}")).await;
        let answer = with_key(&app, MESSAGES, "order-7", &hello()).await;
        assert_eq!(answer.headers["retry-after"], "1");
        let (status, body) = answer.error();
        assert_eq!((status, &body["code"]), (409, &json!("IDEMPOTENCY_KEY_IN_FLIGHT")));
        assert_eq!(app.ledger("").await.len(), 1, "nothing was sent again");
        app.execute(&format!("UPDATE messages SET dispatch = {}", Dispatch::Accepted as i16)).await;
    }

    async fn a_key_in_the_header_replays_the_answer_and_refuses_another_body(app) {
        let first = with_key(&app, MESSAGES, "order-7", &hello()).await.ok();
        assert_eq!(with_key(&app, MESSAGES, "order-7", &hello()).await.ok(), first);
        let mut in_body = hello();
        in_body["idempotencyKey"] = json!("order-7");
        assert_eq!(post(&app, app.alice, MESSAGES, &in_body).await.ok(), first);
        let other = json!({"destination": "+306900000001", "text": "Other"});
        let reused = with_key(&app, MESSAGES, "order-7", &other).await.error();
        assert_eq!(reused, (422, json!({"code": "IDEMPOTENCY_KEY_REUSED",
            "message": "The idempotency key was used with other content"})));
        let (status, differs) = with_key(&app, MESSAGES, "order-8", &in_body).await.error();
        assert_eq!((status, &differs["violations"][0]["field"]), (400, &json!("idempotency_key")));
        let (status, long) = with_key(&app, MESSAGES, &"x".repeat(256), &hello()).await.error();
        assert_eq!((status, &long["violations"][0]["field"]), (400, &json!("idempotency_key")));
        assert_eq!(app.ledger("").await.len(), 1);
        let new = json!({"name": "Spring", "text": "Hi"});
        let made = with_key(&app, CAMPAIGNS, "spring", &new).await.ok();
        assert_eq!(with_key(&app, CAMPAIGNS, "spring", &new).await.ok(), made);
        let reused = with_key(&app, CAMPAIGNS, "spring", &json!({"name": "Other", "text": "Hi"})).await;
        assert_eq!(reused.status, 422);
    }

    async fn a_repeat_while_the_first_call_is_at_work_waits_for_its_answer(app) {
        // The sandbox answers this number after the provider's time is over: the message is UNKNOWN then.
        let slow = json!({"destination": "+306900000011", "text": "Hello"});
        let second = async {
            while app.count("messages").await == 0 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            with_key(&app, MESSAGES, "slow", &slow).await
        };
        let (first, second) = tokio::join!(with_key(&app, MESSAGES, "slow", &slow), second);
        assert_eq!(first.ok()["message"]["status"], "MESSAGE_STATUS_UNKNOWN");
        assert_eq!(first.ok(), second.ok());
    }

    async fn a_campaign_goes_its_way(app) {
        let id = campaign(&app).await;
        let path = format!("{CAMPAIGNS}/{id}");
        let list = json!([{"destination": "+306900000001", "variables": {"first_name": "Maria"}}, {"destination": "x"}]);
        let added = post(&app, app.alice, &format!("{path}/recipients"), &list).await.ok();
        assert_eq!((&added["added"], &added["invalidCount"]), (&json!("1"), &json!("1")));
        let object = json!({"recipients": [{"destination": "+306900000001"}]});
        let added = post(&app, app.alice, &format!("{path}/recipients"), &object).await;
        assert_eq!(added.ok()["invalidCount"], "1", "its placeholder has no value");
        let plan = post(&app, app.alice, &format!("{path}/start"), &json!({"dryRun": true})).await.ok();
        assert_eq!((&plan["plan"]["messages"], &plan["campaign"]["state"]), (&json!("1"), &json!("CAMPAIGN_STATE_DRAFT")));
        for (action, state) in [("start", "RUNNING"), ("pause", "PAUSED"), ("resume", "RUNNING"), ("cancel", "CANCELLED")] {
            let moved = ask(&app, app.alice, "POST", &format!("{path}/{action}")).await.ok();
            assert_eq!(moved["campaign"]["state"], format!("CAMPAIGN_STATE_{state}"));
        }
        let (status, again) = ask(&app, app.alice, "POST", &format!("{path}/resume")).await.error();
        assert_eq!((status, &again["code"], &again["metadata"]["state"]), (409, &json!("CAMPAIGN_STATE"), &json!("CANCELLED")));
        let one = ask(&app, app.alice, "GET", &path).await.ok();
        assert_eq!(ask(&app, app.alice, "GET", CAMPAIGNS).await.ok()["campaigns"], json!([one["campaign"]]));
    }

    async fn recipients_come_as_csv_and_what_breaks_leaves_what_came_before(app) {
        let path = format!("{CAMPAIGNS}/{}/recipients", campaign(&app).await);
        let rows = (0..1200).map(|n| format!("+30690000{n:04},Name {n}\n")).collect::<Vec<_>>().concat();
        let added = csv(&app, &path, format!("number,first_name\n{rows}")).await.ok();
        assert_eq!(added, json!({"added": "1200"}));
        let again = csv(&app, &path, format!("number, first_name\n{rows}x,y\n")).await.ok();
        assert_eq!((&again["duplicates"], &again["invalid"][0]["index"]), (&json!("1200"), &json!("1200")));
        let (status, broken) = csv(&app, &path, "number,first_name\n+306911111111,a\n+306911111112\n").await.error();
        assert_eq!((status, &broken["message"]),
            (400, &json!("body line 3: has 1 columns, and the header has 2; what came before it was added")));
        assert_eq!(csv(&app, &path, "").await.status, 400);
        assert_eq!(csv(&app, &path, vec![0xff, 0xfe, b'\n', b'x']).await.status, 400);
        let named = "number;first_name\r\n+306933333331;a\r\n\r\n\r\nnonsense;b\r\n";
        let told = csv(&app, &path, named).await.ok();
        assert_eq!((&told["added"], &told["invalid"][0]["line"]), (&json!("1"), &json!("5")));
        let tagged = "number,reference,first_name\n+306922222221,order-7,a\n+306922222222,,b\n";
        assert_eq!(csv(&app, &path, tagged).await.ok(), json!({"added": "2"}));
        assert_eq!(app.count("recipients WHERE reference = 'order-7'").await, 1);
        assert_eq!(app.count("recipients WHERE reference IS NOT NULL").await, 1);
        let none = csv(&app, &format!("{CAMPAIGNS}/99/recipients"), "number\n1\n").await.error();
        assert_eq!(none, (404, json!({"message": "Campaign not found: 99", "code": "RESOURCE_NOT_FOUND"})));
        let record = format!("{}\n", "x".repeat(9_999));
        let long = csv(&app, &path, record.repeat((64 << 20) / 10_000 + 1)).await.error();
        assert_eq!((long.0, &long.1["code"]), (413, &json!("BODY_TOO_LARGE")));
    }

    async fn columns_that_the_text_does_not_name_are_passed_over_and_no_record_takes_much_memory(app) {
        let path = format!("{CAMPAIGNS}/{}/recipients", campaign(&app).await);
        let (names, values) = (",column".repeat(5_000), ",value".repeat(5_000));
        let wide = format!("number{names},first_name\n+306900000001{values},Ann\n");
        assert_eq!(csv(&app, &path, wide).await.ok()["added"], "1");
        for endless in [format!("number{}", ",column".repeat(58_000)), format!("number\n\"{}", "x".repeat(1 << 20))] {
            let (status, body) = csv(&app, &path, endless).await.error();
            assert_eq!((status, &body["code"]), (400, &json!("VALIDATION_ERROR")));
            assert!(body["message"].as_str().unwrap().contains("more than 262144 bytes"), "{body}");
        }
    }

    async fn a_body_of_nothing_but_values_is_refused_before_it_is_read(app) {
        let path = format!("{CAMPAIGNS}/{}/recipients", campaign(&app).await);
        for crowded in [format!("[{}{{}}]", "{},".repeat(100_000)), format!("{{\"x\":[{}{{}}]}}", "{\"\":0},".repeat(100_000))] {
            let request = of(&app, app.alice, "POST", &path).header("content-type", "application/json");
            let (status, body) = send(&app, request, crowded).await.error();
            assert_eq!((status, &body["violations"][0]["field"]), (400, &json!("body")));
            assert!(body["message"].as_str().unwrap().contains("more values"), "{body}");
        }
        let one = |n| json!({"destination": format!("+3069{n:08}"), "variables": {"first_name": "A"}});
        let shortest: Vec<Value> = (0..20_000).map(one).collect();
        assert_eq!(post(&app, app.alice, &path, &json!(shortest)).await.ok()["added"], "20000");
    }

    async fn the_first_file_of_a_form_is_read_as_csv(app) {
        let path = format!("{CAMPAIGNS}/{}/recipients", campaign(&app).await);
        let form = async |parts: &str| {
            let kind = "multipart/form-data; boundary=\"x y\"";
            let body = parts.replace('\n', "\r\n").replace('|', "\n");
            send(&app, of(&app, app.alice, "POST", &path).header("content-type", kind), body).await
        };
        let note = "--x y\nContent-Disposition: form-data; name=\"note\"\n\nnumber\n";
        let file = "--x y\nContent-Disposition: form-data; name=\"list\"; filename=\"a.csv\"\n\
            Content-Type: application/vnd.ms-excel\n\nnumber,first_name|+306900000001,a|+306900000002,b|\n";
        let added = form(&format!("{note}{file}{note}--x y--\n")).await.ok();
        assert_eq!(added, json!({"added": "2"}));
        let refused = [
            (format!("{note}--x y--\n"), "body is a form without a file"),
            ("number\n".to_owned(), "body is not a form with a file"),
            (format!("{file}--x"), "body is not a form with a file"),
        ];
        for (parts, words) in refused {
            let (status, body) = form(&parts).await.error();
            assert_eq!((status, &body["message"]), (400, &json!(words)), "{parts}");
        }
        // The head of a part that never ends is not gathered.
        let begins = futures::stream::iter([Bytes::from_static(b"--x\r\nX-Long: ")]);
        let endless = begins.chain(futures::stream::repeat(Bytes::from(vec![b'a'; 64 << 10])));
        let form = of(&app, app.alice, "POST", &path).header("content-type", "multipart/form-data; boundary=x");
        let (status, body) = send(&app, form, Body::from_stream(endless.map(Ok::<_, std::io::Error>))).await.error();
        assert_eq!((status, &body["message"]), (400, &json!("body is not a form with a file")));
        let none = of(&app, app.alice, "POST", &path).header("content-type", "multipart/form-data");
        let (status, body) = send(&app, none, "x").await.error();
        assert_eq!((status, &body["violations"][0]["field"]), (400, &json!("Content-Type")));
    }

    async fn a_number_is_put_on_the_list_and_taken_off_it(app) {
        let number = json!({"destination": "00306900000009"});
        let added = post(&app, app.alice, OPT_OUTS, &number).await.ok();
        assert_eq!((&added["added"], &added["optOut"]["destination"]), (&json!(true), &json!("+306900000009")));
        let list = ask(&app, app.alice, "GET", OPT_OUTS).await.ok();
        assert_eq!(list["optOuts"].as_array().unwrap().len(), 1);
        assert_eq!(ask(&app, app.bob, "GET", OPT_OUTS).await.ok(), json!({}));
        let refused = post(&app, app.alice, MESSAGES, &json!({"destination": "+306900000009", "text": "x"})).await.error();
        assert_eq!((refused.0, &refused.1["code"]), (409, &json!("OPTED_OUT")));
        let one = format!("{OPT_OUTS}/%2B306900000009");
        assert_eq!(ask(&app, app.alice, "DELETE", &one).await.ok(), json!({"removed": true}));
        assert_eq!(ask(&app, app.alice, "DELETE", &one).await.ok(), json!({}));
    }

    async fn all_violations_are_told_at_once_and_fields_that_nobody_knows_are_one(app) {
        let (status, body) = post(&app, app.alice, MESSAGES, &json!({"destination": "x", "text": ""})).await.error();
        assert_eq!((status, &body["code"], body["violations"].as_array().unwrap().len()), (400, &json!("VALIDATION_ERROR"), 2));
        for (path, field) in [("?page_size=x", "page_size"), ("?nonsense=1", "nonsense"), ("?status=LOST", "status"),
            ("?page_size=1&pageSize=2", "page_size"), ("?campaign_id=99999999999999999999", "campaign_id")] {
            let (status, body) = ask(&app, app.alice, "GET", &format!("{MESSAGES}{path}")).await.error();
            assert_eq!((status, &body["violations"][0]["field"]), (400, &json!(field)), "{path}");
        }
        let unknown = post(&app, app.alice, MESSAGES, &json!({"destination": "+306900000001", "text": "x", "txt": 1})).await;
        assert_eq!(unknown.status, 400);
        assert_eq!(ask(&app, app.alice, "GET", &format!("{CAMPAIGNS}/x")).await.status, 400);
        assert!(app.ledger("").await.is_empty());
    }
}
