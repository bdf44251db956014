//! `campaign add`, `start`, `watch` and the like.

use messaging::cli::client::Exit;
use messaging::proto::add_recipients_request::Recipient;
use messaging::proto::add_recipients_response::Invalid;
use messaging::proto::{
    AddRecipientsResponse, Campaign, CampaignPlan, CampaignState, CampaignStats, WatchCampaignResponse,
};
use tonic::Status;

use super::fake::{Fake, Script};
use super::terminal::{run, run_input};

async fn added(answers: impl IntoIterator<Item = Result<AddRecipientsResponse, Status>>) -> Fake {
    Fake::start(Script { added: answers.into_iter().collect(), ..Default::default() }).await
}

async fn add(fake: &Fake, more: &[&str], input: &str) -> super::terminal::Done {
    let args = [&["campaign", "add", "5", "--file", "-"], more].concat();
    run_input(&[("MESSAGING_ADDR", &fake.addr.to_string())], &args, input).await
}

fn recipient(line: i64, destination: &str, variables: &[(&str, &str)]) -> Recipient {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Recipient {
        destination: destination.to_owned(),
        variables: variables.collect(),
        line: Some(line),
        ..Recipient::default()
    }
}

#[tokio::test]
async fn add_reads_the_number_from_the_first_column_and_variables_from_the_others() {
    let fake = added([Ok(AddRecipientsResponse { added: 2, ..Default::default() })]).await;
    let input =
        "\u{feff}phone, first_name ,note\r\n+306900000001,Maria,\"two\nlines, \"\"quoted\"\"\"\r\n0030 690,Νίκος,\r\n";
    let done = add(&fake, &[], input).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    insta::assert_snapshot!(done.out, @r"
    added       2
    duplicates  0
    invalid     0
    ");
    let streams = fake.heard().added;
    let [stream] = streams.as_slice() else { panic!("one stream, not {}", streams.len()) };
    assert!(stream.iter().all(|request| request.campaign_id == 5));
    let recipients: Vec<_> = stream.iter().flat_map(|request| request.recipients.clone()).collect();
    let first = recipient(2, "+306900000001", &[("first_name", "Maria"), ("note", "two\nlines, \"quoted\"")]);
    assert_eq!(recipients, [first, recipient(4, "0030 690", &[("first_name", "Νίκος"), ("note", "")])]);
}

#[tokio::test]
async fn a_column_named_reference_is_each_recipients_own_and_may_be_empty() {
    let fake = added([Ok(AddRecipientsResponse { added: 2, ..Default::default() })]).await;
    let done = add(&fake, &[], "phone,reference\n+306900000001,order-7\n+306900000002,\n").await;
    assert_eq!(done.exit, Exit::Success, "{}", done.err);
    let recipients = fake.heard().added.concat().into_iter().flat_map(|request| request.recipients);
    let references: Vec<_> = recipients.map(|recipient| recipient.reference).collect();
    assert_eq!(references, [Some("order-7".to_owned()), None]);
}

#[tokio::test]
async fn a_large_file_is_several_streams_and_its_invalid_ones_are_told_by_their_place_in_the_file() {
    let invalid = |index: i64| Invalid {
        index,
        reason: "destination is required".to_owned(),
        line: (index > 0).then_some(index + 2),
    };
    let answer =
        |added, invalid| Ok(AddRecipientsResponse { added, invalid_count: 1, duplicates: 1, invalid: vec![invalid] });
    let fake = added([answer(49_998, invalid(7)), answer(9_998, invalid(0))]).await;
    let input = String::from("phone\n") + &"+306900000001\n".repeat(60_000);
    let done = add(&fake, &[], &input).await;
    assert_eq!(done.exit, Exit::Failed, "some were not added");
    insta::assert_snapshot!(done.out, @r"
    line 9  destination is required
    recipient 50001  destination is required
    added       59996
    duplicates  2
    invalid     2
    ");
    let streams = fake.heard().added;
    let sizes: Vec<usize> = streams.iter().map(|s| s.iter().map(|request| request.recipients.len()).sum()).collect();
    assert_eq!(sizes, [50_000, 10_000]);
    assert!(streams.iter().flatten().all(|request| request.recipients.len() <= 500));
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_by_its_line_without_what_is_in_it() {
    for (input, words) in [
        ("phone,name\n+306900000001,secret\n+306900000002,secret,x\n", "--file: line 3: has 3 columns"),
        ("", "--file: holds no header"),
    ] {
        let fake = added([Ok(AddRecipientsResponse::default())]).await;
        let done = add(&fake, &[], input).await;
        assert_eq!(done.exit, Exit::Usage);
        assert!(done.err.contains(words) && !done.err.contains("secret"), "{}", done.err);
    }
    // The words say that what came before it was added, and so it was sent.
    let fake = added([Ok(AddRecipientsResponse::default())]).await;
    add(&fake, &[], "phone\n+306900000001\n+306900000002,x\n").await;
    let sent: Vec<_> = fake.heard().added.into_iter().flatten().flat_map(|request| request.recipients).collect();
    assert_eq!(sent, [recipient(2, "+306900000001", &[])]);
    let fake = added([]).await;
    let done = run(fake.addr, &["campaign", "add", "5", "--file", "/nonexistent.csv"]).await;
    assert_eq!(done.exit, Exit::Usage);
    assert!(done.err.contains("--file: cannot read /nonexistent.csv"), "{}", done.err);
}

#[tokio::test]
async fn a_refusal_is_told_however_much_of_the_file_is_left() {
    let fake = added([]).await;
    let input = String::from("phone\n") + &"+306900000001\n".repeat(60_000);
    let done = add(&fake, &[], &input).await;
    assert_eq!(done.exit, Exit::Failed);
    assert!(done.err.starts_with("INTERNAL: the script is at its end"), "{}", done.err);
}

#[tokio::test]
async fn each_move_asks_for_what_it_says_and_shows_the_campaign() {
    let campaign = Campaign { id: 5, state: CampaignState::Running.into(), recipients: 3, ..Default::default() };
    let fake = Fake::start(Script { campaign: vec![campaign; 4].into(), ..Default::default() }).await;
    for what in ["start", "pause", "resume", "cancel"] {
        let done = run(fake.addr, &["campaign", what, "5"]).await;
        assert_eq!(
            (done.exit, done.out.as_str()),
            (Exit::Success, "id          5\nstate       RUNNING\nrecipients  3\n")
        );
    }
    assert_eq!(fake.heard().moves, [("start", 5), ("pause", 5), ("resume", 5), ("cancel", 5)]);
}

#[tokio::test]
async fn a_dry_run_tells_the_plan() {
    let plan = CampaignPlan {
        messages: 10,
        opted_out: 1,
        segments: 12,
        gsm7_messages: 8,
        ucs2_messages: 2,
        forcing_characters: vec!["α".to_owned(), "👋".to_owned()],
        segments_per_second: 4,
        estimated_duration: Some(pbjson_types::Duration { seconds: 3, nanos: 0 }),
        ..Default::default()
    };
    let script = Script { campaign: [Campaign::default()].into(), plan: Some(plan), ..Default::default() };
    let fake = Fake::start(script).await;
    let done = run(fake.addr, &["campaign", "start", "5", "--dry-run"]).await;
    insta::assert_snapshot!(done.out, @r"
    dry run            nothing was started
    messages           10
    segments           12
    GSM7               8
    UCS2               2
    forced by          α 👋
    opted out          1
    segments a second  4
    takes              3 s
    ");
    assert_eq!(fake.heard().moves, [("plan", 5)]);
}

fn event(state: CampaignState, queued: i64, sent: i64) -> WatchCampaignResponse {
    let stats = CampaignStats { total: 3, queued, sent, ..Default::default() };
    WatchCampaignResponse { stats: Some(stats), state: state.into() }
}

#[tokio::test]
async fn watch_tells_every_change_goes_on_after_a_cut_and_ends_with_the_campaign() {
    let streams = || {
        let first = vec![Ok(event(CampaignState::Running, 3, 0)), Err(Status::unavailable("stopping"))];
        [first, vec![Ok(event(CampaignState::Running, 1, 2)), Ok(event(CampaignState::Completed, 0, 3))]]
    };
    let fake = Fake::start(Script { watch: streams().into(), ..Default::default() }).await;
    let done = run(fake.addr, &["campaign", "watch", "5"]).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Success, ""));
    insta::assert_snapshot!(done.out, @r"
    RUNNING  0 of 3  
    RUNNING  2 of 3  2 sent
    COMPLETED  3 of 3  3 sent
    total      3
    queued     0
    sent       3
    delivered  0 (0.0 % of those that the provider took)
    failed     0
    unknown    0
    cancelled  0
    ");
    let fake = Fake::start(Script { watch: streams().into(), ..Default::default() }).await;
    let done = run(fake.addr, &["campaign", "watch", "5", "--json"]).await;
    let states: Vec<_> = done.json().iter().map(|line| line["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["CAMPAIGN_STATE_RUNNING", "CAMPAIGN_STATE_RUNNING", "CAMPAIGN_STATE_COMPLETED"]);
}

#[tokio::test]
async fn a_refused_watch_is_not_tried_again() {
    let refused = vec![Err(Status::not_found("Campaign not found: 5"))];
    let fake = Fake::start(Script { watch: [refused].into(), ..Default::default() }).await;
    let done = run(fake.addr, &["campaign", "watch", "5"]).await;
    assert_eq!((done.exit, done.err.as_str()), (Exit::Failed, "NOT_FOUND: Campaign not found: 5\n"));
}

#[tokio::test]
async fn columns_may_be_separated_as_spreadsheets_do_and_it_is_said() {
    for (input, words) in [
        ("phone;name\n+306900000001;Maria, and Eleni\n", "--file: its columns are separated by semicolons\n"),
        ("phone\tname\n+306900000001\tMaria, and Eleni\n", "--file: its columns are separated by tabs\n"),
        ("phone,\"name\"\n+306900000001,\"Maria, and Eleni\"\n", ""),
    ] {
        let fake = added([Ok(AddRecipientsResponse { added: 1, ..Default::default() })]).await;
        let done = add(&fake, &[], input).await;
        assert_eq!((done.exit, done.err.as_str()), (Exit::Success, words));
        let recipients: Vec<_> =
            fake.heard().added.concat().into_iter().flat_map(|request| request.recipients).collect();
        assert_eq!(recipients, [recipient(2, "+306900000001", &[("name", "Maria, and Eleni")])]);
    }
}

#[tokio::test]
async fn campaigns_are_listed_a_line_each_over_all_pages() {
    let campaign = |id, name: &str| Campaign {
        id,
        name: name.to_owned(),
        recipients: 7,
        state: CampaignState::Running.into(),
        created_at: Some(pbjson_types::Timestamp { seconds: 1_800_000_000, nanos: 0 }),
        ..Default::default()
    };
    let pages = || {
        let page = |campaigns, token: &str| messaging::proto::ListCampaignsResponse {
            campaigns,
            next_page_token: token.to_owned(),
        };
        [page(vec![campaign(12, "spring")], "more"), page(vec![campaign(9, "bye\u{1b}")], "")].into()
    };
    let fake = Fake::start(Script { campaigns: pages(), ..Default::default() }).await;
    insta::assert_snapshot!(run(fake.addr, &["campaign", "list"]).await.out, @r"
    12        RUNNING             7  2027-01-15T08:00:00Z  spring
    9         RUNNING             7  2027-01-15T08:00:00Z  bye\u{1b}
    ");
    let fake = Fake::start(Script { campaigns: pages(), ..Default::default() }).await;
    let done = run(fake.addr, &["campaign", "list", "--json", "--limit", "1"]).await;
    assert_eq!(done.json()[0]["id"], "12");
    assert_eq!(done.json().len(), 1);
}
