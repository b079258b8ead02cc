//! The three standard planes as a radiologist hangs them.
//!
//! Patient right is on the viewer's left in axial and coronal, anterior on the
//! left in sagittal. The letters on the edges are derived from the directions
//! the pixels really run in, so they cannot disagree with the picture.

use engine::volume::SlicePlane;
use geom::nalgebra::Vector3;
use geom::{Ct, Point, Vector};

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

    /// Letters at the left, right, top and bottom edge.
    #[must_use]
    pub fn letters(self) -> [&'static str; 4] {
        [letter(-self.right()), letter(self.right()), letter(-self.down()), letter(self.down())]
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
    /// Which plane.
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
    corner: Vector3<f64>,
}

impl SliceView {
    /// Places the view so that it cuts through `focus`; along the plane it
    /// stays over the volume (`bounds`, lowest and highest LPS) where it can.
    #[must_use]
    pub fn place(self, focus: Point<Ct>, bounds: (Point<Ct>, Point<Ct>)) -> PlacedView {
        let (right, down) = (self.plane.right().vector3(), self.plane.down().vector3());
        let half = self.size.map(|n| 0.5 * (f64::from(n) - 1.0) * self.mm_per_pixel);
        let reach = (right * half[0] + down * half[1]).abs();
        let (low, high) = (bounds.0.vector3() + reach, bounds.1.vector3() - reach);
        let mut centre = focus.vector3();
        for axis in (0..3).filter(|axis| *axis != self.plane.axis()) {
            let is_wider = low[axis] > high[axis];
            centre[axis] =
                if is_wider { 0.5 * (low[axis] + high[axis]) } else { centre[axis].clamp(low[axis], high[axis]) };
        }
        PlacedView { view: self, corner: centre - right * half[0] - down * half[1] }
    }
}

impl PlacedView {
    /// The plane to sample; `None` only for a size or spacing of zero.
    #[must_use]
    pub fn sampling(&self) -> Option<SlicePlane> {
        let (plane, size) = (self.view.plane, self.view.size.map(|n| n as usize));
        SlicePlane::new(Point::from_vector3(self.corner), plane.right(), plane.down(), self.view.mm_per_pixel, size)
    }

    /// Pixel a position is projected to, along the plane's normal.
    #[must_use]
    pub fn pixel(&self, position: Point<Ct>) -> [f32; 2] {
        let offset = (position.vector3() - self.corner) / self.view.mm_per_pixel;
        let plane = self.view.plane;
        [plane.right(), plane.down()].map(|direction| offset.dot(&direction.vector3()) as f32)
    }

    /// Coordinate of the plane along its axis, LPS mm.
    #[must_use]
    pub fn depth_mm(&self) -> f64 {
        self.corner[self.view.plane.axis()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_hang_as_in_radiology() {
        assert_eq!(Plane::Axial.letters(), ["R", "L", "A", "P"]);
        assert_eq!(Plane::Coronal.letters(), ["R", "L", "S", "I"]);
        assert_eq!(Plane::Sagittal.letters(), ["A", "P", "S", "I"]);
    }

    #[test]
    fn a_position_is_drawn_where_it_is_sampled() {
        let view = SliceView { plane: Plane::Sagittal, size: [101, 51], mm_per_pixel: 0.5 };
        let bounds = (Point::new(-100.0, -100.0, -100.0), Point::new(100.0, 100.0, 100.0));
        let placed = view.place(Point::new(7.0, 90.0, 10.0), bounds);
        // Panned anteriorly, so that the view stays over the volume.
        let at = placed.pixel(Point::new(7.0, 90.0, 10.0));
        assert_eq!(at, [80.0, 25.0]);
        let back = placed.sampling().unwrap().position(80.0, 25.0);
        assert!(back.distance(Point::new(7.0, 90.0, 10.0)) < 1e-9);
    }
}
