//! What the sides of an image must be divisible by.

use super::layout::GridRule;

/// What the sides of the input must be divisible by, so that every halving
/// leaves nothing over. Grids that are refined again count as what is left.
pub(super) fn divisor(grids: &[GridRule]) -> [usize; 3] {
    // Input voxels per voxel, as a fraction.
    let mut pitch: Vec<[(usize, usize); 3]> = Vec::with_capacity(grids.len());
    let mut divisor = [1_usize; 3];
    for rule in grids {
        let mut here = [(1, 1); 3];
        for axis in 0..3 {
            here[axis] = match *rule {
                GridRule::Input => (1, 1),
                GridRule::Window { from, stride, .. } => {
                    let (up, down) = pitch[from.0][axis];
                    reduce(up.saturating_mul(stride[axis]), down)
                }
                GridRule::Finer { from, factor } => {
                    let (up, down) = pitch[from.0][axis];
                    reduce(up, down.saturating_mul(factor[axis]))
                }
                GridRule::Padded { from, .. } => pitch[from.0][axis],
            };
            let up = here[axis].0;
            divisor[axis] = (divisor[axis] / gcd(divisor[axis], up)).saturating_mul(up);
        }
        pitch.push(here);
    }
    divisor
}

fn reduce(up: usize, down: usize) -> (usize, usize) {
    let common = gcd(up, down).max(1);
    (up / common, down / common)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
