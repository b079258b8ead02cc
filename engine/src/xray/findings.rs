//! What came out: landmarks of both views, the 3-D spine, its measures.

use serde_json::{Map, Value as Json, json};

use super::analysis::XraySettings;
use super::chain::Column;
use super::corrections::XrayCorrections;
use super::cuboid::{Cuboid, Views, isocentre, solve_all};
use super::geometry::Geometry;
use super::hips;
use super::landmarks::{Placed, S1, SeenVertebra, ViewLandmarks, name};
use crate::level::Level;
use crate::measure::{self, Posture, Report, Sacrum, Spine, Vertebra};

/// Why the angle of a body that one view shows is not there.
const LATERAL_ONLY: &str = "seen in the lateral radiograph alone";

/// Everything found in a pair of radiographs.
#[derive(Debug, Clone)]
pub struct Findings {
    /// Of the frontal and of the lateral view.
    pub views: [ViewLandmarks; 2],
    /// From head to foot, S1 last.
    pub cuboids: Vec<Cuboid>,
    /// As the measures take it.
    pub spine: Spine,
    /// All measures; coronal ones from bodies that both views show.
    pub report: Report,
    /// True when no anchor named the levels and nobody corrected them.
    pub levels_assumed: bool,
    /// True when both geometries were measured.
    pub is_calibrated: bool,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What was moved by hand, and by whom.
    pub corrections: XrayCorrections,
    geometries: [Geometry; 2],
}

impl Findings {
    pub(super) fn of(
        geometries: [Geometry; 2],
        views: [ViewLandmarks; 2],
        column: Column,
        corrections: &XrayCorrections,
        settings: &XraySettings,
    ) -> Self {
        let both = Views { frontal: &geometries[0], lateral: &geometries[1] };
        let [frontal, lateral] = &views;
        let cuboids = solve_all(both, lateral, frontal);
        let s1 = cuboids.iter().find(|c| c.level.number() == S1);
        let amid = s1.map_or_else(|| isocentre(both), Cuboid::centre);
        let hips = hips::solve(both, lateral, frontal, amid);
        let spine =
            Spine::of_parts(bodies(&cuboids, |_| true), unreadable(&views, &cuboids), sacrum(lateral, s1), hips.heads);
        let report = report(&spine, &cuboids, settings.posture);
        let is_calibrated = geometries.iter().all(|g| g.calibrated);
        let mut notes = column.notes;
        notes.extend(hips.notes);
        notes.extend(alone(&cuboids));
        if !is_calibrated {
            notes.push(approximate());
        }
        let levels_assumed = column.is_assumed && corrections.levels.is_empty();
        let corrections = corrections.clone();
        Self { cuboids, spine, report, levels_assumed, is_calibrated, notes, corrections, geometries, views }
    }

    /// Edge of a pixel at the patient, of the frontal and of the lateral picture, mm.
    #[must_use]
    pub fn pixel_mm(&self) -> [f64; 2] {
        let [frontal, lateral] = &self.geometries;
        let amid = isocentre(Views { frontal, lateral });
        [frontal.pixel_mm(amid), lateral.pixel_mm(amid)]
    }

    /// The JSON of `measure` ([`Report::to_json`]) with `vertebrae`, the views, and how sure it is.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let mut top = match self.report.to_json() {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        let [frontal, lateral] = &self.views;
        let vertebra = |c: &Cuboid| vertebra_json(c, frontal.vertebra(c.level), lateral.vertebra(c.level));
        let mut vertebrae: Vec<Json> = self.cuboids.iter().map(vertebra).collect();
        let in_space = |level: Level| self.cuboids.iter().any(|c| c.level == level);
        for seen in frontal.vertebrae.iter().filter(|v| !in_space(v.level) && lateral.vertebra(v.level).is_none()) {
            vertebrae
                .push(json!({ "label": name(seen.level), "views": ["frontal"], "frontal": seen, "lateral": null }));
        }
        for seen in lateral.vertebrae.iter().filter(|v| !in_space(v.level)) {
            let front = frontal.vertebra(seen.level);
            let views = if front.is_some() { vec!["frontal", "lateral"] } else { vec!["lateral"] };
            let label = name(seen.level);
            vertebrae.push(json!({ "label": label, "views": views, "frontal": front, "lateral": seen }));
        }
        top.insert("vertebrae".into(), vertebrae.into());
        top.insert("femoral_heads".into(), json!({ "frontal": frontal.heads, "lateral": lateral.heads }));
        top.insert("levels_assumed".into(), json!(self.levels_assumed));
        let [front, side] = &self.geometries;
        let geometry = json!({ "calibrated": self.is_calibrated, "frontal": front, "lateral": side });
        top.insert("geometry".into(), geometry);
        top.insert("corrections".into(), json!(self.corrections));
        top.insert("notes".into(), json!(self.notes));
        top.insert("research_only".into(), json!(true));
        top.into()
    }
}

fn approximate() -> String {
    "approximate geometry: parallel beams and one scale of both pictures are assumed; angles hold as far as beams \
     are nearly parallel, lengths as far as the pixel size is that at the patient"
        .to_owned()
}

/// Names of the bodies that the lateral view alone shows.
fn alone(cuboids: &[Cuboid]) -> Option<String> {
    let names: Vec<String> = cuboids.iter().filter(|c| !c.is_in_both).map(|c| name(c.level)).collect();
    (!names.is_empty()).then(|| format!("{LATERAL_ONLY}: {}; no coronal angles of these", names.join(", ")))
}

fn bodies(cuboids: &[Cuboid], is_kept: impl Fn(&Cuboid) -> bool) -> Vec<Vertebra> {
    let chosen = cuboids.iter().filter(|c| c.level.number() != S1 && is_kept(c));
    chosen.map(Cuboid::to_vertebra).collect()
}

fn sacrum(lateral: &ViewLandmarks, s1: Option<&Cuboid>) -> Result<Sacrum, String> {
    let absent = || {
        let seen = Level::from_number(S1).and_then(|level| lateral.vertebra(level));
        match seen.map(|s| &s.corners) {
            Some(Err(why)) => format!("S1: {why}"),
            Some(Ok(_)) => "S1: its corners make no body".to_owned(),
            None => "S1 was not found in the lateral radiograph".to_owned(),
        }
    };
    let cuboid = s1.ok_or_else(absent)?;
    match &cuboid.unseen[0] {
        Some(why) => Err(why.clone()),
        None => Ok(Sacrum { plate: cuboid.plates[0].clone(), left: None }),
    }
}

fn unreadable(views: &[ViewLandmarks; 2], cuboids: &[Cuboid]) -> Vec<(Level, String)> {
    let [frontal, lateral] = views;
    let in_space = |level: Level| cuboids.iter().any(|c| c.level == level);
    let why =
        |seen: &SeenVertebra| seen.corners.as_ref().err().cloned().unwrap_or_else(|| "its corners make no body".into());
    let mut all: Vec<(Level, String)> =
        lateral.vertebrae.iter().filter(|v| !in_space(v.level)).map(|v| (v.level, why(v))).collect();
    let hidden = frontal.vertebrae.iter().filter(|v| lateral.vertebra(v.level).is_none());
    all.extend(hidden.map(|v| (v.level, "seen in the frontal radiograph alone".to_owned())));
    all.retain(|(level, _)| level.number() != S1);
    all
}

/// The measures; coronal ones only from what both views show.
fn report(spine: &Spine, cuboids: &[Cuboid], posture: Posture) -> Report {
    let none = measure::Corrections::default();
    let mut report = Report::of(spine, &none, posture);
    let in_both =
        Spine::of_parts(bodies(cuboids, |c| c.is_in_both), Vec::new(), spine.sacrum.clone(), spine.heads.clone());
    let coronal = Report::of(&in_both, &none, posture);
    report.curves = coronal.curves;
    for ((parameter, value), (_, other)) in report.parameters.iter_mut().zip(coronal.parameters) {
        if parameter.key == "cobb_deg" {
            *value = other.map_err(|_| "fewer than two vertebrae are seen in both radiographs".to_owned());
        }
    }
    for level in &mut report.levels {
        level.rotation_deg = Err("the outlines of bodies do not show their axial rotation".to_owned());
        if cuboids.iter().any(|c| c.level == level.level && !c.is_in_both) {
            level.wedge_coronal_deg = Err(LATERAL_ONLY.to_owned());
        }
    }
    report
}

fn vertebra_json(cuboid: &Cuboid, frontal: Option<&SeenVertebra>, lateral: Option<&SeenVertebra>) -> Json {
    let views = if cuboid.is_in_both { vec!["frontal", "lateral"] } else { vec!["lateral"] };
    let [depth, width, height] = cuboid.size_mm();
    let centre: [f64; 3] = cuboid.centre().into();
    let corners = cuboid.corners().map(<[f64; 3]>::from);
    json!({
        "label": name(cuboid.level),
        "views": views,
        "confidence": cuboid.confidence,
        "placed": if cuboid.placed == Placed::ByHand { "by-hand" } else { "by-network" },
        "centre_mm": centre,
        "depth_mm": depth,
        "width_mm": width,
        "height_mm": height,
        "landmarks_mm": cuboid.faces(),
        "corners_mm": corners,
        "view_gap_mm": cuboid.gap_mm,
        "unseen": cuboid.unseen,
        "frontal": frontal,
        "lateral": lateral,
    })
}
