//! The steps from a CT to a case, in their order.

use kernels::device::VolumeError;
use kernels::{Device, GridError as KernelGridError, NetworkError, OpError};
use thiserror::Error;

use super::confidence;
use super::hu_alignment::{self, Aligned};
use super::refine::{self, Refined, Shape};
use super::semantic::{Semantic, Structures};
use super::spine::{Judgement, Spine};
use super::systems::{self, ByDiscs, Prepared, Split, System};
use super::{column, preprocess, threshold};
use crate::case::{Case, Vertebra};
use crate::volume::{Grid, GridError, LabelMap, Volume};

/// Voxel edge on which edges are found and vertebrae are split, mm.
pub(super) const FINE_MM: f64 = 1.0;

/// Room left around the spine on the fine grid, mm.
const MARGIN_MM: f64 = 12.0;

/// Least bone that can be a piece of spine, mm^3: half a cervical vertebra.
pub(super) const MIN_SPINE_MM3: f64 = 4000.0;

/// The lowest value of any CT in HU is below this: fat is at -80 to -110.
const LOWEST_HU: f32 = -50.0;

/// How voxels are told apart.
#[derive(Debug)]
pub enum Method {
    /// Trained networks, and the way they are run.
    Network(Box<System>),
    /// The baseline: bone is bright.
    Threshold,
}

/// Hears how far a segmentation is.
pub trait Progress {
    /// A new stage begins; the one before is done.
    fn stage(&mut self, name: &'static str);
    /// Share of the current stage that is done, 0 to 1.
    fn fraction(&mut self, done: f64);
}

/// Progress that nobody hears.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&mut self, _: &'static str) {}
    fn fraction(&mut self, _: f64) {}
}

/// Why a CT could not be segmented.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// A working grid cannot be made.
    #[error("cannot lay a working grid over the scan: {0}")]
    Grid(#[from] GridError),
    /// An operation refused its input.
    #[error("a step of the segmentation failed: {0}")]
    Kernel(#[from] KernelGridError),
    /// An operation of the network refused its input.
    #[error("a step of the network failed: {0}")]
    Operation(#[from] OpError),
    /// The network refused its input.
    #[error("the network failed: {0}")]
    Network(#[from] NetworkError),
    /// No value is as low as fat: no CT, or not in HU.
    #[error(
        "no vertebra was found: the lowest value of this scan is {lowest:.0}, and every CT in Hounsfield units holds fat or air below {LOWEST_HU}; is it an MR, or stored without its rescale intercept?"
    )]
    NoHounsfield {
        /// Its lowest value.
        lowest: f32,
    },
    /// A network for the lumbar spine found none.
    #[error(
        "no lumbar spine was found (most heat {hottest:.2}, needed {needed:.2}); for another part of the spine take another model, such as compact-spine"
    )]
    NoLumbarSpine {
        /// Highest value of the heat map.
        hottest: f32,
        /// What its card asks for.
        needed: f32,
    },
    /// The result holds no vertebra.
    #[error(
        "no vertebra was found in this scan ({found_mm3:.0} mm^3 of vertebral bone); is the spine in view, and are its values Hounsfield units?"
    )]
    NoSpine {
        /// Vertebral bone that was found.
        found_mm3: f64,
    },
}

impl From<VolumeError> for SegmentError {
    fn from(error: VolumeError) -> Self {
        match error {
            VolumeError::Grid(error) => Self::Kernel(error),
            VolumeError::Network(error) => Self::Network(error),
        }
    }
}

/// Segments a CT: which bone, where its edge, which vertebra, which level, how
/// sure.
///
/// Stages reported: `resample`, `network` (or `threshold`), `boundary`,
/// `instances` (and `windows`), `levels`, `surfaces`.
///
/// Cost: the network dominates; see `docs/benchmarks.md`. Memory: about 60
/// bytes a voxel of the spine's box at 1 mm, plus the CT.
///
/// # Errors
/// [`SegmentError::NoSpine`] when no vertebra is in view,
/// [`SegmentError::NoHounsfield`] when it can be no CT in HU; the others name
/// the step that failed.
pub fn segment(
    ct: Volume,
    method: &Method,
    device: &dyn Device,
    progress: &mut dyn Progress,
) -> Result<Case, SegmentError> {
    Ok(segment_with_bones(ct, method, device, progress)?.case)
}

/// A case, and the bones beside the spine where the model knows them.
#[derive(Debug)]
pub struct Segmentation {
    /// The vertebrae.
    pub case: Case,
    /// On the CT's grid: 1 hip bones and sacrum, 2 femora; `None` for models
    /// that know neither.
    pub other_bones: Option<LabelMap>,
}

/// [`segment`], and the bones beside the spine.
///
/// # Errors
/// As [`segment`].
pub fn segment_with_bones(
    ct: Volume,
    method: &Method,
    device: &dyn Device,
    progress: &mut dyn Progress,
) -> Result<Segmentation, SegmentError> {
    let lowest = ct.hu.iter().copied().fold(f32::INFINITY, f32::min);
    if lowest > LOWEST_HU {
        return Err(SegmentError::NoHounsfield { lowest });
    }
    let aligned = hu_alignment::align(&ct);
    let seen = aligned.as_ref().map_or(&ct, |aligned| &aligned.ct);
    let Prepared { semantic, structures, mut split, knows_other_bone } = match method {
        Method::Network(system) => systems::prepare(system, seen, device, progress)?,
        Method::Threshold => {
            progress.stage("threshold");
            let (low, high) = ct.grid.bounds();
            let grid = preprocess::cover(low.to_array(), high.to_array(), 1.5)?;
            let mut semantic = threshold::baseline(&preprocess::resample_ct(seen, &grid, -1000.0)?, &grid)?;
            column::keep_longest(&mut semantic)?;
            let split = Box::new(ByDiscs);
            Prepared { semantic, structures: Structures::default(), split, knows_other_bone: false }
        }
    };
    let other_bones = structures.labels(&semantic.grid, &ct.grid)?;
    let mut case = assemble(ct, aligned.as_ref(), &semantic, split.as_mut(), progress)?;
    case.levels_are_anchored &= knows_other_bone;
    Ok(Segmentation { case, other_bones })
}

/// From class probabilities to a case: edges, instances, levels, surfaces.
///
/// * `aligned` - the scan in HU, where `ct` is not; the case keeps `ct` itself.
/// * `split` - tells the vertebrae of the mask apart.
///
/// # Errors
/// As [`segment`].
pub(super) fn assemble(
    ct: Volume,
    aligned: Option<&Aligned>,
    semantic: &Semantic,
    split: &mut dyn Split,
    progress: &mut dyn Progress,
) -> Result<Case, SegmentError> {
    let scan = aligned.map_or(&ct, |aligned| &aligned.ct);
    let spine = Spine::take_apart(scan, semantic, split, progress)?;

    progress.stage("levels");
    let mut judged = spine.judge(semantic, &ct.grid);
    if let Some(Aligned { soft_tissue_hu, .. }) = aligned {
        confidence::uncalibrated(&mut judged.doubts, &mut judged.confidence, *soft_tissue_hu);
    }

    progress.stage("surfaces");
    let numbers: Vec<u8> = (1..=judged.naming.levels.len()).filter_map(|i| u8::try_from(i).ok()).collect();
    let surfaces = refine::surfaces(&spine.instances, &numbers, scan);
    let levels = judged.naming.levels.iter().map(|level| level.number());
    let shapes: Vec<Shape<'_>> =
        surfaces.iter().zip(levels).map(|(surface, label)| Shape { mesh: &surface.mesh, label }).collect();
    let labels = LabelMap { labels: refine::label_map(&shapes, &ct.grid), grid: ct.grid.clone() };
    let levels_are_anchored = judged.naming.is_anchored;
    let vertebrae = describe(&spine, judged, surfaces, &labels);
    if vertebrae.is_empty() {
        return Err(SegmentError::NoSpine { found_mm3: spine.found_mm3 });
    }
    Ok(Case { ct, labels, vertebrae, levels_are_anchored })
}

/// The fine grid: the box of likely vertebra voxels with a margin, kept inside
/// the scan (plus one voxel, so that masks end before the border).
pub(super) fn spine_box(semantic: &Semantic, ct: &Grid) -> Result<Grid, SegmentError> {
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    let [nx, ny, _] = semantic.grid.size();
    let mut count = 0;
    for (i, _) in semantic.vertebra.iter().enumerate().filter(|(_, p)| **p > semantic.threshold) {
        let index = [i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64);
        let position = semantic.grid.to_ct(index.into()).to_array();
        for axis in 0..3 {
            low[axis] = low[axis].min(position[axis]);
            high[axis] = high[axis].max(position[axis]);
        }
        count += 1;
    }
    let found_mm3 = volume_mm3(count, &semantic.grid);
    if found_mm3 < MIN_SPINE_MM3 {
        return Err(SegmentError::NoSpine { found_mm3 });
    }
    let (scan_low, scan_high) = ct.bounds();
    let (scan_low, scan_high) = (scan_low.to_array(), scan_high.to_array());
    let low = [0, 1, 2].map(|axis| (low[axis] - MARGIN_MM).max(scan_low[axis] - FINE_MM));
    let high = [0, 1, 2].map(|axis| (high[axis] + MARGIN_MM).min(scan_high[axis] + FINE_MM));
    preprocess::cover(low, high, FINE_MM)
}

pub(super) fn volume_mm3(voxels: usize, grid: &Grid) -> f64 {
    voxels as f64 * grid.spacing_mm().iter().product::<f64>()
}

/// Puts together what is known of each vertebra.
fn describe(spine: &Spine, judged: Judgement, surfaces: Vec<Refined>, labels: &LabelMap) -> Vec<Vertebra> {
    let mut voxels = [0usize; 256];
    for label in &labels.labels {
        voxels[usize::from(*label)] += 1;
    }
    let known = judged.naming.levels.iter().zip(judged.doubts).zip(judged.confidence).zip(surfaces).enumerate();
    known
        .filter(|(_, (_, surface))| !surface.mesh.triangles.is_empty())
        .map(|(i, (((level, doubts), confidence), surface))| {
            let (from, to) = spine.cuts.segments[i];
            Vertebra {
                level: *level,
                voxels: voxels[usize::from(level.number())],
                volume_mm3: surface.mesh.volume_mm3(),
                confidence,
                doubts,
                body_centre: spine.curve.points[(from + to) / 2],
                mesh: surface.mesh,
                surface_error_mm: surface.error_mm,
            }
        })
        .collect()
}
