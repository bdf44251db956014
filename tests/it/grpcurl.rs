//! `grpcurl-examples/`: every script, run by the real grpcurl against the program itself, in plain text and over TLS.
//!
//! After a wanted change, `REWRITE_EXAMPLES=1 scripts/test grpcurl` writes the expectations and the READMEs' outputs anew.

mod live;
mod masked;
mod readme;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::contract::rpcs;
use live::Live;
use masked::masked;
use readme::Readme;

/// One script of the walk through the examples.
struct Step {
    script: &'static str,
    /// Names of variables whose values are given as arguments.
    arguments: &'static [&'static str],
    /// The provider's answer that comes only after a while; the script, which only reads, is run until this is in its output.
    until: &'static str,
    /// The part of the answer that is kept for later steps: variable, place.
    keep: &'static [(&'static str, &'static str)],
}

const fn step(script: &'static str, arguments: &'static [&'static str]) -> Step {
    Step { script, arguments, until: "", keep: &[] }
}

const fn until(script: &'static str, arguments: &'static [&'static str], until: &'static str) -> Step {
    Step { script, arguments, until, keep: &[] }
}

/// All scripts, in the order in which they can be tried out.
const STEPS: &[Step] = &[
    step("list", &[]),
    step("describe", &[]),
    step("health", &[]),
    Step { keep: &[("RESUME_TOKEN", "/resumeToken")], ..until("WatchMessages", &[], "resumeToken") },
    Step {
        keep: &[("MESSAGE_ID", "/messageId"), ("ID", "/message/id"), ("AT", "/message/createdAt")],
        ..step("SendSingle", &[])
    },
    until("GetMessageStatus", &["MESSAGE_ID"], "\"Delivered\""),
    step("RefreshStatus", &["MESSAGE_ID"]),
    step("GetMessage", &["ID"]),
    step("ExplainMessage", &["ID"]),
    until("variants/watch_on", &["RESUME_TOKEN"], "MESSAGE_STATUS_DELIVERED"),
    step("AddOptOut", &[]),
    step("ListOptOuts", &[]),
    step("RemoveOptOut", &[]),
    Step { keep: &[("INBOUND_ID", "/messages/0/id")], ..until("ListInbound", &[], "receivedAt") },
    step("GetInbound", &["INBOUND_ID"]),
    until("WatchInbound", &[], "resumeToken"),
    Step { keep: &[("CAMPAIGN_ID", "/campaign/id")], ..step("CreateCampaign", &[]) },
    step("variants/in_a_campaign", &["CAMPAIGN_ID"]),
    until("RefreshStatusBulk", &["CAMPAIGN_ID"], "MESSAGE_STATUS_FAILED"),
    step("GetCampaign", &["CAMPAIGN_ID"]),
    step("GetCampaignStats", &["CAMPAIGN_ID"]),
    step("ListCampaigns", &[]),
    step("SendMany", &[]),
    step("variants/with_a_key", &[]),
    step("ListMessages", &[]),
    step("CountMessages", &[]),
    step("variants/refresh_a_list", &["MESSAGE_ID"]),
    Step { keep: &[("ID", "/message/id")], ..step("variants/scheduled", &["AT"]) },
    step("CancelMessage", &["ID"]),
    step("variants/cancel_by_key", &["AT"]),
    step("variants/scheduled_code", &["AT"]),
    step("variants/supersede", &[]),
    step("variants/tagged", &[]),
    step("variants/by_reference", &[]),
    step("variants/dry_run", &[]),
    step("variants/lost_answer", &[]),
    step("variants/busy_provider", &[]),
    step("variants/with_an_api_key", &[]),
    step("ListAuditEvents", &[]),
    step("SetRouteAccountLimit", &[]),
    step("ListRouteAccounts", &[]),
    step("UnblockRouteAccount", &[]),
    step("ListDeadMessages", &[]),
    step("InspectMessage", &["ID"]),
    step("RequeueMessage", &["ID"]),
    step("RequeueDeadMessages", &[]),
    step("ListWaitingMessages", &[]),
    // While a message is tried, it does not wait.
    until("GetQueue", &[], "\"waiting\": \"1\""),
    step("CancelWaitingMessages", &[]),
    until("ListReplicas", &[], "inFlight"),
    Step { keep: &[("USER_ID", "/user/id")], ..step("CreateUser", &[]) },
    step("ListUsers", &[]),
    step("LimitUser", &["USER_ID"]),
    step("GetUser", &["USER_ID"]),
    step("GrantUser", &["USER_ID"]),
    step("UngrantUser", &["USER_ID"]),
    Step { keep: &[("KEY_ID", "/key/id")], ..step("CreateKey", &["USER_ID"]) },
    step("ExpireKey", &["KEY_ID", "AT"]),
    step("ListKeys", &["USER_ID"]),
    step("RevokeKey", &["KEY_ID"]),
    step("EndUserTokens", &["USER_ID"]),
    step("DisableUser", &["USER_ID"]),
    step("EnableUser", &["USER_ID"]),
    step("ImportOptOuts", &[]),
    step("ExportOptOuts", &[]),
    step("RetractOptOut", &[]),
    step("EraseNumber", &[]),
    step("ListInboundReview", &[]),
    step("ResolveInbound", &["INBOUND_ID"]),
    step("GetRetention", &[]),
    step("ReplayReports", &[]),
    Step { keep: &[("ENDPOINT_ID", "/endpoint/id"), ("FROM", "/endpoint/createdAt")], ..step("CreateEndpoint", &[]) },
    step("GetEndpoint", &["ENDPOINT_ID"]),
    step("UpdateEndpoint", &["ENDPOINT_ID"]),
    step("ListEndpoints", &[]),
    step("SendTestEvent", &["ENDPOINT_ID"]),
    step("ListDeliveries", &["ENDPOINT_ID"]),
    step("ReplayEvents", &["ENDPOINT_ID", "FROM"]),
    step("DisableEndpoint", &["ENDPOINT_ID"]),
    step("EnableEndpoint", &["ENDPOINT_ID"]),
    step("RotateSecret", &["ENDPOINT_ID"]),
    step("DeleteEndpoint", &["ENDPOINT_ID"]),
    step("errors/missing_token", &[]),
    step("errors/invalid_token", &[]),
    step("errors/wrong_scope", &[]),
    step("errors/another_owner", &[]),
    step("errors/bad_number", &[]),
    step("errors/several_violations", &[]),
    step("errors/one_of_many", &[]),
    step("errors/reused_key", &[]),
    step("errors/rejected_by_provider", &[]),
    step("variants/of_one_number", &[]),
    step("errors/unknown_message", &[]),
    step("errors/malformed_id", &[]),
    step("errors/unusable_endpoint", &[]),
    step("errors/unknown_endpoint", &[]),
    step("errors/unknown_provider_id", &[]),
    step("errors/unknown_campaign", &[]),
    step("errors/unusable_page_token", &[]),
    step("errors/foreign_resume_token", &[]),
    step("errors/nothing_to_refresh", &[]),
    step("errors/bad_placeholder", &[]),
    step("errors/empty_campaign", &["CAMPAIGN_ID"]),
    step("errors/campaign_state", &["CAMPAIGN_ID"]),
    step("AddRecipients", &["CAMPAIGN_ID"]),
    step("variants/plan", &["CAMPAIGN_ID"]),
    step("StartCampaign", &["CAMPAIGN_ID"]),
    until("variants/over", &["CAMPAIGN_ID"], "CAMPAIGN_STATE_COMPLETED"),
    step("WatchCampaign", &["CAMPAIGN_ID"]),
    step("errors/campaign_started", &["CAMPAIGN_ID"]),
    Step { keep: &[("CAMPAIGN_ID", "/campaign/id")], ..step("variants/scheduled_campaign", &["AT"]) },
    step("variants/some_invalid", &["CAMPAIGN_ID"]),
    step("variants/start_later", &["CAMPAIGN_ID"]),
    step("PauseCampaign", &["CAMPAIGN_ID"]),
    step("ResumeCampaign", &["CAMPAIGN_ID"]),
    step("CancelCampaign", &["CAMPAIGN_ID"]),
];

/// How long the provider may take to say what a step waits for.
const PATIENCE: Duration = Duration::from_mins(1);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("grpcurl-examples")
}

fn expectation(script: &str) -> PathBuf {
    folder().join("expected").join(script).with_extension("txt")
}

/// Runs all steps; what is kept of the answers is handed to the scripts as arguments, or in the environment alone.
fn walk(live: &mut Live, as_arguments: bool, mut see: impl FnMut(&Step, &str, &str)) {
    for step in STEPS {
        let values: Vec<String> = step.arguments.iter().map(|name| live.env[*name].clone()).collect();
        let arguments: Vec<&str> = values.iter().map(String::as_str).filter(|_| as_arguments).collect();
        if step.script == "ListInbound" {
            live.receive(r#"{"from":"+306900000008","to":"Sandbox","text":"Stop"}"#);
        }
        let begun = Instant::now();
        let mut text = live.script(step.script, &arguments);
        while !text.contains(step.until) && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(100));
            text = live.script(step.script, &arguments);
        }
        assert!(text.contains(step.until), "{} never said {}: {text}", step.script, step.until);
        for (name, place) in step.keep {
            let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let value = answer.pointer(place).and_then(|v| v.as_str());
            let value = value.unwrap_or_else(|| panic!("{} answered no {place}: {text}\n{}", step.script, live.log()));
            live.keep(name, &if *name == "AT" { tomorrow(value) } else { value.to_owned() });
        }
        see(step, &arguments.join(" "), &text);
    }
}

fn tomorrow(today: &str) -> String {
    let at: jiff::Timestamp = today.parse().unwrap();
    jiff::Timestamp::from_second(at.as_second() + 86_400).unwrap().to_string()
}

fn assert_expected(step: &Step, text: &str) {
    let expected = fs::read_to_string(expectation(step.script)).unwrap_or_default();
    let masked = masked(text);
    assert!(masked == expected, "{}.sh printed\n{masked}\ninstead of\n{expected}", step.script);
}

#[test]
fn every_example_does_in_plain_text_what_is_expected_and_what_the_readmes_show() {
    let mut live = Live::plain();
    let rewrite = std::env::var_os("REWRITE_EXAMPLES").is_some();
    let mut readmes = Readme::all();
    walk(&mut live, true, |step, arguments, text| {
        let readme = readmes.iter_mut().find(|readme| readme.is_about(step.script)).unwrap();
        if rewrite {
            let file = expectation(step.script);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, masked(text)).unwrap();
            readme.put(step.script, arguments, text);
        }
        assert_expected(step, text);
        let shown = readme.shows(step.script);
        let same = shown.as_deref().is_some_and(|shown| masked(shown) == masked(text));
        assert!(same, "{}: {} shows\n{shown:?}\ninstead of\n{text}", step.script, readme.name());
    });
    if rewrite {
        readmes.iter().for_each(Readme::write);
    }
}

#[test]
fn every_example_does_the_same_over_tls_with_its_ids_in_the_environment() {
    let mut live = Live::tls();
    walk(&mut live, false, |step, _, text| assert_expected(step, text));
}

#[test]
fn a_call_that_is_repeated_with_its_key_answers_the_same_message_and_without_one_another() {
    let live = Live::plain();
    let with_a_key = live.script("variants/with_a_key", &[]);
    assert_eq!(live.script("variants/with_a_key", &[]), with_a_key);
    assert_ne!(live.script("SendSingle", &[]), live.script("SendSingle", &[]));
}

#[test]
fn a_script_without_its_id_says_which_one_and_calls_nobody() {
    let mut live = Live::plain();
    live.keep("GRPCURL", "/nonexistent");
    let said = live.script("GetMessageStatus", &[]);
    assert!(
        said.contains("MESSAGE_ID: the id that the provider gave: messageId in the answer of SendSingle"),
        "{said}"
    );
}

#[test]
fn every_rpc_has_a_script_and_a_body() {
    for (service, method) in rpcs() {
        let script = fs::read_to_string(folder().join(format!("{method}.sh"))).unwrap_or_default();
        assert!(script.contains(&format!("{service}/{method} {method}.json")), "{service}/{method}");
        assert!(folder().join(format!("{method}.json")).is_file(), "{method}.json");
    }
}

#[test]
fn no_script_body_or_expectation_is_without_the_others() {
    let walked: BTreeSet<String> = STEPS.iter().map(|step| step.script.to_owned()).collect();
    let mut scripts = names("sh");
    assert!(scripts.remove("call"), "call.sh is what the scripts share");
    assert_eq!(scripts, walked, "every script is a step of the walk");
    let expected: BTreeSet<_> = names("txt").iter().map(|name| name.replacen("expected/", "", 1)).collect();
    assert_eq!(expected, walked, "every script has an expectation");
    let without_script: Vec<_> = names("json").into_iter().filter(|name| !walked.contains(name)).collect();
    assert_eq!(without_script, Vec::<String>::new());
}

/// The files with this ending, without it, by their path in the folder.
fn names(ending: &str) -> BTreeSet<String> {
    let files = crate::support::files::under(&folder());
    let named = files.iter().filter(|path| path.extension().is_some_and(|e| e == ending));
    named.map(|path| path.strip_prefix(folder()).unwrap().with_extension("").display().to_string()).collect()
}
