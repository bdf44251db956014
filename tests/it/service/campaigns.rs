//! Starting a campaign asks for a sender before anything begins, and keeps it.

use messaging::auth::Caller;
use messaging::domain::campaign::CampaignState;
use messaging::domain::ids::OwnerId;
use messaging::domain::sender::SenderId;
use messaging::service::{CreateCampaign, GivenRecipient, GivenTags, Service, Settings};

use crate::support::database::on_both_databases;
use crate::support::settings::{self, ForTests as _};
use crate::support::store::Rig;

on_both_databases![Rig::on => without_any_sender_a_campaign_is_not_started, a_started_campaign_keeps_its_sender_whatever_becomes_of_its_owners,];

/// A service without a provider that could be reached.
fn service(rig: &Rig, default_sender: Option<&str>) -> Service {
    let default_sender = default_sender.and_then(|s| SenderId::parse(s).ok());
    settings::service(&rig.store, &rig.clock, settings::nobody(), Settings { default_sender, ..Settings::for_tests() })
}

async fn filled(service: &Service, caller: &Caller) -> i64 {
    let new = CreateCampaign {
        name: "spring".to_owned(),
        text: "Hello".to_owned(),
        sender: None,
        delivery_guarantee: 0,
        scheduled_at: None,
        validity: None,
        tags: GivenTags::default(),
        idempotency_key: String::new(),
    };
    let id = service.create_campaign(caller, new, Vec::new()).await.unwrap().id.0;
    let mut adding = service.add_recipients(caller, id).await.unwrap();
    let one = GivenRecipient { destination: "+306900000001".to_owned(), ..Default::default() };
    adding.push(vec![one]).await.unwrap();
    assert_eq!(adding.finish().await.unwrap().added, 1);
    id
}

fn caller(user: OwnerId) -> Caller {
    Caller::new(user, "campaigns")
}

async fn without_any_sender_a_campaign_is_not_started(rig: Rig) {
    let caller = caller(rig.owner().await);
    let service = service(&rig, None);
    let id = filled(&service, &caller).await;
    assert_eq!(service.start_campaign(&caller, id, None).await.unwrap_err().reason(), "NO_SENDER");
    assert_eq!(service.plan_campaign(&caller, id).await.unwrap_err().reason(), "NO_SENDER");
    assert_eq!(service.campaign(&caller, id).await.unwrap().state, CampaignState::Draft);
}

async fn a_started_campaign_keeps_its_sender_whatever_becomes_of_its_owners(rig: Rig) {
    let owner = rig.store.create_user("carol", SenderId::parse("Carol").ok().as_ref()).await.unwrap();
    let caller = caller(owner);
    let id = filled(&service(&rig, Some("Default")), &caller).await;
    service(&rig, Some("Default")).start_campaign(&caller, id, None).await.unwrap();
    rig.execute("UPDATE users SET sender_name = 'Other'").await;
    service(&rig, Some("Another")).reconcile_campaigns().await.unwrap();
    assert_eq!(rig.count("messages WHERE sender = 'Carol'").await, 1);
}
