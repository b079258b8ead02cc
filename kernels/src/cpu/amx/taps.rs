//! The taps of a kernel as offsets into a patch.
//!
//! With a stride `s`, the voxels that one tap reads are `s` apart. A patch
//! stores voxels by their remainder modulo `s` (their *phase*), so that the
//! voxels of a tap are neighbours for every stride: output voxel `o` and tap
//! `t` at distance `t d` meet at `o + (t d) / s` of phase `(t d) % s`.

/// How taps sample one axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Axis {
    pub stride: usize,
    pub padding: usize,
    /// Remainders that are stored.
    pub phases: Vec<usize>,
    /// For each tap, its index in `phases` and its distance within it.
    pub taps: Vec<(usize, usize)>,
}

impl Axis {
    pub(super) fn new(kernel: usize, stride: usize, padding: usize, dilation: usize) -> Self {
        let mut phases: Vec<usize> = (0..kernel).map(|tap| tap * dilation % stride).collect();
        phases.sort_unstable();
        phases.dedup();
        let place = |tap: usize| {
            let phase = phases.iter().position(|&phase| phase == tap * dilation % stride);
            (phase.unwrap_or(0), tap * dilation / stride)
        };
        let taps = (0..kernel).map(place).collect();
        Self { stride, padding, phases, taps }
    }

    /// Voxels beyond the last output voxel that taps reach, within a phase.
    pub(super) fn reach(&self) -> usize {
        self.taps.iter().map(|tap| tap.1).max().unwrap_or(0)
    }

    /// Taps that can share a row of a tile because the second reads the
    /// voxel after the first one's; the others alone.
    fn neighbours(&self) -> Vec<(usize, Option<usize>)> {
        let mut order: Vec<usize> = (0..self.taps.len()).collect();
        order.sort_by_key(|&tap| self.taps[tap]);
        let mut pairs = Vec::new();
        let mut rest = order.as_slice();
        while let Some((&first, after)) = rest.split_first() {
            let (phase, shift) = self.taps[first];
            let second = after.first().copied().filter(|&tap| self.taps[tap] == (phase, shift + 1));
            rest = if second.is_some() { &after[1..] } else { after };
            pairs.push((first, second));
        }
        pairs
    }
}

/// One multiplication of a tile: which voxels, and what their 32 values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Index of the [`super::layer::Plane`].
    pub plane: usize,
    /// Per axis.
    pub phase: [usize; 3],
    pub shift: [usize; 3],
    /// Input block and tap of the first and second 16 values.
    pub halves: [Option<(usize, usize)>; 2],
}

/// The steps of a plane of two blocks: one per tap.
pub(super) fn steps_of_pair(axes: &[Axis; 3], plane: usize, blocks: [usize; 2]) -> Vec<Step> {
    let mut steps = Vec::new();
    each_row(axes, |z, y, row| {
        for x in 0..axes[2].taps.len() {
            let halves = blocks.map(|block| Some((block, row + x)));
            steps.push(step(axes, plane, [z, y, x], halves));
        }
    });
    steps
}

/// The steps of a plane of one block: two taps at a time where they are
/// neighbours along x.
pub(super) fn steps_of_single(axes: &[Axis; 3], plane: usize, block: usize) -> Vec<Step> {
    let pairs = axes[2].neighbours();
    let mut steps = Vec::new();
    each_row(axes, |z, y, row| {
        for &(x, second) in &pairs {
            let halves = [Some((block, row + x)), second.map(|x| (block, row + x))];
            steps.push(step(axes, plane, [z, y, x], halves));
        }
    });
    steps
}

/// Calls `row` with `z`, `y` and the index of the first tap there.
fn each_row(axes: &[Axis; 3], mut row: impl FnMut(usize, usize, usize)) {
    let [_, height, width] = [0, 1, 2].map(|axis| axes[axis].taps.len());
    for z in 0..axes[0].taps.len() {
        for y in 0..height {
            row(z, y, (z * height + y) * width);
        }
    }
}

fn step(axes: &[Axis; 3], plane: usize, tap: [usize; 3], halves: [Option<(usize, usize)>; 2]) -> Step {
    let at = |axis: usize| axes[axis].taps[tap[axis]];
    Step { plane, phase: [0, 1, 2].map(|axis| at(axis).0), shift: [0, 1, 2].map(|axis| at(axis).1), halves }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(kernel: usize, stride: usize, dilation: usize) -> Vec<Step> {
        steps_of_single(&[0; 3].map(|_| Axis::new(kernel, stride, 0, dilation)), 0, 5)
    }

    #[test]
    fn sixteen_channels_take_18_steps_for_27_taps() {
        assert_eq!(steps(3, 1, 1).len(), 18);
        assert_eq!(steps(3, 2, 1).len(), 18);
        assert_eq!(steps(1, 2, 1).len(), 1);
        // Nothing lies side by side.
        assert_eq!(steps(3, 1, 2).len(), 27);
    }

    #[test]
    fn every_tap_is_read_where_it_lies() {
        for (kernel, stride, dilation) in
            [(1, 1, 1), (3, 1, 1), (3, 2, 1), (3, 2, 2), (4, 3, 2), (2, 2, 1), (5, 2, 3), (2, 2, 3)]
        {
            let axis = Axis::new(kernel, stride, 0, dilation);
            let mut seen = vec![0; kernel.pow(3)];
            for step in steps(kernel, stride, dilation) {
                for (half, tap) in step.halves.into_iter().enumerate() {
                    let Some((5, tap)) = tap else { continue };
                    let at = [tap / (kernel * kernel), tap / kernel % kernel, tap % kernel];
                    let [z, y, x] = step.shift;
                    for ((shift, phase), at) in [z, y, x + half].into_iter().zip(step.phase).zip(at) {
                        assert_eq!(shift * stride + axis.phases[phase], at * dilation);
                    }
                    seen[tap] += 1;
                }
            }
            assert!(seen.iter().all(|&n| n == 1), "{kernel} {stride} {dilation}");
        }
    }
}
