//! `segment`: a CT into labels, confidences and surfaces.

use std::path::Path;
use std::str::FromStr;

use engine::case::Case;
use engine::io::{self, Limits};
use engine::level::Level;
use engine::segment::metrics::{Comparison, compare};
use engine::segment::{self, Progress, SegmentError};
use kernels::Device;
use serde_json::{Value, json};

use crate::cli::SegmentArguments;
use crate::failure::{Blame, Failure};
use crate::quantile::{quantile, sorted};
use crate::report::{Output, Stages, stage_table};

/// Which vertebra the user means.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Vertebra {
    /// Counted from the head, from 1.
    Index(usize),
    /// By the level it was given.
    Named(Level),
    /// The one whose body is nearest to a place, LPS mm.
    Near([f64; 3]),
}

/// A level that the user gives to a vertebra: `3=L2`, `L1=L2` or `X,Y,Z=L2`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelChoice {
    vertebra: Vertebra,
    level: Level,
}

impl FromStr for LevelChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (which, name) = text.split_once('=').ok_or("write VERTEBRA=LEVEL, such as 3=L2")?;
        let level = Level::from_name(name).ok_or_else(|| format!("{name} is no level; levels are C1 to L6 and T13"))?;
        let numbers: Result<Vec<f64>, _> = which.split(',').map(|v| v.trim().parse()).collect();
        let numbers = numbers.unwrap_or_default();
        let vertebra = match (which.parse(), Level::from_name(which), numbers.as_slice()) {
            (Ok(index), _, _) => Vertebra::Index(index),
            (_, Some(named), _) => Vertebra::Named(named),
            (_, _, &[x, y, z]) if [x, y, z].iter().all(|v| v.is_finite()) => Vertebra::Near([x, y, z]),
            _ => {
                return Err(format!(
                    "{which} is no vertebra; write its number from the head, its level, or X,Y,Z in mm"
                ));
            }
        };
        Ok(Self { vertebra, level })
    }
}

impl LevelChoice {
    /// Number of the meant vertebra from the head, from 1.
    fn index(&self, case: &Case) -> anyhow::Result<usize> {
        let vertebrae = || case.vertebrae.iter().enumerate();
        let found = match self.vertebra {
            Vertebra::Index(index) => return Ok(index),
            Vertebra::Named(level) => vertebrae().find(|(_, v)| v.level == level),
            Vertebra::Near(place) => vertebrae().min_by(|(_, a), (_, b)| {
                a.body_centre.distance(place.into()).total_cmp(&b.body_centre.distance(place.into()))
            }),
        };
        let names: Vec<String> = case.vertebrae.iter().map(|v| v.level.to_string()).collect();
        let (index, _) = found.ok_or_else(|| anyhow::anyhow!("no such vertebra; found were {}", names.join(" ")))?;
        Ok(index + 1)
    }
}

/// Runs the command.
pub fn run(options: &SegmentArguments, quiet: bool) -> Result<Output, Failure> {
    let device = super::device(options.device)?;
    let method = super::method(&options.model, options.mode)?;
    let mut stages = Stages::new(quiet);
    stages.stage("read");
    let loaded = super::untrusted::read_ct(&options.ct, options.untrusted)?;
    let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let found = segment::segment_with_bones(loaded.value, &method, device.as_ref(), &mut stages).map_err(blame)?;
    let mut case = found.case;
    if let Some(choice) = &options.set_level {
        let index = choice.index(&case).bad_input()?;
        segment::set_level(&mut case, index, choice.level).bad_input()?;
    }
    stages.stage("write");
    let mut files = write_case(&case, &options.out)?;
    if let Some(bones) = &found.other_bones {
        let path = options.out.join("other_bones.nii.gz");
        io::nifti::write_labels(&path, bones).internal()?;
        files.push(path.display().to_string());
    }
    let comparison = match &options.truth {
        Some(path) => {
            stages.stage("compare");
            let truth = io::read_labels(path, &Limits::default()).bad_input()?;
            warnings.extend(truth.warnings.iter().map(ToString::to_string));
            Some(compare(&case.labels, &truth.value).bad_input()?)
        }
        None => None,
    };
    let (stages, total_ms) = stages.finish();
    let mut json = json!({
        "stages": stages,
        "total_ms": total_ms,
        "device": device.description(),
        "model": options.model,
        "mode": mode_of(&method),
        "vertebrae": vertebrae_json(&case),
        "levels_are_anchored": case.levels_are_anchored,
        "warnings": warnings,
        "files": files,
    });
    if let Some(comparison) = &comparison {
        add_comparison(&mut json, comparison);
    }
    let text = format!(
        "{}{}\n{}{}\nWritten to {}",
        warnings.iter().map(|w| format!("Warning: {w}\n")).collect::<String>(),
        vertebrae_table(&case),
        stage_table(&stages, total_ms),
        comparison.as_ref().map_or(String::new(), |c| format!(
            "\nDice: all vertebrae {:.3}, mean a level {:.3}",
            c.column.dice, c.dice_mean
        )),
        options.out.display()
    );
    Ok(Output { json, text, is_refused: false })
}

/// How the network is run; `null` without one.
fn mode_of(method: &segment::Method) -> Value {
    match method {
        segment::Method::Network(system) => json!(system.mode().to_string()),
        segment::Method::Threshold => Value::Null,
    }
}

/// Segments and sorts the errors by whose fault they are.
pub fn segment_ct(
    ct: engine::volume::Volume,
    method: &segment::Method,
    device: &dyn Device,
    progress: &mut dyn Progress,
) -> Result<Case, Failure> {
    segment::segment(ct, method, device, progress).map_err(blame)
}

/// Whose fault it is.
fn blame(error: SegmentError) -> Failure {
    match error {
        SegmentError::NoSpine { .. }
        | SegmentError::NoLumbarSpine { .. }
        | SegmentError::NoHounsfield { .. }
        | SegmentError::Grid(_) => Failure::BadInput(error.into()),
        other => Failure::Internal(other.into()),
    }
}

/// Writes labels.nii.gz, confidence.json and one STL a vertebra.
pub fn write_case(case: &Case, folder: &Path) -> Result<Vec<String>, Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|e| anyhow::anyhow!("cannot create {}: {e}", folder.display()))
        .bad_input()?;
    let mut files = vec![folder.join("labels.nii.gz"), folder.join("confidence.json")];
    io::nifti::write_labels(&files[0], &case.labels).internal()?;
    let confidence = json!({ "vertebrae": vertebrae_json(case), "levels_are_anchored": case.levels_are_anchored });
    std::fs::write(&files[1], format!("{confidence:#}\n")).internal()?;
    for vertebra in &case.vertebrae {
        let path = folder.join(format!("{}.stl", vertebra.level));
        io::stl::write(&path, &vertebra.mesh).internal()?;
        files.push(path);
    }
    Ok(files.iter().map(|f| f.display().to_string()).collect())
}

/// The vertebrae for machines.
pub fn vertebrae_json(case: &Case) -> Value {
    let one = |v: &engine::case::Vertebra| {
        json!({
            "label": v.level.to_string(),
            "number": v.level.number(),
            "voxels": v.voxels,
            "volume_mm3": v.volume_mm3,
            "confidence": v.confidence,
            "is_certain": v.confidence >= 0.5,
            "doubts": v.doubts,
            "body_centre_mm": v.body_centre.to_array(),
            "surface_error_mm": surface_error(v),
        })
    };
    case.vertebrae.iter().map(one).collect()
}

/// Expected distance of the surface to the bone, over its points, mm; `null` where nothing is known.
fn surface_error(vertebra: &engine::case::Vertebra) -> Value {
    let errors = sorted(vertebra.surface_error_mm.iter().map(|e| f64::from(*e)));
    json!(quantile(&errors, 0.5).zip(quantile(&errors, 0.95)).map(|(p50, p95)| json!({ "p50": p50, "p95": p95 })))
}

/// The vertebrae for people.
pub fn vertebrae_table(case: &Case) -> String {
    let row = |v: &engine::case::Vertebra| {
        let doubts: Vec<String> = v.doubts.iter().map(ToString::to_string).collect();
        format!(
            "  {:4} {:7.1} cm^3  confidence {:.2}  {}",
            v.level.to_string(),
            v.volume_mm3 / 1000.0,
            v.confidence,
            doubts.join("; ")
        )
    };
    let mut rows: Vec<String> = case.vertebrae.iter().map(row).collect();
    let count = rows.len();
    let is_unsure =
        |v: &engine::case::Vertebra| v.doubts.iter().any(|d| matches!(d, segment::Doubt::LevelUncertain { .. }));
    if case.vertebrae.iter().any(is_unsure) {
        rows.push("  Where a name is not sure: count the levels on the images.".to_owned());
    }
    format!("{count} vertebrae:\n{}", rows.join("\n"))
}

fn add_comparison(json: &mut Value, comparison: &Comparison) {
    let by_level = |value: fn(&segment::metrics::Agreement) -> Value| -> Value {
        comparison.levels.iter().map(|(name, a)| (name.clone(), value(a))).collect::<serde_json::Map<_, _>>().into()
    };
    json["dice_mean"] = json!(comparison.dice_mean);
    json["matched_dice_mean"] = json!(comparison.matched_dice_mean);
    json["column"] = json!(comparison.column);
    json["dice"] = by_level(|a| json!(a.dice));
    json["assd_mm"] = by_level(|a| json!(a.assd_mm));
    json["hd95_mm"] = by_level(|a| json!(a.hd95_mm));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vertebra_is_meant_by_number_name_or_place() {
        let level = Level::from_name("L2").unwrap();
        let choice = |text: &str| text.parse::<LevelChoice>().map(|c| c.vertebra);
        assert_eq!(choice("3=L2"), Ok(Vertebra::Index(3)));
        assert_eq!(choice("l1=L2"), Ok(Vertebra::Named(Level::from_name("L1").unwrap())));
        assert_eq!(choice("10,-120.5,350=L2"), Ok(Vertebra::Near([10.0, -120.5, 350.0])));
        assert_eq!("3=l2".parse::<LevelChoice>().unwrap().level, level);
        assert!(choice("3").unwrap_err().contains("3=L2"));
        assert!(choice("3=Q1").unwrap_err().contains("Q1"));
        assert!(choice("1,nan,2=L1").is_err());
    }
}
