//! From two radiographs to landmarks: detector, names, outlines, corners, corrections.

use thiserror::Error;

use super::chain::{Column, Named, name_column};
use super::corners;
use super::corrections::{XrayCorrectionError, XrayCorrections};
use super::detection::{self, Found, Kind};
use super::landmarks::{Placed, S1, SeenHead, SeenVertebra, ViewLandmarks};
use super::networks::{NetworksError, RunningNetworks};
use super::pairing::name_frontal;
use super::radiograph::Radiograph;
use super::{Findings, contour};
use crate::measure::Posture;

/// Why a pair of radiographs cannot be analysed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum XrayError {
    /// A network or its device failed.
    #[error("{0}")]
    Networks(#[from] NetworksError),
    /// A correction does not fit what was found.
    #[error("{0}")]
    Corrections(#[from] XrayCorrectionError),
}

/// The two radiographs of a patient, taken together.
#[derive(Debug, Clone)]
pub struct Pair {
    /// From the front or the back.
    pub frontal: Radiograph,
    /// From the side.
    pub lateral: Radiograph,
}

/// What to do besides.
#[derive(Debug, Clone)]
pub struct XraySettings {
    /// How the patient was placed.
    pub posture: Posture,
}

impl Default for XraySettings {
    /// Standing, as for whole-spine radiographs.
    fn default() -> Self {
        Self { posture: Posture::Standing }
    }
}

/// Told before each step: what it is and the share done.
pub type Tell<'a> = &'a mut dyn FnMut(&'static str, f64);

/// Analyses a pair of radiographs.
///
/// - `networks`: without them only what the corrections place is used.
///
/// # Errors
/// [`XrayError`] when a network fails or a correction does not fit.
///
/// Cost: 0.3 s a picture for the boxes and 20 ms a body for its outline on two
/// cores; the rest is below a millisecond.
pub fn analyse(
    pair: &Pair,
    mut networks: Option<&mut RunningNetworks>,
    corrections: &XrayCorrections,
    settings: &XraySettings,
    tell: Tell<'_>,
) -> Result<Findings, XrayError> {
    corrections.check()?;
    tell("detect", 0.0);
    let mut column = Column::default();
    let [mut frontal, mut lateral] = [&pair.frontal, &pair.lateral].map(|r| ViewLandmarks::empty(r.geometry.view));
    if let Some(networks) = networks.as_deref_mut() {
        let side = detection::find(&pair.lateral, networks)?;
        tell("detect", 0.5);
        let front = detection::find(&pair.frontal, networks)?;
        column = name_column(&side);
        let named = name_frontal((&pair.lateral.geometry, &column.bodies), (&pair.frontal.geometry, &front));
        fill(&mut lateral, &column.bodies, &side);
        fill(&mut frontal, &named, &front);
    }
    for (view, by_hand) in [(&mut frontal, &corrections.frontal), (&mut lateral, &corrections.lateral)] {
        corrections.rename(view)?;
        by_hand.apply_boxes(view);
        view.vertebrae.sort_by_key(|v| crate::measure::order(v.level));
    }
    if let Some(networks) = networks {
        let total = frontal.vertebrae.len() + lateral.vertebrae.len();
        let mut done = 0;
        for (radiograph, view) in [(&pair.lateral, &mut lateral), (&pair.frontal, &mut frontal)] {
            for i in 0..view.vertebrae.len() {
                tell("outline", f64::from(done) / total.max(1) as f64);
                outline(radiograph, view, i, networks)?;
                done += 1;
            }
        }
    }
    corrections.frontal.apply_landmarks(&mut frontal);
    corrections.lateral.apply_landmarks(&mut lateral);
    tell("combine", 0.0);
    Ok(Findings::of(pair, [frontal, lateral], column, corrections, settings))
}

/// The detector's boxes as landmarks without corners.
fn fill(view: &mut ViewLandmarks, named: &[Named], found: &[Found]) {
    let body = |named: &Named| SeenVertebra {
        level: named.level,
        bounds: named.found.bounds,
        confidence: named.found.confidence,
        contour: Vec::new(),
        corners: Err("no outline was looked for in its box".to_owned()),
        rms_px: 0.0,
        placed: Placed::ByNetwork,
    };
    view.vertebrae = named.iter().map(body).collect();
    let head = |found: &Found| {
        let [width, height] = found.bounds.size();
        SeenHead {
            centre: found.bounds.centre(),
            radius_px: (width + height) / 4.0,
            confidence: found.confidence,
            side: None,
            placed: Placed::ByNetwork,
        }
    };
    view.heads = found.iter().filter(|f| f.kind == Kind::Head).take(2).map(head).collect();
}

/// Outline and corners of one body.
fn outline(
    radiograph: &Radiograph,
    view: &mut ViewLandmarks,
    i: usize,
    networks: &mut RunningNetworks,
) -> Result<(), NetworksError> {
    let up = direction(view, i);
    let Some(seen) = view.vertebrae.get_mut(i) else { return Ok(()) };
    let Some(mask) = contour::find(radiograph, &seen.bounds, networks)? else {
        seen.corners = Err("the contour network found no body in its box".to_owned());
        return Ok(());
    };
    seen.contour = mask.outline();
    seen.confidence *= mask.confidence;
    seen.placed = Placed::ByNetwork;
    seen.corners = match corners::fit(&mask.field(), up, seen.level.number() == S1) {
        Some(fit) => {
            seen.rms_px = fit.rms * mask.crop.scale();
            Ok(fit.corners.map(|p| mask.crop.to_picture(p)))
        }
        None => Err("no four sides fit its outline".to_owned()),
    };
    Ok(())
}

/// Along the column to the head at body `i`, in pixels, from its neighbours.
fn direction(view: &ViewLandmarks, i: usize) -> [f64; 2] {
    let centre = |j: Option<usize>| j.and_then(|j| view.vertebrae.get(j)).map(|v| v.bounds.centre());
    let (above, below) = (centre(i.checked_sub(1)).or(centre(Some(i))), centre(Some(i + 1)).or(centre(Some(i))));
    match (above, below) {
        (Some(a), Some(b)) if b[1] - a[1] > 1.0 => [a[0] - b[0], a[1] - b[1]],
        _ => [0.0, -1.0],
    }
}
