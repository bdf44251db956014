//! The routes of the API: the one list that the router and the document are made of.

use crate::http::endpoint::Endpoint;
use crate::http::{
    api_keys, audit, campaigns, fleet, inbox, messages, mitto, numbers, operated, opt_outs, recipients, route_accounts,
    stream_urls, users, webhook_endpoints,
};

/// Every route of the API.
pub(super) fn all() -> Vec<Endpoint> {
    let mut all = prompt();
    all.extend(recipients::endpoints());
    all.extend(stream_urls::by_token());
    all
}

/// Those that answer within a time; the others take as long as their bodies come.
pub(super) fn prompt() -> Vec<Endpoint> {
    let groups = [
        mitto::endpoints(),
        messages::endpoints(),
        campaigns::endpoints(),
        opt_outs::endpoints(),
        inbox::endpoints(),
        webhook_endpoints::endpoints(),
        audit::endpoints(),
        route_accounts::endpoints(),
        operated::endpoints(),
        users::endpoints(),
        numbers::endpoints(),
        fleet::endpoints(),
        api_keys::endpoints(),
        stream_urls::endpoints(),
    ];
    groups.into_iter().flatten().collect()
}
