//! The three standard planes as a radiologist hangs them, and a view's place.
//!
//! Patient right is on the viewer's left in axial and coronal, anterior on the
//! left in sagittal. The letters on the edges are derived from the directions
//! the pixels really run in, so they cannot disagree with the picture.

use drawing::contours::Projection;
use engine::volume::SlicePlane;
use geom::nalgebra::Vector3;
use geom::{Ct, Point, Vector};

use super::hanging::Hanging;

/// A standard plane through the CT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plane {
    /// Across the body, seen from the feet.
    Axial,
    /// Through the midline, seen from the patient's left.
    Sagittal,
    /// Seen from the front.
    Coronal,
}

impl Plane {
    /// All three, in the order they are laid out.
    pub const ALL: [Self; 3] = [Self::Axial, Self::Sagittal, Self::Coronal];

    /// For captions and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Axial => "axial",
            Self::Sagittal => "sagittal",
            Self::Coronal => "coronal",
        }
    }

    /// Direction of the columns, to the viewer's right.
    #[must_use]
    pub const fn right(self) -> Vector<Ct> {
        match self {
            Self::Axial | Self::Coronal => Vector::new(1.0, 0.0, 0.0),
            Self::Sagittal => Vector::new(0.0, 1.0, 0.0),
        }
    }

    /// Direction of the rows, down the screen.
    #[must_use]
    pub const fn down(self) -> Vector<Ct> {
        match self {
            Self::Axial => Vector::new(0.0, 1.0, 0.0),
            Self::Sagittal | Self::Coronal => Vector::new(0.0, 0.0, -1.0),
        }
    }

    /// Index of the LPS axis the plane is cut across.
    #[must_use]
    pub const fn axis(self) -> usize {
        match self {
            Self::Axial => 2,
            Self::Sagittal => 0,
            Self::Coronal => 1,
        }
    }
}

/// Where in the patient a direction points, by its largest LPS component.
#[must_use]
pub fn letter(direction: Vector<Ct>) -> &'static str {
    let [left, posterior, superior] = direction.to_array();
    let largest = left.abs().max(posterior.abs()).max(superior.abs());
    match largest {
        m if m == left => "L",
        m if m == -left => "R",
        m if m == posterior => "P",
        m if m == -posterior => "A",
        m if m == superior => "S",
        _ => "I",
    }
}

/// A window of pixels on a plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceView {
    /// Which plane, or which panel along the tool.
    pub plane: Plane,
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Edge of a pixel, mm.
    pub mm_per_pixel: f64,
}

/// A view with its place in the CT.
#[derive(Debug, Clone, Copy)]
pub struct PlacedView {
    /// What is looked at.
    pub view: SliceView,
    /// Which way it hangs.
    pub hanging: Hanging,
    corner: Vector3<f64>,
}

impl SliceView {
    /// The same with `density` times as many pixels along each edge.
    #[must_use]
    pub fn at(self, density: f32) -> Self {
        let size = self.size.map(|n| (n as f32 * density).round().max(1.0) as u32);
        Self { size, mm_per_pixel: self.mm_per_pixel / f64::from(density), ..self }
    }

    /// Places the view so that it cuts through `focus`. A plane of the
    /// patient's stays over the volume (`bounds`, lowest and highest LPS) where
    /// it can; one along the tool has `focus` in its middle.
    #[must_use]
    pub fn place(self, hanging: Hanging, focus: Point<Ct>, bounds: (Point<Ct>, Point<Ct>)) -> PlacedView {
        let Hanging { right, down, axis, .. } = hanging;
        let half = self.size.map(|n| 0.5 * (f64::from(n) - 1.0) * self.mm_per_pixel);
        let reach = (right * half[0] + down * half[1]).abs();
        let (low, high) = (bounds.0.vector3() + reach, bounds.1.vector3() - reach);
        let mut centre = focus.vector3();
        for along in (0..3).filter(|along| axis.is_some_and(|across| across != *along)) {
            let is_wider = low[along] > high[along];
            centre[along] =
                if is_wider { 0.5 * (low[along] + high[along]) } else { centre[along].clamp(low[along], high[along]) };
        }
        PlacedView { view: self, hanging, corner: centre - right * half[0] - down * half[1] }
    }
}

impl PlacedView {
    /// The plane to sample; `None` only for a size or spacing of zero.
    #[must_use]
    pub fn sampling(&self) -> Option<SlicePlane> {
        let (Hanging { right, down, .. }, size) = (self.hanging, self.view.size.map(|n| n as usize));
        let [right, down] = [right, down].map(Vector::from_vector3);
        SlicePlane::new(Point::from_vector3(self.corner), right, down, self.view.mm_per_pixel, size)
    }

    /// Pixel a position is projected to, along the plane's normal.
    #[must_use]
    pub fn pixel(&self, position: Point<Ct>) -> [f32; 2] {
        let offset = (position.vector3() - self.corner) / self.view.mm_per_pixel;
        [self.hanging.right, self.hanging.down].map(|direction| offset.dot(&direction) as f32)
    }

    /// The same for many positions at once.
    #[must_use]
    pub fn projection(&self) -> Projection {
        let single = |v: Vector3<f64>| <[f32; 3]>::from(v.cast::<f32>());
        let along = |direction: Vector3<f64>| single(direction / self.view.mm_per_pixel);
        Projection { corner: single(self.corner), right: along(self.hanging.right), down: along(self.hanging.down) }
    }

    /// A place on the plane, LPS mm: its upper left corner.
    #[must_use]
    pub const fn corner(&self) -> Vector3<f64> {
        self.corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_hang_as_in_radiology() {
        let letters = |plane| Hanging::of(plane).letters();
        assert_eq!(letters(Plane::Axial), ["R", "L", "A", "P"]);
        assert_eq!(letters(Plane::Coronal), ["R", "L", "S", "I"]);
        assert_eq!(letters(Plane::Sagittal), ["A", "P", "S", "I"]);
    }

    #[test]
    fn a_position_is_drawn_where_it_is_sampled() {
        let view = SliceView { plane: Plane::Sagittal, size: [101, 51], mm_per_pixel: 0.5 };
        let bounds = (Point::new(-100.0, -100.0, -100.0), Point::new(100.0, 100.0, 100.0));
        let placed = view.place(Hanging::of(view.plane), Point::new(7.0, 90.0, 10.0), bounds);
        // Panned anteriorly, so that the view stays over the volume.
        let at = placed.pixel(Point::new(7.0, 90.0, 10.0));
        assert_eq!(at, [80.0, 25.0]);
        let back = placed.sampling().unwrap().position(80.0, 25.0);
        assert!(back.distance(Point::new(7.0, 90.0, 10.0)) < 1e-9);
    }
}
