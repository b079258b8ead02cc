//! A network over an image larger than its window:
//! `nnUNetPredictor.predict_sliding_window_return_logits`.

use kernels::{Executable, Tensor};

use super::error::NnunetError;
use crate::segment::Progress;

/// nnU-Net's `value_scaling_factor`: the largest weight of a window.
const WEIGHT_SCALE: f64 = 10.0;
/// Windows advance by at most this share of their size.
const STEP: f64 = 0.5;
/// Most logits held: 16 GiB.
const MAX_LOGITS: usize = 1 << 32;

/// Logits `[classes][z, y, x]` of a whole image.
#[derive(Debug)]
pub struct Logits {
    /// All classes, one after the other.
    pub values: Vec<f32>,
    /// Number of classes.
    pub classes: usize,
    /// Size of the image.
    pub dims: [usize; 3],
}

/// A network and how it is moved over an image.
#[derive(Debug)]
pub struct Sliding<'a> {
    /// The network; one channel in, logits out.
    pub network: &'a mut dyn Executable,
    /// Window.
    pub patch: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Axes along which windows are also mirrored, at most three; each
    /// doubles the cost.
    pub mirror_axes: &'a [usize],
}

impl Sliding<'_> {
    /// Runs the network over `values` `[z, y, x]`. An image smaller than the
    /// window is padded with zeros on both sides.
    ///
    /// Cost: the network's operations times the number of windows, about
    /// eight times those of the image's voxels.
    ///
    /// # Errors
    /// [`NnunetError::Image`] when the logits would not fit in 16 GiB, and
    /// whatever the network reports.
    pub fn run(
        &mut self,
        values: &[f32],
        dims: [usize; 3],
        progress: &mut dyn Progress,
    ) -> Result<Logits, NnunetError> {
        let patch = self.patch;
        let padded = [0, 1, 2].map(|axis| dims[axis].max(patch[axis]));
        // The smaller half comes first.
        let before = [0, 1, 2].map(|axis| (padded[axis] - dims[axis]) / 2);
        let voxels = dims.iter().product::<usize>();
        let held = voxels.checked_mul(self.classes + 1).filter(|n| *n <= MAX_LOGITS);
        held.ok_or_else(|| {
            let what = format!("{} classes of {dims:?} voxels do not fit in 16 GiB; crop it first", self.classes);
            NnunetError::Image(what)
        })?;
        let weights = window_weights(patch);
        let mut logits = Logits { values: vec![0.0; voxels * self.classes], classes: self.classes, dims };
        let mut total = vec![0.0f32; voxels];
        let starts = [0, 1, 2].map(|axis| window_starts(padded[axis], patch[axis]));
        let windows = starts.iter().map(Vec::len).product::<usize>();
        let mut done = 0;
        let mut buffers = Buffers::new(self.classes, patch)?;
        for &z in &starts[0] {
            for &y in &starts[1] {
                for &x in &starts[2] {
                    let origin = [0, 1, 2].map(|axis| [z, y, x][axis] as isize - before[axis] as isize);
                    let place = Place { dims, origin, patch };
                    self.window(values, place, &mut buffers)?;
                    place.add(&mut total, &weights, None);
                    for class in 0..self.classes {
                        let (sums, scores) = (class * voxels..(class + 1) * voxels, buffers.scores.channel(class));
                        place.add(&mut logits.values[sums], &weights, scores);
                    }
                    done += 1;
                    progress.fraction(done as f64 / windows as f64);
                }
            }
        }
        for sums in logits.values.chunks_exact_mut(voxels) {
            sums.iter_mut().zip(&total).for_each(|(sum, weight)| *sum /= weight);
        }
        Ok(logits)
    }

    /// Logits of one window into `buffers.scores`, the mean over mirrored copies.
    fn window(
        &mut self,
        values: &[f32],
        place: Place,
        Buffers { input, scores, outputs }: &mut Buffers,
    ) -> Result<(), NnunetError> {
        let combinations = 1usize << self.mirror_axes.len();
        for combination in 0..combinations {
            let chosen = self.mirror_axes.iter().enumerate().filter(|(bit, _)| combination >> bit & 1 == 1);
            let axes: Vec<usize> = chosen.map(|(_, axis)| *axis).collect();
            input.data_mut().fill(0.0);
            place.for_rows(|image, inside, length| {
                input.data_mut()[inside..inside + length].copy_from_slice(&values[image..image + length]);
            });
            mirror(input, &axes);
            self.network.run(input, outputs)?;
            let [result] = outputs.as_mut_slice() else {
                return Err(NnunetError::Image(format!("the network gave {} results, not 1", outputs.len())));
            };
            if result.shape() != scores.shape() {
                let (found, expected) = (result.shape(), scores.shape());
                return Err(NnunetError::Image(format!("the network gave logits of {found:?}, not {expected:?}")));
            }
            mirror(result, &axes);
            if combination == 0 {
                std::mem::swap(scores, result);
            } else {
                scores.data_mut().iter_mut().zip(result.data()).for_each(|(s, r)| *s += r);
            }
        }
        if combinations > 1 {
            scores.data_mut().iter_mut().for_each(|s| *s /= combinations as f32);
        }
        Ok(())
    }
}

/// Memory that all windows share.
struct Buffers {
    input: Tensor,
    scores: Tensor,
    outputs: Vec<Tensor>,
}

impl Buffers {
    fn new(classes: usize, [z, y, x]: [usize; 3]) -> Result<Self, NnunetError> {
        let (input, scores) = (Tensor::zeros([1, z, y, x])?, Tensor::zeros([classes, z, y, x])?);
        Ok(Self { input, scores, outputs: Vec::new() })
    }
}

/// A window in an image; it may reach beyond.
#[derive(Clone, Copy)]
struct Place {
    dims: [usize; 3],
    origin: [isize; 3],
    patch: [usize; 3],
}

impl Place {
    /// Calls `row(start in image, start in window, length)` for every row of
    /// the window that lies in the image.
    fn for_rows(self, mut row: impl FnMut(usize, usize, usize)) {
        let first = self.origin.map(|o| usize::try_from(-o).unwrap_or(0));
        let start = self.origin.map(|o| usize::try_from(o).unwrap_or(0));
        let length =
            [0, 1, 2].map(|axis| (self.patch[axis] - first[axis]).min(self.dims[axis].saturating_sub(start[axis])));
        for z in 0..length[0] {
            for y in 0..length[1] {
                let image = ((start[0] + z) * self.dims[1] + start[1] + y) * self.dims[2] + start[2];
                let inside = ((first[0] + z) * self.patch[1] + first[1] + y) * self.patch[2] + first[2];
                row(image, inside, length[2]);
            }
        }
    }

    /// Adds weight times score to `sums`; weights alone without scores.
    fn add(self, sums: &mut [f32], weights: &[f32], scores: Option<&[f32]>) {
        self.for_rows(|image, inside, length| {
            let sums = &mut sums[image..image + length];
            let weights = &weights[inside..inside + length];
            match scores {
                None => sums.iter_mut().zip(weights).for_each(|(s, w)| *s += w),
                Some(scores) => {
                    let scores = &scores[inside..inside + length];
                    sums.iter_mut().zip(weights).zip(scores).for_each(|((s, w), v)| *s += w * v);
                }
            }
        });
    }
}

/// First voxels of the windows along one axis (`compute_steps_for_sliding_window`).
/// A window of one voxel visits every slice once: the 2-D networks.
fn window_starts(size: usize, patch: usize) -> Vec<usize> {
    let room = size.saturating_sub(patch);
    if patch == 1 {
        return (0..=room).collect();
    }
    let steps = (room as f64 / (patch as f64 * STEP)).ceil() as usize;
    let step = room as f64 / steps.max(1) as f64;
    // NumPy's `round`: halves to even.
    (0..=steps).map(|index| (step * index as f64).round_ties_even() as usize).collect()
}

/// Weights of a window (`compute_gaussian`): a Gaussian of an eighth of the
/// window around voxel `size / 2`, cut off at four deviations, rounded to
/// half precision, and nowhere zero.
fn window_weights(patch: [usize; 3]) -> Vec<f32> {
    let profile = |size: usize| -> Vec<f64> {
        let sigma = size as f64 / 8.0;
        let radius = (4.0 * sigma + 0.5).floor();
        let weight = |index: usize| {
            let distance = index as f64 - (size / 2) as f64;
            if distance.abs() <= radius { (-0.5 * (distance / sigma).powi(2)).exp() } else { 0.0 }
        };
        (0..size).map(weight).collect()
    };
    let [z, y, x] = patch.map(profile);
    let rows = z.iter().flat_map(|a| y.iter().map(move |b| a * b));
    let weights = rows.flat_map(|ab| x.iter().map(move |c| round_to_half(ab * c * WEIGHT_SCALE)));
    let mut weights: Vec<f32> = weights.collect();
    let least = weights.iter().copied().filter(|w| *w > 0.0).fold(f32::INFINITY, f32::min);
    weights.iter_mut().for_each(|w| *w = w.max(least));
    weights
}

/// The nearest IEEE 754 binary16 value; for 0 to 65504.
fn round_to_half(value: f64) -> f32 {
    let exponent = if value > 0.0 { value.log2().floor().max(-14.0) } else { -14.0 };
    let unit = (exponent - 10.0).exp2();
    ((value / unit).round_ties_even() * unit) as f32
}

/// Reverses the order of voxels along axes `[z, y, x]`.
fn mirror(tensor: &mut Tensor, axes: &[usize]) {
    let dims = tensor.dims();
    for axis in axes {
        let inner: usize = dims[axis + 1..].iter().product();
        for line in tensor.data_mut().chunks_exact_mut(dims[*axis] * inner) {
            for index in 0..dims[*axis] / 2 {
                let (low, high) = line.split_at_mut((dims[*axis] - 1 - index) * inner);
                low[index * inner..(index + 1) * inner].swap_with_slice(&mut high[..inner]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From `compute_steps_for_sliding_window` of nnU-Net 2.8.1.
    #[test]
    fn windows_start_where_those_of_nnunet_do() {
        assert_eq!(window_starts(110, 64), [0, 23, 46]);
        assert_eq!(window_starts(64, 64), [0]);
        assert_eq!(window_starts(65, 64), [0, 1]);
        assert_eq!(window_starts(97, 64), [0, 16, 33]);
        assert_eq!(window_starts(3, 1), [0, 1, 2]);
    }

    #[test]
    fn weights_are_half_precision_and_never_zero() {
        let weights = window_weights([16, 16, 32]);
        assert_eq!(weights[(8 * 16 + 8) * 32 + 16], 10.0);
        assert!(weights.iter().all(|w| *w > 0.0));
        assert_eq!(weights[0], 2f32.powi(-24));
        // exp(-0.5 (1/2)^2) * 10 = 8.82497, in steps of 2^-7.
        assert_eq!(weights[(9 * 16 + 8) * 32 + 16], 8.828_125);
    }

    #[test]
    fn mirroring_twice_changes_nothing_and_once_reverses() {
        let original = Tensor::new([1, 2, 3, 2], (0..12u8).map(f32::from).collect()).unwrap();
        let mut tensor = original.clone();
        mirror(&mut tensor, &[1]);
        assert_eq!(tensor.data(), [4.0, 5.0, 2.0, 3.0, 0.0, 1.0, 10.0, 11.0, 8.0, 9.0, 6.0, 7.0]);
        mirror(&mut tensor, &[0, 2]);
        mirror(&mut tensor, &[2, 1, 0]);
        assert_eq!(tensor, original);
    }

    /// Twice the input, and the mirrored window where asked.
    #[derive(Debug)]
    struct Double;

    impl Executable for Double {
        fn run(&mut self, input: &Tensor, outputs: &mut Vec<Tensor>) -> Result<(), kernels::NetworkError> {
            let ones = input.data().iter().map(|v| v * 2.0);
            let both = ones.chain(input.data().iter().map(|v| -v)).collect();
            let [_, z, y, x] = input.shape();
            outputs.clear();
            outputs.push(Tensor::new([2, z, y, x], both)?);
            Ok(())
        }
        fn peak_bytes(&self) -> usize {
            0
        }
    }

    struct Silent;
    impl Progress for Silent {
        fn stage(&mut self, _: &'static str) {}
        fn fraction(&mut self, _: f64) {}
    }

    #[test]
    fn a_pointwise_network_gives_the_same_in_any_windows() {
        for (dims, patch, mirror_axes) in
            [([5, 9, 30], [8, 8, 8], vec![]), ([17, 8, 3], [8, 4, 6], vec![0, 2]), ([3, 7, 7], [1, 4, 4], vec![1])]
        {
            let values: Vec<f32> = (0..dims.iter().product::<usize>()).map(|i| (i % 97) as f32).collect();
            let mut sliding = Sliding { network: &mut Double, patch, classes: 2, mirror_axes: &mirror_axes };
            let logits = sliding.run(&values, dims, &mut Silent).unwrap();
            let (first, second) = logits.values.split_at(values.len());
            for ((v, a), b) in values.iter().zip(first).zip(second) {
                assert!((a - 2.0 * v).abs() < 1e-3 && (b + v).abs() < 1e-3);
            }
        }
    }
}
