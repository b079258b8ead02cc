//! System D: where the lumbar spine is by one network, L1 to L5 in that part
//! by another one.
//!
//! The second network names its vertebrae itself. The chain of levels looks at
//! ribs and sacrum all the same, and where it disagrees both names are told.

use kernels::{Connectivity, Device, connected_components};

use super::Prepared;
use super::assign::{self, Field};
use super::split::{ByDiscs, Column, Parts, Split};
use crate::level::Level;
use crate::segment::class_fields::class_fields;
use crate::segment::instances::{self, Grown};
use crate::segment::model::Model;
use crate::segment::pipeline::{Progress, SegmentError};
use crate::segment::preprocess::{self, dims};
use crate::segment::semantic::{Semantic, Structures, other_bone};
use crate::segment::{column, contrast};
use crate::volume::{Grid, Volume};

/// Room around the warm region, mm `[x, y, z]`: the heat lies about centroids,
/// transverse and spinous processes and half a vertebra reach further.
const ROOM_MM: [f64; 3] = [50.0, 50.0, 35.0];

/// A voxel belongs to a vertebra at once when that is at least so likely.
const LEAST_PROBABILITY: f32 = 0.25;

/// Runs both networks.
///
/// # Errors
/// [`SegmentError::NoLumbarSpine`] when the first one finds nothing; others
/// name the step.
pub fn prepare<'a>(
    model: &Model,
    localiser: &Model,
    ct: &Volume,
    device: &dyn Device,
    progress: &mut dyn Progress,
) -> Result<Prepared<'a>, SegmentError> {
    let grid = lumbar_part(localiser, ct, device, model.card.preprocessing.spacing_mm, progress)?;
    let fields = class_fields(ct, model, device, &grid, progress)?;
    let pools = contrast::pools(&fields.hu, &grid)?;
    let levels = fields.classes.get(1..).unwrap_or_default();
    let vertebra: Vec<f32> = (0..grid.len()).map(|i| levels.iter().map(|p| p[i]).sum::<f32>().min(1.0)).collect();
    let other_bone = other_bone(&fields.hu, &vertebra, &pools, &Structures::default());
    let named = model.card.architecture.classes.iter().skip(1).map(|name| Level::from_name(name));
    let split = ByLevels {
        levels: named.map_while(|level| level).collect(),
        fields: levels.iter().map(|p| Field::new(grid.clone(), p.clone())).collect(),
    };
    let mut semantic = Semantic {
        vertebra: vertebra.iter().zip(&pools).map(|(p, is_pool)| p * f32::from(u8::from(!is_pool))).collect(),
        disc: vec![0.0; grid.len()],
        other_bone,
        offsets_mm: Vec::new(),
        threshold: model.card.vertebra_threshold,
        grid,
    };
    column::keep_longest(&mut semantic)?;
    // The names are the network's own; bright bone can only contradict them.
    Ok(Prepared { semantic, structures: Structures::default(), split: Box::new(split), knows_other_bone: true })
}

/// The grid of the part of a scan that holds the lumbar spine.
fn lumbar_part(
    localiser: &Model,
    ct: &Volume,
    device: &dyn Device,
    spacing_mm: f64,
    progress: &mut dyn Progress,
) -> Result<Grid, SegmentError> {
    let (scan_low, scan_high) = ct.grid.bounds();
    let (scan_low, scan_high) = (scan_low.to_array(), scan_high.to_array());
    let grid = preprocess::cover(scan_low, scan_high, localiser.card.preprocessing.spacing_mm)?;
    let heat = class_fields(ct, localiser, device, &grid, progress)?.classes.into_iter().next().unwrap_or_default();
    let needed = localiser.card.vertebra_threshold;
    let Some((low, high)) = warm_box(&heat, &grid, needed)? else {
        let hottest = heat.iter().copied().fold(0.0, f32::max);
        return Err(SegmentError::NoLumbarSpine { hottest, needed });
    };
    let low = [0, 1, 2].map(|axis| (low[axis] - ROOM_MM[axis]).max(scan_low[axis]));
    let high = [0, 1, 2].map(|axis| (high[axis] + ROOM_MM[axis]).min(scan_high[axis]));
    tracing::debug!(?low, ?high, "lumbar part");
    preprocess::cover(low, high, spacing_mm)
}

/// Lowest and highest corner of a box, LPS mm.
type Corners = ([f64; 3], [f64; 3]);

/// Corners of the connected region with the most heat, LPS mm.
fn warm_box(heat: &[f32], grid: &Grid, needed: f32) -> Result<Option<Corners>, SegmentError> {
    let warm: Vec<bool> = heat.iter().map(|value| *value > needed).collect();
    let parts = connected_components(&warm, dims(grid), Connectivity::Faces)?;
    let mut sums = vec![0.0f64; parts.sizes.len() + 1];
    parts.labels.iter().zip(heat).for_each(|(label, value)| sums[*label as usize] += f64::from(*value));
    let warmest = (1..sums.len()).max_by(|a, b| sums[*a].total_cmp(&sums[*b]));
    let Some(warmest) = warmest else { return Ok(None) };
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    let [nx, ny, _] = grid.size();
    for (i, _) in parts.labels.iter().enumerate().filter(|(_, label)| **label as usize == warmest) {
        let at = grid.to_ct([i % nx, i / nx % ny, i / (nx * ny)].map(|v| v as f64).into()).to_array();
        for axis in 0..3 {
            low[axis] = low[axis].min(at[axis]);
            high[axis] = high[axis].max(at[axis]);
        }
    }
    Ok(Some((low, high)))
}

/// Vertebrae as the network names them.
struct ByLevels {
    levels: Vec<Level>,
    fields: Vec<Field>,
}

impl Split for ByLevels {
    fn split(&mut self, column: &Column<'_>, progress: &mut dyn Progress) -> Result<Parts, SegmentError> {
        let discs = instances::find_cuts(column.curve, column.fine, column.hu);
        let mut labels = assign::labels(column, &self.fields, LEAST_PROBABILITY);
        let ordered = assign::order(&mut labels, column, &discs);
        if ordered.fields.is_empty() {
            // It sees vertebrae and cannot say which: they are told apart as anywhere else.
            return ByDiscs.split(column, progress);
        }
        let levels: Vec<Level> = ordered.fields.iter().filter_map(|i| self.levels.get(*i)).copied().collect();
        // A network that names L3 above L2 has lost count: the chain of levels decides.
        let is_counted = levels.is_sorted() && levels.len() == ordered.fields.len();
        let levels = Some(levels).filter(|_| is_counted);
        Ok(Parts { cuts: ordered.cuts, grown: Grown { labels, own_votes: None }, levels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use geom::Point;

    #[test]
    fn the_warmest_region_is_taken_and_cold_scans_have_none() {
        let grid = Grid::axis_aligned([10, 10, 30], [5.0; 3], Point::new(0.0, 0.0, 0.0)).unwrap();
        let mut heat = vec![0.1; grid.len()];
        for z in 5..12 {
            heat[grid.index([4, 5, z])] = 0.9;
        }
        heat[grid.index([8, 8, 25])] = 1.0;
        let found = warm_box(&heat, &grid, 0.3).unwrap();
        assert_eq!(found, Some(([20.0, 25.0, 25.0], [20.0, 25.0, 55.0])));
        assert!(warm_box(&vec![0.1; grid.len()], &grid, 0.3).unwrap().is_none());
    }
}
