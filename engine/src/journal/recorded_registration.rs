//! A registration as it is kept in a journal, and read back after a restart.

use std::path::Path;

use geom::nalgebra::Matrix6;
use geom::{Ct, Patient, PoseCovariance, Transform};

use super::entry::{Entry, Intent};
use super::error::JournalError;
use super::kind::RecordKind;
use super::payload::{Fields, Layout, Payload};
use super::reader::{ReadLimits, Reader};
use super::session_start::SessionStart;
use crate::register::{Registration, Verdict};
use crate::safety::Event;

/// Bytes of all reasons together; the content of a record is 2 KiB.
const REASON_BYTES: u16 = 1200;

/// Pose, trust and reasons of a registration.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedRegistration {
    /// The pose.
    pub patient_from_ct: Transform<Patient, Ct>,
    /// Its covariance.
    pub covariance: PoseCovariance,
    /// Its verdict.
    pub verdict: Verdict,
    /// RMS distance of the inliers, mm.
    pub rms_mm: f64,
    /// Points on the bone.
    pub inliers: u32,
    /// The reasons in words, one a line.
    pub reasons: String,
}

impl From<&Registration> for RecordedRegistration {
    fn from(registration: &Registration) -> Self {
        let reasons: Vec<String> = registration.reasons().iter().map(ToString::to_string).collect();
        // As a record keeps it, the lower triangle: a session that uses this one
        // is replayed with the same bits.
        let kept = *registration.covariance();
        let mut matrix = *kept.matrix();
        matrix.fill_upper_triangle_with_lower_triangle();
        Self {
            patient_from_ct: registration.patient_from_ct(),
            covariance: PoseCovariance::new(matrix).unwrap_or(kept),
            verdict: registration.verdict(),
            rms_mm: registration.rms_mm(),
            inliers: u32::try_from(registration.inliers()).unwrap_or(u32::MAX),
            reasons: reasons.join("\n"),
        }
    }
}

impl RecordedRegistration {
    /// As the content of a record; reasons beyond 1200 bytes are cut off.
    #[must_use]
    pub fn payload(&self) -> Payload {
        let mut payload = Payload::default();
        let verdict = match self.verdict {
            Verdict::Accept => 0,
            Verdict::Doubtful => 1,
            Verdict::Reject => 2,
        };
        payload.pose(&self.patient_from_ct).u8(verdict).f64(self.rms_mm).u32(self.inliers);
        for row in 0..6 {
            for column in 0..=row {
                payload.f64(self.covariance.matrix()[(row, column)]);
            }
        }
        payload.text(&self.reasons, REASON_BYTES);
        payload
    }

    pub(super) fn read(fields: &mut Fields<'_>) -> Layout<Self> {
        let patient_from_ct = fields.pose()?;
        let verdict = match fields.u8()? {
            0 => Verdict::Accept,
            1 => Verdict::Doubtful,
            2 => Verdict::Reject,
            _ => return Err("there is no such verdict"),
        };
        let (rms_mm, inliers) = (fields.f64()?, fields.u32()?);
        let mut matrix = Matrix6::zeros();
        for row in 0..6 {
            for column in 0..=row {
                matrix[(row, column)] = fields.f64()?;
                matrix[(column, row)] = matrix[(row, column)];
            }
        }
        let covariance = PoseCovariance::new(matrix).ok_or("its covariance is none")?;
        Ok(Self { patient_from_ct, covariance, verdict, rms_mm, inliers, reasons: fields.text()?.into() })
    }
}

/// The last registration of a journal, with the beginning of its session;
/// `None` when no session of it registered anything, or the last one lost its
/// registration again.
///
/// It may be shown only after a landmark check: give it to the session with
/// [`Event::Restored`](crate::safety::Event::Restored).
///
/// # Errors
/// [`JournalError`]; a torn tail is none. Cost: reads the whole journal.
pub fn last_registration(
    folder: &Path,
    limits: ReadLimits,
) -> Result<Option<(SessionStart, RecordedRegistration)>, JournalError> {
    let mut reader = Reader::open(folder, limits)?;
    let (mut start, mut found) = (None, None);
    while let Some(record) = reader.next() {
        let record = record?;
        if !matches!(record.kind, RecordKind::SessionStart | RecordKind::Registration | RecordKind::Intent) {
            continue;
        }
        match reader.entry(&record)? {
            Entry::SessionStart(begun) => start = Some(*begun),
            Entry::Registration(registration) => found = start.clone().map(|start| (start, *registration)),
            Entry::Intent(Intent::Event(event)) if voids(event) => found = None,
            _ => {}
        }
    }
    Ok(found.filter(|(_, registration)| registration.verdict != Verdict::Reject))
}

/// True for what takes a registration back.
const fn voids(event: Event) -> bool {
    matches!(
        event,
        Event::ImageReady
            | Event::Registered(Verdict::Reject)
            | Event::ReferenceChanged
            | Event::ToolGeometryChanged
            | Event::RegistrationWithdrawn
    )
}
