//! The outline of the body in a box: crop, network, largest piece, edge.

use kernels::{Connectivity, Tensor, connected_components};

use super::contrast::local_contrast;
use super::corners::Field;
use super::landmarks::{Bounds, Placed};
use super::networks::{CONTOUR, NetworksError, RunningNetworks};
use super::radiograph::Radiograph;

/// Edge of a crop as the network sees it, pixels.
pub const CROP: usize = 256;
/// Edge of a crop: this times the box's longer side.
const ROOM: f64 = 1.5;
/// Of the local contrast, pixels of the crop.
const CONTRAST_RADIUS: usize = 40;
/// Most points of an outline that is reported.
const MAX_OUTLINE: usize = 128;

/// A square about a box, brought to 256 x 256.
#[derive(Debug, Clone, Copy)]
pub struct Crop {
    centre: [f64; 2],
    edge: f64,
    /// Of the box, in edges.
    share: [f64; 2],
}

impl Crop {
    /// The crop of a box.
    #[must_use]
    pub fn of(bounds: &Bounds) -> Self {
        let [width, height] = bounds.size();
        let edge = ROOM * width.max(height);
        Self { centre: bounds.centre(), edge, share: [width / edge, height / edge] }
    }

    /// From the crop's pixels to the radiograph's.
    #[must_use]
    pub fn to_picture(&self, pixel: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|i| self.centre[i] + ((pixel[i] + 0.5) / CROP as f64 - 0.5) * self.edge)
    }

    /// From the radiograph's pixels to the crop's.
    #[must_use]
    pub fn of_picture(&self, place: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|i| ((place[i] - self.centre[i]) / self.edge + 0.5) * CROP as f64 - 0.5)
    }

    /// Pixels of the radiograph in one of the crop.
    #[must_use]
    pub fn scale(&self) -> f64 {
        self.edge / CROP as f64
    }

    /// What the network sees: local contrast, less its mean, over its standard deviation; and the box, if a person
    /// drew it.
    fn input(&self, radiograph: &Radiograph, placed: Placed) -> Result<Tensor, NetworksError> {
        let place = |i: usize| self.to_picture([(i % CROP) as f64, (i / CROP) as f64]);
        let grey: Vec<f32> = (0..CROP * CROP).map(|i| radiograph.at(place(i))).collect();
        let mut values = local_contrast(&grey, CROP, CONTRAST_RADIUS);
        let count = values.len() as f32;
        let mean = values.iter().sum::<f32>() / count;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
        let scale = variance.sqrt().max(1e-6);
        values.iter_mut().for_each(|v| *v = (*v - mean) / scale);
        let is_in = |at: usize, share: f64| ((at as f64 + 0.5) / CROP as f64 - 0.5).abs() < share / 2.0;
        let is_shown = |i: usize| is_in(i % CROP, self.share[0]) && is_in(i / CROP, self.share[1]);
        values.extend((0..CROP * CROP).map(|i| f32::from(placed == Placed::ByHand && is_shown(i))));
        Ok(Tensor::new([2, 1, CROP, CROP], values)?)
    }
}

/// The mask of a body in its crop.
#[derive(Debug, Clone)]
pub struct Mask {
    /// The crop it lies in.
    pub crop: Crop,
    /// Logits of the largest piece, below 0 elsewhere, row by row.
    logits: Vec<f32>,
    /// Mean probability inside, 0.5 to 1.
    pub confidence: f64,
}

impl Mask {
    /// As the corners' fit wants it.
    #[must_use]
    pub fn field(&self) -> Field<'_> {
        Field { size: CROP, values: &self.logits }
    }

    /// Its closed outline in pixels of the radiograph, at most 128 points.
    #[must_use]
    pub fn outline(&self) -> Vec<[f64; 2]> {
        let full = trace(&self.logits);
        let step = full.len().div_ceil(MAX_OUTLINE).max(1);
        full.into_iter().step_by(step).map(|p| self.crop.to_picture(p)).collect()
    }
}

/// The body in a box; `None` where the network sees none.
///
/// - `placed`: who placed the box. The network is shown one that a person drew; one that the detector found says
///   where a body is, not where it ends.
///
/// # Errors
/// [`NetworksError`] when the network or its device fails.
///
/// Cost: 20 ms on two cores.
pub fn find(
    radiograph: &Radiograph,
    bounds: &Bounds,
    placed: Placed,
    networks: &mut RunningNetworks,
) -> Result<Option<Mask>, NetworksError> {
    let crop = Crop::of(bounds);
    let input = crop.input(radiograph, placed)?;
    let mut outputs = Vec::new();
    let failed = |source| NetworksError::Network { name: CONTOUR, source };
    networks.contour.run(&input, &mut outputs).map_err(failed)?;
    let Some(logits) = outputs.into_iter().next().map(Tensor::into_data) else { return Ok(None) };
    Ok(largest(crop, logits))
}

fn largest(crop: Crop, mut logits: Vec<f32>) -> Option<Mask> {
    let inside: Vec<bool> = logits.iter().map(|v| *v > 0.0).collect();
    let pieces = connected_components(&inside, [1, CROP, CROP], Connectivity::Faces).ok()?;
    let largest = pieces.largest()?;
    let (mut sum, mut count) = (0.0, 0.0);
    for (logit, piece) in logits.iter_mut().zip(&pieces.labels) {
        if *piece == largest {
            sum += 1.0 / (1.0 + f64::from(-*logit).exp());
            count += 1.0;
        } else {
            *logit = logit.min(-1e-3);
        }
    }
    // Less than a 50th of the crop is no body that fills two thirds of its edge.
    (count * 50.0 >= (CROP * CROP) as f64).then(|| Mask { crop, logits, confidence: sum / count })
}

/// Pixels along the outer edge, clockwise, beginning with the uppermost (Moore's neighbours).
fn trace(logits: &[f32]) -> Vec<[f64; 2]> {
    const AROUND: [[i32; 2]; 8] = [[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]];
    let is_in = |p: [i32; 2]| {
        let place = p.map(|v| usize::try_from(v).ok().filter(|v| *v < CROP));
        matches!(place, [Some(x), Some(y)] if logits.get(y * CROP + x).is_some_and(|v| *v > 0.0))
    };
    let Some(first) = logits.iter().position(|v| *v > 0.0) else { return Vec::new() };
    let start = [first % CROP, first / CROP].map(|v| i32::try_from(v).unwrap_or_default());
    // The uppermost, then leftmost pixel was reached from its left.
    let (mut at, mut from) = (start, 4);
    let mut outline = Vec::new();
    for _ in 0..4 * CROP * CROP {
        outline.push(at.map(f64::from));
        let next =
            (1..=8).map(|turn| (from + turn) % 8).find(|d| is_in([at[0] + AROUND[*d][0], at[1] + AROUND[*d][1]]));
        let Some(direction) = next else { break };
        at = [at[0] + AROUND[direction][0], at[1] + AROUND[direction][1]];
        // Look on from the neighbour before the one that led here.
        from = (direction + 4) % 8;
        if at == start {
            break;
        }
    }
    outline
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(centre: [f64; 2], radius: f64) -> Vec<f32> {
        let value = |i: usize| radius - ((i % CROP) as f64 - centre[0]).hypot((i / CROP) as f64 - centre[1]);
        (0..CROP * CROP).map(|i| value(i) as f32).collect()
    }

    #[test]
    fn the_outline_runs_once_around_the_largest_piece() {
        let bounds = Bounds { left: 100.0, top: 50.0, right: 200.0, bottom: 130.0 };
        let (large, small) = (disc([128.0, 128.0], 60.0), disc([30.0, 30.0], 10.0));
        let both = large.iter().zip(small).map(|(a, b)| a.max(b)).collect();
        let mask = largest(Crop::of(&bounds), both).unwrap();
        let outline = mask.outline();
        assert!((60..=128).contains(&outline.len()), "{}", outline.len());
        let scale = mask.crop.scale();
        for p in outline {
            let off = (p[0] - 150.0).hypot(p[1] - 90.0) / scale;
            assert!((off - 60.0).abs() < 2.0, "{off}");
        }
    }

    #[test]
    fn a_crop_is_a_square_about_the_box() {
        let crop = Crop::of(&Bounds { left: 10.0, top: 20.0, right: 110.0, bottom: 60.0 });
        let [first, last] = [crop.to_picture([-0.5; 2]), crop.to_picture([255.5; 2])];
        assert_eq!((first, last), ([-15.0, -35.0], [135.0, 115.0]));
        assert!(largest(crop, vec![-1.0; CROP * CROP]).is_none());
    }
}
