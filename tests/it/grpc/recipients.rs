//! `AddRecipients`: what is added, what is not and why, and what a broken stream leaves.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use messaging::proto::add_recipients_request::Recipient;
use messaging::proto::*;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::app::{Campaigns, TestApp};
use crate::support::database::on_both_databases;
use crate::support::store::eventually;

/// Makes a campaign of this text.
pub async fn made(campaigns: &mut Campaigns, text: &str) -> i64 {
    let new = CreateCampaignRequest { name: "spring".to_owned(), text: text.to_owned(), ..Default::default() };
    campaigns.create_campaign(new).await.unwrap().into_inner().campaign.unwrap().id
}

/// A number at which the sandbox behaves; the same for the same `i`.
pub fn number(i: usize) -> String {
    format!("+3069{:08}", 12_341_000 + i)
}

/// Recipients with a name each.
pub fn named(range: std::ops::Range<usize>) -> Vec<Recipient> {
    let variables = |i| BTreeMap::from([("name".to_owned(), format!("N{i}"))]);
    range.map(|i| Recipient { destination: number(i), variables: variables(i), ..Default::default() }).collect()
}

/// Adds recipients in requests of `size`.
pub async fn add(
    campaigns: &mut Campaigns,
    campaign_id: i64,
    recipients: &[Recipient],
    size: usize,
) -> Result<AddRecipientsResponse, Status> {
    let requests: Vec<_> = recipients
        .chunks(size)
        .enumerate()
        .map(|(i, chunk)| AddRecipientsRequest {
            campaign_id: if i == 0 { campaign_id } else { 0 },
            recipients: chunk.to_vec(),
        })
        .collect();
    campaigns.add_recipients(tokio_stream::iter(requests)).await.map(tonic::Response::into_inner)
}

async fn campaign(campaigns: &mut Campaigns, id: i64) -> Campaign {
    campaigns.get_campaign(GetCampaignRequest { campaign_id: id }).await.unwrap().into_inner().campaign.unwrap()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

on_both_databases! { TestApp::start =>
    async fn five_thousand_recipients_come_in_one_stream_without_their_duplicates(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi {{name}}").await;
        let mut recipients = named(0..5000);
        // The same numbers again, written in another way, and in the same batch and another one.
        for i in [4999, 17, 3000] {
            recipients.push(Recipient { destination: number(i).replace("+30", "0030 "), ..recipients[i].clone() });
        }
        let told = add(&mut campaigns, id, &recipients, 700).await.unwrap();
        assert_eq!(told, AddRecipientsResponse { added: 5000, duplicates: 3, ..Default::default() });
        assert_eq!(campaign(&mut campaigns, id).await.recipients, 5000);
        assert_eq!(app.count(&format!("recipients WHERE campaign_id = {id}")).await, 5000);
        let again = add(&mut campaigns, id, &recipients[4990..], 3).await.unwrap();
        assert_eq!((again.added, again.duplicates), (0, 13));
    }

    async fn what_cannot_be_added_is_told_by_its_place_and_never_by_its_number(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi {{name}}").await;
        let recipient = |destination: &str, variables: &[(&str, &str)]| Recipient {
            destination: destination.to_owned(),
            variables: variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            ..Default::default()
        };
        let long = "я".repeat(1000);
        let recipients = [
            recipient("+306900000001", &[("name", "Maria")]),
            recipient("6912345678", &[("name", "Maria")]),
            recipient("+306900000002", &[]),
            recipient("+306900000003", &[("name", "Maria\u{7}")]),
            recipient("+306900000004", &[("name", "Nikos"), ("unused", "x")]),
            recipient("+306900000005", &[("name", &long.repeat(2))]),
        ];
        let told = add(&mut campaigns, id, &recipients, 2).await.unwrap();
        let invalid: Vec<_> = told.invalid.iter().map(|i| (i.index, i.reason.as_str())).collect();
        assert_eq!(invalid, [
            (1, "destination must start with + and a country code, for example +306900000001"),
            (2, "variables.name is missing, and the text needs it"),
            (3, "variables.name has a control character other than a line feed"),
            (5, "variables.name has more than 1000 characters"),
        ]);
        assert_eq!((told.added, told.duplicates, told.invalid_count), (2, 0, 4));

        let bad = vec![recipient("x", &[]); 1500];
        let told = add(&mut campaigns, id, &bad, 400).await.unwrap();
        assert_eq!((told.invalid.len(), told.invalid_count), (1000, 1500));
        let request = StartCampaignRequest { campaign_id: id, dry_run: true, ..Default::default() };
        let plan = campaigns.start_campaign(request).await.unwrap().into_inner().plan.unwrap();
        assert_eq!((plan.messages, plan.invalid), (2, 1504));
    }

    async fn a_broken_stream_leaves_what_was_stored_and_goes_on_when_it_is_sent_again(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi {{name}}").await;
        let recipients = named(0..1500);
        let request = AddRecipientsRequest { campaign_id: id, recipients: recipients.clone() };
        let stream = tokio_stream::once(request).chain(tokio_stream::pending());
        let call = tokio::spawn({
            let mut campaigns = campaigns.clone();
            async move { campaigns.add_recipients(stream).await }
        });
        eventually(async || app.count("recipients").await == 1000).await;
        call.abort();
        let _ = call.await;
        let told = add(&mut campaigns, id, &recipients, 500).await.unwrap();
        assert!((1000..=1500).contains(&told.duplicates), "{told:?}");
        assert_eq!(told.added + told.duplicates, 1500);
        assert_eq!(campaign(&mut campaigns, id).await.recipients, 1500);
    }

    async fn a_message_of_nothing_but_entries_is_refused_before_it_is_read(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let campaign_id = made(&mut campaigns, "Hello").await;
        let recipients = vec![Recipient::default(); 200_000];
        let refused = campaigns.add_recipients(futures::stream::iter([AddRecipientsRequest { campaign_id, recipients }])).await;
        let refused = refused.unwrap_err();
        assert_eq!((refused.code(), refused.get_details_error_info().unwrap().reason.as_str()), (Code::ResourceExhausted, "BODY_TOO_LARGE"));
    }

    async fn a_stream_names_one_campaign_in_its_first_message(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let (one, other) = (made(&mut campaigns, "Hi").await, made(&mut campaigns, "Hi").await);
        let names = async |ids: &[i64]| {
            let requests: Vec<_> = ids.iter().map(|&campaign_id| AddRecipientsRequest { campaign_id, recipients: named(0..1) }).collect();
            app.campaigns_of(app.alice).add_recipients(tokio_stream::iter(requests)).await
        };
        assert_eq!(names(&[one, 0, one]).await.unwrap().into_inner().duplicates, 2);
        for ids in [&[][..], &[one, other], &[0, one]] {
            let error = names(ids).await.unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument);
            assert_eq!(error.get_details_bad_request().unwrap().field_violations[0].field, "campaign_id");
        }
    }

    async fn a_campaign_that_was_started_takes_no_more(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi").await;
        add(&mut campaigns, id, &named(0..2), 2).await.unwrap();
        campaigns.start_campaign(StartCampaignRequest { campaign_id: id, dry_run: false, ..Default::default() }).await.unwrap();
        let error = add(&mut campaigns, id, &named(2..4), 1).await.unwrap_err();
        assert_eq!((error.code(), reason(&error).as_str()), (Code::FailedPrecondition, "CAMPAIGN_STARTED"));
        assert_eq!(error.get_details_error_info().unwrap().metadata["state"], "RUNNING");
        assert_eq!(app.count("recipients").await, 2);
    }

    async fn a_start_that_comes_into_a_stream_ends_it(app) {
        let mut campaigns = app.campaigns_of(app.alice);
        let id = made(&mut campaigns, "Hi").await;
        let (sender, requests) = tokio::sync::mpsc::channel(1);
        let call = tokio::spawn({
            let mut campaigns = campaigns.clone();
            async move { campaigns.add_recipients(tokio_stream::wrappers::ReceiverStream::new(requests)).await }
        });
        sender.send(AddRecipientsRequest { campaign_id: id, recipients: named(0..1000) }).await.unwrap();
        eventually(async || app.count("recipients").await == 1000).await;
        campaigns.start_campaign(StartCampaignRequest { campaign_id: id, dry_run: false, ..Default::default() }).await.unwrap();
        sender.send(AddRecipientsRequest { campaign_id: id, recipients: named(1000..2000) }).await.unwrap();
        drop(sender);
        assert_eq!(reason(&call.await.unwrap().unwrap_err()), "CAMPAIGN_STARTED");
        assert_eq!(campaign(&mut campaigns, id).await.recipients, 1000);
    }
}
