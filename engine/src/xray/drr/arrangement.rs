//! Source and detector around a CT.

use geom::Point;
use geom::nalgebra::{Rotation3, Vector3};

use super::DrrError;
use crate::volume::Grid;
use crate::xray::{Beam, Geometry, View};

/// Room around the CT's shadow on the detector, mm.
const MARGIN_MM: f64 = 2.0;
/// From the CT's last corner to the detector, mm.
const GAP_MM: f64 = 20.0;
/// Least distance from the source to the CT, mm.
const CLEARANCE_MM: f64 = 50.0;
/// Largest turn, degrees: beyond it the view is another one.
const MAX_TURN_DEG: f64 = 40.0;

/// How the beam runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BeamShape {
    /// All rays in one direction, as a slot scanner's in its rows.
    Parallel,
    /// From a point this far before the detector, mm.
    Cone {
        /// From source to detector, mm.
        source_mm: f64,
    },
}

/// How a pair of pictures is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrangement {
    /// How the beam runs.
    pub beam: BeamShape,
    /// Edge of a pixel on the detector, mm.
    pub pixel_mm: f64,
    /// How the patient stands turned: about the long axis (z), the axis to the
    /// left (x) and the axis to the back (y), degrees, in this order.
    pub turn_deg: [f64; 3],
}

impl Default for Arrangement {
    /// A point source 1.8 m before the detector, pixels of 0.5 mm, square to the patient.
    fn default() -> Self {
        Self { beam: BeamShape::Cone { source_mm: 1800.0 }, pixel_mm: 0.5, turn_deg: [0.0; 3] }
    }
}

impl Arrangement {
    /// The geometry of a view in which the whole CT casts its shadow.
    ///
    /// The source is before the patient (frontal) or at the right side (lateral).
    ///
    /// # Errors
    /// [`DrrError`] naming the setting, or what does not fit the CT.
    pub fn geometry(&self, grid: &Grid, view: View) -> Result<Geometry, DrrError> {
        self.check()?;
        let corners = corners(grid);
        let middle = corners.iter().sum::<Vector3<f64>>() / corners.len() as f64;
        let turn = self.turn_deg.map(f64::to_radians);
        // The patient turned one way is the machine turned the other way.
        let machine = (Rotation3::from_axis_angle(&Vector3::y_axis(), turn[2])
            * Rotation3::from_axis_angle(&Vector3::x_axis(), turn[1])
            * Rotation3::from_axis_angle(&Vector3::z_axis(), turn[0]))
        .inverse();
        let across = machine * view.column_direction();
        let down = machine * -Vector3::z();
        let along = machine * if view == View::Frontal { Vector3::y() } else { Vector3::x() };
        let depths = corners.iter().map(|c| (c - middle).dot(&along));
        let half = depths.fold(0.0, f64::max);
        let (source, detector) = match self.beam {
            BeamShape::Parallel => (None, half + GAP_MM),
            BeamShape::Cone { source_mm } => {
                let room = source_mm - 2.0 * half - GAP_MM;
                if room < CLEARANCE_MM {
                    let range = "so large that the source is 50 mm before the CT";
                    return Err(DrrError::Setting { setting: "source distance, mm", value: source_mm, range });
                }
                let source = middle - along * (source_mm - half - GAP_MM);
                (Some(source), half + GAP_MM)
            }
        };
        let on_detector = middle + along * detector;
        let shadow = |corner: &Vector3<f64>| {
            let place = match source {
                None => *corner,
                Some(source) => {
                    source + (corner - source) * ((on_detector - source).dot(&along) / (corner - source).dot(&along))
                }
            } - on_detector;
            [place.dot(&across), place.dot(&down)]
        };
        let places: Vec<[f64; 2]> = corners.iter().map(shadow).collect();
        let ends = [0, 1].map(|k| {
            let values = places.iter().map(|p| p[k]);
            [
                values.clone().fold(f64::INFINITY, f64::min) - MARGIN_MM,
                values.fold(f64::NEG_INFINITY, f64::max) + MARGIN_MM,
            ]
        });
        let [columns, rows] = ends.map(|[low, high]| ((high - low) / self.pixel_mm).ceil() as usize + 1);
        let geometry = Geometry {
            view,
            rows,
            columns,
            corner_mm: (on_detector + across * ends[0][0] + down * ends[1][0]).into(),
            column_mm: (across * self.pixel_mm).into(),
            row_mm: (down * self.pixel_mm).into(),
            beam: match source {
                None => Beam::Parallel { direction: along.into() },
                Some(source) => Beam::Cone { source_mm: source.into() },
            },
            calibrated: true,
        };
        geometry.check()?;
        Ok(geometry)
    }

    fn check(&self) -> Result<(), DrrError> {
        let bad = |setting, value, range| Err(DrrError::Setting { setting, value, range });
        if !(0.05..=10.0).contains(&self.pixel_mm) {
            return bad("pixel, mm", self.pixel_mm, "0.05 to 10");
        }
        if let Some(turn) = self.turn_deg.into_iter().find(|turn| turn.is_nan() || turn.abs() > MAX_TURN_DEG) {
            return bad("turn, degrees", turn, "-40 to 40");
        }
        match self.beam {
            BeamShape::Cone { source_mm } if !(200.0..=20_000.0).contains(&source_mm) => {
                bad("source distance, mm", source_mm, "200 to 20000; for more take parallel beams")
            }
            _ => Ok(()),
        }
    }
}

/// The middles of the voxels at the corners, LPS mm.
fn corners(grid: &Grid) -> [Vector3<f64>; 8] {
    let last = grid.size().map(|n| (n.max(1) - 1) as f64);
    std::array::from_fn(|i| {
        let at = [0, 1, 2].map(|k| if i >> k & 1 == 1 { last[k] } else { 0.0 });
        grid.to_ct(Point::new(at[0], at[1], at[2])).vector3()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid::axis_aligned([100, 80, 200], [1.0, 1.0, 2.0], Point::new(-50.0, -40.0, 0.0)).unwrap()
    }

    #[test]
    fn the_whole_ct_is_in_the_picture() {
        for beam in [BeamShape::Parallel, BeamShape::Cone { source_mm: 700.0 }] {
            let arrangement = Arrangement { beam, turn_deg: [20.0, 10.0, -15.0], ..Arrangement::default() };
            for view in [View::Frontal, View::Lateral] {
                let geometry = arrangement.geometry(&grid(), view).unwrap();
                for corner in corners(&grid()) {
                    let [column, row] = geometry.project(corner).unwrap();
                    assert!((0.0..=geometry.columns as f64).contains(&column), "{view} {column}");
                    assert!((0.0..=geometry.rows as f64).contains(&row), "{view} {row}");
                }
            }
        }
    }

    #[test]
    fn a_patient_turned_to_the_left_shows_the_right_side_to_the_front() {
        // Turned about z by +10 degrees, x moves towards y: the left side goes to the back.
        let arrangement =
            Arrangement { turn_deg: [10.0, 0.0, 0.0], beam: BeamShape::Parallel, ..Arrangement::default() };
        let geometry = arrangement.geometry(&grid(), View::Lateral).unwrap();
        let column = |x| geometry.project(Vector3::new(x, 0.0, 100.0)).unwrap()[0];
        assert!(column(40.0) > column(-40.0) + 20.0);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let text = |a: Arrangement| a.geometry(&grid(), View::Frontal).unwrap_err().to_string();
        assert!(text(Arrangement { pixel_mm: 0.0, ..Arrangement::default() }).contains("pixel"));
        assert!(text(Arrangement { turn_deg: [0.0, 50.0, 0.0], ..Arrangement::default() }).contains("turn"));
        assert!(text(Arrangement { pixel_mm: f64::NAN, ..Arrangement::default() }).contains("pixel"));
        let near = Arrangement { beam: BeamShape::Cone { source_mm: 210.0 }, ..Arrangement::default() };
        assert!(near.geometry(&grid(), View::Lateral).is_ok() || text(near).contains("source"));
        assert!(
            text(Arrangement { beam: BeamShape::Cone { source_mm: 1.0 }, ..Arrangement::default() }).contains("source")
        );
    }
}
