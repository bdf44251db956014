//! Messages of the system before this one: their ids, and what their words come to.

use jiff::{SignedDuration, Timestamp};
use messaging::domain::imported::{OldStatus, message_id};

#[test]
fn ids_are_the_same_each_time_and_sort_by_time_and_then_by_the_old_id() {
    let first: Timestamp = "2024-05-01T12:00:00.123Z".parse().unwrap();
    let mut made = Vec::new();
    for at in [first, first + SignedDuration::from_millis(1), first + SignedDuration::from_hours(1)] {
        for legacy in [1, 2, 255, 4096, 1 << 31, i64::MAX] {
            let id = message_id(at, legacy).unwrap();
            assert_eq!(message_id(at, legacy), Some(id));
            assert_eq!((id.0.get_version_num(), id.0.get_variant()), (7, uuid::Variant::RFC4122));
            let (seconds, nanos) = id.0.get_timestamp().unwrap().to_unix();
            assert_eq!(
                (seconds, nanos),
                (at.as_second().try_into().unwrap(), at.subsec_nanosecond().try_into().unwrap())
            );
            made.push(id);
        }
    }
    assert!(made.is_sorted_by(|a, b| a < b), "{made:?}");
    assert_eq!(message_id(Timestamp::from_second(-1).unwrap(), 1), None);
}

#[test]
fn words_are_read_whatever_their_case_and_signs() {
    for (word, read) in [
        ("SENT", OldStatus::Sent),
        (" Delivered ", OldStatus::Delivered),
        ("CANCELED", OldStatus::Cancelled),
        ("in_queue", OldStatus::Other),
        ("PENDING", OldStatus::Queued),
        ("Failure", OldStatus::Failed),
        ("", OldStatus::Other),
    ] {
        assert_eq!(OldStatus::read(word), read, "{word}");
    }
}
