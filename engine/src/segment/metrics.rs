//! How well a segmentation agrees with a reference.

use kernels::distance_transform;
use serde::Serialize;
use thiserror::Error;

use crate::level::Level;
use crate::volume::LabelMap;

/// Why two label maps cannot be compared.
#[derive(Debug, Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetricError {
    /// The grids differ.
    #[error("the reference has {reference:?} voxels and the result {result:?}; compare label maps of the same scan")]
    Size {
        /// Size of the reference, `[x, y, z]`.
        reference: [usize; 3],
        /// Size of the result, `[x, y, z]`.
        result: [usize; 3],
    },
    /// The grids have one size but lie elsewhere.
    #[error("the reference lies up to {offset_mm:.2} mm away from the result; its affine does not belong to this scan")]
    Place {
        /// Largest distance of matching corners, mm.
        offset_mm: f64,
    },
}

/// Agreement on one structure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// Dice similarity coefficient, 0 to 1.
    pub dice: f64,
    /// Average symmetric surface distance, mm; `null` when one side is empty.
    pub assd_mm: Option<f64>,
    /// 95th percentile of the symmetric surface distances, mm.
    pub hd95_mm: Option<f64>,
}

/// Agreement on the whole column and on each level of the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// All vertebrae as one structure.
    pub column: Agreement,
    /// Each level of the reference by name; a level named differently by the
    /// result scores what overlap is left.
    pub levels: Vec<(String, Agreement)>,
    /// Mean Dice over the levels of the reference.
    pub dice_mean: f64,
    /// Mean Dice when each reference vertebra is matched with the result's
    /// vertebra that overlaps it most, whatever its name: how well single
    /// vertebrae were told apart.
    pub matched_dice_mean: f64,
}

/// Compares vertebra labels (sacrum and coccyx are left out).
///
/// Surface distances follow Heimann et al., IEEE TMI 28(8), 2009,
/// doi:10.1109/TMI.2009.2013851, on voxel centres. Cost: two distance
/// transforms a structure on its bounding box.
///
/// # Errors
/// [`MetricError`] when the two do not lie on the same grid.
pub fn compare(result: &LabelMap, reference: &LabelMap) -> Result<Comparison, MetricError> {
    check_grids(result, reference)?;
    let vertebra = |l: &u8| Level::from_number(*l).is_some_and(Level::is_vertebra);
    let columns = [result, reference].map(|map| map.labels.iter().map(vertebra).collect::<Vec<bool>>());
    let column = agreement(&columns[0], &columns[1], reference);

    // overlap[a][b]: voxels labelled a by the result and b by the reference.
    let mut overlap = vec![[0usize; 256]; 256];
    for (a, b) in result.labels.iter().zip(&reference.labels) {
        overlap[usize::from(*a)][usize::from(*b)] += 1;
    }
    let sizes = |axis: usize| -> Vec<usize> {
        (0..256).map(|i| (0..256).map(|j| if axis == 0 { overlap[i][j] } else { overlap[j][i] }).sum()).collect()
    };
    let (result_sizes, reference_sizes) = (sizes(0), sizes(1));
    let mut levels = Vec::new();
    let mut matched = Vec::new();
    for level in (1..=28u8).filter_map(Level::from_number).filter(|l| l.is_vertebra()) {
        let b = usize::from(level.number());
        if reference_sizes[b] == 0 {
            continue;
        }
        let masks = [result, reference].map(|map| map.labels.iter().map(|l| *l == level.number()).collect::<Vec<_>>());
        levels.push((level.to_string(), agreement(&masks[0], &masks[1], reference)));
        let dice = |a: usize| 2.0 * overlap[a][b] as f64 / (result_sizes[a] + reference_sizes[b]).max(1) as f64;
        matched.push((1..256).map(dice).fold(0.0, f64::max));
    }
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, n) = values.fold((0.0, 0usize), |(s, n), v| (s + v, n + 1));
        if n == 0 { 0.0 } else { sum / n as f64 }
    };
    Ok(Comparison {
        column,
        dice_mean: mean(&mut levels.iter().map(|l| l.1.dice)),
        matched_dice_mean: mean(&mut matched.into_iter()),
        levels,
    })
}

fn check_grids(result: &LabelMap, reference: &LabelMap) -> Result<(), MetricError> {
    let (a, b) = (&result.grid, &reference.grid);
    if a.size() != b.size() {
        return Err(MetricError::Size { reference: b.size(), result: a.size() });
    }
    let far = a.size().map(|n| n as f64 - 1.0);
    let offset_mm = a
        .to_ct(far.into())
        .distance(b.to_ct(far.into()))
        .max(a.to_ct([0.0; 3].into()).distance(b.to_ct([0.0; 3].into())));
    if offset_mm > 0.1 {
        return Err(MetricError::Place { offset_mm });
    }
    Ok(())
}

fn agreement(result: &[bool], reference: &[bool], map: &LabelMap) -> Agreement {
    let both = result.iter().zip(reference).filter(|(a, b)| **a && **b).count();
    let (a, b) = (result.iter().filter(|v| **v).count(), reference.iter().filter(|v| **v).count());
    let dice = if a + b == 0 { 1.0 } else { 2.0 * both as f64 / (a + b) as f64 };
    let mut distances = surface_distances(result, reference, map);
    if distances.is_empty() {
        return Agreement { dice, assd_mm: None, hd95_mm: None };
    }
    distances.sort_by(f32::total_cmp);
    let mean = distances.iter().map(|d| f64::from(*d)).sum::<f64>() / distances.len() as f64;
    let rank = (0.95 * (distances.len() - 1) as f64).round() as usize;
    Agreement { dice, assd_mm: Some(mean), hd95_mm: distances.get(rank).map(|d| f64::from(*d)) }
}

/// Distances of both surfaces' voxels to the other surface, mm; empty when one
/// of them is.
fn surface_distances(result: &[bool], reference: &[bool], map: &LabelMap) -> Vec<f32> {
    let [nx, ny, nz] = map.grid.size();
    let any = |i: usize| result[i] || reference[i];
    let (mut low, mut high) = ([usize::MAX; 3], [0usize; 3]);
    for i in (0..result.len()).filter(|i| any(*i)) {
        for (axis, v) in [i / (nx * ny), i / nx % ny, i % nx].into_iter().enumerate() {
            low[axis] = low[axis].min(v);
            high[axis] = high[axis].max(v);
        }
    }
    if low[0] == usize::MAX {
        return Vec::new();
    }
    let dims = [0, 1, 2].map(|axis| high[axis] - low[axis] + 1);
    let surface = |mask: &[bool]| -> Vec<bool> {
        let inside = |z: usize, y: usize, x: usize| mask[(z * ny + y) * nx + x];
        let mut found = Vec::with_capacity(dims.iter().product());
        for z in low[0]..=high[0] {
            for y in low[1]..=high[1] {
                for x in low[2]..=high[2] {
                    let is_edge = x == 0 || y == 0 || z == 0 || x + 1 == nx || y + 1 == ny || z + 1 == nz;
                    found.push(
                        inside(z, y, x)
                            && (is_edge
                                || !(inside(z - 1, y, x)
                                    && inside(z + 1, y, x)
                                    && inside(z, y - 1, x)
                                    && inside(z, y + 1, x)
                                    && inside(z, y, x - 1)
                                    && inside(z, y, x + 1))),
                    );
                }
            }
        }
        found
    };
    let (a, b) = (surface(result), surface(reference));
    if !a.contains(&true) || !b.contains(&true) {
        return Vec::new();
    }
    let [sx, sy, sz] = map.grid.spacing_mm();
    let mut distances = Vec::new();
    for (from, to) in [(&a, &b), (&b, &a)] {
        // The box is not empty and its spacing is positive, so this succeeds.
        let Ok(squared) = distance_transform(to, dims, [sz, sy, sx]) else { return Vec::new() };
        distances.extend(from.iter().zip(squared).filter(|(f, _)| **f).map(|(_, d)| d.sqrt()));
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Grid;
    use geom::Point;

    fn map(inside: impl Fn(usize, usize, usize) -> u8) -> LabelMap {
        let grid = Grid::axis_aligned([30, 20, 20], [1.0, 1.0, 2.0], Point::new(0.0, 0.0, 0.0)).unwrap();
        let labels = (0..grid.len()).map(|i| inside(i % 30, i / 30 % 20, i / 600)).collect();
        LabelMap { grid, labels }
    }

    fn cube(label: u8, from_x: usize) -> LabelMap {
        map(
            move |x, y, z| {
                if (from_x..from_x + 10).contains(&x) && (5..15).contains(&y) && (5..15).contains(&z) {
                    label
                } else {
                    0
                }
            },
        )
    }

    #[test]
    fn a_shift_of_two_millimetres_is_found() {
        let result = compare(&cube(20, 7), &cube(20, 5)).unwrap();
        assert!((result.column.dice - 0.8).abs() < 1e-12);
        assert_eq!(result.column.hd95_mm, Some(2.0));
        let itself = compare(&cube(20, 5), &cube(20, 5)).unwrap();
        assert_eq!((itself.dice_mean, itself.column.assd_mm), (1.0, Some(0.0)));
    }

    #[test]
    fn a_wrong_name_costs_the_level_dice_but_not_the_matched_one() {
        let result = compare(&cube(21, 5), &cube(20, 5)).unwrap();
        assert_eq!((result.dice_mean, result.matched_dice_mean, result.column.dice), (0.0, 1.0, 1.0));
    }

    #[test]
    fn label_maps_of_another_scan_are_refused() {
        let mut moved = cube(20, 5);
        moved.grid = Grid::axis_aligned([30, 20, 20], [1.0, 1.0, 2.0], Point::new(0.0, 3.0, 0.0)).unwrap();
        assert!(matches!(compare(&moved, &cube(20, 5)), Err(MetricError::Place { .. })));
    }
}
