//! A solid body of voxels made hollow: walls of a given thickness, and two holes in each cavity
//! through which resin or powder gets out. Called by [`super::printable`].

use geom::nalgebra::Vector3;
use kernels::{Connectivity, connected_components, distance_transform};

use super::printable::{PrintError, draw};
use crate::volume::LabelMap;

/// How a body is made hollow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walls {
    /// Their thickness, mm; at least 1.5, which most printers can build.
    pub wall_mm: f64,
    /// Diameter of the holes, mm. Default 3.5, which lets resin flow.
    pub hole_mm: f64,
}

/// What was taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Hollowing {
    /// Cavities.
    pub cavities: usize,
    /// Holes that open them.
    pub holes: usize,
    /// Volume of the body before, mm^3.
    pub solid_mm3: f64,
    /// Volume of the body left, mm^3.
    pub left_mm3: f64,
}

/// A cavity smaller than so many balls as wide as its holes is not worth them.
const LEAST_BALLS: f64 = 12.0;

/// Takes out what lies deeper than the walls are thick, and opens each cavity where it reaches
/// farthest towards the feet and towards the head.
///
/// * `body` - label 1 where there is material, cubic voxels, nothing at the grid's faces.
///
/// # Errors
/// [`PrintError::Check`] when a cavity could not be opened.
///
/// Cost: two distance transforms' worth of passes over the grid; a second at 10^8 voxels.
pub(super) fn hollow(body: &mut LabelMap, walls: &Walls) -> Result<Hollowing, PrintError> {
    let pitch_mm = body.grid.spacing_mm()[0];
    let size = body.grid.size();
    let dims = reversed(size);
    let uncountable = |_| PrintError::Check("countable");
    fill_pores(body)?;
    let voxels = |body: &LabelMap| body.labels.iter().filter(|l| **l != 0).count() as f64 * pitch_mm.powi(3);
    let mut done = Hollowing { solid_mm3: voxels(body), ..Hollowing::default() };

    let outside: Vec<bool> = body.labels.iter().map(|l| *l == 0).collect();
    let squared_mm2 = distance_transform(&outside, dims, [pitch_mm; 3]).map_err(uncountable)?;
    // The wall ends half a voxel before the nearest outer voxel's middle.
    let depth_mm2 = (walls.wall_mm + 0.5 * pitch_mm).powi(2) as f32;
    let deep: Vec<bool> = squared_mm2.iter().map(|d| *d > depth_mm2).collect();
    let found = connected_components(&deep, dims, Connectivity::Faces).map_err(uncountable)?;
    let ball_mm3 = std::f64::consts::FRAC_PI_6 * walls.hole_mm.powi(3);
    let is_worth: Vec<bool> =
        found.sizes.iter().map(|n| *n as f64 * pitch_mm.powi(3) >= LEAST_BALLS * ball_mm3).collect();

    // First and last voxel of each cavity: z runs slowest, towards the head.
    let mut ends = vec![None; is_worth.len()];
    for (i, label) in found.labels.iter().enumerate() {
        let Some(cavity) = (*label as usize).checked_sub(1).filter(|c| is_worth.get(*c) == Some(&true)) else {
            continue;
        };
        if let Some(voxel) = body.labels.get_mut(i) {
            *voxel = 0;
        }
        if let Some(ends) = ends.get_mut(cavity) {
            *ends = Some(ends.map_or((i, i), |(first, _)| (first, i)));
        }
    }
    for (low, high) in ends.into_iter().flatten() {
        done.cavities += 1;
        for end in [low, high] {
            let from = place(size, end);
            let Some(to) = nearest(&outside, size, from, walls.wall_mm / pitch_mm) else { continue };
            // On through the surface, so that the blur leaves it open.
            let beyond = to + (to - from).try_normalize(1e-6).unwrap_or_else(Vector3::z) * 2.0;
            draw(body, from, beyond, 0.5 * walls.hole_mm / pitch_mm, 0);
            done.holes += 1;
        }
    }
    if empty_regions(body)?.sizes.len() > 1 {
        return Err(PrintError::Check("open at every cavity"));
    }
    done.left_mm3 = voxels(body);
    Ok(done)
}

/// Closes what is empty within the body.
fn fill_pores(body: &mut LabelMap) -> Result<(), PrintError> {
    let empty = empty_regions(body)?;
    let outer = empty.labels.first().copied();
    for (voxel, region) in body.labels.iter_mut().zip(&empty.labels) {
        if *region != 0 && Some(*region) != outer {
            *voxel = 1;
        }
    }
    Ok(())
}

fn empty_regions(body: &LabelMap) -> Result<kernels::Components, PrintError> {
    let empty: Vec<bool> = body.labels.iter().map(|l| *l == 0).collect();
    connected_components(&empty, reversed(body.grid.size()), Connectivity::Faces)
        .map_err(|_| PrintError::Check("countable"))
}

/// The outer voxel nearest to `from`, both in voxels; at most about `reach` away.
fn nearest(outside: &[bool], size: [usize; 3], from: Vector3<f64>, reach: f64) -> Option<Vector3<f64>> {
    let reach = reach.ceil() + 3.0;
    let range = |i: usize| {
        let low = (from[i] - reach).max(0.0) as usize;
        low..((from[i] + reach) as usize + 1).min(size[i])
    };
    let mut best: Option<(f64, Vector3<f64>)> = None;
    for z in range(2) {
        for y in range(1) {
            for x in range(0) {
                let at = Vector3::new(x as f64, y as f64, z as f64);
                let apart = (at - from).norm_squared();
                let is_outside = outside.get((z * size[1] + y) * size[0] + x) == Some(&true);
                if is_outside && best.is_none_or(|(least, _)| apart < least) {
                    best = Some((apart, at));
                }
            }
        }
    }
    best.map(|(_, at)| at)
}

fn place([nx, ny, _]: [usize; 3], i: usize) -> Vector3<f64> {
    Vector3::new((i % nx) as f64, (i / nx % ny) as f64, (i / (nx * ny)) as f64)
}

const fn reversed([nx, ny, nz]: [usize; 3]) -> [usize; 3] {
    [nz, ny, nx]
}

#[cfg(test)]
mod tests {
    use geom::Point;

    use super::*;
    use crate::surface::{self, MeshSettings};
    use crate::volume::Grid;

    /// A block of 20 x 20 x 30 mm in voxels of 0.5 mm, with an empty voxel inside.
    fn block() -> LabelMap {
        let grid = Grid::axis_aligned([60, 60, 80], [0.5; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let mut labels = vec![0; grid.len()];
        for z in 10..70 {
            for y in 10..50 {
                for x in 10..50 {
                    labels[grid.index([x, y, z])] = 1;
                }
            }
        }
        labels[grid.index([30, 30, 30])] = 0;
        LabelMap { grid, labels }
    }

    #[test]
    fn a_block_keeps_its_walls_and_opens_at_both_ends() {
        let mut body = block();
        let walls = Walls { wall_mm: 3.0, hole_mm: 3.5 };
        let done = hollow(&mut body, &walls).unwrap();
        assert_eq!((done.cavities, done.holes), (1, 2));
        assert!((done.solid_mm3 - 12_000.0).abs() < 1e-6);
        // 14 x 14 x 24 mm taken out, and two channels through 3 mm of wall.
        let holes = 2.0 * 3.0 * std::f64::consts::FRAC_PI_4 * 3.5_f64.powi(2);
        assert!((done.left_mm3 - (12_000.0 - 4_704.0 - holes)).abs() < 80.0, "{}", done.left_mm3);
        // Every wall but at the holes is as thick as asked for.
        let at = |x: usize, y: usize, z: usize| body.labels[body.grid.index([x, y, z])];
        for depth in 0..6 {
            assert_eq!([at(10 + depth, 30, 40), at(30, 49 - depth, 40), at(30, 30, 10 + depth)], [1; 3]);
        }
        assert_eq!([at(16, 30, 40), at(30, 43, 40), at(30, 30, 16)], [0; 3]);
        let mesh = surface::from_mask(&body, 1, &MeshSettings { sigma_mm: 0.35, ..MeshSettings::default() });
        let whole = mesh.largest_component();
        assert_eq!(whole.triangles.len(), mesh.triangles.len(), "a cavity is open: there is one surface");
        super::super::printable::check(&whole).unwrap();
        assert!((whole.volume_mm3() / done.left_mm3 - 1.0).abs() < 0.03, "{}", whole.volume_mm3());
    }

    #[test]
    fn what_is_too_thin_stays_solid() {
        let mut body = block();
        let done = hollow(&mut body, &Walls { wall_mm: 9.0, hole_mm: 3.5 }).unwrap();
        assert_eq!((done.cavities, done.holes), (0, 0));
        assert_eq!(done.left_mm3, done.solid_mm3);
    }
}
