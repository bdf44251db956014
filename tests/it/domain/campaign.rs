//! Campaigns: every action in every state, and what is made of a recipient.

use jiff::{SignedDuration, Timestamp};
use messaging::domain::campaign::Action::{Begin, Cancel, Finish, Pause, Resume, Start};
use messaging::domain::campaign::CampaignState::{Cancelled, Completed, Draft, Paused, Running, Scheduled};
use messaging::domain::campaign::{Campaign, CampaignState, NewCampaign, NextStep, Refused};
use messaging::domain::expansion::Expansion;
use messaging::domain::ids::{CampaignId, OwnerId};
use messaging::domain::message::{Dispatch, Guarantee, Lane, Status};
use messaging::domain::plan::Plan;
use messaging::domain::recipient::Recipient;
use messaging::domain::tags::Tags;
use messaging::domain::template::Template;
use messaging::domain::text::MessageText;

use crate::support::messages::start;

#[test]
fn every_action_does_in_every_state_what_the_table_says() {
    let all = [Draft, Scheduled, Running, Paused, Cancelled, Completed];
    // A letter for what becomes of each state in the order above: first when the campaign's time has come, then while
    // it waits for it. A dash is a refusal.
    let table = [
        (Start, "RSR---", "SSR---"),
        (Resume, "-SRR--", "-SRS--"),
        (Pause, "-PPP--", "-PPP--"),
        (Cancel, "XXXXX-", "XXXXX-"),
        (Begin, "-R----", "------"),
        (Finish, "--CCX-", "--CCX-"),
    ];
    let meant = |row: &str, place: usize| match row.as_bytes()[place] {
        b'S' => Some(Scheduled),
        b'R' => Some(Running),
        b'P' => Some(Paused),
        b'X' => Some(Cancelled),
        b'C' => Some(Completed),
        _ => None,
    };
    for (action, now, waiting) in table {
        for (place, state) in all.into_iter().enumerate() {
            assert_eq!(state.after(action, false), meant(now, place), "{action:?} of {state:?}");
            assert_eq!(state.after(action, true), meant(waiting, place), "{action:?} of {state:?} before its time");
        }
    }
    for state in all {
        assert_eq!(CampaignState::from_number(state as i16), Some(state));
        assert_eq!(state.name(), format!("{state:?}").to_uppercase());
    }
}

fn draft(text: &str, scheduled_at: Option<Timestamp>) -> Campaign {
    let content = NewCampaign {
        owner: OwnerId(7),
        name: "spring".to_owned(),
        text: text.to_owned(),
        sender: Some("Shop".to_owned()),
        guarantee: Guarantee::AtMostOnce,
        scheduled_at,
        validity: SignedDuration::from_hours(3),
        tags: Tags::default(),
    };
    Campaign {
        id: CampaignId(5),
        content,
        state: Draft,
        recipients: 1,
        duplicates: 0,
        invalid: 0,
        created_at: start(),
        updated_at: start(),
        started_at: None,
        ended_at: None,
    }
}

#[test]
fn a_campaign_that_outlives_its_validity_while_it_is_paused_ends() {
    let mut campaign = draft("Hello", None);
    campaign.apply(Start, start()).unwrap();
    campaign.apply(Pause, start()).unwrap();
    let end = start() + SignedDuration::from_hours(3);
    assert_eq!(campaign.next_step(0, end - SignedDuration::from_secs(1)), NextStep::Nothing);
    assert_eq!(campaign.next_step(0, end), NextStep::Expand, "its recipients become messages that expire");
    assert_eq!(campaign.next_step(1, end), NextStep::Finish);
}

#[test]
fn an_action_is_noted_once_with_its_time() {
    let at = |seconds| start() + SignedDuration::from_secs(seconds);
    let mut campaign = draft("Hi", None);
    assert_eq!(Campaign { recipients: 0, ..campaign.clone() }.apply(Start, at(1)), Err(Refused::Empty));
    assert_eq!(campaign.apply(Pause, at(1)), Err(Refused::State(Draft)));
    assert_eq!(campaign.updated_at, start(), "what is refused changes nothing");
    assert_eq!(campaign.apply(Start, at(1)), Ok(true));
    assert_eq!(campaign.apply(Start, at(2)), Ok(false));
    assert_eq!((campaign.started_at, campaign.updated_at), (Some(at(1)), at(1)));
    assert_eq!(campaign.apply(Cancel, at(3)), Ok(true));
    assert_eq!((campaign.apply(Finish, at(4)), campaign.apply(Finish, at(5))), (Ok(true), Ok(false)));
    assert_eq!((campaign.state, campaign.ended_at), (Cancelled, Some(at(4))));
}

fn recipient(text: &str) -> Recipient {
    let given = [("name".to_owned(), "Nikos".to_owned())];
    Recipient::parse(&Template::parse(text).unwrap(), "+306900000001", given).unwrap()
}

#[test]
fn a_recipient_becomes_a_message_that_is_due_now_and_worth_sending_from_the_campaigns_beginning_on() {
    let later = start() + SignedDuration::from_mins(30);
    for (scheduled_at, begins) in
        [(None, start()), (Some(later), later), (Some(start() - SignedDuration::from_hours(1)), start())]
    {
        let mut campaign = draft("Hi {{name}}", scheduled_at);
        assert!(Expansion::of(&campaign, "a").is_none(), "a draft has no messages");
        campaign.apply(Start, start()).unwrap();
        let now = start() + SignedDuration::from_hours(1);
        let message = Expansion::of(&campaign, "a").unwrap().message(recipient("Hi {{name}}"), false, now);
        assert_eq!((message.text.as_str(), message.sender.as_str()), ("Hi Nikos", "Shop"));
        assert_eq!(
            (message.campaign, message.lane, message.guarantee),
            (Some(CampaignId(5)), Lane::Campaign, Guarantee::AtMostOnce)
        );
        assert_eq!((message.status(), message.state.due_at), (Status::Queued, Some(now)));
        assert_eq!(message.expires_at, begins + SignedDuration::from_hours(3));
    }
}

#[test]
fn who_opted_out_and_whose_text_cannot_be_sent_any_more_has_a_record_that_says_so() {
    let mut campaign = draft("Hi {{name}}{{more}}", None);
    campaign.apply(Start, start()).unwrap();
    let expansion = Expansion::of(&campaign, "a").unwrap();
    let unsendable = expansion.message(recipient("Hi {{name}}"), false, start());
    assert_eq!(
        (unsendable.status(), unsendable.state.error_code.as_deref()),
        (Status::Failed, Some("TEXT_UNSENDABLE"))
    );
    let opted_out = expansion.message(recipient("Hi {{name}}"), true, start());
    assert_eq!((opted_out.status(), opted_out.state.error_code.as_deref()), (Status::Cancelled, Some("OPTED_OUT")));
    for message in [unsendable, opted_out] {
        assert_eq!(message.state.due_at, None, "nobody has to look at it again");
        assert!(matches!(message.state.dispatch, Dispatch::Rejected | Dispatch::Cancelled));
    }
}

#[test]
fn a_plan_counts_parts_alphabets_and_what_forces_them() {
    let mut plan = Plan { segments_per_second: 100, ..Plan::default() };
    let text = |text: &str| MessageText::parse(text).unwrap();
    plan.count(&text(&"a".repeat(161)), 3);
    plan.count(&text("я ю я"), 1);
    plan.count(&text("ю 😀"), 1);
    assert_eq!((plan.messages, plan.segments, plan.gsm7, plan.ucs2), (5, 8, 3, 2));
    assert_eq!(plan.forcing, ['я', 'ю', '😀']);
    assert_eq!((plan.seconds(), Plan::default().seconds()), (Some(1), None));
    plan.count(&text(&(0..200_u32).filter_map(|i| char::from_u32(0x4e00 + i)).collect::<String>()), 1);
    assert_eq!(plan.forcing.len(), 100);
}
