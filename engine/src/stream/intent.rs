//! What a viewer may ask of the engine: a small closed list.
//!
//! An intent is a frame of kind 2 ([`super::frame`]): head, sender u64, code
//! u8, the code's fields, and 32 bytes of signature over everything before
//! ([`super::key`]). It has no nesting and at most [`MOST_INTENT_BYTES`] bytes.
//!
//! | code | intent | fields |
//! |---|---|---|
//! | 1 | the followed instrument touches a landmark | 3 f64, its place in the CT, mm |
//! | 2 | somebody looked which array is on which instrument | |
//! | 3 | the registration is taken back | |
//! | 4 | the patient reference was changed: registration void | |
//! | 5 | the geometry of an instrument changed: registration void | |
//! | 6 | the session ends | |
//!
//! What only the engine can know (a check has passed, tracking is good, a
//! registration was made) is not among them.

use geom::{Ct, Point};

use super::frame::{FARTHEST_MM, FrameError, FrameHead, FrameKind};
use super::key::{IntentKey, KEY_BYTES};
use crate::journal::{Fields, Intent, Payload};
use crate::safety::Event;

/// Longest intent: head, sender, code, three numbers, signature.
pub const MOST_INTENT_BYTES: usize = 24 + 8 + 1 + 24 + KEY_BYTES;

/// Something a user at a viewer wants.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ViewerIntent {
    /// The followed instrument touches a landmark planned here.
    CheckLandmark(Point<Ct>),
    /// Somebody looked which array is on which instrument.
    AcknowledgeTools,
    /// The registration is taken back.
    WithdrawRegistration,
    /// The patient reference was exchanged or fixed anew.
    ReferenceChanged,
    /// An instrument's geometry changed.
    ToolGeometryChanged,
    /// The session ends.
    Stop,
}

impl ViewerIntent {
    /// What the loop is told.
    #[must_use]
    pub const fn for_loop(self) -> Intent {
        match self {
            Self::CheckLandmark(planned) => Intent::CheckLandmark(planned),
            Self::AcknowledgeTools => Intent::AcknowledgeTools,
            Self::WithdrawRegistration => Intent::Event(Event::RegistrationWithdrawn),
            Self::ReferenceChanged => Intent::Event(Event::ReferenceChanged),
            Self::ToolGeometryChanged => Intent::Event(Event::ToolGeometryChanged),
            Self::Stop => Intent::Event(Event::Stop),
        }
    }

    fn write(self, payload: &mut Payload) {
        match self {
            Self::CheckLandmark(planned) => {
                let [x, y, z] = planned.to_array();
                payload.u8(1).f64(x).f64(y).f64(z)
            }
            Self::AcknowledgeTools => payload.u8(2),
            Self::WithdrawRegistration => payload.u8(3),
            Self::ReferenceChanged => payload.u8(4),
            Self::ToolGeometryChanged => payload.u8(5),
            Self::Stop => payload.u8(6),
        };
    }

    fn read(fields: &mut Fields<'_>) -> Result<Self, &'static str> {
        let intent = match fields.u8()? {
            1 => {
                let place = [fields.f64()?, fields.f64()?, fields.f64()?];
                if place.iter().any(|mm| !mm.is_finite() || mm.abs() > FARTHEST_MM) {
                    return Err("a landmark does not lie in any CT");
                }
                Self::CheckLandmark(place.into())
            }
            2 => Self::AcknowledgeTools,
            3 => Self::WithdrawRegistration,
            4 => Self::ReferenceChanged,
            5 => Self::ToolGeometryChanged,
            6 => Self::Stop,
            _ => return Err("there is no such intent"),
        };
        fields.end()?;
        Ok(intent)
    }
}

/// An intent, who sent it, and where it belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SentIntent {
    /// The engine's session.
    pub session: u64,
    /// A number the sender drew when it started.
    pub sender: u64,
    /// Rises with every intent of the sender.
    pub number: u64,
    /// What is wanted.
    pub intent: ViewerIntent,
}

impl SentIntent {
    /// The signed frame.
    #[must_use]
    pub fn encode(&self, key: &IntentKey) -> Payload {
        let mut payload = FrameHead { kind: FrameKind::Intent, session: self.session, number: self.number }.begin();
        payload.u64(self.sender);
        self.intent.write(&mut payload);
        let signature = key.sign(payload.as_slice());
        payload.bytes(&signature);
        payload
    }

    /// The intent in a signed frame; `None` in place of an error when the
    /// signature is not that of `key`.
    ///
    /// # Errors
    /// [`FrameError`] when the frame is none.
    pub fn decode(bytes: &[u8], key: &IntentKey) -> Result<Option<Self>, FrameError> {
        FrameHead::read(bytes, FrameKind::Intent, MOST_INTENT_BYTES)?;
        let Some((signed, signature)) = bytes.split_last_chunk::<KEY_BYTES>() else {
            return Err(FrameError::Content("it ends early"));
        };
        if !key.is_signed(signed, signature) {
            return Ok(None);
        }
        let (head, mut fields) = FrameHead::read(signed, FrameKind::Intent, MOST_INTENT_BYTES)?;
        let sender = fields.u64().map_err(FrameError::Content)?;
        let intent = ViewerIntent::read(&mut fields).map_err(FrameError::Content)?;
        Ok(Some(Self { session: head.session, sender, number: head.number, intent }))
    }
}
