//! From two radiographs to landmarks: detector, names, outlines, corners, corrections.

use thiserror::Error;

use super::Findings;
use super::chain::{Column, Named, name_column};
use super::contour::{self, Mask};
use super::corners;
use super::corrections::{XrayCorrectionError, XrayCorrections};
use super::detection::{self, Found, Kind};
use super::endplate_line;
use super::geometry::View;
use super::heights;
use super::landmarks::{Bounds, Placed, S1, SeenHead, SeenVertebra, ViewLandmarks};
use super::networks::{NetworksError, RunningNetworks};
use super::pairing::WEAKEST;
use super::radiograph::Radiograph;
use super::tilt;
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
    networks: Option<&mut RunningNetworks>,
    corrections: &XrayCorrections,
    settings: &XraySettings,
    tell: Tell<'_>,
) -> Result<Findings, XrayError> {
    Analyser::new(pair, networks).findings(corrections, settings, tell)
}

/// VerSe numbers of thoracic and lumbar bodies.
const T1: u8 = 8;
const L1: u8 = 20;
const L5: u8 = 24;
const L6: u8 = 25;

/// A mask that was looked for, and in which box of whom.
type Looked = (View, Bounds, Placed, Option<Mask>);

/// Analyses one pair again and again while a person corrects it: boxes are looked for once, an
/// outline once for each box, so that a corner moved costs a millisecond.
pub struct Analyser<'a> {
    pair: &'a Pair,
    networks: Option<&'a mut RunningNetworks>,
    /// Of the frontal and of the lateral view.
    found: Option<[Vec<Found>; 2]>,
    /// Of the boxes of the last analysis.
    masks: Vec<Looked>,
}

impl<'a> Analyser<'a> {
    /// Nothing is looked for yet.
    #[must_use]
    pub const fn new(pair: &'a Pair, networks: Option<&'a mut RunningNetworks>) -> Self {
        Self { pair, networks, found: None, masks: Vec::new() }
    }

    /// What is found with these corrections; as [`analyse`].
    ///
    /// # Errors
    /// As there.
    pub fn findings(
        &mut self,
        corrections: &XrayCorrections,
        settings: &XraySettings,
        tell: Tell<'_>,
    ) -> Result<Findings, XrayError> {
        corrections.check()?;
        let pair = self.pair;
        let mut column = Column::default();
        let mut geometries = [pair.frontal.geometry.clone(), pair.lateral.geometry.clone()];
        let is_measured = geometries.iter().all(|g| g.calibrated);
        let [mut frontal, mut lateral] = [&pair.frontal, &pair.lateral].map(|r| ViewLandmarks::empty(r.geometry.view));
        if let Some([front, side]) = self.boxes(tell)? {
            column = name_column(side);
            let shifts =
                if is_measured { vec![0.0] } else { heights::candidates(geometries.each_ref(), [front, side]) };
            let (named, frontal_geometry) = heights::best_named(&geometries, &shifts, (&column.bodies, front));
            geometries[0] = frontal_geometry;
            fill(&mut lateral, &column.bodies, side);
            fill(&mut frontal, &named, front);
        }
        for (view, by_hand) in [(&mut frontal, &corrections.frontal), (&mut lateral, &corrections.lateral)] {
            corrections.rename(view)?;
            by_hand.apply_boxes(view);
            view.vertebrae.sort_by_key(|v| crate::measure::order(v.level));
        }
        let is_named = !(column.is_assumed && corrections.levels.is_empty());
        self.outlines([&mut lateral, &mut frontal], is_named, tell)?;
        corrections.frontal.apply_landmarks(&mut frontal);
        corrections.lateral.apply_landmarks(&mut lateral);
        tell("combine", 0.0);
        if !is_measured && let Some(mm) = heights::of_views(geometries.each_ref(), [&frontal, &lateral]) {
            geometries[0] = heights::lowered(&geometries[0], mm);
        }
        column.notes.extend(shifted(pair.frontal.geometry.corner_mm[2] - geometries[0].corner_mm[2]));
        Ok(Findings::of(geometries, [frontal, lateral], column, corrections, settings))
    }

    /// What the detector finds in both views; `None` without networks.
    fn boxes(&mut self, tell: Tell<'_>) -> Result<Option<&[Vec<Found>; 2]>, XrayError> {
        if let (None, Some(networks)) = (&self.found, self.networks.as_deref_mut()) {
            tell("detect", 0.0);
            let side = detection::find(&self.pair.lateral, networks, None)?;
            tell("detect", 0.5);
            self.found = Some([detection::find(&self.pair.frontal, networks, Some(WEAKEST))?, side]);
        }
        Ok(self.found.as_ref())
    }

    /// Outlines and corners of all bodies of both views; endplates are drawn to lines where the names are known.
    fn outlines(&mut self, views: [&mut ViewLandmarks; 2], is_named: bool, tell: Tell<'_>) -> Result<(), XrayError> {
        let Some(networks) = self.networks.as_deref_mut() else { return Ok(()) };
        let known = std::mem::take(&mut self.masks);
        let total: usize = views.iter().map(|view| view.vertebrae.len()).sum();
        for view in views {
            let radiograph = if view.view == View::Lateral { &self.pair.lateral } else { &self.pair.frontal };
            for i in 0..view.vertebrae.len() {
                tell("outline", self.masks.len() as f64 / total.max(1) as f64);
                let SeenVertebra { bounds, placed, .. } = view.vertebrae[i];
                let is_known = |(of, at, by, _): &&Looked| (*of, *at, *by) == (view.view, bounds, placed);
                let mask = match known.iter().find(is_known) {
                    Some((.., mask)) => mask.clone(),
                    None => contour::find(radiograph, &bounds, placed, networks)?,
                };
                outline(view, i, mask.as_ref());
                if is_named {
                    draw_endplates(view, i, radiograph);
                }
                settle_tilts(view, i);
                self.masks.push((view.view, bounds, placed, mask));
            }
        }
        Ok(())
    }
}

/// Says that the frontal picture was lowered by `mm`.
fn shifted(mm: f64) -> Option<String> {
    let way = if mm > 0.0 { "lower" } else { "higher" };
    let what = format!("the frontal picture was moved {:.0} mm {way} to match what both pictures show", mm.abs());
    (mm.abs() >= 1.0).then_some(what)
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
fn outline(view: &mut ViewLandmarks, i: usize, mask: Option<&Mask>) {
    let (up, above) = (direction(view, i), plate_above(view, i));
    let Some(seen) = view.vertebrae.get_mut(i) else { return };
    let Some(mask) = mask else {
        seen.corners = Err("the contour network found no body in its box".to_owned());
        return;
    };
    seen.contour = mask.outline();
    seen.confidence *= mask.confidence;
    seen.placed = Placed::ByNetwork;
    let is_sacrum = seen.level.number() == S1;
    let facing = above.and_then(|plate| corners::fit_below(&mask.field(), plate.map(|p| mask.crop.of_picture(p))));
    seen.corners = match facing.or_else(|| corners::fit(&mask.field(), up, is_sacrum)) {
        Some(fit) => {
            seen.rms_px = fit.rms * mask.crop.scale();
            Ok(fit.corners.map(|p| mask.crop.to_picture(p)))
        }
        None => Err("no four sides fit its outline".to_owned()),
    };
}

/// Draws the endplates of a lumbar body and of S1 in a lateral picture to the lines that it shows.
fn draw_endplates(view: &mut ViewLandmarks, i: usize, radiograph: &Radiograph) {
    let above = plate_above(view, i);
    let is_lateral = view.view == View::Lateral;
    let Some(SeenVertebra { level, corners: Ok(corners), .. }) = view.vertebrae.get_mut(i) else { return };
    let grey = |p| f64::from(radiograph.at(p));
    match (level.number(), above) {
        (L1..=L6, _) if is_lateral => *corners = endplate_line::drawn(grey, *corners),
        (S1, Some([left, right])) if is_lateral => {
            // Columns run to the back, or to the front.
            let plate = if radiograph.geometry.column_mm[1] > 0.0 { [left, right] } else { [right, left] };
            *corners = endplate_line::sacral(grey, *corners, plate);
        }
        _ => {}
    }
}

/// Refuses tilts that no thoracic or lumbar body has, and evens out those of a frontal picture.
fn settle_tilts(view: &mut ViewLandmarks, i: usize) {
    let up = direction(view, i);
    if let Some(seen) = view.vertebrae.get_mut(i)
        && (T1..=L6).contains(&seen.level.number())
        && let Ok(corners) = seen.corners
    {
        seen.corners = tilt::settled(corners, up, view.view);
    }
}

/// The lower endplate above a sacrum at `i`, left to right in the picture; `None` of other bodies.
fn plate_above(view: &ViewLandmarks, i: usize) -> Option<[[f64; 2]; 2]> {
    let [above, here] = [view.vertebrae.get(i.checked_sub(1)?)?, view.vertebrae.get(i)?];
    let is_next = here.level.number() == S1 && matches!(above.level.number(), L5 | L6);
    let [_, _, right, left] = *above.corners.as_ref().ok()?;
    is_next.then_some([left, right])
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
