//! Contacts that want no messages, page by page.

use super::report::Count;
use super::{Taking, convert, distinct, pretend_homes};
use crate::cli::Failure;
use crate::legacy;
use crate::store::OldKind;

impl Taking<'_> {
    pub(super) async fn take_contacts(&mut self, page: Vec<legacy::Contact>, count: &mut Count) -> Result<(), Failure> {
        let users = distinct(page.iter().filter_map(|contact| contact.user_id));
        let mut owners = self.store.old_users(&users).await.map_err(Failure::other)?;
        self.pretend.iter().for_each(|p| pretend_homes(&mut owners, &p.users, &users));
        let (mut contacts, mut skipped) = (Vec::with_capacity(page.len()), 0);
        for contact in page {
            let id = contact.id;
            match convert::contact(contact, &owners, &self.defaults) {
                Ok(entry) => contacts.push((id, entry)),
                Err(why) => {
                    skipped += 1;
                    writeln!(self.out, "skipped\tContact\t{id}\t{why}").map_err(Failure::other)?;
                }
            }
        }
        let there = contacts.len();
        let new = if self.pretend.is_some() {
            let ids: Vec<i64> = contacts.iter().map(|(id, _)| *id).collect();
            self.unknown(OldKind::Contact, &ids).await?
        } else {
            self.store.import_opt_outs(contacts).await.map_err(Failure::other)?
        };
        count.page(there, new, skipped);
        Ok(())
    }
}
