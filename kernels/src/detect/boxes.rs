//! Boxes and what is in them.

/// A rectangle in pixels, x to the right and y down; the left upper corner of
/// the first pixel is the origin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Box2d {
    /// Left edge.
    pub left: f32,
    /// Upper edge.
    pub top: f32,
    /// Right edge.
    pub right: f32,
    /// Lower edge.
    pub bottom: f32,
}

impl Box2d {
    /// Pixels covered; zero for an empty or inverted box.
    #[must_use]
    pub fn area(&self) -> f32 {
        (self.right - self.left).max(0.0) * (self.bottom - self.top).max(0.0)
    }

    /// Intersection over union, 0 when both are empty.
    ///
    /// ```
    /// use kernels::detect::Box2d;
    ///
    /// let a = Box2d { left: 0.0, top: 0.0, right: 2.0, bottom: 2.0 };
    /// let b = Box2d { left: 1.0, top: 0.0, right: 3.0, bottom: 2.0 };
    /// assert!((a.overlap(&b) - 1.0 / 3.0).abs() < 1e-6);
    /// ```
    #[must_use]
    pub fn overlap(&self, other: &Self) -> f32 {
        let common = Self {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        let common = common.area();
        let union = self.area() + other.area() - common;
        if union > 0.0 { common / union } else { 0.0 }
    }
}

/// Something found in an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Number of its class.
    pub class: usize,
    /// Probability that it is there and of this class, 0 to 1.
    pub confidence: f32,
    /// Where.
    pub area: Box2d,
}
