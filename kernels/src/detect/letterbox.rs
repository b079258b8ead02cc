//! Images on canvases whose sides fit the network.

use super::{Box2d, DetectError};

/// Longest side of an image or canvas.
const MAX_SIDE: usize = 1 << 16;

/// How an image was scaled, evenly, and centred on a canvas.
///
/// ```
/// use kernels::detect::{Box2d, Letterbox};
///
/// let letterbox = Letterbox::new([1000, 400], [640, 288])?;
/// assert_eq!(letterbox.scaled(), [640, 256]);
/// assert_eq!(letterbox.offset(), [0, 16]);
/// let area = letterbox.to_image(Box2d { left: 16.0, top: 64.0, right: 80.0, bottom: 700.0 });
/// assert_eq!(area, Box2d { left: 0.0, top: 100.0, right: 100.0, bottom: 1000.0 });
/// # Ok::<(), kernels::detect::DetectError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letterbox {
    image: [usize; 2],
    scaled: [usize; 2],
    offset: [usize; 2],
}

impl Letterbox {
    /// The largest even scaling of an image of `[height, width]` pixels that
    /// fits the canvas, centred; an odd rest goes to the right and below, as
    /// in YOLOv5.
    ///
    /// # Errors
    /// [`DetectError::Canvas`] for sides of zero or beyond 65536 pixels.
    pub fn new(image: [usize; 2], canvas: [usize; 2]) -> Result<Self, DetectError> {
        if image.iter().chain(&canvas).any(|side| !(1..=MAX_SIDE).contains(side)) {
            return Err(DetectError::Canvas { size: image, canvas });
        }
        let scale = (canvas[0] as f64 / image[0] as f64).min(canvas[1] as f64 / image[1] as f64);
        let scaled = [0, 1].map(|axis| ((image[axis] as f64 * scale).round() as usize).clamp(1, canvas[axis]));
        let offset = [0, 1].map(|axis| (canvas[axis] - scaled[axis]) / 2);
        Ok(Self { image, scaled, offset })
    }

    /// The least canvas for an image whose longer side becomes `side`, with
    /// sides that are multiples of `stride`: 640 x 273 becomes 640 x 288.
    ///
    /// # Errors
    /// As [`Letterbox::new`].
    ///
    /// ```
    /// let canvas = kernels::detect::Letterbox::canvas([1280, 546], 640, 32)?;
    /// assert_eq!(canvas, [640, 288]);
    /// # Ok::<(), kernels::detect::DetectError>(())
    /// ```
    pub fn canvas(image: [usize; 2], side: usize, stride: usize) -> Result<[usize; 2], DetectError> {
        let letterbox = Self::new(image, [side, side])?;
        if stride == 0 || stride > MAX_SIDE {
            return Err(DetectError::Canvas { size: image, canvas: [side, stride] });
        }
        Ok(letterbox.scaled.map(|length| length.next_multiple_of(stride)))
    }

    /// `[height, width]` of the scaled image on the canvas.
    #[must_use]
    pub fn scaled(&self) -> [usize; 2] {
        self.scaled
    }

    /// Canvas pixels `[above, left]` of the scaled image.
    #[must_use]
    pub fn offset(&self) -> [usize; 2] {
        self.offset
    }

    /// A box on the canvas in pixels of the image, clipped to it. Uses the
    /// scaling that was really applied, rounding included.
    #[must_use]
    pub fn to_image(&self, area: Box2d) -> Box2d {
        let map = |value: f32, axis: usize| {
            let scale = self.image[axis] as f32 / self.scaled[axis] as f32;
            ((value - self.offset[axis] as f32) * scale).clamp(0.0, self.image[axis] as f32)
        };
        Box2d { left: map(area.left, 1), top: map(area.top, 0), right: map(area.right, 1), bottom: map(area.bottom, 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_scaled_image_maps_to_the_whole_image() {
        for (image, canvas) in
            [([2828, 1206], [640, 288]), ([7, 3], [640, 640]), ([100, 1], [32, 32]), ([5, 5], [5, 5])]
        {
            let letterbox = Letterbox::new(image, canvas).unwrap();
            let [top, left] = letterbox.offset().map(|n| n as f32);
            let [height, width] = letterbox.scaled().map(|n| n as f32);
            let area = letterbox.to_image(Box2d { left, top, right: left + width, bottom: top + height });
            let whole = Box2d { left: 0.0, top: 0.0, right: image[1] as f32, bottom: image[0] as f32 };
            assert!((area.right - whole.right).abs() < 1e-3 && (area.bottom - whole.bottom).abs() < 1e-3, "{area:?}");
            assert_eq!((area.left, area.top), (0.0, 0.0));
        }
    }

    #[test]
    fn images_without_pixels_are_refused() {
        for (image, canvas) in [([0, 5], [32, 32]), ([5, 5], [0, 32]), ([usize::MAX, 5], [32, 32])] {
            assert!(Letterbox::new(image, canvas).is_err());
        }
        assert!(Letterbox::canvas([5, 5], 640, 0).is_err());
    }
}
