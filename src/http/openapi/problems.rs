//! The errors that operations answer with: each status with its reasons, once for all operations.

use serde_json::{Value, json};

/// A status that is an error.
pub(super) struct Problem {
    pub(super) status: &'static str,
    /// The name of its answer in the document.
    pub(super) name: &'static str,
    /// When it comes.
    when: &'static str,
    /// Its reasons, the `code` of its body.
    reasons: &'static [&'static str],
    /// The words of its example, whose reason is the first one.
    words: &'static str,
}

/// See the module.
pub(super) static ALL: [Problem; 13] = [
    of("400", "Invalid", "The request cannot be used", &["VALIDATION_ERROR"], "text is required"),
    of(
        "401",
        "Unauthenticated",
        "There are no credentials, or they are worth nothing: words alone; or a token was good until its end",
        &["TOKEN_EXPIRED"],
        "Token expired",
    ),
    of(
        "403",
        "Denied",
        "A scope is missing, or the owner may not use what it names",
        &["SCOPE_REQUIRED", "SENDER_NOT_GRANTED", "ACCOUNT_NOT_GRANTED", "COUNTRY_NOT_ALLOWED"],
        "The credentials lack the scope campaigns",
    ),
    of(
        "404",
        "NotFound",
        "There is no such thing, or it is another owner's",
        &["MESSAGE_NOT_FOUND", "RESOURCE_NOT_FOUND", "ENDPOINT_NOT_FOUND", "KEY_NOT_FOUND"],
        "Message not found: 01M83P4RNSAM3N65TXC54GP8YZ",
    ),
    of("408", "TooSlow", "The body did not come in time", &["BODY_TOO_SLOW"], "The body did not come in time"),
    of(
        "409",
        "Conflict",
        "The request is fine and the world is not; or the first call with this key is still at work, with `Retry-After`",
        &[
            "NO_SENDER",
            "PROVIDER_REJECTED",
            "OPTED_OUT",
            "MESSAGE_STATE",
            "MESSAGE_MAY_DUPLICATE",
            "MESSAGE_ERASED",
            "MESSAGE_EXPIRED",
            "CAMPAIGN_STATE",
            "CAMPAIGN_STARTED",
            "CAMPAIGN_EMPTY",
            "COUNT_CHANGED",
            "TOO_MANY_MESSAGES",
            "WEBHOOKS_OFF",
            "TOO_MANY_ENDPOINTS",
            "ENDPOINT_DISABLED",
            "TOO_MANY_REPLAYS",
            "ERASING_OFF",
            "ACCOUNT_NOT_HELD",
            "TOO_MANY_GRANTS",
            "NOT_GRANTED",
            "IDEMPOTENCY_KEY_IN_FLIGHT",
        ],
        "No valid sender configured (user or env)",
    ),
    of("413", "TooLarge", "The body is too long", &["BODY_TOO_LARGE"], "The body is longer than 4194304 bytes"),
    of(
        "415",
        "MediaType",
        "The body is of another type",
        &["UNSUPPORTED_MEDIA_TYPE"],
        "The body must be application/json, and Content-Type say so",
    ),
    of(
        "422",
        "KeyReused",
        "The idempotency key was used with other content",
        &["IDEMPOTENCY_KEY_REUSED"],
        "The idempotency key was used with other content",
    ),
    of(
        "429",
        "Throttled",
        "The owner, or the address, has as much in hand as one may have now; the owner's limit of spending is used up; or the \
         provider asks to slow down. Mostly with `Retry-After`",
        &[
            "TOO_MANY_CALLS_OF_ONE_OWNER",
            "TOO_MANY_WATCHES_OF_ONE_OWNER",
            "TOO_MANY_UPLOADS_OF_ONE_OWNER",
            "TOO_MANY_REFRESHES_OF_ONE_OWNER",
            "TOO_MANY_BYTES_OF_ONE_OWNER",
            "TOO_MANY_FAILURES_OF_ONE_ADDRESS",
            "SPEND_LIMIT",
            "NUMBER_LIMIT",
            "PROVIDER_THROTTLED",
        ],
        "This owner has as many calls in hand as one may have now: 64. End some, or try again.",
    ),
    of("500", "Internal", "A fault of the service", &["INTERNAL_ERROR"], "Internal error"),
    of(
        "503",
        "Unavailable",
        "Try again after `Retry-After`",
        &[
            "DATABASE_UNAVAILABLE",
            "STORAGE_FULL",
            "PROVIDER_UNAVAILABLE",
            "PROVIDER_ACCOUNT_BLOCKED",
            "TOO_MANY_CALLS",
            "TOO_MANY_WATCHES",
            "TOO_MANY_UPLOADS",
            "TOO_MANY_REFRESHES",
            "TOO_MANY_BYTES",
            "STOPPING",
        ],
        "The service's database is out of reach or takes no write. Try again, with the same idempotency key.",
    ),
    of(
        "504",
        "TimedOut",
        "The answer took too long; repeat the call with the same key",
        &["TIMED_OUT"],
        "The answer took too long; repeat the call, with the same idempotency key",
    ),
];

const fn of(
    status: &'static str,
    name: &'static str,
    when: &'static str,
    reasons: &'static [&'static str],
    words: &'static str,
) -> Problem {
    Problem { status, name, when, reasons, words }
}

impl Problem {
    /// The status that a reason comes with.
    pub(super) fn with(reason: &str) -> Option<&'static Self> {
        ALL.iter().find(|problem| problem.reasons.contains(&reason))
    }

    /// The answer, with all reasons that there are.
    pub(super) fn answer(&self) -> Value {
        let example = self.reasons.first().map(|code| json!({"message": self.words, "code": code}));
        let mut answer = json!({"description": told(self.when, self.reasons), "content": {"application/json": {
            "schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}});
        if let (Value::Object(answer), "429" | "503") = (&mut answer, self.status) {
            let header =
                json!({"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}});
            answer.insert("headers".to_owned(), header);
        }
        answer
    }

    /// A reference to the answer from an operation that has these of its reasons; none stands for any.
    pub(super) fn reference(&self, reasons: &[&str]) -> Value {
        let target = format!("#/components/responses/{}", self.name);
        if reasons.is_empty() {
            return json!({"$ref": target});
        }
        json!({"$ref": target, "description": told(self.name, reasons)})
    }
}

fn told(when: &str, reasons: &[&str]) -> String {
    format!("{when}: `{}`.", reasons.join("`, `"))
}
