//! The steps from a CT to a case, in their order.

use kernels::device::VolumeError;
use kernels::{Device, GridError as KernelGridError, NetworkError, OpError};
use thiserror::Error;

use super::confidence::{self, Doubt, MaskEvidence, judge};
use super::curve::SpineCurve;
use super::hu_alignment::{self, Aligned};
use super::instances::{self, Cuts};
use super::levels::{self, Naming};
use super::model::Model;
use super::preprocess;
use super::semantic::Semantic;
use super::{boundary, column, threshold};
use crate::case::{Case, Vertebra};
use crate::surface::{self, MeshSettings};
use crate::volume::{Grid, GridError, LabelMap, Volume};

/// Voxel edge on which edges are found and vertebrae are split, mm.
const FINE_MM: f64 = 1.0;

/// Room left around the spine on the fine grid, mm.
const MARGIN_MM: f64 = 12.0;

/// Least bone that can be a piece of spine, mm^3: half a cervical vertebra.
const MIN_SPINE_MM3: f64 = 4000.0;

/// The lowest value of any CT in HU is below this: fat is at -80 to -110.
const LOWEST_HU: f32 = -50.0;

/// How voxels are told apart.
#[derive(Debug)]
pub enum Method {
    /// A trained network.
    Network(Box<Model>),
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
/// `instances`, `levels`, `surfaces`.
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
    let lowest = ct.hu.iter().copied().fold(f32::INFINITY, f32::min);
    if lowest > LOWEST_HU {
        return Err(SegmentError::NoHounsfield { lowest });
    }
    let aligned = hu_alignment::align(&ct);
    let seen = aligned.as_ref().map_or(&ct, |aligned| &aligned.ct);
    let mut semantic = match method {
        Method::Network(model) => Semantic::from_network(seen, model, device, progress)?,
        Method::Threshold => {
            progress.stage("threshold");
            let (low, high) = ct.grid.bounds();
            let grid = preprocess::cover(low.to_array(), high.to_array(), 1.5)?;
            threshold::baseline(&preprocess::resample_ct(seen, &grid, -1000.0)?, &grid)?
        }
    };
    column::keep_longest(&mut semantic)?;
    assemble(ct, aligned, &semantic, progress)
}

/// From class probabilities to a case: edges, instances, levels, surfaces.
///
/// * `aligned` - the scan in HU, where `ct` is not; the case keeps `ct` itself.
///
/// # Errors
/// As [`segment`].
pub fn assemble(
    ct: Volume,
    aligned: Option<Aligned>,
    semantic: &Semantic,
    progress: &mut dyn Progress,
) -> Result<Case, SegmentError> {
    progress.stage("boundary");
    let fine = semantic.on(&spine_box(semantic, &ct.grid)?)?;
    let hu = preprocess::resample_ct(aligned.as_ref().map_or(&ct, |aligned| &aligned.ct), &fine.grid, -1000.0)?;
    let soft_tissue_hu = aligned.map(|aligned| aligned.soft_tissue_hu);
    let mut mask = boundary::vertebra_mask(&fine, &hu)?;
    instances::clear_border(&mut mask, &fine.grid);

    progress.stage("instances");
    let found_mm3 = volume_mm3(mask.iter().filter(|v| **v).count(), &fine.grid);
    let column: Vec<bool> = mask.iter().zip(&fine.disc).map(|(bone, disc)| *bone || *disc > 0.5).collect();
    let curve = SpineCurve::find(&column, &fine.grid)?.filter(|_| found_mm3 > MIN_SPINE_MM3);
    let Some(curve) = curve else { return Err(SegmentError::NoSpine { found_mm3 }) };
    let mut cuts = instances::find_cuts(&curve, &fine, &hu);
    let mut grown = instances::grow(&mask, &curve, &cuts, &fine, semantic, &hu);
    let mut instances = LabelMap { grid: fine.grid.clone(), labels: std::mem::take(&mut grown.labels) };
    let is_cut = border_contact(&instances, &ct.grid);
    let dropped = instances::drop_scraps(&mut instances.labels, &mut cuts, &is_cut);
    let own_votes = grown.own_votes.map(|shares| shares[dropped.min(shares.len())..].to_vec());

    progress.stage("levels");
    let is_cut: Vec<bool> = (0..cuts.segments.len()).map(|i| is_cut.get(i + 1 + dropped) == Some(&true)).collect();
    let (seen, ends) = levels::look(&curve, &cuts, &fine, &ct.grid, &is_cut);
    let naming = levels::name(&seen, &ends);
    tracing::debug!(?seen, ?ends, ?naming, ?own_votes, "levels");
    let level_labels: Vec<u8> = instances
        .labels
        .iter()
        .map(|i| i.checked_sub(1).and_then(|i| naming.levels.get(usize::from(i))).map_or(0, |level| level.number()))
        .collect();
    let labels = preprocess::resample_labels(&level_labels, &fine.grid, &ct.grid)?;
    let labels = LabelMap { grid: ct.grid.clone(), labels };

    progress.stage("surfaces");
    let fine_labels = LabelMap { grid: fine.grid.clone(), labels: level_labels };
    let vertebrae = describe(
        &Found { curve: &curve, cuts: &cuts, naming: &naming, own_votes, soft_tissue_hu },
        &fine,
        &fine_labels,
        &labels,
    );
    if vertebrae.is_empty() {
        return Err(SegmentError::NoSpine { found_mm3 });
    }
    Ok(Case { ct, labels, vertebrae, levels_are_anchored: naming.is_anchored })
}

/// The fine grid: the box of likely vertebra voxels with a margin, kept inside
/// the scan (plus one voxel, so that masks end before the border).
fn spine_box(semantic: &Semantic, ct: &Grid) -> Result<Grid, SegmentError> {
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

fn volume_mm3(voxels: usize, grid: &Grid) -> f64 {
    voxels as f64 * grid.spacing_mm().iter().product::<f64>()
}

/// What the steps found out about the vertebrae.
struct Found<'a> {
    curve: &'a SpineCurve,
    cuts: &'a Cuts,
    naming: &'a Naming,
    own_votes: Option<Vec<f32>>,
    /// Where the soft tissue of an uncalibrated scan lay.
    soft_tissue_hu: Option<f32>,
}

/// Puts together what is known of each vertebra.
fn describe(found: &Found<'_>, fine: &Semantic, fine_labels: &LabelMap, labels: &LabelMap) -> Vec<Vertebra> {
    let Found { curve, cuts, naming, .. } = *found;
    let mut counts = [0usize; 256];
    let mut sums = [0f64; 256];
    for (label, probability) in fine_labels.labels.iter().zip(&fine.vertebra) {
        counts[usize::from(*label)] += 1;
        sums[usize::from(*label)] += f64::from(*probability);
    }
    let mut voxels = [0usize; 256];
    for label in &labels.labels {
        voxels[usize::from(*label)] += 1;
    }
    let borders = border_contact(fine_labels, &labels.grid);
    let evidence: Vec<MaskEvidence> = naming
        .levels
        .iter()
        .zip(&cuts.clarity)
        .enumerate()
        .map(|(index, (level, clarity))| {
            let i = usize::from(level.number());
            MaskEvidence {
                mean_probability: (sums[i] / counts[i].max(1) as f64) as f32,
                volume_mm3: volume_mm3(counts[i], &fine.grid),
                touches_border: borders[i],
                clarity: *clarity,
                own_votes: found.own_votes.as_ref().and_then(|shares| shares.get(index)).copied(),
            }
        })
        .collect();
    let judged = judge(&evidence);
    let numbers: Vec<u8> = naming.levels.iter().map(|level| level.number()).collect();
    let meshes = surface::from_masks(fine_labels, &numbers, &MeshSettings::default());
    let mut vertebrae = Vec::new();
    let known = naming.levels.iter().zip(&evidence).zip(judged).zip(meshes);
    for (i, (((level, mask), (mut confidence, mut doubts)), mesh)) in known.enumerate() {
        if mesh.triangles.is_empty() {
            continue;
        }
        let more = found.soft_tissue_hu.map(|soft_tissue_hu| Doubt::Uncalibrated { soft_tissue_hu });
        for doubt in naming.doubts[i].iter().copied().chain(more) {
            confidence *= confidence::factor(&doubt);
            doubts.push(doubt);
        }
        let (from, to) = cuts.segments[i];
        vertebrae.push(Vertebra {
            level: *level,
            voxels: voxels[usize::from(level.number())],
            volume_mm3: mask.volume_mm3,
            confidence,
            doubts,
            body_centre: curve.points[(from + to) / 2],
            mesh,
        });
    }
    vertebrae
}

/// For each label, whether its mask reaches the first or last voxels of the scan.
fn border_contact(fine: &LabelMap, scan: &Grid) -> [bool; 256] {
    let (low, high) = scan.bounds();
    let (low, high) = (low.to_array(), high.to_array());
    let [nx, ny, _] = fine.grid.size();
    let mut contact = [false; 256];
    for (i, label) in fine.labels.iter().enumerate().filter(|(_, l)| **l != 0) {
        let index = [i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64);
        let p = fine.grid.to_ct(index.into()).to_array();
        let reach = 1.5 * FINE_MM;
        contact[usize::from(*label)] |= (0..3).any(|axis| p[axis] < low[axis] + reach || p[axis] > high[axis] - reach);
    }
    contact
}
