//! The two pictures and where they were taken from.

use std::path::Path;

use engine::io::picture::{Picture, read_picture};
use engine::io::{Limits, read_text};
use engine::xray::drr::Truth;
use engine::xray::{Geometry, Pair, Radiograph, View};

use crate::cli::XrayArguments;
use crate::failure::{Blame, Failure};

/// Both radiographs, and what the user should know about the files.
pub fn read(options: &XrayArguments) -> Result<(Pair, Vec<String>), Failure> {
    if let Some(mm) = options.pixel_mm
        && !(mm.is_finite() && mm > 0.0)
    {
        return Err(Failure::WrongUse(anyhow::anyhow!("--pixel-mm {mm} is not above 0")));
    }
    let mut warnings = Vec::new();
    let frontal = radiograph(options, View::Frontal, &mut warnings)?;
    let lateral = radiograph(options, View::Lateral, &mut warnings)?;
    Ok((Pair { frontal, lateral }, warnings))
}

fn radiograph(options: &XrayArguments, view: View, warnings: &mut Vec<String>) -> Result<Radiograph, Failure> {
    let (path, given) = match view {
        View::Frontal => (&options.frontal, &options.frontal_geometry),
        View::Lateral => (&options.lateral, &options.lateral_geometry),
    };
    let loaded = read_picture(path, &Limits::default()).bad_input()?;
    warnings.extend(loaded.warnings.iter().map(|w| format!("{}: {w}", path.display())));
    let mut picture = loaded.value;
    check_view(path, &picture, view)?;
    if options.dark_bone && picture.view_position.is_none() && picture.pixel.is_none() {
        let highest = picture.values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        picture.values.iter_mut().for_each(|v| *v = highest - *v);
    }
    let geometry = geometry(options, path, given.as_deref(), &picture, view, warnings)?;
    Radiograph::new(&picture, geometry).map_err(|e| bad(path, &e.to_string()))
}

/// What a CT says of its radiographs.
pub fn truth(path: &Path) -> Result<Truth, Failure> {
    let text = read_text(path).map_err(|e| bad(path, &format!("cannot read it: {e}")))?;
    serde_json::from_str(&text).map_err(|e| bad(path, &format!("it is no truth as `drr --labels` writes it: {e}")))
}

fn bad(path: &Path, what: &str) -> Failure {
    Failure::BadInput(anyhow::anyhow!("{}: {what}", path.display()))
}

/// Refuses a picture that says itself that it is the other view.
fn check_view(path: &Path, picture: &Picture, view: View) -> Result<(), Failure> {
    let Some(position) = &picture.view_position else { return Ok(()) };
    let other = match position.to_ascii_uppercase().as_str() {
        "AP" | "PA" => View::Frontal,
        "LL" | "RL" | "LAT" | "LATERAL" => View::Lateral,
        _ => return Ok(()),
    };
    if other == view {
        return Ok(());
    }
    Err(bad(path, &format!("its ViewPosition is {position}, {other}, but it is given as --{view}; exchange the two")))
}

/// From the file named, the one beside the picture, `--pixel-mm` or the picture's own tags.
fn geometry(
    options: &XrayArguments,
    path: &Path,
    given: Option<&Path>,
    picture: &Picture,
    view: View,
    warnings: &mut Vec<String>,
) -> Result<Geometry, Failure> {
    let beside = Geometry::beside(path);
    let file = given.map(Path::to_path_buf).or_else(|| beside.is_file().then_some(beside.clone()));
    if let Some(file) = file {
        let read = Geometry::read(&file).bad_input()?;
        if read.view != view {
            return Err(bad(&file, &format!("it is the geometry of a {} picture, given as --{view}", read.view)));
        }
        return Ok(read);
    }
    let size = [picture.rows, picture.columns];
    let pixel_mm = match (options.pixel_mm, picture.pixel) {
        (Some(mm), _) => [mm; 2],
        (None, Some(pixel)) => {
            if !pixel.is_at_patient {
                let what = "its pixel size is that at the detector: lengths come out too large (give --pixel-mm at the patient)";
                warnings.push(format!("{}: {what}", path.display()));
            }
            pixel.mm
        }
        (None, None) => {
            let what = format!(
                "{}: where was it taken from? Put a geometry beside it ({}), or give --pixel-mm (parallel beams are then assumed)",
                path.display(),
                beside.display()
            );
            return Err(Failure::WrongUse(anyhow::anyhow!(what)));
        }
    };
    Geometry::assumed(view, size, pixel_mm).map_err(|e| bad(path, &e.to_string()))
}
