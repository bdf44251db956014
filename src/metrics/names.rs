//! The names of everything that is counted, and their meanings: the list that operators read.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::Inner;
use crate::metrics::labels::OfBuild;

impl Inner {
    pub(super) fn register(&mut self) {
        let r = &mut self.registry;
        // A gauge, as everybody's is: of OpenMetrics' own type for it older readers know nothing.
        let build = Family::<OfBuild, Gauge>::default();
        let (version, revision) = (env!("CARGO_PKG_VERSION"), option_env!("REVISION").unwrap_or("unknown"));
        build.get_or_create(&OfBuild { version, revision }).set(1);
        r.register("build_info", "The program's version, and the revision it was built from", build);
        r.register("rpc_calls", "gRPC calls that ended, by method and code", self.calls.clone());
        r.register("rpc_seconds", "How long gRPC calls took, by method and code", self.call_seconds.clone());
        r.register("send_outcomes", "What handing a message over came to, by lane", self.outcomes.clone());
        r.register("send_retries", "Messages that were tried again", self.retries.clone());
        r.register(
            "bulk_divisions",
            "Bulk calls that were divided because one message spoilt them",
            self.divided.clone(),
        );
        r.register(
            "late_settles",
            "Answers that came after their holder had lost the message",
            self.late_settles.clone(),
        );
        r.register("timer_moves", "What time did to messages, by the status after", self.timers.clone());
        r.register("provider_seconds", "How long provider calls took, by call", self.provider_seconds.clone());
        r.register("rate_limited_passes", "Passes over the queue that a rate limit cut short", self.limited.clone());
        r.register("webhook_posts", "Posts to the webhooks, by hook and outcome", self.webhooks.clone());
        r.register("http_requests", "HTTP requests, by route, method and status", self.requests.clone());
        r.register(
            "http_seconds",
            "How long HTTP requests took until their answer began, by route",
            self.request_seconds.clone(),
        );
        r.register("reports", "Delivery reports that were looked at, by outcome", self.reports.clone());
        r.register("unknown_words", "Delivery reports with a word that nobody knows", self.unknown_words.clone());
        r.register("inbound_messages", "Messages from recipients, by what they ask for", self.inbound.clone());
        r.register("polls", "Questions about messages without a final report, by outcome", self.polls.clone());
        r.register("over_limit", "Sends that a limit of spending refused, by the limit", self.over_limit.clone());
        r.register("superseded", "Messages whose place a newer one took, by their fate", self.superseded.clone());
        r.register("erased", "What was erased because of its age, by what it was", self.erased.clone());
        r.register("spans", "Spans that ended, by whether a collector took them", self.spans.clone());
        r.register("in_flight", "Messages (single) and calls (bulk) in this process's hands", self.in_flight.clone());
        r.register("admission_taken", "What callers have in hand here, by quota", self.shares.clone());
        r.register("open_connections", "Connections of both listeners", self.open_connections.clone());
        r.register("watch_streams", "Streams of WatchMessages and WatchInbound open here", self.watches.clone());
        r.register(
            "gates_held",
            "Gates that hold sends back, by reason; unhealthy is the open breaker",
            self.gates.clone(),
        );
        r.register("queue_depth", "Messages in the queue, by lane; of all replicas", self.waiting.clone());
        r.register(
            "queue_oldest_seconds",
            "How long the oldest message in the queue has been due",
            self.oldest.clone(),
        );
        r.register("messages_in_state", "Messages that wait for time or an operator, by state", self.states.clone());
        self.register_endpoints();
        self.register_inside();
    }

    /// The way of messages through the database, and the process's own work.
    fn register_inside(&mut self) {
        let r = &mut self.registry;
        r.register("messages_accepted", "Messages that were taken in, by lane", self.accepted.clone());
        r.register(
            "status_changes",
            "Messages that came to a status by what this process committed, by the status",
            self.status_changes.clone(),
        );
        r.register("writer_batches", "Transactions of the group commit", self.batches.clone());
        r.register("writer_writes", "Writes that they held", self.writes.clone());
        r.register("loop_panics", "Panics in the background, by loop; it goes on", self.panics.clone());
        r.register(
            "loop_age_seconds",
            "How long ago each loop in the background last came round",
            self.loop_ages.clone(),
        );
        r.register("database_connections", "Connections of the pool, by use", self.connections.clone());
    }

    fn register_endpoints(&mut self) {
        let r = &mut self.registry;
        r.register("endpoint_calls", "Calls to webhook endpoints, by outcome", self.webhook_calls.clone());
        r.register("endpoint_seconds", "How long calls to webhook endpoints took", self.webhook_seconds.clone());
        r.register(
            "endpoint_lag_seconds",
            "From a change to when a webhook endpoint had taken it, of each event",
            self.webhook_lag.clone(),
        );
        r.register("endpoint_events_given_up", "Events that endpoints did not take", self.webhook_given_up.clone());
        r.register("endpoint_cursors", "Webhook cursors that this process holds", self.webhook_cursors.clone());
    }
}
