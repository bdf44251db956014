//! A write that stopped half way costs no other entry.

use super::{Entry, MessageId, OpenOptions, Spool, Uuid, What};
use std::io::Write as _;

#[tokio::test]
async fn what_a_full_disk_has_torn_takes_no_other_entry_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::open(folder.path()).unwrap();
    let entry = |n| Entry { message: Uuid::from_u128(n), by: None, epoch: None, what: What::Withdrawn };
    let first = spool.keep(vec![entry(1)]).await.unwrap();
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    // Within a character of two bytes, too.
    let torn = b"{\"message\":\"0000\n{\"message\":\"\xc3\n{\"message";
    OpenOptions::new().append(true).open(file).unwrap().write_all(torn).unwrap();
    let second = spool.keep(vec![entry(2)]).await.unwrap();
    drop((first, second, spool));
    let left = Spool::open(folder.path()).unwrap().leftovers().remove(0);
    let ids: Vec<MessageId> = left.entries().map(|(id, _)| id).collect();
    assert_eq!(ids, [1, 2].map(|n| MessageId(Uuid::from_u128(n))));
}

#[tokio::test]
async fn a_folder_that_somebody_took_away_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("spool");
    let spool = Spool::open(&place).unwrap();
    std::fs::remove_dir(&place).unwrap();
    let kept = spool.keep(vec![Entry { message: Uuid::from_u128(1), by: None, epoch: None, what: What::Withdrawn }]);
    drop((kept.await.unwrap(), spool));
    assert_eq!(Spool::open(&place).unwrap().leftovers().remove(0).entries().count(), 1);
}
