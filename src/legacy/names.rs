//! The names that the old tables and columns may have, the likeliest first. Case and underscores do not count:
//! `providerMessageId` is `provider_message_id`. The table in `docs/migrating.md` is held to this one by a test.

/// A table of the old database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Its users.
    User,
    /// Its contacts, of which those are taken that want no messages. Not every old system has it.
    Contact,
    /// Its campaigns.
    Campaign,
    /// Its messages.
    CampaignMessage,
}

/// The tables, in the order in which they are taken, with the names they may have.
pub const TABLES: [(Table, &[&str]); 4] = [
    (Table::User, &["User", "Users"]),
    (Table::Contact, &["Contact", "Contacts"]),
    (Table::Campaign, &["Campaign", "Campaigns"]),
    (Table::CampaignMessage, &["CampaignMessage", "CampaignMessages", "Message", "Messages"]),
];

impl Table {
    /// Its name, as `--map` and the report give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Contact => "Contact",
            Self::Campaign => "Campaign",
            Self::CampaignMessage => "CampaignMessage",
        }
    }

    /// Whether everything else is taken if it is not there.
    pub(super) fn optional(self) -> bool {
        self == Self::Contact
    }
}

/// The kind of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// A whole number.
    Id,
    /// Text, or an enum.
    Text,
    /// A point in time; without a zone it is UTC, as Prisma writes it.
    Time,
}

/// A column that is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The table that it is in.
    pub table: Table,
    /// Its name here and in `--map`.
    pub name: &'static str,
    /// The kind of its values.
    pub holds: Holds,
    /// Whether nothing can be taken without it.
    pub required: bool,
    /// The names that it may have, the likeliest first.
    pub names: &'static [&'static str],
}

const fn f(table: Table, name: &'static str, holds: Holds, required: bool, names: &'static [&'static str]) -> Field {
    Field { table, name, holds, required, names }
}

use Holds::{Id, Text, Time};
use Table::{Campaign, CampaignMessage, Contact, User};

/// Every column that is looked for. Nothing else is read.
pub const FIELDS: &[Field] = &[
    f(User, "id", Id, true, &["id", "userId"]),
    f(User, "name", Text, false, &["name", "fullName", "displayName", "username", "company"]),
    f(User, "email", Text, false, &["email", "emailAddress"]),
    f(User, "sender", Text, false, &["senderName", "sender", "senderId", "defaultSender"]),
    f(User, "createdAt", Time, false, &["createdAt", "created"]),
    f(Contact, "id", Id, true, &["id", "contactId"]),
    f(Contact, "userId", Id, true, &["userId", "ownerId", "createdById"]),
    f(
        Contact,
        "phone",
        Text,
        true,
        &["phone", "phoneNumber", "msisdn", "mobile", "number", "to", "destination", "recipient"],
    ),
    f(Contact, "unsubscribed", Text, false, &["unsubscribed", "isUnsubscribed", "optedOut", "optOut", "isOptedOut"]),
    f(Contact, "unsubscribedAt", Time, false, &["unsubscribedAt", "optedOutAt", "optOutAt"]),
    f(Campaign, "id", Id, true, &["id", "campaignId"]),
    f(Campaign, "userId", Id, true, &["userId", "ownerId", "createdById", "authorId"]),
    f(Campaign, "name", Text, false, &["name", "title", "label"]),
    f(Campaign, "text", Text, false, &["text", "message", "messageText", "content", "body", "template"]),
    f(Campaign, "sender", Text, false, &["sender", "senderName", "senderId", "from"]),
    f(Campaign, "status", Text, false, &["status", "state"]),
    f(Campaign, "createdAt", Time, false, &["createdAt", "created"]),
    f(Campaign, "updatedAt", Time, false, &["updatedAt", "updated", "modifiedAt"]),
    f(CampaignMessage, "id", Id, true, &["id"]),
    f(CampaignMessage, "campaignId", Id, false, &["campaignId"]),
    f(CampaignMessage, "userId", Id, false, &["userId", "ownerId"]),
    f(
        CampaignMessage,
        "to",
        Text,
        true,
        &["to", "destination", "recipient", "phone", "phoneNumber", "msisdn", "mobile", "number", "toNumber"],
    ),
    f(CampaignMessage, "text", Text, false, &["text", "message", "messageText", "content", "body"]),
    f(CampaignMessage, "sender", Text, false, &["sender", "senderName", "senderId", "from"]),
    f(CampaignMessage, "status", Text, true, &["status", "state", "internalStatus"]),
    f(
        CampaignMessage,
        "providerMessageId",
        Text,
        false,
        &["providerMessageId", "providerId", "mittoMessageId", "mittoId", "messageId", "externalId"],
    ),
    f(CampaignMessage, "providerStatus", Text, false, &["providerStatus", "deliveryStatus", "mittoStatus"]),
    f(CampaignMessage, "trafficAccountId", Text, false, &["trafficAccountId", "accountId"]),
    f(CampaignMessage, "error", Text, false, &["error", "errorMessage", "failureReason", "failReason"]),
    f(CampaignMessage, "createdAt", Time, true, &["createdAt", "created", "queuedAt"]),
    f(CampaignMessage, "sentAt", Time, false, &["sentAt", "sent"]),
    f(CampaignMessage, "deliveredAt", Time, false, &["deliveredAt", "delivered"]),
    f(CampaignMessage, "failedAt", Time, false, &["failedAt", "failed"]),
    f(CampaignMessage, "updatedAt", Time, false, &["updatedAt", "updated", "modifiedAt"]),
];

/// A name without what does not count.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}
