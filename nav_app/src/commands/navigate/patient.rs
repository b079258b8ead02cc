//! The case, and where it lies on the patient.

use std::path::Path;

use engine::case::Case;
use engine::io::{self, Limits};
use engine::register::{Registration, simulate};
use engine::rehearsal::Scenario;
use engine::volume::Volume;
use geom::{Ct, Point};
use serde_json::Value;

use super::super::live::register_case;
use super::super::register::{centred_guess, read_points, read_transform, registration_json, registration_text};
use super::tracker::Address;
use crate::cli::NavigateArguments;
use crate::failure::{Blame, Failure};

/// A registered case.
pub struct Patient {
    /// Where the CT lies on the patient.
    pub registration: Registration,
    /// The simulated patient and surgeon, for a simulated tracker.
    pub scenario: Option<Scenario>,
    targets: Vec<Point<Ct>>,
    true_tre_mm: Option<f64>,
}

impl Patient {
    /// Registers the points that were touched, or those of a simulated surgeon
    /// where the tracker is simulated.
    pub fn new(address: &Address, options: &NavigateArguments, case: &Case) -> Result<Self, Failure> {
        let scenario = if *address == Address::Simulated { Some(scenario(case, options.seed)?) } else { None };
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
                let what = "nothing is shown without a registration: give the points touched on the bone with --points and a first guess with --initial";
                return Err(Failure::WrongUse(anyhow::anyhow!(what)));
            }
        };
        let registration = register_case(&bone, &points, &initial).bad_input()?;
        let centres = || case.vertebrae.iter().map(|v| v.body_centre).collect();
        let targets = scenario.as_ref().map_or_else(centres, |s| s.targets.clone());
        let truth = scenario.as_ref().filter(|_| options.points.is_none()).map(|s| s.patient_from_ct);
        let true_tre_mm = truth.map(|truth| simulate::true_tre_mm(&registration.patient_from_ct(), &truth, &targets));
        Ok(Self { registration, scenario, targets, true_tre_mm })
    }

    /// For machines.
    pub fn json(&self) -> Value {
        registration_json(&self.registration, &self.targets, self.true_tre_mm)
    }

    /// For people.
    pub fn text(&self) -> String {
        registration_text(&self.registration, &self.targets, self.true_tre_mm)
    }
}

fn scenario(case: &Case, seed: u64) -> Result<Scenario, Failure> {
    let what = "the case holds no whole vertebra that a simulated surgeon could touch; segment more of the spine";
    Scenario::new(&case.labels, seed).ok_or_else(|| anyhow::anyhow!(what)).bad_input()
}

/// A case from a folder written by `segment` or from a label map, with the CT it
/// was made from where that is given.
pub fn read_case(case: &Path, ct: Option<&Path>, command: &str) -> Result<Case, Failure> {
    let labels = super::super::read_case_labels(case, command)?;
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
