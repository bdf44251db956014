//! Either kind of id does, and what has none says so.

use messaging::cli::client::Exit;
use messaging::proto::{
    CancelMessageRequest, CancelMessageResponse, GetMessageResponse, GetMessageStatusResponse, ListMessagesResponse,
    Message, MessageStatus,
};

use super::fake::{Fake, Script};
use super::terminal::run;

const OURS: &str = "01a2295b-8a4f-7e6b-9431-d05c6b60070d";
const THEIRS: &str = "01M8MNQ2JPAM3N65TXC54GP8YZ";

fn message(theirs: Option<&str>) -> Message {
    let status = MessageStatus::Queued.into();
    Message { id: OURS.to_owned(), provider_message_id: theirs.map(str::to_owned), status, ..Default::default() }
}

fn page(messages: Vec<Message>) -> ListMessagesResponse {
    ListMessagesResponse { messages, ..Default::default() }
}

#[tokio::test]
async fn a_record_is_found_by_the_providers_id_too() {
    let fake = Fake::start(Script {
        unknown: vec![THEIRS.to_owned()],
        pages: [page(vec![message(Some(THEIRS))])].into(),
        message: [GetMessageResponse { message: Some(message(Some(THEIRS))) }].into(),
        ..Default::default()
    })
    .await;
    let done = run(fake.addr, &["message", THEIRS]).await;
    assert_eq!(done.exit, Exit::Success, "{}", done.err);
    assert!(done.out.contains(OURS), "{}", done.out);
    assert_eq!(fake.heard().lists[0].provider_message_id, THEIRS);
}

#[tokio::test]
async fn an_id_that_nothing_has_is_told_as_the_service_tells_it() {
    for pages in [vec![page(vec![])], vec![page(vec![message(None), message(None)])], vec![]] {
        let unknown = vec![THEIRS.to_owned()];
        let fake = Fake::start(Script { unknown, pages: pages.into(), ..Default::default() }).await;
        let done = run(fake.addr, &["message", THEIRS]).await;
        assert_eq!((done.exit, done.err.as_str()), (Exit::Failed, "NOT_FOUND: Message not found\n"));
    }
}

#[tokio::test]
async fn the_provider_is_asked_by_our_id_too_if_it_has_one_of_its_own() {
    let view = GetMessageStatusResponse { message_id: THEIRS.to_owned(), ..Default::default() };
    let script = |theirs| Script {
        unknown: vec![OURS.to_owned()],
        message: [GetMessageResponse { message: Some(message(theirs)) }].into(),
        status: [view.clone()].into(),
        ..Default::default()
    };
    let fake = Fake::start(script(Some(THEIRS))).await;
    let done = run(fake.addr, &["status", OURS]).await;
    assert_eq!(done.exit, Exit::Success, "{}", done.err);
    assert!(done.out.contains(THEIRS), "{}", done.out);
    let fake = Fake::start(script(None)).await;
    let done = run(fake.addr, &["status", OURS]).await;
    assert_eq!(done.exit, Exit::Failed);
    assert!(done.err.contains("the provider has no id for this message, which is QUEUED"), "{}", done.err);
}

#[tokio::test]
async fn a_message_is_cancelled_by_the_key_that_it_was_sent_with_and_for_another_user() {
    let answer = CancelMessageResponse { message: Some(message(None)) };
    let fake = Fake::start(Script { cancel: [answer].into(), ..Default::default() }).await;
    let done = run(fake.addr, &["cancel", "--key", "order-7", "--user", "5"]).await;
    assert_eq!(done.exit, Exit::Success, "{}", done.err);
    let asked =
        CancelMessageRequest { sent_idempotency_key: "order-7".to_owned(), owner_id: Some(5), ..Default::default() };
    assert_eq!(fake.heard().cancels, [asked]);
}
