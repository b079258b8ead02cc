//! All measures of a spine, for machines.

use geom::nalgebra::Vector3;
use serde_json::{Map, Value as Json, json};

use super::angles::{self, Curve, Measure};
use super::correction::Corrections;
use super::fit::Sphere;
use super::levels::{self, DiscMeasures, LevelMeasures, RotationFrame};
use super::sagittal;
use super::spine::Spine;
use super::vertebra::{Endplate, Origin, Side};

/// How the patient was placed for the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posture {
    /// Lying on the back, as in a CT scanner.
    Supine,
    /// Upright, bearing weight.
    Standing,
}

/// One of the named parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// Key in the report; its end is the unit.
    pub key: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// True when lying instead of standing changes it.
    pub depends_on_posture: bool,
}

const fn parameter(key: &'static str, name: &'static str, depends_on_posture: bool) -> Parameter {
    Parameter { key, name, depends_on_posture }
}

/// The parameters, in the order they are shown.
pub const PARAMETERS: [Parameter; 10] = [
    parameter("cobb_deg", "Cobb angle, coronal", true),
    parameter("tk_deg", "thoracic kyphosis T1-T12", true),
    parameter("tk_t4_t12_deg", "thoracic kyphosis T4-T12", true),
    parameter("ll_deg", "lumbar lordosis L1-S1", true),
    parameter("ll_l1_l5_deg", "lumbar lordosis L1-L5", true),
    parameter("gll_deg", "global lumbar lordosis", true),
    parameter("pi_deg", "pelvic incidence", false),
    parameter("pt_deg", "pelvic tilt", true),
    parameter("ss_deg", "sacral slope", true),
    parameter("sva_mm", "sagittal vertical axis", true),
];

/// Everything measured.
#[derive(Debug, Clone)]
pub struct Report {
    /// The parameters, one for each of [`PARAMETERS`].
    pub parameters: Vec<(Parameter, Measure)>,
    /// Pelvic incidence less tilt and slope, degrees; 0 in exact anatomy, up to
    /// a few degrees when the pelvis is turned or oblique in the image.
    pub pelvis_check_deg: Option<f64>,
    /// Coronal curves, from head to foot.
    pub curves: Vec<Curve>,
    /// What the rotations are relative to.
    pub rotation_frame: RotationFrame,
    /// From head to foot.
    pub levels: Vec<LevelMeasures>,
    /// From head to foot.
    pub discs: Vec<DiscMeasures>,
    /// How the patient was placed.
    pub posture: Posture,
    /// What was moved by hand, and by whom.
    pub corrections: Corrections,
    /// Levels that could not be analysed, and why.
    pub unreadable: Vec<(String, String)>,
    landmarks: Json,
}

impl Report {
    /// Measures `spine`.
    #[must_use]
    pub fn of(spine: &Spine, corrections: &Corrections, posture: Posture) -> Self {
        let measures = [
            angles::cobb(spine),
            sagittal::kyphosis(spine, 8),
            sagittal::kyphosis(spine, 11),
            sagittal::lordosis_to_sacrum(spine),
            sagittal::lordosis_to_l5(spine),
            sagittal::global_lordosis(spine),
            sagittal::pelvic_incidence(spine),
            sagittal::pelvic_tilt(spine),
            sagittal::sacral_slope(spine),
            sagittal::vertical_axis(spine),
        ];
        let [.., pi, pt, ss, _] = &measures;
        let check = |pi: &Measure, pt: &Measure, ss: &Measure| {
            Some(pi.as_ref().ok()?.value - pt.as_ref().ok()?.value - ss.as_ref().ok()?.value)
        };
        let pelvis_check_deg = check(pi, pt, ss);
        Self {
            parameters: PARAMETERS.into_iter().zip(measures).collect(),
            pelvis_check_deg,
            curves: angles::curves(spine),
            rotation_frame: levels::rotation_frame(spine).0,
            levels: levels::levels(spine),
            discs: levels::discs(spine),
            posture,
            corrections: corrections.clone(),
            unreadable: spine.unreadable.iter().map(|(l, why)| (l.to_string(), why.clone())).collect(),
            landmarks: landmarks(spine),
        }
    }

    /// The parameter of a key.
    #[must_use]
    pub fn parameter(&self, key: &str) -> Option<&Measure> {
        self.parameters.iter().find(|(p, _)| p.key == key).map(|(_, measure)| measure)
    }

    /// Keys of values that another posture would change, with a sentence; `None`
    /// when the patient stood.
    #[must_use]
    pub fn posture_note(&self) -> Option<String> {
        let touched: Vec<&str> = PARAMETERS.iter().filter(|p| p.depends_on_posture).map(|p| p.key).collect();
        (self.posture == Posture::Supine).then(|| {
            format!(
                "lying on the back: not comparable with a standing radiograph are {}, disc heights, slips and, less, rotations; heights, wedging and pelvic incidence are",
                touched.join(", ")
            )
        })
    }

    /// One JSON object: each parameter by its key (a number or `null`),
    /// `reasons` for each `null`, and `details` with standard deviations and
    /// landmarks.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let (mut top, mut reasons, mut details) = (Map::new(), Map::new(), Map::new());
        for (parameter, measure) in &self.parameters {
            top.insert(parameter.key.to_owned(), number(measure));
            match measure {
                Ok(value) => details.insert(parameter.key.to_owned(), detail(value, parameter)),
                Err(why) => reasons.insert(parameter.key.to_owned(), json!(why)),
            };
        }
        let mut rotations = Map::new();
        for level in &self.levels {
            let name = level.level.to_string();
            rotations.insert(name.clone(), number(&level.rotation_deg));
            if let Err(why) = &level.rotation_deg {
                reasons.insert(format!("rotation_deg.{name}"), json!(why));
            }
        }
        top.insert("rotation_deg".into(), rotations.into());
        top.insert("rotation_relative_to".into(), json!(self.rotation_frame));
        top.insert("pelvis_check_deg".into(), json!(self.pelvis_check_deg));
        top.insert("curves".into(), json!(self.curves));
        top.insert("levels".into(), self.levels.iter().map(level_json).collect());
        top.insert("discs".into(), self.discs.iter().map(disc_json).collect());
        top.insert("posture".into(), json!(if self.posture == Posture::Supine { "supine" } else { "standing" }));
        top.insert("posture_note".into(), json!(self.posture_note()));
        top.insert("corrections".into(), json!(self.corrections));
        top.insert("unreadable".into(), json!(self.unreadable));
        top.insert("landmarks".into(), self.landmarks.clone());
        top.insert("reasons".into(), reasons.into());
        top.insert("details".into(), details.into());
        top.into()
    }
}

fn number(measure: &Measure) -> Json {
    measure.as_ref().map_or(Json::Null, |v| json!(v.value))
}

fn detail(value: &angles::Value, parameter: &Parameter) -> Json {
    json!({
        "name": parameter.name,
        "sd": value.sd,
        "landmarks": value.landmarks,
        "depends_on_posture": parameter.depends_on_posture,
    })
}

/// A value with its standard deviation, or `null` and the reason.
fn full(measure: &Measure) -> Json {
    match measure {
        Ok(value) => json!({ "value": value.value, "sd": value.sd }),
        Err(why) => json!({ "value": null, "reason": why }),
    }
}

fn level_json(level: &LevelMeasures) -> Json {
    let [anterior, middle, posterior] = level.height_mm.each_ref().map(full);
    json!({
        "label": level.level.to_string(),
        "rotation_deg": full(&level.rotation_deg),
        "height_anterior_mm": anterior,
        "height_middle_mm": middle,
        "height_posterior_mm": posterior,
        "wedge_sagittal_deg": full(&level.wedge_sagittal_deg),
        "wedge_coronal_deg": full(&level.wedge_coronal_deg),
    })
}

fn disc_json(disc: &DiscMeasures) -> Json {
    let [anterior, middle, posterior] = disc.height_mm.each_ref().map(full);
    json!({
        "upper": disc.upper.to_string(),
        "lower": disc.lower.to_string(),
        "height_anterior_mm": anterior,
        "height_middle_mm": middle,
        "height_posterior_mm": posterior,
        "slip_mm": full(&disc.slip_mm),
        "slip_grade": disc.slip_grade.as_ref().ok(),
    })
}

/// Every landmark by name, with where it is and who placed it.
fn landmarks(spine: &Spine) -> Json {
    let mut all = Map::new();
    for vertebra in &spine.vertebrae {
        for (side, name) in [(Side::Superior, "superior"), (Side::Inferior, "inferior")] {
            if let Ok(plate) = spine.endplate(vertebra.level, side) {
                all.insert(format!("{}-{name}", vertebra.level), plate_json(plate));
            }
        }
        all.insert(format!("{}-centre", vertebra.level), json!({ "position_mm": array(vertebra.centre) }));
    }
    if let Ok(sacrum) = &spine.sacrum {
        all.insert("sacral-plate".into(), plate_json(&sacrum.plate));
    }
    for (head, name) in spine.heads.iter().zip(["femoral-head-left", "femoral-head-right"]) {
        if let Ok(sphere) = head {
            all.insert(name.into(), head_json(sphere));
        }
    }
    all.into()
}

fn array(v: Vector3<f64>) -> [f64; 3] {
    v.into()
}

fn plate_json(plate: &Endplate) -> Json {
    json!({
        "centre_mm": array(plate.plane.centre),
        "normal": array(plate.plane.normal),
        "anterior_mm": array(plate.anterior),
        "posterior_mm": array(plate.posterior),
        "left_mm": array(plate.left),
        "right_mm": array(plate.right),
        "rms_mm": plate.plane.rms_mm,
        "points": plate.plane.points,
        "placed": if plate.origin == Origin::ByHand { "by-hand" } else { "fitted" },
    })
}

fn head_json(sphere: &Sphere) -> Json {
    json!({
        "centre_mm": array(sphere.centre),
        "radius_mm": sphere.radius_mm,
        "rms_mm": sphere.rms_mm,
        "cover": sphere.cover,
        "centre_sd_mm": sphere.centre_sd_mm,
    })
}
