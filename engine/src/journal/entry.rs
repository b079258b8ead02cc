//! What the content of each kind of record means.

use geom::{Ct, Nanoseconds, Point};

use super::appender::LossCause;
use super::event_number;
use super::kind::RecordKind;
use super::payload::{Fields, Layout, Payload};
use super::recorded_alignment::RecordedAlignment;
use super::recorded_registration::RecordedRegistration;
use super::recovery::TornTail;
use super::session_start::SessionStart;
use super::words_content;
use crate::level::Level;
use crate::rt::Snapshot;
use crate::safety::{Alarms, Event};
use crate::track::TrackerPacket;

/// Longest text of a note or state, bytes.
const TEXT_BYTES: u16 = 900;
/// Longest correction, bytes: a landmark of a few points.
const CORRECTION_BYTES: u16 = 2000;

/// What the navigation loop was told beside packets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Intent {
    /// Something happened to the session.
    Event(Event),
    /// Alarms raised outside the loop that hold from now on.
    Outside(Alarms),
    /// The followed instrument touches a landmark planned here.
    CheckLandmark(Point<Ct>),
    /// A person has looked which array is on which instrument.
    AcknowledgeTools,
}

impl Intent {
    fn write(&self, payload: &mut Payload) {
        match self {
            Self::Event(event) => payload.u8(0).u8(event_number::number(*event)),
            Self::Outside(alarms) => payload.u8(1).u32(alarms.bits()),
            Self::CheckLandmark(planned) => {
                let [x, y, z] = planned.to_array();
                payload.u8(2).f64(x).f64(y).f64(z)
            }
            Self::AcknowledgeTools => payload.u8(3),
        };
    }
}

/// A record's content with its meaning.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A session begins.
    SessionStart(Box<SessionStart>),
    /// A packet as the loop took it in.
    Packet(Box<TrackerPacket>),
    /// A snapshot as it was published, and when it was to be displayed.
    Snapshot(Box<Snapshot>, Nanoseconds),
    /// The session's step before and after, in words.
    StateChange {
        /// Before.
        from: String,
        /// After.
        to: String,
    },
    /// The alarms that hold, before and after a change.
    Alarm {
        /// Before.
        before: Alarms,
        /// After.
        after: Alarms,
    },
    /// What the loop was told beside packets.
    Intent(Intent),
    /// A registration.
    Registration(Box<RecordedRegistration>),
    /// A remark.
    Note(String),
    /// Records that were not written.
    Lost {
        /// How many.
        count: u64,
        /// Why.
        cause: LossCause,
    },
    /// A torn tail was cut off.
    Recovered(TornTail),
    /// The session ended in order.
    SessionEnd,
    /// A registration of one level.
    LevelRegistration(Level, Box<RecordedRegistration>),
    /// The alignment before and now.
    Alignment(Box<RecordedAlignment>),
    /// What a person corrected by hand, as the JSON of a correction file.
    Correction(String),
}

impl Entry {
    /// The meaning of a record's content.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn decode(kind: RecordKind, content: &[u8]) -> Result<Self, &'static str> {
        let mut fields = Fields::new(content);
        let entry = Self::read(kind, &mut fields)?;
        fields.end()?;
        Ok(entry)
    }

    fn read(kind: RecordKind, fields: &mut Fields<'_>) -> Layout<Self> {
        Ok(match kind {
            RecordKind::SessionStart => Self::SessionStart(Box::new(SessionStart::read(fields)?)),
            RecordKind::Packet => Self::Packet(Box::new(words_content::read(fields)?)),
            RecordKind::Snapshot => {
                let display_time = Nanoseconds(fields.u64()?);
                Self::Snapshot(Box::new(words_content::read(fields)?), display_time)
            }
            RecordKind::StateChange => Self::StateChange { from: fields.text()?.into(), to: fields.text()?.into() },
            RecordKind::Alarm => Self::Alarm { before: alarms(fields)?, after: alarms(fields)? },
            RecordKind::Intent => Self::Intent(match fields.u8()? {
                0 => Intent::Event(event_number::event(fields.u8()?).ok_or("there is no such event")?),
                1 => Intent::Outside(alarms(fields)?),
                2 => Intent::CheckLandmark(Point::new(fields.f64()?, fields.f64()?, fields.f64()?)),
                3 => Intent::AcknowledgeTools,
                _ => return Err("there is no such intent"),
            }),
            RecordKind::Registration => Self::Registration(Box::new(RecordedRegistration::read(fields)?)),
            RecordKind::Note => Self::Note(fields.text()?.into()),
            RecordKind::Lost => Self::Lost {
                count: fields.u64()?,
                cause: match fields.u8()? {
                    1 => LossCause::QueueFull,
                    2 => LossCause::Disk,
                    _ => return Err("there is no such cause of loss"),
                },
            },
            RecordKind::Recovered => {
                Self::Recovered(TornTail { segment: fields.u32()?, offset: fields.u64()?, bytes: fields.u64()? })
            }
            RecordKind::SessionEnd => Self::SessionEnd,
            RecordKind::LevelRegistration => {
                let level = Level::from_number(fields.u8()?).ok_or("there is no such level")?;
                Self::LevelRegistration(level, Box::new(RecordedRegistration::read(fields)?))
            }
            RecordKind::Alignment => Self::Alignment(Box::new(RecordedAlignment::read(fields)?)),
            RecordKind::Correction => Self::Correction(fields.text()?.into()),
        })
    }

    /// Kind and content of the record.
    #[must_use]
    pub fn encode(&self) -> (RecordKind, Payload) {
        let mut payload = Payload::default();
        let kind = match self {
            Self::SessionStart(start) => return (RecordKind::SessionStart, start.payload()),
            Self::Registration(registration) => return (RecordKind::Registration, registration.payload()),
            Self::Packet(packet) => {
                words_content::write(&mut payload, packet.as_ref());
                RecordKind::Packet
            }
            Self::Snapshot(snapshot, display_time) => {
                payload.u64(display_time.0);
                words_content::write(&mut payload, snapshot.as_ref());
                RecordKind::Snapshot
            }
            Self::StateChange { from, to } => {
                payload.text(from, TEXT_BYTES).text(to, TEXT_BYTES);
                RecordKind::StateChange
            }
            Self::Alarm { before, after } => {
                payload.u32(before.bits()).u32(after.bits());
                RecordKind::Alarm
            }
            Self::Intent(intent) => {
                intent.write(&mut payload);
                RecordKind::Intent
            }
            Self::Note(text) => {
                payload.text(text, TEXT_BYTES);
                RecordKind::Note
            }
            Self::Lost { count, cause } => {
                payload.u64(*count).u8(*cause as u8);
                RecordKind::Lost
            }
            Self::Recovered(torn) => {
                payload.u32(torn.segment).u64(torn.offset).u64(torn.bytes);
                RecordKind::Recovered
            }
            Self::SessionEnd => RecordKind::SessionEnd,
            Self::LevelRegistration(level, registration) => {
                payload.u8(level.number()).bytes(registration.payload().as_slice());
                RecordKind::LevelRegistration
            }
            Self::Alignment(alignment) => return (RecordKind::Alignment, alignment.payload()),
            Self::Correction(json) => {
                payload.text(json, CORRECTION_BYTES);
                RecordKind::Correction
            }
        };
        (kind, payload)
    }
}

fn alarms(fields: &mut Fields<'_>) -> Layout<Alarms> {
    Alarms::from_bits(fields.u32()?).ok_or("there is no such alarm")
}
