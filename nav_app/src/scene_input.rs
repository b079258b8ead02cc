//! What commands give the scene; the same in a program built without one.
#![cfg_attr(not(feature = "scene"), allow(dead_code, reason = "without a scene nothing is drawn"))]

use std::path::Path;
use std::sync::Arc;

use engine::case::Case;
use engine::io::{self, Limits};
use engine::level::Level;
pub use engine::plan::PlannedScrew;
use engine::register::{Registration, Verdict, touched_places};
use engine::surface::Mesh;
use geom::{Ct, Patient, Point, Tip};
use serde::{Deserialize, Serialize};

use crate::failure::{Blame, Failure};
use crate::scene::SnapshotFeed;
use crate::shown_alignment::SharedAlignment;

/// Everything the scene draws.
pub struct SceneInput {
    /// The segmented CT.
    pub case: Arc<Case>,
    /// Where the poses come from.
    pub snapshots: Box<dyn SnapshotFeed>,
    /// What stays the same for the whole session.
    pub header: SceneHeader,
}

/// The lines of the panel that do not follow the instrument.
#[derive(Debug, Clone, Default)]
pub struct SceneHeader {
    /// True when no tracker stands behind the instrument: it is shown to try
    /// the scene, and no step of a session counts as done.
    pub is_demonstration: bool,
    /// True while somebody practises on a virtual patient: that nothing is registered yet is no alarm.
    pub is_practice: bool,
    /// Verdict over the registration, `None` when there is none.
    pub verdict: Option<Verdict>,
    /// RMS residual of the registration, mm.
    pub rms_mm: Option<f64>,
    /// Predicted error at the centre of the spine, mm.
    pub centre_tre_mm: Option<f64>,
    /// Name of the CT.
    pub ct_name: String,
    /// What the poses come from, and what the network ran on.
    pub device: String,
    /// Planned screws and how they lie.
    pub plan: Arc<[PlannedScrew]>,
    /// What was touched, to be shown on the bone as the fit's residuals.
    pub touched: Option<Arc<Touched>>,
    /// Where more points would help, best first.
    pub hints: Vec<Hint>,
    /// The alignment, where it is followed.
    pub alignment: Option<SharedAlignment>,
    /// The instrument's own shape: mm, tip at the origin, handle along +z.
    pub tool_shape: Option<Arc<Mesh>>,
}

/// No instrument is longer, mm.
const MOST_MM: f64 = 600.0;
/// The shape must come this near to the tip, mm.
const TIP_MM: f64 = 5.0;

/// An instrument's shape from a file.
pub fn read_tool_shape(path: &Path) -> Result<Arc<Mesh>, Failure> {
    let mesh = io::stl::read(path, &Limits::default()).bad_input()?;
    let wrong = |why: String| Failure::BadInput(anyhow::anyhow!("{}: {why}", path.display()));
    let Some((low, high)) = mesh.bounds() else { return Err(wrong("it holds no triangle".into())) };
    let size = (high - low).norm();
    if !(1.0..=MOST_MM).contains(&size) {
        return Err(wrong(format!("the shape measures {size:.0} mm across, 1 to {MOST_MM} is drawn; is it in mm?")));
    }
    let from_tip = |v: &[f32; 3]| Point::<Tip>::from(*v).distance(Point::new(0.0, 0.0, 0.0));
    let nearest = mesh.vertices.iter().map(from_tip).fold(f64::INFINITY, f64::min);
    if nearest > TIP_MM {
        return Err(wrong(format!("its nearest point is {nearest:.0} mm from the origin; the tip must be there")));
    }
    Ok(Arc::new(mesh))
}

/// Bone that should be touched next.
#[derive(Debug, Clone)]
pub struct Hint {
    /// The middle of the patch.
    pub at: Point<Ct>,
    /// Its level and part.
    pub words: String,
    /// Error predicted without and with it, mm.
    pub before_mm: f64,
    /// See `before_mm`.
    pub after_mm: f64,
}

/// Touched points and how they fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Touched {
    /// Where they lie in the CT, mm.
    pub places: Vec<[f32; 3]>,
    /// How far above the bone, mm; as many.
    pub heights_mm: Vec<f64>,
}

impl Touched {
    /// Of a registration and the points it was made from, in the same order.
    pub fn new(registration: &Registration, points: &[Point<Patient>]) -> Self {
        let (places, heights_mm) = touched_places(registration, points);
        Self { places, heights_mm }
    }
}

/// What somebody who practises asks for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// Touches a place of the bone.
    Touch(Point<Ct>),
    /// Ends a stroke.
    Lift,
    /// Takes the last stroke back, or the last landmark.
    Undo,
    /// Registers for good.
    Register,
}

/// A person's practice on a virtual patient, behind the window or the headset.
pub trait Practising: Send {
    /// What was asked for before the scene was lost; it is asked for again, in this order.
    fn earlier(&self) -> Vec<Wish> {
        Vec::new()
    }

    /// Is told each wish that is new, before it is done.
    fn note(&mut self, _: Wish) {}

    /// Levels that can be touched.
    fn levels(&self) -> Vec<Level>;

    /// The landmark to be touched next; `None` once all were.
    fn landmark(&self) -> Option<NextLandmark>;

    /// How far the touched landmarks lie from the marked ones (RMS), mm, once all were touched.
    fn landmark_fre_mm(&self) -> Option<f64>;

    /// Touches a place of the bone; the reason when it could not be.
    fn touch(&mut self, place: Point<Ct>) -> Result<(), String>;

    /// Ends a stroke; where to go on, which takes a registration's time.
    fn lift(&mut self) -> Option<Hint>;

    /// Takes the last stroke back, or the last landmark where there is no stroke; returns how many
    /// points are left.
    fn undo(&mut self) -> usize;

    /// Registers for good.
    fn register(&mut self) -> Score;
}

/// The landmark a practice asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct NextLandmark {
    /// Its number from 1, and how many there are.
    pub number: usize,
    /// See `number`.
    pub count: usize,
    /// Its level and part.
    pub words: String,
    /// Where it was marked.
    pub at: Point<Ct>,
}

/// What came of a practice.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Verdict, predicted and true error in a line.
    pub words: String,
    /// Accepted, and true within the limit.
    pub is_good: bool,
    /// `None` where nothing could be registered.
    pub verdict: Option<Verdict>,
    /// RMS residual of the registration, mm.
    pub rms_mm: Option<f64>,
    /// Predicted error over the bone laid open, mm.
    pub centre_tre_mm: Option<f64>,
}
