//! The case, and where it lies on the patient.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::case::Case;
use engine::io::{self, Limits};
use engine::journal::{ReadLimits, RecordedRegistration, case_hash, last_registration};
use engine::measure::Corrections;
use engine::register::{Registration, simulate};
use engine::rehearsal::Scenario;
use engine::volume::Volume;
use geom::{Ct, Patient as PatientFrame, Point, Vector};
use serde_json::{Value, json};

use super::super::live::register_case;
use super::super::register::{centred_guess, read_points, read_transform, registration_json, registration_text};
use super::tracker::Address;
use crate::cli::SessionArguments;
use crate::failure::{Blame, Failure};
use crate::scene_input::Touched;

/// A registered case.
pub struct Patient {
    /// Where the CT lies on the patient, as the journal keeps it.
    pub recorded: RecordedRegistration,
    /// The simulated patient and surgeon, for a simulated tracker.
    pub scenario: Option<Scenario>,
    /// Made now; `None` for one that was read back.
    made: Option<Registration>,
    /// The points it was made from.
    points: Vec<Point<PatientFrame>>,
    targets: Vec<Point<Ct>>,
    true_tre_mm: Option<f64>,
}

impl Patient {
    /// Registers the points that were touched, or those of a simulated surgeon
    /// where the tracker is simulated; or reads a registration back.
    pub fn new(address: &Address, options: &SessionArguments, case: &Case) -> Result<Self, Failure> {
        let scenario = if *address == Address::Simulated { Some(scenario(case, options.seed)?) } else { None };
        let centres = || case.vertebrae.iter().map(|v| v.body_centre).collect();
        let targets = scenario.as_ref().map_or_else(centres, |s| s.targets.clone());
        if options.resume {
            let recorded = read_back(options.journal.as_deref().unwrap_or_else(|| Path::new("")), case)?;
            return Ok(Self { recorded, scenario, made: None, points: Vec::new(), targets, true_tre_mm: None });
        }
        let bone = case.surface_points();
        let (points, initial) = match (&options.points, &scenario) {
            (Some(points), _) => {
                let points = read_points(points)?;
                let initial = options.initial.as_deref().map(read_transform).transpose()?;
                let initial = initial.unwrap_or_else(|| centred_guess(&bone.0, &points));
                (points, initial)
            }
            (None, Some(scenario)) => (scenario.points.clone(), scenario.first_guess),
            (None, None) => {
                let what = "nothing is shown without a registration: give the points touched on the bone with --points and a first guess with --initial, or take the last one of a journal again with --resume";
                return Err(Failure::WrongUse(anyhow::anyhow!(what)));
            }
        };
        let made = register_case(&bone, &points, &initial).bad_input()?;
        let truth = scenario.as_ref().filter(|_| options.points.is_none()).map(|s| s.patient_from_ct);
        let true_tre_mm = truth.map(|truth| simulate::true_tre_mm(&made.patient_from_ct(), &truth, &targets));
        Ok(Self {
            recorded: RecordedRegistration::from(&made),
            scenario,
            made: Some(made),
            points,
            targets,
            true_tre_mm,
        })
    }

    /// What was touched and how it fits; `None` for a registration that was read back.
    pub fn touched(&self) -> Option<Arc<Touched>> {
        self.made.as_ref().map(|made| Arc::new(Touched::new(made, &self.points)))
    }

    /// Standard deviation of the registration at a place of the CT along a
    /// unit direction, mm.
    pub fn deviation_mm(&self, place: Point<Ct>, direction: Vector<Ct>) -> f64 {
        let patient_from_ct = self.recorded.patient_from_ct;
        let along = (patient_from_ct * direction).vector3();
        let covariance = self.recorded.covariance.at_point(patient_from_ct * place);
        along.dot(&(covariance * along)).max(0.0).sqrt()
    }

    /// For machines.
    pub fn json(&self) -> Value {
        match &self.made {
            Some(made) => registration_json(made, &self.targets, self.true_tre_mm),
            None => json!({
                "verdict": self.recorded.verdict.to_string(),
                "rms_mm": self.recorded.rms_mm,
                "patient_from_ct": self.recorded.patient_from_ct.to_row_major(),
                "resumed": true,
            }),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        match &self.made {
            Some(made) => registration_text(made, &self.targets, self.true_tre_mm),
            None => format!(
                "Registration read back, {}, RMS {:.2} mm: it counts after a landmark check",
                self.recorded.verdict, self.recorded.rms_mm
            ),
        }
    }
}

/// The last registration of a journal of the same case.
fn read_back(journal: &Path, case: &Case) -> Result<RecordedRegistration, Failure> {
    let found = last_registration(journal, ReadLimits::default()).bad_input()?;
    let shown = journal.display();
    let (start, recorded) = found
        .ok_or_else(|| anyhow::anyhow!("{shown} holds no registration that still counts: register with --points"))
        .bad_input()?;
    if start.case_hash != case_hash(case) {
        let what = format!("the registration in {shown} was made on another case; give the case of that session");
        return Err(Failure::BadInput(anyhow::anyhow!(what)));
    }
    Ok(recorded)
}

fn scenario(case: &Case, seed: u64) -> Result<Scenario, Failure> {
    let what = "the case holds no whole vertebra that a simulated surgeon could touch; segment more of the spine";
    Scenario::new(&case.labels, seed).ok_or_else(|| anyhow::anyhow!(what)).bad_input()
}

/// Levels that a person renamed: their name in the case's folder, and now.
pub type Renamed = BTreeMap<String, String>;

/// What a file of corrections renames; nothing without a file.
pub fn renamed(corrections: Option<&Path>) -> Result<Renamed, Failure> {
    Ok(corrections.map(Corrections::read).transpose().bad_input()?.unwrap_or_default().levels)
}

/// A case from a folder written by `segment` or from a label map, levels `renamed`, with the CT it
/// was made from where that is given.
pub fn read_case(case: &Path, ct: Option<&Path>, renamed: &Renamed, command: &str) -> Result<Case, Failure> {
    let mut labels = super::super::read_case_labels(case, command)?;
    let corrections = Corrections { levels: renamed.clone(), ..Corrections::default() };
    corrections.rename(&mut labels).bad_input()?;
    let ct = match ct {
        Some(path) => {
            let ct = io::read_ct(path, &Limits::default()).bad_input()?.value;
            if ct.grid.size() != labels.grid.size() {
                let what = format!(
                    "{} has {:?} voxels, the labels have {:?}: give the CT that was segmented",
                    path.display(),
                    ct.grid.size(),
                    labels.grid.size()
                );
                return Err(Failure::BadInput(anyhow::anyhow!(what)));
            }
            ct
        }
        // Without the CT the slices stay black; the bone is what navigation needs.
        None => Volume { hu: vec![-1000.0; labels.grid.len()], grid: labels.grid.clone() },
    };
    let case = Case::from_labels(ct, labels);
    if case.vertebrae.is_empty() {
        return Err(Failure::BadInput(anyhow::anyhow!("the labels hold no vertebra (VerSe numbers 1 to 25, 28)")));
    }
    Ok(case)
}
