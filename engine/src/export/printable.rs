//! Separate bones joined by struts into one solid that a printer can build.
//!
//! Bones and struts are united as voxels, so that they truly are one body and
//! not surfaces pushed into each other; the surface is then closed, without
//! inner walls, and checked. Called by `spinenav export --printable`.

use geom::Point;
use geom::nalgebra::{Matrix3x4, Vector3};
use kernels::{Connectivity, connected_components};
use thiserror::Error;

use super::hollow::{Hollowing, Walls, hollow};
use crate::surface::{self, Mesh, MeshSettings};
use crate::volume::{Grid, LabelMap};

/// Settings of [`printable`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrintSettings {
    /// Edge of the voxels in which bones are united, mm. Default 0.8.
    pub pitch_mm: f64,
    /// Radius of a strut, mm. Default 3, which stands handling in usual plastics.
    pub strut_mm: f64,
    /// Walls that are left of a hollow solid; `None` (the default) prints it full.
    pub walls: Option<Walls>,
}

impl Default for PrintSettings {
    fn default() -> Self {
        Self { pitch_mm: 0.8, strut_mm: 3.0, walls: None }
    }
}

/// Why no printable solid was made.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum PrintError {
    /// A setting that cannot be used.
    #[error("{what} is {found} mm; it must be from {low} to {high}")]
    Setting {
        /// Which one.
        what: &'static str,
        /// Its value.
        found: f64,
        /// Smallest allowed.
        low: f64,
        /// Largest allowed.
        high: f64,
    },
    /// There is nothing to print.
    #[error("the label map holds no bone")]
    Empty,
    /// The solid would need too many voxels.
    #[error("{voxels} voxels of {pitch_mm} mm are too many; crop the case or take a larger pitch")]
    TooLarge {
        /// Voxels needed.
        voxels: usize,
        /// Their size.
        pitch_mm: f64,
    },
    /// The result failed its own check.
    #[error("the joined solid is not {0}; take a smaller pitch")]
    Check(&'static str),
}

/// A solid that was checked.
#[derive(Debug, Clone)]
pub struct Solid {
    /// Closed, manifold, one connected piece; LPS mm.
    pub mesh: Mesh,
    /// Struts that were put in.
    pub struts: usize,
    /// What was taken out of it, where that was asked for.
    pub hollowing: Option<Hollowing>,
}

/// Most voxels of the united body.
const MOST_VOXELS: usize = 400_000_000;

/// One printable solid of all labels that `is_bone` keeps.
///
/// Every piece is joined to its nearest neighbour by a strut between the two
/// nearest surface points, lengthened into both, until one piece is left.
///
/// # Errors
/// [`PrintError`] saying what is wrong.
///
/// Cost: some seconds for a whole spine at 0.8 mm.
pub fn printable(
    map: &LabelMap,
    is_bone: impl Fn(u8) -> bool + Sync,
    settings: &PrintSettings,
) -> Result<Solid, PrintError> {
    let mut limited =
        vec![("the pitch", settings.pitch_mm, 0.3, 3.0), ("the strut radius", settings.strut_mm, 0.5, 15.0)];
    if let Some(walls) = settings.walls {
        limited.extend([
            ("the walls' thickness", walls.wall_mm, 1.5_f64.max(2.0 * settings.pitch_mm), 20.0),
            ("the holes' diameter", walls.hole_mm, 1.5_f64.max(2.0 * settings.pitch_mm), 20.0),
        ]);
    }
    for (what, found, low, high) in limited {
        if !(low..=high).contains(&found) {
            return Err(PrintError::Setting { what, found, low, high });
        }
    }
    let mut body = united(map, is_bone, settings)?;
    let mut struts = 0;
    loop {
        let pieces = pieces(&body)?;
        if pieces.len() < 2 {
            break;
        }
        if struts > 400 {
            return Err(PrintError::Check("in one piece"));
        }
        struts += join(&mut body, &pieces, settings);
    }
    let hollowing = settings.walls.map(|walls| hollow(&mut body, &walls)).transpose()?;
    // The blur closes diagonal contacts, the largest component drops inner walls.
    let mesh =
        surface::from_mask(&body, 1, &MeshSettings { sigma_mm: 0.7 * settings.pitch_mm, ..MeshSettings::default() });
    let mesh = mesh.largest_component();
    check(&mesh)?;
    Ok(Solid { mesh, struts, hollowing })
}

/// Checks that a surface bounds one solid: closed, every edge shared by two
/// triangles, one fan of triangles around every vertex, one piece, wound outward.
///
/// # Errors
/// [`PrintError::Check`] naming the first property that fails.
pub fn check(mesh: &Mesh) -> Result<(), PrintError> {
    if mesh.triangles.is_empty() {
        return Err(PrintError::Empty);
    }
    if !mesh.is_watertight() {
        return Err(PrintError::Check("watertight"));
    }
    if mesh.largest_component().triangles.len() != mesh.triangles.len() {
        return Err(PrintError::Check("in one piece"));
    }
    if !has_single_fans(mesh) {
        return Err(PrintError::Check("manifold"));
    }
    if mesh.volume_mm3() <= 0.0 {
        return Err(PrintError::Check("wound outward"));
    }
    Ok(())
}

/// True when the triangles around each vertex hang together.
fn has_single_fans(mesh: &Mesh) -> bool {
    let mut around = vec![Vec::new(); mesh.vertices.len()];
    for [a, b, c] in mesh.triangles.iter().map(|t| t.map(|i| i as usize)) {
        for (v, next) in [(a, (b, c)), (b, (c, a)), (c, (a, b))] {
            if let Some(fan) = around.get_mut(v) {
                fan.push(next);
            }
        }
    }
    around.iter().filter(|fan| !fan.is_empty()).all(|fan| {
        let Some((start, mut at)) = fan.first().copied() else { return true };
        let mut steps = 1;
        while at != start && steps <= fan.len() {
            let Some((_, next)) = fan.iter().find(|(from, _)| *from == at) else { return false };
            at = *next;
            steps += 1;
        }
        steps == fan.len()
    })
}

/// All bones in one grid with cubic voxels along LPS, label 1.
fn united(
    map: &LabelMap,
    is_bone: impl Fn(u8) -> bool + Sync,
    settings: &PrintSettings,
) -> Result<LabelMap, PrintError> {
    let mut keep = [false; 256];
    for number in 1..=255u8 {
        keep[usize::from(number)] = is_bone(number);
    }
    let [nx, ny, _] = map.grid.size();
    let place =
        |i: usize| map.grid.to_ct(Point::new((i % nx) as f64, (i / nx % ny) as f64, (i / (nx * ny)) as f64)).vector3();
    let (mut low, mut high) = (Vector3::repeat(f64::INFINITY), Vector3::repeat(f64::NEG_INFINITY));
    for (i, _) in map.labels.iter().enumerate().filter(|(_, l)| keep[usize::from(**l)]) {
        let p = place(i);
        low = low.inf(&p);
        high = high.sup(&p);
    }
    if low.x > high.x {
        return Err(PrintError::Empty);
    }
    let margin = map.grid.spacing_mm().into_iter().fold(0.0, f64::max) + settings.strut_mm + 2.0 * settings.pitch_mm;
    let size = [0, 1, 2].map(|i| ((high[i] - low[i] + 2.0 * margin) / settings.pitch_mm).ceil() as usize + 1);
    let voxels = size.iter().fold(1usize, |n, s| n.saturating_mul(*s));
    if voxels > MOST_VOXELS {
        return Err(PrintError::TooLarge { voxels, pitch_mm: settings.pitch_mm });
    }
    let mut affine = Matrix3x4::zeros();
    affine.fixed_view_mut::<3, 3>(0, 0).fill_diagonal(settings.pitch_mm);
    affine.set_column(3, &low.add_scalar(-margin));
    let grid = Grid::new(size, affine).map_err(|_| PrintError::Empty)?;
    let mut body = LabelMap { labels: vec![0; grid.len()], grid };
    // Smooth bones first, so that thick slices do not print as stairs.
    let numbers: Vec<u8> = numbers_in(&map.labels).into_iter().filter(|n| keep[usize::from(*n)]).collect();
    for mesh in surface::from_masks(map, &numbers, &MeshSettings::default()) {
        fill(&mut body, &mesh.largest_component());
    }
    Ok(body)
}

/// The labels that occur, but not 0.
fn numbers_in(labels: &[u8]) -> Vec<u8> {
    let mut seen = [false; 256];
    labels.iter().for_each(|l| seen[usize::from(*l)] = true);
    (1..=255).filter(|n| seen[usize::from(*n)]).collect()
}

/// Columns stand a hair aside of the voxels' centres, so that they meet no edge.
const ASIDE: [f64; 2] = [1.3e-5, 2.7e-5];

/// Sets the voxels whose centres lie inside a closed mesh: along each column,
/// inside is between an odd and an even crossing.
fn fill(body: &mut LabelMap, mesh: &Mesh) {
    let [nx, ny, nz] = body.grid.size();
    let mut crossings: std::collections::HashMap<usize, Vec<f64>> = std::collections::HashMap::new();
    for triangle in &mesh.triangles {
        let Some([a, b, c]) = corners(body, mesh, triangle) else { continue };
        let range = |i: usize, most: usize| {
            let low = (a[i].min(b[i]).min(c[i]) - ASIDE[i]).ceil().max(0.0) as usize;
            let high = (a[i].max(b[i]).max(c[i]) - ASIDE[i]).floor();
            low..if high < 0.0 { 0 } else { (high as usize + 1).min(most) }
        };
        let area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
        let sides =
            [(0, 1, a, b), (1, 2, b, c), (2, 0, c, a)].map(|(i, j, from, to)| (triangle[i], triangle[j], from, to));
        for y in range(1, ny) {
            for x in range(0, nx) {
                let p = Vector3::new(x as f64 + ASIDE[0], y as f64 + ASIDE[1], 0.0);
                // Both triangles of an edge see a column on the same side of it, so that exactly one has it.
                let is_left =
                    sides.map(|(i, j, from, to)| if i < j { left_of(from, to, p) } else { !left_of(to, from, p) });
                if area != 0.0 && (is_left == [true; 3] || is_left == [false; 3]) {
                    let u = ((p.x - a.x) * (c.y - a.y) - (p.y - a.y) * (c.x - a.x)) / area;
                    let v = ((b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)) / area;
                    crossings.entry(y * nx + x).or_default().push(a.z + u * (b.z - a.z) + v * (c.z - a.z));
                }
            }
        }
    }
    for (column, mut heights) in crossings {
        heights.sort_by(f64::total_cmp);
        for pair in heights.chunks_exact(2) {
            let (from, to) = (pair[0].ceil().max(0.0) as usize, (pair[1].floor().max(-1.0) + 1.0) as usize);
            for z in from..to.min(nz) {
                if let Some(voxel) = body.labels.get_mut(z * nx * ny + column) {
                    *voxel = 1;
                }
            }
        }
    }
}

/// True where a column stands left of an edge, seen from above.
fn left_of(from: Vector3<f64>, to: Vector3<f64>, p: Vector3<f64>) -> bool {
    (to.x - from.x) * (p.y - from.y) - (to.y - from.y) * (p.x - from.x) >= 0.0
}

fn corners(body: &LabelMap, mesh: &Mesh, triangle: &[u32; 3]) -> Option<[Vector3<f64>; 3]> {
    let at = |i: u32| mesh.vertices.get(i as usize).map(|v| body.grid.to_voxel(Point::from(*v)).vector3());
    let [a, b, c] = triangle.map(at);
    Some([a?, b?, c?])
}

/// Voxels of each piece's surface, largest piece first.
fn pieces(body: &LabelMap) -> Result<Vec<Vec<usize>>, PrintError> {
    let [nx, ny, nz] = body.grid.size();
    let mask: Vec<bool> = body.labels.iter().map(|l| *l != 0).collect();
    let found =
        connected_components(&mask, [nz, ny, nx], Connectivity::Faces).map_err(|_| PrintError::Check("countable"))?;
    let mut pieces = vec![Vec::new(); found.sizes.len()];
    for (i, label) in found.labels.iter().enumerate().filter(|(_, l)| **l != 0) {
        let is_edge = [1, nx, nx * ny].iter().any(|step| {
            mask.get(i + step) != Some(&true) || i.checked_sub(*step).and_then(|j| mask.get(j)) != Some(&true)
        });
        if is_edge && let Some(piece) = pieces.get_mut(*label as usize - 1) {
            piece.push(i);
        }
    }
    pieces.retain(|p| !p.is_empty());
    pieces.sort_by_key(|p| std::cmp::Reverse(p.len()));
    Ok(pieces)
}

/// Puts a strut from each piece but the first to the nearest other one; number of struts.
fn join(body: &mut LabelMap, pieces: &[Vec<usize>], settings: &PrintSettings) -> usize {
    let [nx, ny, _] = body.grid.size();
    let place = |i: &usize| [(i % nx) as f32, (i / nx % ny) as f32, (i / (nx * ny)) as f32];
    let mut struts = 0;
    for (number, piece) in pieces.iter().enumerate().skip(1) {
        let others: Vec<[f32; 3]> = pieces
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number)
            .flat_map(|(_, p)| p.iter().map(place))
            .collect();
        let Ok(index) = surface::NearestIndex::new(&others) else { continue };
        let step = piece.len().div_ceil(4000).max(1);
        let best = piece
            .iter()
            .step_by(step)
            .map(place)
            .filter_map(|from| index.nearest(from).map(|near| (near.distance_mm, from, others[near.index])))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, from, to)) = best {
            let [a, b] = [from, to].map(|p| Vector3::from(p).cast::<f64>());
            // Into both bones, so that the joint is as thick as the strut.
            let into =
                (b - a).try_normalize(1e-6).unwrap_or_else(Vector3::z) * (1.5 * settings.strut_mm / settings.pitch_mm);
            draw(body, a - into, b + into, settings.strut_mm / settings.pitch_mm, 1);
            struts += 1;
        }
    }
    struts
}

/// A capsule in voxel coordinates, filled with `label`.
pub(super) fn draw(body: &mut LabelMap, a: Vector3<f64>, b: Vector3<f64>, radius: f64, label: u8) {
    let size = body.grid.size();
    let range = |i: usize| {
        let low = (a[i].min(b[i]) - radius).floor().max(1.0) as usize;
        low..((a[i].max(b[i]) + radius).ceil().max(0.0) as usize + 1).min(size[i] - 1)
    };
    let along = b - a;
    for z in range(2) {
        for y in range(1) {
            for x in range(0) {
                let p = Vector3::new(x as f64, y as f64, z as f64);
                let share = ((p - a).dot(&along) / along.norm_squared().max(1e-9)).clamp(0.0, 1.0);
                if (p - a - along * share).norm() <= radius {
                    let index = body.grid.index([x, y, z]);
                    if let Some(voxel) = body.labels.get_mut(index) {
                        *voxel = label;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_blocks_that_do_not_touch_print_as_one() {
        let grid = Grid::axis_aligned([30, 30, 90], [1.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let label = |i: usize| match (i % 30, i / 30 % 30, i / 900) {
            (5..25, 5..25, 5..25) => 22,
            (5..25, 5..25, 32..52) => 21,
            (5..25, 5..25, 60..80) => 20,
            _ => 0,
        };
        let map = LabelMap { labels: (0..grid.len()).map(label).collect(), grid };
        let solid = printable(&map, |l| l <= 28, &PrintSettings::default()).unwrap();
        assert!(solid.struts >= 2);
        assert!(check(&solid.mesh).is_ok());
        assert!((solid.mesh.volume_mm3() / 24_000.0 - 1.0).abs() < 0.05, "{}", solid.mesh.volume_mm3());
        let walls = Some(Walls { wall_mm: 3.0, hole_mm: 3.5 });
        let hollow = printable(&map, |l| l <= 28, &PrintSettings { walls, ..PrintSettings::default() }).unwrap();
        let taken = hollow.hollowing.unwrap();
        assert_eq!((taken.cavities, taken.holes), (3, 6));
        assert!((hollow.mesh.volume_mm3() / taken.left_mm3 - 1.0).abs() < 0.03, "{taken:?}");
        // Blocks of 20 mm keep walls of 3 to 3.8 mm; struts stay solid.
        assert!((15_500.0..18_500.0).contains(&taken.left_mm3), "{taken:?}");
        let thin = Some(Walls { wall_mm: 0.5, hole_mm: 3.5 });
        let refused = printable(&map, |l| l <= 28, &PrintSettings { walls: thin, ..PrintSettings::default() });
        assert!(refused.unwrap_err().to_string().contains("the walls' thickness is 0.5 mm"));
        assert_eq!(printable(&map, |_| false, &PrintSettings::default()).unwrap_err(), PrintError::Empty);
        let bad = PrintSettings { pitch_mm: f64::NAN, ..PrintSettings::default() };
        assert!(printable(&map, |_| true, &bad).is_err());
    }

    #[test]
    fn two_balls_that_touch_in_a_point_are_no_manifold() {
        let mut two = surface::phantom::ball([0.0; 3], 5.0);
        assert!(check(&two).is_ok());
        let other = surface::phantom::ball([20.0, 0.0, 0.0], 5.0);
        let shared = two.vertices.len() as u32;
        two.append(&other);
        assert_eq!(check(&two), Err(PrintError::Check("in one piece")));
        two.triangles.iter_mut().flatten().filter(|i| **i == shared).for_each(|i| *i = 0);
        assert_eq!(check(&two), Err(PrintError::Check("manifold")));
    }
}
