//! Spines of any length in CTs of any size, from the one that ships.

use engine::case::{Case, Vertebra};
use engine::level::Level;
use engine::volume::{Grid, LabelMap, OUTSIDE_HU, Volume};
use geom::{Point, Vector};

/// Stacks the shipped vertebrae until there are `surfaces`, in a CT of `voxels`
/// that covers them (none where a side is 0).
pub fn stacked(shipped: &Case, voxels: [usize; 3], surfaces: usize) -> anyhow::Result<Case> {
    let (low, high) = shipped.ct.grid.bounds();
    let ([low_x, low_y, low_z], [high_x, high_y, high_z]) = (low.to_array(), high.to_array());
    let height_mm = high_z - low_z;
    let own = shipped.vertebrae.len().max(1);
    let rounds = surfaces.div_ceil(own).max(1);
    let vertebrae = shipped.vertebrae.iter().cycle().take(surfaces).enumerate().map(|(i, vertebra)| {
        let up_mm = height_mm * (i / own) as f64;
        let mut moved = Vertebra { level: level(i, vertebra.level), ..vertebra.clone() };
        moved.body_centre = moved.body_centre + Vector::new(0.0, 0.0, up_mm);
        moved.mesh.vertices.iter_mut().for_each(|v| v[2] += up_mm as f32);
        moved
    });
    let vertebrae: Vec<Vertebra> = vertebrae.collect();
    let size = if voxels.contains(&0) { [8; 3] } else { voxels };
    let extent = [high_x - low_x, high_y - low_y, height_mm * rounds as f64];
    let spacing: [f64; 3] = std::array::from_fn(|axis| extent[axis] / size[axis] as f64);
    let grid = Grid::axis_aligned(size, spacing, low)?;
    let hu = if voxels.contains(&0) { vec![OUTSIDE_HU; grid.len()] } else { resampled(shipped, &grid, height_mm) };
    let labels = LabelMap { labels: vec![0; 8], grid: Grid::axis_aligned([2; 3], [1.0; 3], low)? };
    Ok(Case { ct: Volume { hu, grid }, labels, vertebrae, levels_are_anchored: true })
}

/// Levels from T1 down, so that names differ.
fn level(number: usize, otherwise: Level) -> Level {
    Level::from_number(24 - (number % 24) as u8).unwrap_or(otherwise)
}

/// The nearest voxel of the shipped CT, repeated upwards.
fn resampled(shipped: &Case, grid: &Grid, height_mm: f64) -> Vec<f32> {
    let ct = &shipped.ct;
    let [low_x, low_y, low_z] = ct.grid.bounds().0.to_array();
    let [nx, ny, nz] = grid.size();
    // The shipped grid is not turned; each of its axes is found by itself.
    let index =
        |x: f64, y: f64, z: f64| ct.grid.to_voxel(Point::new(x, y, z)).to_array().map(|c| c.round().max(0.0) as usize);
    let clamp = |i: usize, axis: usize| i.min(ct.grid.size()[axis] - 1);
    let at = |i: usize, j: usize, k: usize| grid.to_ct(Point::new(i as f64, j as f64, k as f64)).to_array();
    let columns: Vec<usize> = (0..nx).map(|i| clamp(index(at(i, 0, 0)[0], low_y, low_z)[0], 0)).collect();
    let rows: Vec<usize> = (0..ny).map(|j| clamp(index(low_x, at(0, j, 0)[1], low_z)[1], 1)).collect();
    let mut hu = Vec::with_capacity(grid.len());
    for k in 0..nz {
        let up_mm = (at(0, 0, k)[2] - low_z).rem_euclid(height_mm);
        let slice = clamp(index(low_x, low_y, low_z + up_mm)[2], 2);
        for row in &rows {
            let start = ct.grid.index([0, *row, slice]);
            hu.extend(columns.iter().map(|column| ct.hu.get(start + column).copied().unwrap_or(OUTSIDE_HU)));
        }
    }
    hu
}
