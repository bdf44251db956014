//! A call's place, from its admission to its end.

use std::sync::{Arc, Mutex, PoisonError};

use crate::admission::{Admission, Place, Quota, Who};
use crate::domain::at_once::AtOnce;
use crate::domain::ids::OwnerId;
use crate::error::Error;

/// The place that a call holds, and the room for its bytes. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Permit(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    place: Option<Place>,
    room: Option<Place>,
}

impl Permit {
    fn with<T>(&self, f: impl FnOnce(&mut Taken) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a place of this quota for the owner, who may have so much at once, in exchange for the one that it holds.
    pub fn take(&self, admission: &Admission, quota: Quota, owner: (OwnerId, &AtOnce)) -> Result<(), Error> {
        let (owner, at_once) = owner;
        let place = admission.take(quota, Who::Owner(owner), quota.own(at_once))?;
        self.with(|held| held.place = Some(place));
        Ok(())
    }

    /// The same for somebody without credentials.
    pub fn take_as(&self, admission: &Admission, quota: Quota, who: Who) -> Result<(), Error> {
        let place = admission.take(quota, who, None)?;
        self.with(|held| held.place = Some(place));
        Ok(())
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
