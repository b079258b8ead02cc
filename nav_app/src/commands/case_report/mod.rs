//! `report`: one page about a case, to be read or printed.
//!
//! Puts together what other commands found; measures are made anew from the
//! labels, nothing else is computed. The page needs no other file and loads
//! nothing.

mod followed;
mod page;
mod reference;
mod slices;

use std::path::{Path, PathBuf};

use engine::io::{self, Limits};
use engine::measure::projection::View;
use engine::measure::{Report, Spine};
use engine::stream::description::hexadecimal;
use engine::volume::LabelMap;
use geom::Point;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::alignment::read_alignment;
use super::measure::{Request, measured, picture};
use crate::cli::{NumberingChoice, ReportArguments};
use crate::failure::{Blame, Failure};
use crate::page::{png_file_uri, write_report};
use crate::report::Output;

/// Larger files are none that SpineNav wrote.
const MOST_BYTES: u64 = 32 << 20;

/// What `register --json` printed, as far as the page tells it.
#[derive(Debug, Deserialize)]
pub struct Registered {
    verdict: String,
    #[serde(default)]
    reasons: Vec<String>,
    rms_mm: f64,
    points: usize,
    inliers: usize,
    predicted_tre_mm: Option<f64>,
    predicted_tre_95_mm: Option<f64>,
    true_tre_mm: Option<f64>,
}

/// A vertebra of the case's confidence.json.
#[derive(Debug, Deserialize)]
pub struct Confident {
    label: String,
    volume_mm3: f64,
    confidence: f64,
    doubts: Vec<String>,
    surface_error_mm: Option<SurfaceError>,
}

#[derive(Debug, Deserialize)]
struct SurfaceError {
    p50: f64,
    p95: f64,
}

#[derive(Debug, Deserialize)]
struct Confidence {
    vertebrae: Vec<Confident>,
    levels_are_anchored: bool,
}

/// A picture and what it shows.
pub struct Picture {
    pub caption: String,
    /// An `<img>` or `<svg>` element.
    pub element: String,
}

/// Runs the command.
pub fn run(options: &ReportArguments) -> Result<Output, Failure> {
    if !options.case.is_dir() {
        let path = options.case.display();
        return Err(Failure::BadInput(anyhow::anyhow!(
            "{path} is no folder; report needs one written by `segment`: spinenav segment CT --out {path}"
        )));
    }
    let in_case = |given: &Option<PathBuf>, name: &str| {
        given.clone().or_else(|| Some(options.case.join(name)).filter(|path| path.exists()))
    };
    let (ct, femora) = (in_case(&options.ct, "ct.nii.gz"), in_case(&options.femora, "other_bones.nii.gz"));
    let registration: Option<Registered> = in_case(&options.registration, "registration.json")
        .map(|path| read_json(&path, "a registration (`register --json`)"))
        .transpose()?;
    let alignment = in_case(&options.alignment, "alignment.json").map(|path| read_alignment(&path)).transpose()?;
    let confidence: Confidence =
        read_json(&options.case.join("confidence.json"), "the confidences that `segment` writes")?;
    let (labels, spine, report) = measured(&Request {
        case: &options.case,
        numbering: NumberingChoice::Verse,
        femora: femora.as_deref(),
        corrections: options.landmarks.as_deref(),
        posture: options.posture,
    })?;
    let mut pictures = scene_picture(&options.case);
    if let Some(path) = &ct {
        let volume = io::read_ct(path, &Limits::default()).bad_input()?.value;
        let bodies: Vec<_> = spine.vertebrae.iter().map(|v| Point::from_vector3(v.centre)).collect();
        pictures.extend(slices::pictures(&volume, &labels, &bodies)?.into_iter().map(page::slice));
    }
    pictures.extend(bone_pictures(&labels, &spine, &report)?);
    let files = hashes(&[Some(options.case.join("labels.nii.gz")), ct, femora])?;
    let html = page::page(&page::Content {
        case: options.case.file_name().map_or_else(|| "case".into(), |name| name.to_string_lossy().into_owned()),
        report: &report,
        vertebrae: &confidence.vertebrae,
        levels_are_anchored: confidence.levels_are_anchored,
        registration: registration.as_ref(),
        alignment: alignment.as_ref(),
        pictures: &pictures,
        files: &files,
    });
    let out = options.out.clone().unwrap_or_else(|| options.case.join("report.html"));
    write_report(&out, &html)?;
    let measured = report.parameters.iter().filter(|(_, measure)| measure.is_ok()).count();
    Ok(Output {
        json: json!({ "file": out, "pictures": pictures.len(), "parameters_measured": measured,
                      "vertebrae": confidence.vertebrae.len(), "has_registration": registration.is_some(),
                      "has_alignment": alignment.is_some() }),
        text: format!(
            "{}: {} vertebrae, {measured} of {} parameters, {} pictures. Print it from a browser for a PDF.",
            out.display(),
            confidence.vertebrae.len(),
            report.parameters.len(),
            pictures.len()
        ),
        is_refused: false,
    })
}

/// The bone from the left and from the front, with what was measured on it.
fn bone_pictures(labels: &LabelMap, spine: &Spine, report: &Report) -> Result<Vec<Picture>, Failure> {
    let mut pictures = Vec::new();
    for (view, name) in [(View::Sagittal, "from the left"), (View::Coronal, "from the front")] {
        let element = picture::svg(labels, spine, report, view)?;
        pictures.push(Picture { caption: format!("Bone seen {name}, with endplates and angles"), element });
    }
    Ok(pictures)
}

/// The 3-D picture that `demo --headless` leaves in its folder.
fn scene_picture(case: &Path) -> Vec<Picture> {
    let file = case.join("scene.png");
    let is_small = std::fs::metadata(&file).is_ok_and(|m| m.len() < MOST_BYTES);
    let bytes = if is_small { std::fs::read(&file).ok() } else { None };
    let of = |bytes: Vec<u8>| Picture {
        caption: "The scene".into(),
        element: format!("<img alt=\"scene\" src=\"{}\">", png_file_uri(&bytes)),
    };
    bytes.filter(|b| b.starts_with(b"\x89PNG")).map(of).into_iter().collect()
}

/// A file of our own making.
fn read_json<T: for<'a> Deserialize<'a>>(path: &Path, what: &str) -> Result<T, Failure> {
    let refused = |why: String| Failure::BadInput(anyhow::anyhow!("{} is not {what}: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|e| refused(e.to_string()))?.len();
    if size > MOST_BYTES {
        return Err(refused(format!("it has {size} bytes, more than {MOST_BYTES}")));
    }
    let text = std::fs::read(path).map_err(|e| refused(e.to_string()))?;
    serde_json::from_slice(&text).map_err(|e| refused(e.to_string()))
}

/// Names and SHA-256 of what the page was made from; folders have none.
fn hashes(paths: &[Option<PathBuf>]) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for path in paths.iter().flatten().filter(|path| path.is_file()) {
        let mut hash = Sha256::new();
        std::io::copy(&mut std::fs::File::open(path).bad_input()?, &mut hash).bad_input()?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        found.push((name, hexadecimal(&hash.finalize())));
    }
    Ok(found)
}
