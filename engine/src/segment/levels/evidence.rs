//! What is seen beside, above and below the vertebrae.

use geom::{Ct, Point};

use super::chain::{Ends, Seen};
use crate::segment::curve::SpineCurve;
use crate::segment::instances::{Cuts, voxel};
use crate::segment::semantic::Semantic;
use crate::volume::Grid;

/// Other bone beside a vertebra from which a rib is as likely as not, mm^3,
/// and how fast that becomes certain. On LIDC-IDRI-0001 ribs give 270 to
/// 3 900, and transverse processes called other bone less than 200.
const RIB_MM3: f64 = 260.0;
const RIB_WIDTH_MM3: f64 = 80.0;

/// Bone right below the last vertebra from which the sacrum is as likely as
/// not, mm^3; a lumbar vertebra's processes called other bone stay far below.
const SACRUM_MM3: f64 = 9000.0;
const SACRUM_WIDTH_MM3: f64 = 2500.0;

/// Bone above the first vertebra that can only be the skull, mm^3.
const SKULL_MM3: f64 = 30_000.0;
const SKULL_WIDTH_MM3: f64 = 6000.0;

/// Step of the search through a box, mm.
const STEP_MM: f64 = 2.0;

/// Nothing is concluded from a box of which less than this lies in the scan.
const IN_VIEW: f64 = 0.7;

/// How likely less than certain evidence is a mistake at best.
const TRUST: f64 = 0.97;

/// What is seen of every vertebra, from the head down, and at both ends.
///
/// * `is_cut` - for each segment, whether the border of the scan cuts it.
/// * `scan` - the grid of the CT: what is outside was not seen.
#[must_use]
pub fn look(curve: &SpineCurve, cuts: &Cuts, semantic: &Semantic, scan: &Grid, is_cut: &[bool]) -> (Vec<Seen>, Ends) {
    let middle = |i: usize| {
        let (from, to) = cuts.segments[i];
        curve.points[(from + to) / 2]
    };
    let view = View { semantic, scan };
    let whole = |i: usize| !is_cut.get(i).copied().unwrap_or(false);
    let seen = (0..cuts.segments.len())
        .map(|i| {
            let half_height = (cuts.segments[i].1 - cuts.segments[i].0) as f64 / 2.0;
            let above_mm = (i > 0 && whole(i) && whole(i - 1)).then(|| middle(i).distance(middle(i - 1)));
            let ribs = [-1.0, 1.0].map(|side: f64| {
                let ends = [12.0 * side, 40.0 * side];
                let low = [ends[0].min(ends[1]), -15.0, -half_height];
                let volume = view.bone_mm3(middle(i), low, [ends[0].max(ends[1]), 35.0, half_height])?;
                Some(chance(volume, RIB_MM3, RIB_WIDTH_MM3))
            });
            Seen { above_mm, ribs }
        })
        .collect();
    let end = |i: Option<usize>| i.and_then(|i| curve.points.get(i)).copied();
    let first = end(cuts.segments.first().map(|s| s.0));
    let last = end(cuts.segments.last().map(|s| s.1.saturating_sub(1)));
    let sacrum = last.and_then(|at| view.bone_mm3(at, [-40.0, -20.0, -55.0], [40.0, 60.0, 5.0]));
    let skull = first.and_then(|at| view.bone_mm3(at, [-60.0, -30.0, 0.0], [60.0, 60.0, 50.0]));
    let ends = Ends {
        sacrum: sacrum.map(|volume| chance(volume, SACRUM_MM3, SACRUM_WIDTH_MM3)),
        skull: skull.map(|volume| chance(volume, SKULL_MM3, SKULL_WIDTH_MM3)),
    };
    (seen, ends)
}

fn chance(volume: f64, even: f64, width: f64) -> f64 {
    let raw = 1.0 / (1.0 + (-(volume - even) / width).exp());
    (1.0 - TRUST) + (2.0 * TRUST - 1.0) * raw
}

struct View<'a> {
    semantic: &'a Semantic,
    scan: &'a Grid,
}

impl View<'_> {
    /// Other bone in a box around `centre`, mm^3, or nothing where the scan
    /// does not reach and what is in view does not settle it.
    fn bone_mm3(&self, centre: Point<Ct>, low: [f64; 3], high: [f64; 3]) -> Option<f64> {
        let (mut bone, mut in_view, mut total) = (0.0, 0.0, 0.0);
        for_box(low, high, |x, y, z| {
            let at = centre + geom::Vector::new(x, y, z);
            total += 1.0;
            in_view += f64::from(u8::from(voxel(self.scan, at).is_some()));
            bone +=
                f64::from(u8::from(voxel(&self.semantic.grid, at).is_some_and(|v| self.semantic.other_bone[v] > 0.5)));
        });
        let volume = bone * STEP_MM.powi(3);
        // Bone that is there counts wherever the scan ends.
        (in_view > IN_VIEW * total || volume > 1.5 * SACRUM_MM3).then_some(volume)
    }
}

fn for_box(low: [f64; 3], high: [f64; 3], mut visit: impl FnMut(f64, f64, f64)) {
    let steps = [0, 1, 2].map(|axis| ((high[axis] - low[axis]) / STEP_MM).floor().max(0.0) as usize);
    for i in 0..=steps[0] {
        for j in 0..=steps[1] {
            for k in 0..=steps[2] {
                visit(low[0] + i as f64 * STEP_MM, low[1] + j as f64 * STEP_MM, low[2] + k as f64 * STEP_MM);
            }
        }
    }
}
