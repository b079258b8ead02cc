//! One network over the whole scan: SpineNav's own, system A, system C.

use kernels::Device;

use super::{Prepared, box128};
use crate::segment::column;
use crate::segment::model::{Mode, Model};
use crate::segment::pipeline::{Progress, SegmentError};
use crate::segment::preprocess;
use crate::segment::semantic::Semantic;
use crate::segment::systems::ByDiscs;
use crate::volume::Volume;

/// Classes of every voxel by one network, at the card's spacing or in a box
/// of 128^3; the vertebrae are told apart at the discs.
///
/// # Errors
/// [`SegmentError`] naming the step.
pub fn prepare<'a>(
    model: &Model,
    mode: Mode,
    ct: &Volume,
    device: &dyn Device,
    progress: &mut dyn Progress,
) -> Result<Prepared<'a>, SegmentError> {
    let p = &model.card.preprocessing;
    let grid = if mode == Mode::Box128 {
        box128::grid(ct, p.spacing_range_mm.unwrap_or([p.spacing_mm; 2])[0])?
    } else {
        let (low, high) = ct.grid.bounds();
        preprocess::cover(low.to_array(), high.to_array(), p.spacing_mm)?
    };
    let (mut semantic, structures) = Semantic::from_network(ct, model, device, grid, progress)?;
    column::keep_longest(&mut semantic)?;
    let knows_other_bone = model.class("other_bone").is_some();
    Ok(Prepared { semantic, structures, split: Box::new(ByDiscs), knows_other_bone })
}
