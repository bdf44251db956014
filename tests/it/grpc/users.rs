//! Users and their API keys, as operators make, limit and end them.

use messaging::proto::{
    AuditAct, CreateKeyRequest, CreateUserRequest, DisableUserRequest, EnableUserRequest, ExpireKeyRequest,
    GetUserRequest, GrantUserRequest, KeyState, LimitUserRequest, ListAuditEventsRequest, ListKeysRequest,
    ListMessagesRequest, ListUsersRequest, Names, NumberLimit, RevokeKeyRequest, UngrantUserRequest,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::app::TestApp;
use crate::support::database::on_both_databases;
use crate::support::settings::ACCOUNT;

/// Whether somebody with this key is let in.
async fn counts(app: &TestApp, key: &str) -> bool {
    app.client("x-api-key", key.to_owned()).list_messages(ListMessagesRequest::default()).await.is_ok()
}

on_both_databases! { TestApp::start =>
    async fn a_user_is_made_limited_granted_to_and_disabled(app) {
        let mut admin = app.admin(app.bob, "ops");
        let new = CreateUserRequest { name: " carol ".to_owned(), sender: "Carol".to_owned() };
        let carol = admin.create_user(new).await.unwrap().into_inner().user.unwrap();
        assert_eq!((carol.name.as_str(), carol.sender.as_str()), ("carol", "Carol"));
        assert_eq!(carol.senders, Some(Names::default()), "nothing but its own");
        let id = carol.id;
        let (mut names, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = admin.list_users(ListUsersRequest { page_size: 2, page_token }).await.unwrap().into_inner();
            names.extend(page.users.into_iter().map(|user| user.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(names, ["alice", "bob", "carol"]);

        let countries = Some(Names { every: false, names: vec!["gr".to_owned(), "CY".to_owned()] });
        let per_number = Some(NumberLimit { messages: 3, window: None });
        let limits = LimitUserRequest { id, calls: Some(7), segments_per_day: Some(20), countries, per_number, ..Default::default() };
        admin.limit_user(limits).await.unwrap();
        let shown = admin.get_user(GetUserRequest { id }).await.unwrap().into_inner();
        let limits = shown.user.unwrap().limits.unwrap();
        assert_eq!((limits.calls, limits.streams, limits.segments_per_day), (Some(7), None, Some(20)));
        assert_eq!(limits.countries.unwrap().names, ["CY", "GR"]);
        assert_eq!(limits.per_number.unwrap().window.unwrap().seconds, 86_400);
        assert_eq!((shown.segments_left_today, shown.segments_left_this_month), (Some(20), None));
        let off = LimitUserRequest { id, calls: Some(0), per_number: Some(NumberLimit::default()), ..Default::default() };
        let limits = admin.limit_user(off).await.unwrap().into_inner().user.unwrap().limits.unwrap();
        assert_eq!((limits.calls, limits.per_number, limits.segments_per_day), (None, None, Some(20)));
        let wrong = LimitUserRequest { id, calls: Some(-1), countries: Some(Names { every: false, names: vec!["Greece".to_owned()] }), ..Default::default() };
        let wrong = admin.limit_user(wrong).await.unwrap_err().get_error_details();
        let fields: Vec<_> = wrong.bad_request().unwrap().field_violations.iter().map(|v| v.field.clone()).collect();
        assert_eq!(fields, ["calls", "countries.names"]);

        let grant = GrantUserRequest { id, route_account: ACCOUNT.to_owned(), ..Default::default() };
        let user = admin.grant_user(grant).await.unwrap().into_inner().user.unwrap();
        assert_eq!(user.route_accounts.unwrap().names, [ACCOUNT]);
        let ungrant = UngrantUserRequest { id, sender: "Nobody".to_owned(), ..Default::default() };
        let refused = admin.ungrant_user(ungrant).await.unwrap_err();
        assert_eq!(refused.get_error_details().error_info().unwrap().reason, "NOT_GRANTED");

        assert!(admin.disable_user(DisableUserRequest { id }).await.unwrap().into_inner().user.unwrap().disabled_at.is_some());
        assert!(admin.enable_user(EnableUserRequest { id }).await.unwrap().into_inner().user.unwrap().disabled_at.is_none());
        let nobody = admin.disable_user(DisableUserRequest { id: 999 }).await.unwrap_err();
        assert_eq!(nobody.get_error_details().error_info().unwrap().reason, "USER_NOT_FOUND");
        let about = ListAuditEventsRequest { owner_id: Some(id), ..Default::default() };
        let acts = admin.list_audit_events(about).await.unwrap().into_inner().audit_events;
        let bob = format!("user:{}", app.bob);
        assert!(acts.iter().all(|act| act.actor == bob), "{acts:?}");
        let acts: Vec<_> = acts.iter().rev().map(messaging::proto::AuditEvent::act).collect();
        let expected = [AuditAct::UserCreated, AuditAct::UserLimited, AuditAct::UserLimited, AuditAct::Granted, AuditAct::UserDisabled, AuditAct::UserEnabled];
        assert_eq!(acts, expected);
    }

    async fn a_key_is_shown_once_counts_until_its_end_and_is_gone_when_it_is_revoked(app) {
        let mut admin = app.admin(app.bob, "ops act-as");
        let at = |hours| {
            let at = app.clock.now() + jiff::SignedDuration::from_hours(hours);
            Some(pbjson_types::Timestamp { seconds: at.as_second(), nanos: 0 })
        };
        let new = CreateKeyRequest { user_id: app.alice.0, name: "shop".to_owned(), ..Default::default() };
        let made = admin.create_key(new.clone()).await.unwrap().into_inner();
        let key = made.key.unwrap();
        assert_eq!((key.state(), key.name.as_str(), key.user_id), (KeyState::Live, "shop", app.alice.0));
        assert!(made.secret.starts_with(&key.hint) && counts(&app, &made.secret).await);
        let ending = admin.expire_key(ExpireKeyRequest { id: key.id, expires_at: at(2) }).await.unwrap().into_inner();
        assert_eq!(ending.key.unwrap().expires_at, at(2));
        let later = admin.expire_key(ExpireKeyRequest { id: key.id, expires_at: at(9) }).await.unwrap().into_inner();
        assert_eq!(later.key.unwrap().expires_at, at(2), "an end is not put off");
        let other = admin.create_key(new).await.unwrap().into_inner();
        app.advance(2 * 3600);
        assert!(!counts(&app, &made.secret).await && counts(&app, &other.secret).await);
        let id = other.key.unwrap().id;
        admin.revoke_key(RevokeKeyRequest { id }).await.unwrap();
        assert!(!counts(&app, &other.secret).await);
        let again = admin.revoke_key(RevokeKeyRequest { id }).await.unwrap_err();
        assert_eq!((again.code(), again.get_error_details().error_info().unwrap().reason.as_str()), (Code::NotFound, "KEY_NOT_FOUND"));
        let of_alice = ListKeysRequest { user_id: Some(app.alice.0), ..Default::default() };
        let keys = admin.list_keys(of_alice).await.unwrap().into_inner();
        assert!(!format!("{keys:?}").contains(&made.secret));
        let states: Vec<_> = keys.keys.iter().map(messaging::proto::ApiKey::state).collect();
        assert_eq!(states, [KeyState::Expired, KeyState::Revoked]);
    }

    async fn a_key_gives_nobody_more_than_who_made_it_has(app) {
        let of_alice = CreateKeyRequest { user_id: app.alice.0, ..Default::default() };
        let lacks = |status: tonic::Status| status.get_error_details().error_info().unwrap().metadata["scope"].clone();
        let refused = app.admin(app.bob, "ops").create_key(of_alice.clone()).await.unwrap_err();
        assert_eq!((refused.code(), lacks(refused)), (Code::PermissionDenied, "act-as".to_owned()));
        let mut admin = app.admin(app.bob, "ops act-as");
        let more = CreateKeyRequest { scope: "messages:read admin".to_owned(), ..of_alice.clone() };
        assert_eq!(lacks(admin.create_key(more.clone()).await.unwrap_err()), "admin");
        let unknown = CreateKeyRequest { scope: "everything".to_owned(), ..of_alice };
        assert_eq!(admin.create_key(unknown).await.unwrap_err().code(), Code::InvalidArgument);
        assert!(app.admin(app.bob, "ops act-as admin").create_key(more).await.is_ok());
    }
}
