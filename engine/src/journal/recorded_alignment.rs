//! Alignment values as they are kept in a journal, and the same values computed again from its registrations.

use std::path::Path;

use super::entry::Entry;
use super::error::JournalError;
use super::kind::RecordKind;
use super::payload::{Fields, Layout, Payload};
use super::reader::{ReadLimits, Reader};
use crate::measure::follow::{Alignment, Estimate, FOLLOWED, Follower, Placed, Targets};
use crate::measure::{Corrections, Spine};

/// Values of one parameter: before, now, and what the registrations alone add to its standard deviation.
type Values = (Option<Estimate>, Option<Estimate>, Option<f64>);

/// The values of an [`Alignment`], one for each of [`FOLLOWED`], and the landmarks they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedAlignment {
    /// [`Spine::digest`] of the landmarks.
    pub landmarks: [u8; 32],
    /// In the order of [`FOLLOWED`].
    pub values: Vec<Values>,
}

impl RecordedAlignment {
    /// What a journal keeps of the alignment of `follower`.
    #[must_use]
    pub fn new(follower: &Follower, alignment: &Alignment) -> Self {
        let values = alignment.parameters.iter().map(|p| (p.before, p.now, p.registration_sd)).collect();
        Self { landmarks: follower.spine().digest(), values }
    }

    /// As the content of a record.
    #[must_use]
    pub fn payload(&self) -> Payload {
        let mut payload = Payload::default();
        payload.bytes(&self.landmarks).u8(u8::try_from(self.values.len()).unwrap_or(u8::MAX));
        for (before, now, registration_sd) in &self.values {
            for estimate in [before, now] {
                payload.u8(u8::from(estimate.is_some()));
                let Estimate { value, sd } = estimate.unwrap_or(Estimate { value: 0.0, sd: 0.0 });
                payload.f64(value).f64(sd);
            }
            payload.u8(u8::from(registration_sd.is_some())).f64(registration_sd.unwrap_or(0.0));
        }
        payload
    }

    pub(super) fn read(fields: &mut Fields<'_>) -> Layout<Self> {
        let mut landmarks = [0; 32];
        for byte in &mut landmarks {
            *byte = fields.u8()?;
        }
        let count = fields.u8()?;
        let mut values = Vec::new();
        for _ in 0..count {
            let mut estimate = || -> Layout<Option<Estimate>> {
                let is_there = fields.bool()?;
                let estimate = Estimate { value: fields.f64()?, sd: fields.f64()? };
                Ok(is_there.then_some(estimate))
            };
            let (before, now) = (estimate()?, estimate()?);
            let (is_there, registration_sd) = (fields.bool()?, fields.f64()?);
            values.push((before, now, is_there.then_some(registration_sd)));
        }
        Ok(Self { landmarks, values })
    }

    /// The key of the first parameter whose bits differ.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        let bits = |values: &Values| {
            let estimate = |e: Option<Estimate>| e.map(|e| [e.value.to_bits(), e.sd.to_bits()]);
            (estimate(values.0), estimate(values.1), values.2.map(f64::to_bits))
        };
        let pair = |i: usize| (self.values.get(i).map(bits), other.values.get(i).map(bits));
        (0..FOLLOWED.len()).find(|i| pair(*i).0 != pair(*i).1).and_then(|i| FOLLOWED.get(i)).map(|p| p.key)
    }
}

/// What came of computing the alignment again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlignmentReplay {
    /// Alignments in the journal.
    pub found: u64,
    /// Of them, those that came out the same to the last bit.
    pub exact: u64,
    /// Why the first one did not.
    pub difference: Option<String>,
}

/// Computes every alignment of a journal again from the registrations and corrections before it.
///
/// * `spine_of` - the landmarks of the session's case after some corrections, those of its start included.
///
/// # Errors
/// [`JournalError`]; a difference is no error. Cost: reads the whole journal; 5 ms an alignment.
pub fn verify_alignment(
    folder: &Path,
    limits: ReadLimits,
    spine_of: &mut dyn FnMut(&Corrections) -> Result<Spine, String>,
) -> Result<AlignmentReplay, JournalError> {
    let mut reader = Reader::open(folder, limits)?;
    let mut replay = Replay::default();
    while let Some(record) = reader.next() {
        let record = record?;
        if !Replay::READS.contains(&record.kind) {
            continue;
        }
        let entry = reader.entry(&record)?;
        if let Err(why) = replay.take(entry, spine_of) {
            replay.found.difference.get_or_insert(format!("record {}: {why}", record.sequence));
        }
    }
    Ok(replay.found)
}

#[derive(Default)]
struct Replay {
    found: AlignmentReplay,
    whole: Option<Placed>,
    levels: Vec<(crate::level::Level, Placed)>,
    corrections: Corrections,
    spine: Option<Spine>,
}

impl Replay {
    const READS: [RecordKind; 5] = [
        RecordKind::SessionStart,
        RecordKind::Registration,
        RecordKind::LevelRegistration,
        RecordKind::Alignment,
        RecordKind::Correction,
    ];

    fn take(
        &mut self,
        entry: Entry,
        spine_of: &mut dyn FnMut(&Corrections) -> Result<Spine, String>,
    ) -> Result<(), String> {
        match entry {
            Entry::SessionStart(_) => *self = Self { found: std::mem::take(&mut self.found), ..Self::default() },
            Entry::Registration(whole) => {
                self.whole = Some(Placed::from(whole.as_ref()));
                self.levels.clear();
            }
            Entry::LevelRegistration(level, placed) => self.levels.push((level, Placed::from(placed.as_ref()))),
            Entry::Correction(json) => {
                let change: Corrections =
                    serde_json::from_str(&json).map_err(|e| format!("a correction cannot be read: {e}"))?;
                if !change.levels.is_empty() {
                    // Poses of levels carry the old names.
                    self.levels.clear();
                }
                self.corrections.merge(change);
                self.spine = None;
            }
            Entry::Alignment(recorded) => {
                self.found.found += 1;
                let whole = self.whole.ok_or("an alignment stands before any registration")?;
                let spine = match self.spine.take() {
                    Some(spine) => spine,
                    None => spine_of(&self.corrections)?,
                };
                let spine = self.spine.insert(spine).clone();
                let mut follower = Follower::new(spine, whole, Targets::default());
                self.levels.iter().for_each(|(level, placed)| follower.place(*level, *placed));
                let again = RecordedAlignment::new(&follower, &follower.alignment());
                if again.landmarks != recorded.landmarks {
                    return Err(
                        "the landmarks are not those of the session: give its case, --corrections and --femora".into(),
                    );
                }
                if let Some(key) = again.difference(&recorded) {
                    return Err(format!("{key} came out differently"));
                }
                self.found.exact += 1;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_bit_for_bit_and_a_missing_one_stays_missing() {
        let some = |value: f64| Some(Estimate { value, sd: value / 3.0 });
        let kept = RecordedAlignment {
            landmarks: [7; 32],
            values: vec![(some(1.0 / 3.0), None, None), (None, some(-0.0), Some(0.1))],
        };
        let payload = kept.payload();
        let mut fields = Fields::new(payload.as_slice());
        let back = RecordedAlignment::read(&mut fields).unwrap();
        assert!(fields.end().is_ok() && back.difference(&kept).is_none());
        let other = RecordedAlignment { values: vec![(some(1.0 / 3.0), some(0.0), None)], ..kept };
        assert_eq!(back.difference(&other), Some("cobb_deg"));
    }
}
