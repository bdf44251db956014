//! A call's place, from its admission to its end.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use crate::admission::share::Refused;
use crate::admission::{Admission, Place, Quota, Who};
use crate::domain::at_once::AtOnce;
use crate::domain::ids::OwnerId;
use crate::error::Error;

/// The place that a call holds, and the room for its bytes. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Permit(Arc<Mutex<Taken>>);

/// Ends with the error of a call whose place was given to somebody else.
pub type Notice = Pin<Box<dyn Future<Output = Error> + Send>>;

#[derive(Debug, Default)]
struct Taken {
    place: Option<Place>,
    quota: Option<Quota>,
    room: Option<Place>,
}

impl Permit {
    fn with<T>(&self, f: impl FnOnce(&mut Taken) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a place of this quota for the owner, who may have so much at once, in exchange for the one that it holds.
    pub fn take(&self, admission: &Admission, quota: Quota, owner: (OwnerId, &AtOnce)) -> Result<(), Error> {
        let (owner, at_once) = owner;
        self.put(quota, admission.take(quota, Who::Owner(owner), quota.own(at_once))?);
        Ok(())
    }

    /// The same for somebody without credentials.
    pub fn take_as(&self, admission: &Admission, quota: Quota, who: Who) -> Result<(), Error> {
        self.put(quota, admission.take(quota, who, None)?);
        Ok(())
    }

    fn put(&self, quota: Quota, place: Place) {
        let before = self.with(|held| {
            held.quota = Some(quota);
            held.place.replace(place)
        });
        drop(before);
    }

    /// Ends when the place is taken back; `None` of a call that keeps it until its end.
    #[must_use]
    pub fn notice(&self) -> Option<Notice> {
        let (notice, quota) = self.with(|held| Some((held.place.as_ref()?.notice()?, held.quota?)))?;
        Some(Box::pin(async move {
            notice.cancelled_owned().await;
            quota.refusal(Refused::Whole)
        }))
    }

    /// Keeps the room for the bytes of the request until the call has ended: what they were decoded to is as large.
    pub fn keep(&self, room: Place) {
        self.with(|held| held.room = Some(room));
    }

    /// Gives everything back.
    pub fn leave(&self) {
        self.with(|held| *held = Taken::default());
    }
}
