//! Where a radiograph's pixels, its source and the patient were.
//!
//! Promises places in LPS mm of the patient from pixels and back, for cone and
//! parallel beams. Does not know what is in the picture. Called by everything in
//! [`crate::xray`] and by who makes radiographs from a CT.
//!
//! A pixel is `[column, row]`; integers are the middles of pixels, `[0, 0]` that
//! of the first.

use std::path::{Path, PathBuf};

use geom::nalgebra::{Matrix3, Vector3};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::io::picture::{MAX_SIDE, PIXEL_MM};
use crate::io::read_bounded;

/// Largest place that is believed, mm.
const FAR_MM: f64 = 1e5;
/// Largest file that is read, bytes.
const MAX_BYTES: u64 = 1 << 16;
/// Cosine between an axis of the picture and the patient's axis that it shows: 45 degrees.
const LEAST_COSINE: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Why a geometry cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// The system could not read it.
    #[error("cannot read the geometry {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not the JSON expected.
    #[error("{path} is no geometry of a radiograph: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        source: serde_json::Error,
    },
    /// A number is out of range or the numbers contradict each other.
    #[error("geometry of the {view} radiograph: {what}")]
    Value {
        /// Which picture.
        view: View,
        /// What is wrong, with the numbers, and what would be right.
        what: String,
    },
}

/// From which side the patient is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// Columns run to the patient's left (+x): the right side hangs on the left.
    Frontal,
    /// Columns run from front to back (+y): the patient looks to the left.
    Lateral,
}

impl View {
    /// The coordinate shown across: x or y.
    #[must_use]
    pub const fn across(self) -> usize {
        match self {
            Self::Frontal => 0,
            Self::Lateral => 1,
        }
    }

    /// Direction of the columns when the patient stands square to the picture.
    #[must_use]
    pub fn column_direction(self) -> Vector3<f64> {
        match self {
            Self::Frontal => Vector3::x(),
            Self::Lateral => Vector3::y(),
        }
    }
}

impl std::fmt::Display for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Frontal => "frontal",
            Self::Lateral => "lateral",
        })
    }
}

/// How the X-rays run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Beam {
    /// From a point.
    Cone {
        /// The source, LPS mm.
        source_mm: [f64; 3],
    },
    /// All in one direction.
    Parallel {
        /// From the source to the detector, any length.
        direction: [f64; 3],
    },
}

/// Pixels, detector and beam of one radiograph; unknown keys are errors.
///
/// ```json
/// { "view": "lateral", "rows": 2000, "columns": 853, "corner_mm": [300, -150, 900],
///   "column_mm": [0, 0.4, 0], "row_mm": [0, 0, -0.4],
///   "beam": { "cone": { "source_mm": [-1500, 0, 500] } }, "calibrated": true }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// Which side is seen.
    pub view: View,
    /// Height of the picture, pixels.
    pub rows: usize,
    /// Width of the picture, pixels.
    pub columns: usize,
    /// Middle of the first pixel, LPS mm.
    pub corner_mm: [f64; 3],
    /// From a pixel to the next in its row, mm.
    pub column_mm: [f64; 3],
    /// From a row to the next, mm.
    pub row_mm: [f64; 3],
    /// How the rays run.
    pub beam: Beam,
    /// True when the numbers were measured for this pair of pictures; false when
    /// they are assumed (parallel beams, heights shared).
    pub calibrated: bool,
}

/// A ray in the patient.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ray {
    /// A place on it, LPS mm: the source, or the pixel for parallel beams.
    pub origin: Vector3<f64>,
    /// Unit direction from the source to the detector.
    pub direction: Vector3<f64>,
}

impl Geometry {
    /// Assumed parallel beams: row 0 at height 0, the middle column at 0 across.
    ///
    /// - `size`: rows and columns.
    /// - `pixel_mm`: steps down and across, at the patient.
    ///
    /// # Errors
    /// As [`Geometry::check`].
    ///
    /// ```
    /// use engine::xray::{Geometry, View};
    ///
    /// let lateral = Geometry::assumed(View::Lateral, [1001, 401], [0.5, 0.5])?;
    /// let place = geom::nalgebra::Vector3::new(33.0, 10.0, -100.0);
    /// assert_eq!(lateral.project(place), Some([220.0, 200.0]));
    /// # Ok::<(), engine::xray::GeometryError>(())
    /// ```
    pub fn assumed(view: View, size: [usize; 2], pixel_mm: [f64; 2]) -> Result<Self, GeometryError> {
        let [rows, columns] = size;
        let across = view.column_direction();
        let half = columns.saturating_sub(1) as f64 / 2.0 * pixel_mm[1];
        let direction = if view == View::Frontal { Vector3::y() } else { Vector3::x() };
        let made = Self {
            view,
            rows,
            columns,
            corner_mm: (-across * half).into(),
            column_mm: (across * pixel_mm[1]).into(),
            row_mm: [0.0, 0.0, -pixel_mm[0]],
            beam: Beam::Parallel { direction: direction.into() },
            calibrated: false,
        };
        made.check()?;
        Ok(made)
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`GeometryError`] naming the file or the number.
    pub fn read(path: &Path) -> Result<Self, GeometryError> {
        let failed = |source| GeometryError::Read { path: path.into(), source };
        let bytes = read_bounded(path, MAX_BYTES).map_err(failed)?;
        let read: Self =
            serde_json::from_slice(&bytes).map_err(|source| GeometryError::Json { path: path.into(), source })?;
        read.check()?;
        Ok(read)
    }

    /// Where the geometry of a picture is looked for: `pair/lateral.png` has `pair/lateral.json`.
    #[must_use]
    pub fn beside(picture: &Path) -> PathBuf {
        picture.with_extension("json")
    }

    /// Checks ranges, that the axes show what the view says, and that the rays meet the detector.
    ///
    /// # Errors
    /// [`GeometryError::Value`] with the first contradiction.
    pub fn check(&self) -> Result<(), GeometryError> {
        let bad = |what: String| GeometryError::Value { view: self.view, what };
        let [rows, columns] = [self.rows, self.columns];
        if !(1..=MAX_SIDE).contains(&rows) || !(1..=MAX_SIDE).contains(&columns) {
            return Err(bad(format!("{rows} rows of {columns} pixels; a side must be 1 to {MAX_SIDE}")));
        }
        let beam = match self.beam {
            Beam::Cone { source_mm } => source_mm,
            Beam::Parallel { direction } => direction,
        };
        let numbers = [self.corner_mm, self.column_mm, self.row_mm, beam];
        if numbers.iter().flatten().any(|v| !v.is_finite() || v.abs() > FAR_MM) {
            return Err(bad(format!("a number is not finite or beyond {FAR_MM} mm")));
        }
        let (across, down) = (Vector3::from(self.column_mm), Vector3::from(self.row_mm));
        if !PIXEL_MM.contains(&across.norm()) || !PIXEL_MM.contains(&down.norm()) {
            let sizes = [across.norm(), down.norm()];
            return Err(bad(format!("pixels of {sizes:?} mm; an edge must be {PIXEL_MM:?} mm")));
        }
        let (across, down) = (across.normalize(), down.normalize());
        if across.dot(&self.view.column_direction()) < LEAST_COSINE {
            let axis = ["x, to the patient's left", "y, to the back"][self.view.across()];
            return Err(bad(format!(
                "columns run along {:?}, they must run along +{axis}; mirror the picture",
                self.column_mm
            )));
        }
        if -down.z < LEAST_COSINE {
            return Err(bad(format!("rows run along {:?}, they must run from head to foot (-z)", self.row_mm)));
        }
        if across.dot(&down).abs() > 1e-3 {
            return Err(bad("columns and rows are not square to each other".to_owned()));
        }
        let normal = across.cross(&down);
        let clearance = match self.beam {
            Beam::Cone { source_mm } => normal.dot(&(Vector3::from(source_mm) - Vector3::from(self.corner_mm))) / 100.0,
            Beam::Parallel { direction } => {
                Vector3::from(direction).try_normalize(1e-9).map_or(0.0, |d| normal.dot(&d))
            }
        };
        if clearance.abs() < 0.5 {
            return Err(bad("the beam runs along the detector or the source is within 50 mm of it".to_owned()));
        }
        Ok(())
    }

    /// The pixel `[column, row]` that shows a place, also beyond the picture's edge;
    /// `None` for what is not between source and infinity.
    #[must_use]
    pub fn project(&self, place_mm: Vector3<f64>) -> Option<[f64; 2]> {
        self.hit(place_mm).map(|[column, row, _]| [column, row])
    }

    /// How much larger than at the place its picture on the detector is: 1 for parallel beams.
    #[must_use]
    pub fn magnification(&self, place_mm: Vector3<f64>) -> Option<f64> {
        match self.beam {
            Beam::Parallel { .. } => Some(1.0),
            Beam::Cone { .. } => self.hit(place_mm).map(|[_, _, along]| along),
        }
    }

    /// Column, row and steps along the ray (source to place is one step for a cone).
    fn hit(&self, place_mm: Vector3<f64>) -> Option<[f64; 3]> {
        let (across, down) = (Vector3::from(self.column_mm), Vector3::from(self.row_mm));
        let (from, along) = match self.beam {
            Beam::Cone { source_mm } => {
                let source = Vector3::from(source_mm);
                (source, place_mm - source)
            }
            Beam::Parallel { direction } => (place_mm, Vector3::from(direction)),
        };
        let solved =
            Matrix3::from_columns(&[across, down, -along]).lu().solve(&(from - Vector3::from(self.corner_mm)))?;
        let in_front = matches!(self.beam, Beam::Parallel { .. }) || solved.z > 0.0;
        (in_front && solved.iter().all(|v| v.is_finite())).then(|| solved.into())
    }

    /// The place of a pixel `[column, row]` on the detector, LPS mm.
    #[must_use]
    pub fn on_detector(&self, pixel: [f64; 2]) -> Vector3<f64> {
        Vector3::from(self.corner_mm) + Vector3::from(self.column_mm) * pixel[0] + Vector3::from(self.row_mm) * pixel[1]
    }

    /// The ray that a pixel `[column, row]` was exposed by.
    #[must_use]
    pub fn ray(&self, pixel: [f64; 2]) -> Ray {
        let on_detector = self.on_detector(pixel);
        let (origin, along) = match self.beam {
            Beam::Cone { source_mm } => (Vector3::from(source_mm), on_detector - Vector3::from(source_mm)),
            Beam::Parallel { direction } => (on_detector, Vector3::from(direction)),
        };
        // The checks keep both away from zero.
        Ray { origin, direction: along.try_normalize(1e-12).unwrap_or_else(Vector3::zeros) }
    }

    /// Edge of a pixel at the patient's depth, mm: at the place nearest to `amid`
    /// for a cone. The mean of both edges.
    #[must_use]
    pub fn pixel_mm(&self, amid: Vector3<f64>) -> f64 {
        let mean = f64::midpoint(Vector3::from(self.column_mm).norm(), Vector3::from(self.row_mm).norm());
        mean / self.magnification(amid).unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cone() -> Geometry {
        Geometry {
            view: View::Frontal,
            rows: 1200,
            columns: 500,
            corner_mm: [-200.0, 250.0, 480.0],
            column_mm: [0.8, 0.0, 0.0],
            row_mm: [0.0, 0.0, -0.8],
            beam: Beam::Cone { source_mm: [0.0, -1500.0, 0.0] },
            calibrated: true,
        }
    }

    #[test]
    fn a_vertebra_nearer_to_the_source_is_shown_larger() {
        let geometry = cone();
        // 1500 of 1750 mm: 7/6 as large.
        let at = |x: f64| geometry.project(Vector3::new(x, 0.0, 0.0)).unwrap();
        assert!((at(30.0)[0] - at(0.0)[0] - 30.0 * 7.0 / 6.0 / 0.8).abs() < 1e-9);
        assert!((geometry.magnification(Vector3::zeros()).unwrap() - 7.0 / 6.0).abs() < 1e-12);
        assert!(geometry.project(Vector3::new(0.0, -1600.0, 0.0)).is_none());
    }

    #[test]
    fn a_pixels_ray_passes_what_it_shows() {
        let parallel = Geometry::assumed(View::Lateral, [900, 400], [0.5, 0.6]).unwrap();
        for geometry in [cone(), parallel] {
            let place = Vector3::new(31.0, -12.0, -83.0);
            let ray = geometry.ray(geometry.project(place).unwrap());
            assert!((place - ray.origin).cross(&ray.direction).norm() < 1e-9);
        }
    }

    #[test]
    fn a_mirrored_or_impossible_picture_is_refused() {
        let text = |change: &dyn Fn(&mut Geometry)| {
            let mut geometry = cone();
            change(&mut geometry);
            geometry.check().unwrap_err().to_string()
        };
        assert!(text(&|g| g.column_mm = [-0.8, 0.0, 0.0]).contains("mirror"));
        assert!(text(&|g| g.row_mm = [0.0, 0.0, 0.8]).contains("head to foot"));
        assert!(text(&|g| g.row_mm = [0.3, 0.0, -0.8]).contains("square"));
        assert!(text(&|g| g.rows = 0).contains("0 rows"));
        assert!(text(&|g| g.corner_mm[1] = f64::NAN).contains("finite"));
        assert!(text(&|g| g.column_mm = [1e-9, 0.0, 0.0]).contains("pixels of"));
        assert!(text(&|g| g.beam = Beam::Parallel { direction: [1.0, 0.0, 0.0] }).contains("along the detector"));
        assert!(text(&|g| g.beam = Beam::Cone { source_mm: [0.0, 250.0, 0.0] }).contains("source"));
    }

    #[test]
    fn the_file_is_as_documented_and_unknown_keys_are_errors() {
        let text = serde_json::to_string(&cone()).unwrap();
        assert!(text.contains(r#""view":"frontal""#) && text.contains(r#""beam":{"cone":{"source_mm":"#), "{text}");
        assert_eq!(serde_json::from_str::<Geometry>(&text).unwrap(), cone());
        assert!(serde_json::from_str::<Geometry>(&text.replacen("rows", "row", 1)).is_err());
        assert!(
            serde_json::from_str::<Geometry>(&text.replacen("\"source_mm\"", "\"from\":1,\"source_mm\"", 1)).is_err()
        );
    }
}
