//! A registration as it is kept in a journal.

use geom::nalgebra::Matrix6;
use geom::{Ct, Patient, PoseCovariance, Transform};

use super::payload::{Fields, Layout, Payload};
use crate::register::{Registration, Verdict};

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
        Self {
            patient_from_ct: registration.patient_from_ct(),
            covariance: *registration.covariance(),
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
