//! Whom a message from a recipient concerns: found by the sender that it was written to, and by who wrote to its author. Users
//! who did neither are not looked at.

use diesel::sql_types::{BigInt, Text};
use diesel::{ExpressionMethods as _, QueryDsl as _, QueryableByName};
use diesel_async::RunQueryDsl as _;

use crate::domain::ids::OwnerId;
use crate::domain::sender::SenderId;
use crate::store::columns::Guid;
use crate::store::columns::sql::Guid as GuidSql;
use crate::store::error::Failure;
use crate::store::schema::users;
use crate::store::transaction::{Tx, on};

/// An owner, and its last message to a number.
#[derive(QueryableByName)]
struct Contact {
    #[diesel(sql_type = BigInt)]
    owner_id: i64,
    #[diesel(sql_type = GuidSql)]
    last: Guid,
}

/// From owner to owner of those who wrote to the number, along the index: each costs the same however often it wrote.
const CONTACTS: &str = "WITH RECURSIVE wrote (owner_id) AS (\
      SELECT min(owner_id) FROM messages WHERE destination = $1 \
      UNION ALL \
      SELECT (SELECT min(m.owner_id) FROM messages AS m WHERE m.destination = $1 AND m.owner_id > wrote.owner_id) \
        FROM wrote WHERE wrote.owner_id IS NOT NULL) \
    SELECT w.owner_id, (SELECT m.id FROM messages AS m WHERE m.destination = $1 AND m.owner_id = w.owner_id \
      ORDER BY m.id DESC LIMIT 1) AS last FROM wrote AS w WHERE w.owner_id IS NOT NULL";

/// The users whose sender this is, `+` or not, in whatever case.
async fn owners_of(tx: &mut Tx, sender: &str) -> Result<Vec<i64>, Failure> {
    let names = [sender.to_owned(), format!("+{sender}")];
    let names = names.iter().filter_map(|name| SenderId::parse(name).ok());
    let names: Vec<String> = names.map(|name| name.as_str().to_ascii_lowercase()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    // Spelt out, so that the planner sees that the index holds it; an order would have it read another one whole.
    let lower = diesel::dsl::sql::<Text>("lower(sender_name)");
    let query = users::table.filter(lower.eq_any(names)).select(users::id);
    Ok(on!(tx, |c| query.load(c).await?))
}

/// Whom a message to this sender of ours concerns: the owner of the sender; if several have it or none, whoever of
/// them, or of all, wrote last to its author, whose number may be stored in these forms. Never more than one.
pub(super) async fn concerned(tx: &mut Tx, to: &str, forms: Vec<String>) -> Result<Option<OwnerId>, Failure> {
    let owners = owners_of(tx, to).await?;
    if let [only] = owners.as_slice() {
        return Ok(Some(OwnerId(*only)));
    }
    let mut contacts: Vec<Contact> = Vec::new();
    for form in forms {
        let query = diesel::sql_query(CONTACTS).bind::<Text, _>(form);
        contacts.extend(on!(tx, |c| query.load::<Contact>(c).await?));
    }
    let theirs = contacts.iter().filter(|contact| owners.contains(&contact.owner_id));
    let latest = theirs.max_by_key(|contact| contact.last.0);
    let latest = latest.or_else(|| contacts.iter().max_by_key(|contact| contact.last.0));
    Ok(latest.map(|contact| OwnerId(contact.owner_id)))
}
