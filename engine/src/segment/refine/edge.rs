//! The edge of a bone on a line through its surface.

use geom::{Ct, Point, Vector};

use crate::volume::Volume;

/// Distance between samples on the line, mm.
const STEP_MM: f64 = 0.25;

/// Samples to each side: edges further off are another bone's.
const REACH: usize = 12;

/// An edge at this distance counts 0.6 as much as one at the surface, mm.
const NEAR_MM: f64 = 1.5;

/// HU that fall a millimetre at an edge that is wholly trusted. Bone against
/// soft tissue falls by 300 to 900; noise of 40 HU by less than 60.
const CLEAR_HU_MM: f32 = 200.0;

/// What is darker than fat or brighter than cortex says nothing about the edge, HU.
const TISSUE_HU: (f32, f32) = (-100.0, 1500.0);

/// No bone is as bright as this: metal, HU.
const METAL_HU: f32 = 2200.0;

/// Samples to each side over which a fall is measured (against noise).
const SLOPE: usize = 2;

const SAMPLES: usize = 2 * REACH + 1;

/// What one vertex saw of the edge.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seen {
    /// Where it lies along the outward normal, mm.
    pub offset_mm: f32,
    /// How clear it is, 0 to 1.
    pub weight: f32,
}

/// Looks for the steepest fall of HU on the line through `surface` along
/// `outward` (unit), nearer ones first, to a fraction of a sample.
///
/// Nothing is seen where metal is near or the line leaves the scan.
#[must_use]
pub fn find(ct: &Volume, surface: Point<Ct>, outward: Vector<Ct>) -> Seen {
    let mut line = [0.0f32; SAMPLES];
    for (i, value) in line.iter_mut().enumerate() {
        let Some(hu) = ct.sample(surface + outward * offset_mm(i as f64)) else { return Seen::default() };
        if hu > METAL_HU {
            return Seen::default();
        }
        *value = hu.clamp(TISSUE_HU.0, TISSUE_HU.1);
    }
    let mut fall = [0.0f32; SAMPLES];
    for i in SLOPE..SAMPLES - SLOPE {
        let nearness = (-0.5 * (offset_mm(i as f64) / NEAR_MM).powi(2)).exp() as f32;
        fall[i] = (line[i - SLOPE] - line[i + SLOPE]).max(0.0) * nearness;
    }
    let best = (SLOPE..SAMPLES - SLOPE).fold(SLOPE, |best, i| if fall[i] > fall[best] { i } else { best });
    let hu_mm = (line[best - SLOPE] - line[best + SLOPE]) / (2.0 * SLOPE as f32 * STEP_MM as f32);
    // The top of the parabola through the three falls about the steepest.
    let [before, at, after] = [fall[best - 1], fall[best], fall[best + 1]];
    let bend = before - 2.0 * at + after;
    let part = if bend < -1e-3 { (0.5 * (before - after) / bend).clamp(-0.5, 0.5) } else { 0.0 };
    Seen { offset_mm: offset_mm(best as f64 + f64::from(part)) as f32, weight: (hu_mm / CLEAR_HU_MM).clamp(0.0, 1.0) }
}

fn offset_mm(sample: f64) -> f64 {
    (sample - REACH as f64) * STEP_MM
}

/// Expected distance between a vertex and the true surface, mm: little where a
/// clear edge was seen and followed, more where it was faint or its
/// surroundings wanted another place. For points that lie on this bone at all:
/// where the network took something else for it the distance is not known here.
///
/// The three numbers are fitted on phantoms with known surfaces, see
/// `docs/segmentation.md`.
#[must_use]
pub fn expected_error_mm(seen: &Seen, moved_mm: f32) -> f32 {
    0.28 + 1.45 * (1.0 - seen.weight) + 0.85 * seen.weight * (seen.offset_mm - moved_mm).abs()
}
