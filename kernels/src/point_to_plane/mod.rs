//! Sums of point-to-plane registration, eight points at a time.
//!
//! Promises: the same bits with and without AVX2 (no fused multiply-add, the
//! same order of sums), and finite sums for finite points. The caller decides
//! which surface point belongs to a point. Called by `engine::register`; the
//! same sums on a GPU are in `cuda::volume`.
#![allow(unsafe_code)]

mod eight;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
use eight::Avx2;
use eight::{Eight, Portable};

/// Points worked on together.
pub const LANES: usize = 8;
/// Stands for "no surface point" in [`Sites::indices`].
pub const NO_SITE: u32 = u32::MAX;
/// Blocks summed in `f32` before they are added to the `f64` sums.
const BLOCKS: usize = 32;
/// Number of sums: the upper triangle of 7 x 7, the points, their weights.
const SUMS: usize = 30;
/// Coordinate of the points that fill the last block, mm: outside any grid,
/// and its square is still finite.
const FAR_MM: f32 = 1e18;

/// One coordinate of [`LANES`] points.
pub type Lanes = [f32; LANES];

/// A surface point and its unit outward normal, on one cache line.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[repr(C, align(32))]
pub struct Site {
    /// Position, mm.
    pub point: [f32; 3],
    /// Unit outward normal.
    pub normal: [f32; 3],
    /// Whatever the caller wants to find beside it.
    pub tag: [u32; 2],
}

/// Points in blocks of [`LANES`]: x, y, z of each block side by side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PointBlocks {
    blocks: Vec<[Lanes; 3]>,
    len: usize,
}

impl PointBlocks {
    /// Packs `points`, mm.
    #[must_use]
    pub fn new(points: &[[f32; 3]]) -> Self {
        let pack = |chunk: &[[f32; 3]]| {
            let mut block = [[FAR_MM; LANES]; 3];
            for (lane, point) in chunk.iter().enumerate() {
                (0..3).for_each(|axis| block[axis][lane] = point[axis]);
            }
            block
        };
        Self { blocks: points.chunks(LANES).map(pack).collect(), len: points.len() }
    }

    /// Number of points.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True when there is no point.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The blocks; the last one is filled up with points far away.
    #[must_use]
    pub fn blocks(&self) -> &[[Lanes; 3]] {
        &self.blocks
    }
}

/// Which surface point belongs to each placed point.
pub trait Sites: Sync {
    /// Index into [`Self::sites`] for each point of block `block`, placed at
    /// `at` (x, y, z); [`NO_SITE`] where there is none. Implementations are
    /// `#[inline(always)]`, so that they get this module's instructions.
    fn indices(&self, block: usize, at: &[Lanes; 3]) -> [u32; LANES];
    /// All surface points.
    fn sites(&self) -> &[Site];
}

/// Where the points lie: `rotation` (row by row) times the point, plus `centre`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Row by row.
    pub rotation: [f32; 9],
    /// mm.
    pub centre: [f32; 3],
}

impl Placement {
    /// Where a point lies, given by its offset from the centre.
    #[must_use]
    pub fn place(&self, o: [f32; 3]) -> [f32; 3] {
        let (r, c) = (&self.rotation, &self.centre);
        std::array::from_fn(|k| r[3 * k] * o[0] + r[3 * k + 1] * o[1] + r[3 * k + 2] * o[2] + c[k])
    }
}

/// How much a point counts, by its distance to the surface point (Geman-McClure)
/// or to the plane (the others).
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Weighting {
    /// Every point counts 1.
    Even,
    /// `(s^2 / (s^2 + d^2))^2` (Black and Rangarajan 1996, doi:10.1007/BF00131148).
    GemanMcClure {
        /// Scale s, mm.
        scale_mm: f32,
    },
    /// `(1 - (e / c)^2)^2` up to the cut-off, then 0 (Beaton and Tukey 1974,
    /// doi:10.1080/00401706.1974.10489171).
    Tukey {
        /// Cut-off c, mm.
        cutoff_mm: f32,
    },
    /// `min(1, k / |e|)` (Huber 1964, doi:10.1214/aoms/1177703732).
    Huber {
        /// Knee k, mm.
        knee_mm: f32,
    },
}

impl Weighting {
    /// Weight of a point at `squared_mm2` from its surface point and
    /// `height_mm` above that point's plane, in `[0, 1]`.
    #[must_use]
    pub fn weight(self, squared_mm2: f32, height_mm: f32) -> f32 {
        let at = Portable([0.0; LANES]);
        self.weights(at.splat(squared_mm2), at.splat(height_mm)).store()[0]
    }

    #[inline(always)]
    fn weights<E: Eight>(self, squared: E, height: E) -> E {
        let one = squared.splat(1.0);
        match self {
            Self::Even => one,
            Self::GemanMcClure { scale_mm } => {
                let scale = squared.splat(scale_mm * scale_mm);
                let u = scale.div(scale.add(squared));
                u.mul(u)
            }
            Self::Tukey { cutoff_mm } => {
                let share = height.mul(squared.splat(1.0 / cutoff_mm));
                let u = one.sub(share.mul(share)).max(squared.splat(0.0));
                u.mul(u)
            }
            Self::Huber { knee_mm } => {
                let distance = height.max(squared.splat(0.0).sub(height)).max(squared.splat(1e-9));
                squared.splat(knee_mm).div(distance).min(one)
            }
        }
    }
}

/// Weighted sums of the products of `[J | e]` over the points that have a
/// surface point in reach: the normal equations of the linearised distance to
/// its plane (Chen and Medioni 1992, doi:10.1016/0262-8856(92)90066-C; Low
/// 2004, eq. 9-10). `J`: rotation (rad) about the centre, translation (mm).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneSums {
    sums: [f64; SUMS],
}

impl PlaneSums {
    /// No points.
    pub const ZERO: Self = Self { sums: [0.0; SUMS] };

    /// Adds `other`.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.sums.iter_mut().zip(other.sums).for_each(|(a, b)| *a += b);
        self
    }

    /// Sum of `w v_row v_column` for `v = [J | e]`, indices below 7.
    #[must_use]
    pub fn product(&self, row: usize, column: usize) -> f64 {
        let (low, high) = (row.min(column), row.max(column));
        self.sums.get(low * 7 - (low * low.saturating_sub(1)) / 2 + high - low).copied().unwrap_or(0.0)
    }

    /// Number of points with a surface point in reach.
    #[must_use]
    pub const fn points(&self) -> f64 {
        self.sums[28]
    }

    /// Sum of the weights.
    #[must_use]
    pub const fn weights(&self) -> f64 {
        self.sums[29]
    }
}

/// Sums over `blocks`; `first` is the number of the first of them, as told to
/// `sites`. Points further than `reach_mm` from their surface point are left
/// out. Cost: 5 to 8 ns a point.
#[must_use]
pub fn plane_sums<S: Sites>(
    sites: &S,
    blocks: &[[Lanes; 3]],
    first: usize,
    placement: &Placement,
    (reach_mm, weighting): (f32, Weighting),
) -> PlaneSums {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2 (test `all_instructions_give_the_same_bits`).
        return unsafe { plane_sums_avx2(sites, blocks, first, placement, (reach_mm, weighting)) };
    }
    sum_blocks(Portable([0.0; LANES]), sites, blocks, first, placement, (reach_mm, weighting))
}

/// Mean over `count` points of `min(d^2, limit^2)`, where d is the distance to the
/// surface point, or with `is_height` to its plane; a point without a surface
/// point within `reach_mm` counts `limit^2`.
#[must_use]
pub fn mean_squared<S: Sites>(
    sites: &S,
    points: &PointBlocks,
    placement: &Placement,
    (reach_mm, limit_mm, is_height): (f32, f32, bool),
) -> f64 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2 (test `all_instructions_give_the_same_bits`).
        return unsafe { mean_squared_avx2(sites, points, placement, (reach_mm, limit_mm, is_height)) };
    }
    mean_blocks(Portable([0.0; LANES]), sites, points, placement, (reach_mm, limit_mm, is_height))
}

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn plane_sums_avx2<S: Sites>(
    sites: &S,
    blocks: &[[Lanes; 3]],
    first: usize,
    placement: &Placement,
    settings: (f32, Weighting),
) -> PlaneSums {
    let zero = Avx2(std::arch::x86_64::_mm256_setzero_ps());
    sum_blocks(zero, sites, blocks, first, placement, settings)
}

/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn mean_squared_avx2<S: Sites>(
    sites: &S,
    points: &PointBlocks,
    placement: &Placement,
    settings: (f32, f32, bool),
) -> f64 {
    let zero = Avx2(std::arch::x86_64::_mm256_setzero_ps());
    mean_blocks(zero, sites, points, placement, settings)
}

/// A block beside its surface points; lanes without one have a normal of zero
/// and an infinite distance.
struct Seen<E> {
    arm: [E; 3],
    normal: [E; 3],
    height: E,
    squared: E,
}

/// What lanes without a surface point read.
const NOTHING: Site = Site { point: [0.0; 3], normal: [0.0; 3], tag: [0; 2] };

#[inline(always)]
fn see<E: Eight, S: Sites>(zero: E, sites: &S, number: usize, block: &[Lanes; 3], placement: &Placement) -> Seen<E> {
    let (r, c) = (&placement.rotation, &placement.centre);
    let o = [zero.load(&block[0]), zero.load(&block[1]), zero.load(&block[2])];
    let mut arm = [zero; 3];
    for (axis, arm) in arm.iter_mut().enumerate() {
        let i = 3 * axis;
        let (x, y, z) = (o[0].mul(zero.splat(r[i])), o[1].mul(zero.splat(r[i + 1])), o[2].mul(zero.splat(r[i + 2])));
        *arm = x.add(y).add(z);
    }
    let at = [arm[0].add(zero.splat(c[0])), arm[1].add(zero.splat(c[1])), arm[2].add(zero.splat(c[2]))];
    let all = sites.sites();
    let indices = sites.indices(number, &[at[0].store(), at[1].store(), at[2].store()]);
    let (mut found, mut missing) = ([&NOTHING; LANES], [f32::INFINITY; LANES]);
    for lane in 0..LANES {
        if let Some(site) = all.get(indices[lane] as usize) {
            found[lane] = site;
            missing[lane] = 0.0;
        }
    }
    let [px, py, pz, nx, ny, nz] = zero.gather(found);
    let d = [at[0].sub(px), at[1].sub(py), at[2].sub(pz)];
    Seen {
        arm,
        normal: [nx, ny, nz],
        height: d[0].mul(nx).add(d[1].mul(ny)).add(d[2].mul(nz)),
        squared: d[0].mul(d[0]).add(d[1].mul(d[1])).add(d[2].mul(d[2])).add(zero.load(&missing)),
    }
}

#[inline(always)]
fn sum_blocks<E: Eight, S: Sites>(
    zero: E,
    sites: &S,
    blocks: &[[Lanes; 3]],
    first: usize,
    placement: &Placement,
    (reach_mm, weighting): (f32, Weighting),
) -> PlaneSums {
    let mut total = PlaneSums::ZERO;
    for (part, chunk) in blocks.chunks(BLOCKS).enumerate() {
        let mut sums = [zero.splat(0.0); SUMS];
        for (i, block) in chunk.iter().enumerate() {
            let seen = see(zero, sites, first + part * BLOCKS + i, block, placement);
            add_block(&mut sums, &seen, reach_mm * reach_mm, weighting);
        }
        for (total, lanes) in total.sums.iter_mut().zip(&sums) {
            *total += lanes.store().iter().map(|v| f64::from(*v)).sum::<f64>();
        }
    }
    total
}

#[inline(always)]
fn add_block<E: Eight>(sums: &mut [E; SUMS], seen: &Seen<E>, max_squared: f32, weighting: Weighting) {
    let (a, n, e) = (&seen.arm, &seen.normal, seen.height);
    let (zero, one, reach) = (e.splat(0.0), e.splat(1.0), e.splat(max_squared));
    // Rotating by x about the centre moves the point by x cross a.
    let turn =
        [a[1].mul(n[2]).sub(a[2].mul(n[1])), a[2].mul(n[0]).sub(a[0].mul(n[2])), a[0].mul(n[1]).sub(a[1].mul(n[0]))];
    let v = [turn[0], turn[1], turn[2], n[0], n[1], n[2], e];
    let weight = seen.squared.choose(reach, weighting.weights(seen.squared, e), zero);
    let mut slot = 0;
    for row in 0..7 {
        let scaled = weight.mul(v[row]);
        for column in &v[row..] {
            sums[slot] = sums[slot].add(scaled.mul(*column));
            slot += 1;
        }
    }
    sums[28] = sums[28].add(seen.squared.choose(reach, one, zero));
    sums[29] = sums[29].add(weight);
}

#[inline(always)]
fn mean_blocks<E: Eight, S: Sites>(
    zero: E,
    sites: &S,
    points: &PointBlocks,
    placement: &Placement,
    (reach_mm, limit_mm, is_height): (f32, f32, bool),
) -> f64 {
    let (reach, limit) = (zero.splat(reach_mm * reach_mm), zero.splat(limit_mm * limit_mm));
    let mut total = 0.0;
    for (part, chunk) in points.blocks.chunks(BLOCKS).enumerate() {
        let mut sum = zero.splat(0.0);
        for (i, block) in chunk.iter().enumerate() {
            let seen = see(zero, sites, part * BLOCKS + i, block, placement);
            let own = if is_height { seen.height.mul(seen.height) } else { seen.squared };
            sum = sum.add(seen.squared.choose(reach, own.min(limit), limit));
        }
        total += sum.store().iter().map(|v| f64::from(*v)).sum::<f64>();
    }
    // The points that fill the last block count the limit each.
    let filled = points.blocks.len() * LANES - points.len;
    (total - filled as f64 * f64::from(limit_mm * limit_mm)) / points.len.max(1) as f64
}
