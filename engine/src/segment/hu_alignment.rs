//! Scans whose values are no Hounsfield units yet: cone beams without
//! calibration, with cupping, shifted or scaled.
//!
//! A network without norms trusts HU. Muscle and organs lie near 50 HU in
//! every patient, so where the soft tissue of a scan lies tells how far its
//! values are off, and how that changes over the field (cupping). A scan whose
//! soft tissue is where it should be is left exactly as it is. Called by
//! [`segment`](super::segment()) before anything else looks at a value.

use geom::nalgebra::{SMatrix, SVector};
use geom::{Ct, Point};

use crate::volume::{Grid, Volume};

/// Where soft tissue belongs, HU: between water and enhanced organs. Five CTs
/// at hand have it at 10 to 52 by the measure used here.
const SOFT_TISSUE_HU: f64 = 35.0;

/// Fat lies this far below, HU: about -95 (Bushberg et al., The Essential
/// Physics of Medical Imaging, 3rd ed. 2011, chapter 10, gives -80 to -110).
const FAT_BELOW_SOFT_HU: f64 = 130.0;

/// Blocks this near to where soft tissue should be are calibrated, HU.
const REACH_HU: f64 = 45.0;

/// A scan is calibrated when this share of the blocks of soft tissue is.
/// Measured: 9 calibrated scans, noise and screws included, 0.40 to 1.00;
/// two simulated cone beams 0.09 and 0.24.
const CALIBRATED_SHARE: f64 = 0.33;

/// Further off than this it is no CT, HU.
const MAX_OFF_HU: f64 = 450.0;

/// Without a value below this there is no air, fat or padding of a CT: an MR, a phantom.
const AIR_HU: f32 = -300.0;

/// Edge of the blocks that are looked at, mm.
const BLOCK_MM: f64 = 32.0;

/// Voxels are averaged over cells of this edge against noise, mm.
const CELL_MM: f64 = 5.0;

/// Fewer blocks than this say nothing.
const MIN_BLOCKS: usize = 24;

/// Width of a histogram bin and range of the histogram, HU.
const BIN_HU: f64 = 10.0;
const LOWEST_HU: f64 = -500.0;
const BINS: usize = 100;

/// Terms of the surface of soft tissue: constant, three slopes, cupping across the table.
const TERMS: usize = 5;

type Histogram = [f64; BINS];

/// A scan brought to Hounsfield units.
#[derive(Debug)]
pub struct Aligned {
    /// The scan, HU.
    pub ct: Volume,
    /// Where its soft tissue lay, mean over the field.
    pub soft_tissue_hu: f32,
}

/// Brings an uncalibrated scan to HU; `None` when it is calibrated, or when
/// nothing in it says how it should be.
///
/// Cost: one pass over the scan, another and a copy when it is not calibrated.
#[must_use]
pub fn align(ct: &Volume) -> Option<Aligned> {
    if ct.hu.iter().all(|hu| *hu > AIR_HU) {
        return None;
    }
    let blocks = blocks(ct);
    let field = SoftTissue::fit(&blocks)?;
    let calibrated = blocks.iter().filter(|b| (b.peak_hu - SOFT_TISSUE_HU).abs() < REACH_HU).count();
    let is_calibrated = calibrated as f64 >= CALIBRATED_SHARE * field.blocks as f64;
    let is_ct = (field.low - SOFT_TISSUE_HU).abs() < MAX_OFF_HU && (field.high - SOFT_TISSUE_HU).abs() < MAX_OFF_HU;
    let scale = scale(&blocks, &field);
    tracing::debug!(
        mean = field.mean,
        low = field.low,
        high = field.high,
        scale,
        calibrated,
        of = field.blocks,
        is_calibrated,
        "soft tissue"
    );
    if is_calibrated || !is_ct {
        return None;
    }
    let mut aligned = Volume { grid: ct.grid.clone(), hu: ct.hu.clone() };
    let [nx, ny, _] = ct.grid.size();
    for (i, hu) in aligned.hu.iter_mut().enumerate() {
        let soft = field.at(position(&ct.grid, [i % nx, i / nx % ny, i / (nx * ny)]));
        *hu = (SOFT_TISSUE_HU + scale * (f64::from(*hu) - soft)) as f32;
    }
    Some(Aligned { ct: aligned, soft_tissue_hu: field.mean as f32 })
}

/// One block of the scan.
struct Block {
    centre: Point<Ct>,
    histogram: Histogram,
    /// Its brightest common tissue, HU.
    peak_hu: f64,
}

/// Blocks filled with tissue.
fn blocks(ct: &Volume) -> Vec<Block> {
    let (size, spacing) = (ct.grid.size(), ct.grid.spacing_mm());
    let cell = [0, 1, 2].map(|axis| ((CELL_MM / spacing[axis]).round() as usize).clamp(1, size[axis].max(1)));
    let cells = [0, 1, 2].map(|axis| size[axis] / cell[axis]);
    let edge = [0, 1, 2].map(|axis| ((BLOCK_MM / spacing[axis] / cell[axis] as f64).round() as usize).max(1));
    let mut found = Vec::new();
    let starts = |axis: usize| (0..cells[axis]).step_by(edge[axis]);
    for z in starts(2) {
        for y in starts(1) {
            for x in starts(0) {
                let start = [x, y, z];
                let end = [0, 1, 2].map(|axis| (start[axis] + edge[axis]).min(cells[axis]));
                let (mut histogram, mut total, mut tissue) = ([0.0; BINS], 0, 0);
                for at in in_box(start, end) {
                    total += 1;
                    let bin = (mean(ct, [0, 1, 2].map(|axis| at[axis] * cell[axis]), cell) - LOWEST_HU) / BIN_HU;
                    if bin >= 0.0 && bin < BINS as f64 {
                        histogram[bin as usize] += 1.0;
                        tissue += 1;
                    }
                }
                if tissue >= 60 && tissue * 10 > 6 * total {
                    let middle = [0, 1, 2].map(|axis| (start[axis] + end[axis]) * cell[axis] / 2);
                    let peak_hu = brightest_peak(&smoothed(&histogram), 0.5);
                    found.push(Block { centre: position(&ct.grid, middle), histogram, peak_hu });
                }
            }
        }
    }
    found
}

fn in_box(low: [usize; 3], high: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (low[2]..high[2]).flat_map(move |z| (low[1]..high[1]).flat_map(move |y| (low[0]..high[0]).map(move |x| [x, y, z])))
}

/// Mean of a cell of voxels.
fn mean(ct: &Volume, low: [usize; 3], size: [usize; 3]) -> f64 {
    let high = [0, 1, 2].map(|axis| low[axis] + size[axis]);
    let sum: f64 = in_box(low, high).map(|at| f64::from(ct.hu[ct.grid.index(at)])).sum();
    sum / size.iter().product::<usize>() as f64
}

fn position(grid: &Grid, index: [usize; 3]) -> Point<Ct> {
    grid.to_ct(index.map(|v| v as f64).into())
}

/// Gaussian over 2.5 bins, against noise and few samples.
fn smoothed(histogram: &Histogram) -> Histogram {
    let mut smooth = [0.0; BINS];
    for (i, value) in smooth.iter_mut().enumerate() {
        let first = i.saturating_sub(7);
        for (j, count) in (first..).zip(&histogram[first..(i + 8).min(BINS)]) {
            *value += count * (-0.5 * ((i as f64 - j as f64) / 2.5).powi(2)).exp();
        }
    }
    smooth
}

/// HU of the brightest peak that is at least `share` as high as the highest.
fn brightest_peak(smooth: &Histogram, share: f64) -> f64 {
    let highest = smooth.iter().copied().fold(0.0, f64::max);
    let is_peak = |i: &usize| {
        let [before, here, after] = [i - 1, *i, i + 1].map(|i| smooth[i]);
        here >= share * highest && here >= before && here > after
    };
    let bin = (1..BINS - 1).rev().find(is_peak).unwrap_or(BINS / 2);
    LOWEST_HU + (bin as f64 + 0.5) * BIN_HU
}

/// Soft tissue over the field, HU.
struct SoftTissue {
    origin: Point<Ct>,
    terms: SVector<f64, TERMS>,
    /// Blocks it rests on.
    blocks: usize,
    mean: f64,
    low: f64,
    high: f64,
}

impl SoftTissue {
    /// A smooth surface through the blocks of soft tissue. Blocks of fat lie
    /// far below it and blocks of bone or contrast agent above; both are left
    /// out step by step.
    fn fit(blocks: &[Block]) -> Option<Self> {
        if blocks.len() < MIN_BLOCKS {
            return None;
        }
        let centres: Vec<Point<Ct>> = blocks.iter().map(|b| b.centre).collect();
        let origin = Point::centroid(&centres)?;
        let mut field = Self { origin, terms: SVector::zeros(), blocks: 0, mean: 0.0, low: 0.0, high: 0.0 };
        let mut peaks: Vec<f64> = blocks.iter().map(|b| b.peak_hu).collect();
        peaks.sort_by(f64::total_cmp);
        // Soft tissue is brighter than fat: begin above the middle.
        field.terms[0] = peaks[peaks.len() * 2 / 3];
        let mut used = Vec::new();
        for round in 0..12 {
            let reach = if round < 6 { [-110.0 + 10.0 * f64::from(round), 90.0] } else { [-REACH_HU, REACH_HU] };
            let is_near = |b: &&Block| (reach[0]..reach[1]).contains(&(b.peak_hu - field.value(b.centre)));
            used = blocks.iter().filter(is_near).collect::<Vec<_>>();
            let (mut normal, mut right) = (SMatrix::<f64, TERMS, TERMS>::identity() * 1e-3, SVector::zeros());
            for block in &used {
                let row = field.row(block.centre);
                normal += row * row.transpose();
                right += row * block.peak_hu;
            }
            field.terms = normal.cholesky()?.solve(&right);
        }
        if used.len() < MIN_BLOCKS || used.len() * 4 < blocks.len() {
            return None;
        }
        let values: Vec<f64> = used.iter().map(|b| field.value(b.centre)).collect();
        field.blocks = used.len();
        field.mean = values.iter().sum::<f64>() / values.len() as f64;
        field.low = values.iter().copied().fold(f64::INFINITY, f64::min);
        field.high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(field)
    }

    fn row(&self, at: Point<Ct>) -> SVector<f64, TERMS> {
        let [x, y, z] = (at - self.origin).to_array().map(|v| v / 100.0);
        SVector::from([1.0, x, y, z, x * x + y * y])
    }

    fn value(&self, at: Point<Ct>) -> f64 {
        self.terms.dot(&self.row(at))
    }

    /// Within what was seen; the surface is not trusted beyond its blocks.
    fn at(&self, at: Point<Ct>) -> f64 {
        self.value(at).clamp(self.low, self.high)
    }
}

/// Factor that puts fat where it belongs below soft tissue; 1 where no fat is seen.
fn scale(blocks: &[Block], field: &SoftTissue) -> f64 {
    let mut histogram = [0.0; BINS];
    for block in blocks {
        let shift = ((SOFT_TISSUE_HU - field.at(block.centre)) / BIN_HU).round() as isize;
        for (bin, count) in block.histogram.iter().enumerate() {
            if let Some(target) = bin.checked_add_signed(shift).filter(|target| *target < BINS) {
                histogram[target] += count;
            }
        }
    }
    let smooth = smoothed(&histogram);
    let bin_of = |hu: f64| ((hu - LOWEST_HU) / BIN_HU) as usize;
    let soft = smooth[bin_of(SOFT_TISSUE_HU) - 2..bin_of(SOFT_TISSUE_HU) + 3].iter().copied().fold(0.0, f64::max);
    // Between 0.65 and 2.1 times as far from soft tissue as it should be.
    let is_peak = |i: &usize| smooth[*i] > 0.2 * soft && smooth[*i] >= smooth[i - 1] && smooth[*i] > smooth[i + 1];
    let range = bin_of(SOFT_TISSUE_HU - 2.1 * FAT_BELOW_SOFT_HU)..bin_of(SOFT_TISSUE_HU - 0.45 * FAT_BELOW_SOFT_HU);
    let fat = range.filter(is_peak).max_by(|a, b| smooth[*a].total_cmp(&smooth[*b]));
    fat.map_or(1.0, |bin| {
        let below = SOFT_TISSUE_HU - (LOWEST_HU + (bin as f64 + 0.5) * BIN_HU);
        (FAT_BELOW_SOFT_HU / below).clamp(0.7, 1.6)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of muscle in fat, in air, with values as `seen` makes them of HU
    /// at that distance from the middle (mm).
    fn body(seen: impl Fn(f64, f64) -> f64) -> Volume {
        let grid = Grid::axis_aligned([80, 80, 40], [4.0; 3], Point::new(-160.0, -160.0, 0.0)).unwrap();
        let hu = (0..grid.len())
            .map(|i| {
                let [x, y, _] = position(&grid, [i % 80, i / 80 % 80, i / 6400]).to_array();
                let (radius, texture) = (x.hypot(y), ((i * 7919) % 61) as f64 - 30.0);
                let tissue = if radius < 110.0 { 40.0 + texture } else { -100.0 + texture };
                (if radius < 140.0 { seen(tissue, radius) } else { -1000.0 }) as f32
            })
            .collect();
        Volume { grid, hu }
    }

    #[test]
    fn a_calibrated_scan_is_left_exactly_as_it_is() {
        assert!(align(&body(|hu, _| hu)).is_none());
        // A fat patient's middle, 25 HU lower, is still calibrated.
        assert!(align(&body(|hu, _| hu - 25.0)).is_none());
    }

    #[test]
    fn a_cupped_and_scaled_cone_beam_gets_its_soft_tissue_back() {
        let scan = body(|hu, radius| 0.8 * hu - 190.0 * (1.0 - (radius / 140.0).powi(2)));
        let aligned = align(&scan).unwrap();
        let middle = |v: &Volume, x: usize| {
            let row = (10..30).map(|z| f64::from(v.hu[v.grid.index([x, 40, z])]));
            row.sum::<f64>() / 20.0
        };
        assert!(middle(&scan, 40) < -120.0);
        for x in [30, 40, 50, 60] {
            let hu = middle(&aligned.ct, x);
            assert!((hu - SOFT_TISSUE_HU).abs() < 45.0, "{hu} at {x}");
        }
        assert!(aligned.soft_tissue_hu < -50.0);
    }

    #[test]
    fn what_is_no_ct_is_not_made_one() {
        let mr = body(|hu, _| hu + 1000.0);
        assert!(align(&Volume { hu: mr.hu.iter().map(|v| v.max(0.0)).collect(), ..mr }).is_none());
        let constant = body(|_, _| 0.0);
        assert!(align(&Volume { hu: vec![-1000.0; constant.hu.len()], ..constant }).is_none());
    }
}
