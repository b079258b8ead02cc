//! The spinal canal at one vertebra, found as the hole that its arch encloses.

use geom::Point;
use geom::nalgebra::Vector3;
use kernels::{Connectivity, connected_components, distance_transform};

use super::anatomy::Axes;
use super::lattice::Lattice;
use crate::volume::LabelMap;

/// Distance between sampled places within a plane and between planes, mm.
const STEP_MM: [f64; 3] = [0.75, 0.75, 1.0];
/// Half the region that is looked at: to the left, to the front, up, mm.
const REACH_MM: [f64; 3] = [32.0, 55.0, 25.0];
/// Where the body is known, nothing farther than this before its front is looked at, mm.
const BEFORE_MM: f64 = 5.0;
/// Gaps in the arch up to twice this are bridged: thin laminae have holes, mm.
const BRIDGED_MM: f64 = 1.5;
/// Smallest canal, mm^2, after the arch was thickened by [`BRIDGED_MM`]; the
/// narrowest canals measure about 12 x 14 mm.
const LEAST_MM2: f64 = 40.0;
/// Fewer closed planes are no canal.
const LEAST_PLANES: usize = 3;
/// Where its middle is looked for, from the back of the body: to the back and
/// to the front, and to both sides, mm.
const BEHIND_MM: [f64; 2] = [24.0, 3.0];
const ASIDE_MM: f64 = 9.0;
/// How far the canal is carried on beyond the planes where the arch is closed, mm.
const BEYOND_MM: f64 = 12.0;

/// The canal at a vertebra.
#[derive(Debug, Clone)]
pub struct Canal {
    /// Signed distance to its edge, mm, negative inside.
    distance: Lattice,
    /// Its back and front, mm to the front of the body's middle.
    pub anterior_mm: [f64; 2],
    /// Its middle, mm to the left of the body's middle.
    pub middle_left_mm: f64,
    /// Half its width, mm.
    pub half_width_mm: f64,
    /// Lowest and highest plane in which the arch is closed, mm.
    pub closed_mm: [f64; 2],
}

/// The planes in a row of memory: which places are bone, which are canal.
struct Planes {
    bone: Vec<bool>,
    canal: Vec<bool>,
    is_closed: Vec<bool>,
}

impl Canal {
    /// Looks for the canal in planes square to the vertebra's axis. Any label
    /// counts as bone: facets of the neighbours help to close the ring.
    ///
    /// # Errors
    /// In words, when fewer than three planes have a closed arch.
    ///
    /// Cost: part of that of [`super::Anatomy`].
    pub fn find(labels: &LabelMap, axes: &Axes) -> Result<Self, String> {
        let is_bone = |local: [f64; 3]| {
            let label = labels.sample_nearest(Point::from_vector3(axes.place(local)));
            f32::from(u8::from(label.is_some_and(|l| l != 0)))
        };
        let front = axes.half_depth_mm.map_or(REACH_MM[1], |half| (half + BEFORE_MM).min(REACH_MM[1]));
        let high = [REACH_MM[0], front, REACH_MM[2]];
        let mut lattice = Lattice::fill(REACH_MM.map(|mm| -mm), high, STEP_MM, is_bone);
        let mut planes = closed_planes(&lattice, axes)?;
        let closed: Vec<usize> = (0..lattice.size[2]).filter(|k| planes.is_closed[*k]).collect();
        let (Some(&lowest), Some(&highest)) = (closed.first(), closed.last()) else {
            return Err("its arch is nowhere closed".into());
        };
        if closed.len() < LEAST_PLANES {
            return Err(format!("its arch is closed in {} mm of height only", closed.len()));
        }
        let extent = extent(&lattice, &planes);
        carry_on(&lattice, &mut planes, lowest, highest);
        signed_distance(&mut lattice, &planes.canal).map_err(|e| e.to_string())?;
        let height = |k: usize| lattice.low[2] + STEP_MM[2] * k as f64;
        Ok(Self {
            anterior_mm: extent[1],
            middle_left_mm: 0.5 * (extent[0][0] + extent[0][1]),
            half_width_mm: 0.5 * (extent[0][1] - extent[0][0]),
            closed_mm: [height(lowest), height(highest)],
            distance: lattice,
        })
    }

    /// Distance to the canal's edge, mm, negative inside; `None` more than some
    /// centimetres away.
    #[must_use]
    pub fn signed_mm(&self, axes: &Axes, place: Vector3<f64>) -> Option<f64> {
        self.distance.at(axes.local(place))
    }
}

/// In each plane the hole that lies where the canal must be.
fn closed_planes(lattice: &Lattice, axes: &Axes) -> Result<Planes, String> {
    let [nx, ny, nz] = lattice.size;
    let plane = nx * ny;
    let bone: Vec<bool> = lattice.values.iter().map(|v| *v > 0.5).collect();
    let (mut canal, mut is_closed) = (vec![false; bone.len()], vec![false; nz]);
    let (dims, spacing) = ([1, ny, nx], [1.0, STEP_MM[1], STEP_MM[0]]);
    let failed = |e: kernels::GridError| e.to_string();
    for k in 0..nz {
        let cells = k * plane..(k + 1) * plane;
        let near = distance_transform(&bone[cells.clone()], dims, spacing).map_err(failed)?;
        let free: Vec<bool> = near.iter().map(|squared| f64::from(*squared) > BRIDGED_MM * BRIDGED_MM).collect();
        let parts = connected_components(&free, dims, Connectivity::Faces).map_err(failed)?;
        let Some(hole) = canal_part(lattice, &parts.labels, parts.sizes.len(), axes) else { continue };
        is_closed[k] = true;
        let inside: Vec<bool> = parts.labels.iter().map(|label| *label == hole).collect();
        let reach_mm = BRIDGED_MM + 0.5 * STEP_MM[0];
        let around = Part::around(&inside, dims, (reach_mm / STEP_MM[0]) as usize + 1);
        let grown = distance_transform(&around.of(&inside, dims), around.size(), spacing).map_err(failed)?;
        for (i, squared) in around.indices(dims).zip(grown) {
            canal[k * plane + i] = f64::from(squared) <= reach_mm.powi(2) && !bone[k * plane + i];
        }
    }
    Ok(Planes { bone, canal, is_closed })
}

/// The enclosed part that is large enough and lies where a canal does.
fn canal_part(lattice: &Lattice, labels: &[u32], count: usize, axes: &Axes) -> Option<u32> {
    let [nx, ny, _] = lattice.size;
    // Cells, sums of both coordinates, whether it touches the rim.
    let mut parts = vec![(0usize, [0.0; 2], false); count + 1];
    for (i, label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        let (x, y) = (i % nx, i / nx);
        let Some(part) = parts.get_mut(*label as usize) else { continue };
        part.0 += 1;
        part.1[0] += lattice.low[0] + STEP_MM[0] * x as f64;
        part.1[1] += lattice.low[1] + STEP_MM[1] * y as f64;
        part.2 |= x == 0 || y == 0 || x + 1 == nx || y + 1 == ny;
    }
    let least = LEAST_MM2 / (STEP_MM[0] * STEP_MM[1]);
    let fits = |(cells, sums, touches): &(usize, [f64; 2], bool)| {
        let [left, anterior] = sums.map(|s| s / (*cells).max(1) as f64);
        let is_there = axes.half_depth_mm.is_none_or(|half| {
            left.abs() <= ASIDE_MM && (-half - BEHIND_MM[0]..=-half + BEHIND_MM[1]).contains(&anterior)
        });
        *cells as f64 >= least && !touches && is_there
    };
    let found = parts.iter().enumerate().skip(1).filter(|(_, part)| fits(part)).max_by_key(|(_, part)| part.0);
    found.and_then(|(label, _)| u32::try_from(label).ok())
}

/// The canal's edges, to the left and to the front: medians over the closed
/// planes of where it begins and ends.
fn extent(lattice: &Lattice, planes: &Planes) -> [[f64; 2]; 2] {
    let plane = lattice.size[0] * lattice.size[1];
    let closed = || (0..lattice.size[2]).filter(|k| planes.is_closed[*k]);
    let edge = |axis: usize, k: usize| {
        let inside = (k * plane..(k + 1) * plane).filter(|i| planes.canal[*i]).map(|i| lattice.place(i)[axis]);
        let edges = inside.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)]);
        [edges[0] - 0.5 * STEP_MM[axis], edges[1] + 0.5 * STEP_MM[axis]]
    };
    [0, 1].map(|axis| {
        [0, 1].map(|end| {
            let mut edges: Vec<f64> = closed().map(|k| edge(axis, k)[end]).collect();
            edges.sort_by(f64::total_cmp);
            edges.get(edges.len() / 2).copied().unwrap_or(0.0)
        })
    })
}

/// Above and below, where the arch is open, the canal goes on as it was. Between
/// closed planes likewise.
fn carry_on(lattice: &Lattice, planes: &mut Planes, lowest: usize, highest: usize) {
    let plane = lattice.size[0] * lattice.size[1];
    let beyond = (BEYOND_MM / STEP_MM[2]) as usize;
    for k in lowest.saturating_sub(beyond)..(highest + beyond + 1).min(lattice.size[2]) {
        if planes.is_closed[k] {
            continue;
        }
        let distance = |other: &usize| other.abs_diff(k);
        let nearest = (lowest..=highest).filter(|other| planes.is_closed[*other]).min_by_key(distance);
        let Some(nearest) = nearest else { continue };
        for i in 0..plane {
            planes.canal[k * plane + i] = planes.canal[nearest * plane + i] && !planes.bone[k * plane + i];
        }
    }
}

/// Distance to the edge, which runs half a step from the outermost places.
fn signed_distance(lattice: &mut Lattice, mask: &[bool]) -> Result<(), kernels::GridError> {
    let [nx, ny, nz] = lattice.size;
    let (dims, spacing) = ([nz, ny, nx], [STEP_MM[2], STEP_MM[1], STEP_MM[0]]);
    let outside = distance_transform(mask, dims, spacing)?;
    let half = 0.5 * STEP_MM[0] as f32;
    for (value, out) in lattice.values.iter_mut().zip(outside) {
        *value = out.sqrt() - half;
    }
    // From within, the nearest place outside is a neighbour of one inside.
    let around = Part::around(mask, dims, 1);
    let not: Vec<bool> = around.of(mask, dims).into_iter().map(|m| !m).collect();
    let inside = distance_transform(&not, around.size(), spacing)?;
    for (i, within) in around.indices(dims).zip(inside) {
        if mask.get(i) == Some(&true)
            && let Some(value) = lattice.values.get_mut(i)
        {
            *value = half - within.sqrt();
        }
    }
    Ok(())
}

/// A box of a grid `[z, y, x]`, so that only what matters is measured.
struct Part {
    low: [usize; 3],
    /// One past the last.
    high: [usize; 3],
}

impl Part {
    /// The box of the `true` cells of `mask` and `pad` cells around; one cell when there are none.
    fn around(mask: &[bool], dims: [usize; 3], pad: usize) -> Self {
        let (mut low, mut high) = (dims, [0; 3]);
        for (i, _) in mask.iter().enumerate().filter(|(_, is_in)| **is_in) {
            let at = [i / (dims[1] * dims[2]), i / dims[2] % dims[1], i % dims[2]];
            for axis in 0..3 {
                low[axis] = low[axis].min(at[axis]);
                high[axis] = high[axis].max(at[axis] + 1);
            }
        }
        let low = [0, 1, 2].map(|a| low[a].saturating_sub(pad).min(dims[a].saturating_sub(1)));
        Self { low, high: [0, 1, 2].map(|a| (high[a] + pad).min(dims[a]).max(low[a] + 1)) }
    }

    fn size(&self) -> [usize; 3] {
        [0, 1, 2].map(|a| self.high[a] - self.low[a])
    }

    /// Its cells in the whole grid, in their order.
    fn indices(&self, dims: [usize; 3]) -> impl Iterator<Item = usize> + use<> {
        let ([z0, y0, x0], [z1, y1, x1]) = (self.low, self.high);
        (z0..z1).flat_map(move |z| (y0..y1).flat_map(move |y| (x0..x1).map(move |x| (z * dims[1] + y) * dims[2] + x)))
    }

    /// Its part of `mask`.
    fn of(&self, mask: &[bool], dims: [usize; 3]) -> Vec<bool> {
        self.indices(dims).map(|i| mask.get(i).copied().unwrap_or_default()).collect()
    }
}
