//! `ListOptOuts`, `AddOptOut`, `RemoveOptOut`.

use messaging::proto::{AddOptOutRequest, ListOptOutsRequest, OptOutSource, RemoveOptOutRequest, SendSingleRequest};
use tonic::Code;

use crate::support::app::TestApp;
use crate::support::database::on_both_databases;

fn add(destination: &str) -> AddOptOutRequest {
    AddOptOutRequest { destination: destination.to_owned(), owner_id: None }
}

fn remove(destination: &str) -> RemoveOptOutRequest {
    RemoveOptOutRequest { destination: destination.to_owned(), owner_id: None }
}

on_both_databases! { TestApp::start =>
    async fn a_number_on_the_list_is_not_sent_to_until_it_is_taken_off(app) {
        let mut alice = app.alice();
        let added = alice.add_opt_out(add("0030 690 0000001")).await.unwrap().into_inner();
        let entry = added.opt_out.unwrap();
        assert!(added.added);
        assert_eq!((entry.destination.as_str(), entry.source()), ("+306900000001", OptOutSource::Owner));
        assert!(!alice.add_opt_out(add("+306900000001")).await.unwrap().into_inner().added, "it is there already");
        let request = SendSingleRequest { destination: "+306900000001".to_owned(), text: "x".to_owned(), ..Default::default() };
        let _ = alice.send_single(request.clone()).await;
        assert!(app.ledger("").await.is_empty());
        assert!(alice.remove_opt_out(remove("+306900000001")).await.unwrap().into_inner().removed);
        assert!(!alice.remove_opt_out(remove("+306900000001")).await.unwrap().into_inner().removed);
        alice.send_single(request).await.unwrap();
        assert_eq!(app.ledger("").await.len(), 1);
    }

    async fn the_list_comes_in_pages_and_is_its_owners_alone(app) {
        let mut alice = app.alice();
        for n in [3, 1, 5, 2, 4] {
            alice.add_opt_out(add(&format!("+30690000000{n}"))).await.unwrap();
        }
        let (mut numbers, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListOptOutsRequest { page_size: 2, page_token, ..Default::default() };
            let page = alice.list_opt_outs(request).await.unwrap().into_inner();
            numbers.extend(page.opt_outs.into_iter().map(|entry| entry.destination));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(numbers, ["+306900000001", "+306900000002", "+306900000003", "+306900000004", "+306900000005"]);
        assert!(app.bob().list_opt_outs(ListOptOutsRequest::default()).await.unwrap().into_inner().opt_outs.is_empty());
        let another = ListOptOutsRequest { owner_id: Some(app.alice.0), ..Default::default() };
        assert_eq!(app.bob().list_opt_outs(another.clone()).await.unwrap_err().code(), Code::PermissionDenied);
        let mut acting = app.client_of(app.bob, "messages:read messages:send act-as");
        assert_eq!(acting.list_opt_outs(another).await.unwrap().into_inner().opt_outs.len(), 5);
        let for_alice = RemoveOptOutRequest { owner_id: Some(app.alice.0), ..remove("+306900000001") };
        assert!(acting.remove_opt_out(for_alice).await.unwrap().into_inner().removed);
    }

    async fn what_cannot_be_used_is_told_without_the_number(app) {
        let refused = app.alice().add_opt_out(add("4455")).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with("destination ") && !refused.message().contains("4455"), "{refused}");
        let request = ListOptOutsRequest { page_size: -1, page_token: "x".to_owned(), ..Default::default() };
        assert_eq!(app.alice().list_opt_outs(request).await.unwrap_err().code(), Code::InvalidArgument);
        let mut reader = app.client_of(app.alice, "messages:read");
        assert_eq!(reader.add_opt_out(add("+306900000001")).await.unwrap_err().code(), Code::PermissionDenied);
        assert_eq!(reader.remove_opt_out(remove("+306900000001")).await.unwrap_err().code(), Code::PermissionDenied);
        let mut sender = app.client_of(app.alice, "messages:send");
        assert_eq!(sender.list_opt_outs(ListOptOutsRequest::default()).await.unwrap_err().code(), Code::PermissionDenied);
        let nobody = AddOptOutRequest { owner_id: Some(999), ..add("+306900000001") };
        let mut acting = app.client_of(app.bob, "messages:send act-as");
        assert_eq!(acting.add_opt_out(nobody).await.unwrap_err().code(), Code::NotFound);
    }
}
