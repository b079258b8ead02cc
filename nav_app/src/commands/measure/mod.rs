//! `measure`: alignment of the spine from a case or a label map.

pub mod picture;
pub mod table;

use std::path::Path;

use engine::io::{self, Limits};
use engine::measure::follow::{Alignment, Follower, Placed, PlacedFile, Targets};
use engine::measure::numbering::{Numbering, to_verse};
use engine::measure::projection::View;
use engine::measure::{Corrections, FEMUR_LEFT, FEMUR_RIGHT, Posture, Report, Spine, measure};
use engine::register::Verdict;
use engine::volume::LabelMap;
use geom::{PoseCovariance, Transform};
use serde_json::json;

use super::alignment::table as alignment_table;
use crate::cli::{MeasureArguments, NumberingChoice, PostureChoice};
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// What is measured, and how the patient was placed.
pub struct Request<'a> {
    pub case: &'a Path,
    pub numbering: NumberingChoice,
    pub femora: Option<&'a Path>,
    pub corrections: Option<&'a Path>,
    pub posture: PostureChoice,
}

/// The labels in VerSe numbers, with the femora; no level is renamed yet.
pub fn read_for(request: &Request<'_>) -> Result<LabelMap, Failure> {
    let mut labels = super::read_case_labels(request.case, "measure")?;
    let numbering = match request.numbering {
        NumberingChoice::Verse => Numbering::Verse,
        NumberingChoice::Totalsegmentator => Numbering::TotalSegmentator,
    };
    to_verse(&mut labels, numbering);
    if let Some(path) = request.femora {
        let other = io::read_labels(path, &Limits::default()).bad_input()?.value;
        add_femora(&mut labels, &other).bad_input()?;
    }
    Ok(labels)
}

/// Labels with corrected names, the spine found in them, and its measures.
pub fn measured(request: &Request<'_>) -> Result<(LabelMap, Spine, Report), Failure> {
    let mut labels = read_for(request)?;
    let corrections = match request.corrections {
        Some(path) => Corrections::read(path).bad_input()?,
        None => Corrections::default(),
    };
    let posture = match request.posture {
        PostureChoice::Supine => Posture::Supine,
        PostureChoice::Standing => Posture::Standing,
    };
    let (spine, report) = measure(&mut labels, &corrections, posture).bad_input()?;
    if spine.vertebrae.is_empty() {
        let path = request.case.display();
        return Err(Failure::BadInput(anyhow::anyhow!(
            "{path} holds no vertebra with a body; give a label map with VerSe numbers (or --numbering totalsegmentator)"
        )));
    }
    Ok((labels, spine, report))
}

/// Runs the command.
pub fn run(options: &MeasureArguments) -> Result<Output, Failure> {
    let (labels, spine, report) = measured(&Request {
        case: &options.case,
        numbering: options.numbering,
        femora: options.femora.as_deref(),
        corrections: options.landmarks.as_deref(),
        posture: options.posture,
    })?;
    let mut json = report.to_json();
    let mut text = table::table(&report);
    let alignment = followed(options, &spine)?;
    if let Some((alignment, warning)) = &alignment {
        json["alignment"] = json!(alignment);
        text = format!("{text}\n{}", alignment_table::lines(alignment).join("\n"));
        warning.iter().for_each(|warning| text = format!("{text}\n  {warning}"));
    }
    if let Some(folder) = &options.out {
        std::fs::create_dir_all(folder).bad_input()?;
        let mut files = Vec::new();
        for (view, name) in [(View::Sagittal, "sagittal.svg"), (View::Coronal, "coronal.svg")] {
            let file = folder.join(name);
            std::fs::write(&file, picture::svg(&labels, &spine, &report, view)?).internal()?;
            files.push(file.display().to_string());
        }
        if let Some((alignment, _)) = &alignment {
            let file = folder.join("alignment.json");
            std::fs::write(&file, format!("{:#}\n", json!(alignment))).internal()?;
            files.push(file.display().to_string());
        }
        let file = folder.join("measures.json");
        files.push(file.display().to_string());
        json["files"] = json!(files);
        std::fs::write(&file, format!("{json:#}\n")).internal()?;
        text = format!("{text}\nWritten: {}", files.join(", "));
    } else {
        json["files"] = json!([]);
    }
    Ok(Output { json, text, is_refused: false })
}

/// The alignment with levels where a file has them, and what the file lacks.
fn followed(options: &MeasureArguments, spine: &Spine) -> Result<Option<(Alignment, Option<String>)>, Failure> {
    if options.moved.is_none() && options.alignment_target.is_none() {
        return Ok(None);
    }
    let targets = options.alignment_target.as_deref().map(Targets::read).transpose().bad_input()?;
    let file = options.moved.as_deref().map(PlacedFile::read).transpose().bad_input()?;
    let as_in_the_ct =
        Placed { patient_from_ct: Transform::identity(), covariance: PoseCovariance::zero(), verdict: Verdict::Accept };
    let whole = file.as_ref().map_or(as_in_the_ct, |file| file.whole);
    let mut follower = Follower::new(spine.clone(), whole, targets.unwrap_or_default());
    file.iter().flat_map(|file| &file.levels).for_each(|(level, placed)| follower.place(*level, *placed));
    let lacks = file.is_some_and(|file| file.lacks_covariance);
    let warning = lacks.then(|| "A pose came without its covariance: its error is not in the values now.".to_owned());
    Ok(Some((follower.alignment(), warning)))
}

/// Takes the femora of another label map of the same scan: 75 left and 76
/// right, or 2 for both as `segment` writes them into other_bones.nii.gz.
fn add_femora(labels: &mut LabelMap, other: &LabelMap) -> anyhow::Result<()> {
    if labels.grid != other.grid {
        anyhow::bail!("the femora's map has {}, the spine's {}; they must be of one scan", other.grid, labels.grid);
    }
    let has_sides = other.labels.iter().any(|l| [FEMUR_LEFT, FEMUR_RIGHT].contains(l));
    let [nx, ny, _] = other.grid.size();
    let left_mm = |i: usize| {
        let voxel = [(i % nx) as f64, (i / nx % ny) as f64, (i / (nx * ny)) as f64];
        other.grid.to_ct(voxel.into()).to_array()[0]
    };
    let spine: Vec<f64> = (0..labels.labels.len()).step_by(7).filter(|i| labels.labels[*i] != 0).map(left_mm).collect();
    let middle = spine.iter().sum::<f64>() / spine.len().max(1) as f64;
    for (i, (label, femur)) in labels.labels.iter_mut().zip(&other.labels).enumerate().filter(|(_, (l, _))| **l == 0) {
        *label = match *femur {
            FEMUR_LEFT | FEMUR_RIGHT => *femur,
            2 if !has_sides && left_mm(i) > middle => FEMUR_LEFT,
            2 if !has_sides => FEMUR_RIGHT,
            _ => continue,
        };
    }
    Ok(())
}
