//! Vertebrae with what a screw is judged by: axes, surface, canal.

use geom::nalgebra::Vector3;
use geom::{Ct, Vector};
use rayon::prelude::*;

use super::bone_distance::BoneDistance;
use super::canal::Canal;
use super::error::PlanError;
use super::screw::Screw;
use crate::case::{Case, Vertebra};
use crate::level::Level;
use crate::measure::body_axes;
use crate::surface::NearestIndex;
use crate::volume::{Grid, LabelMap};

/// A vertebra's own axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axes {
    /// Middle of the body, LPS mm; that of the whole label where no body was found.
    pub centre: Vector3<f64>,
    /// Unit, at right angles: to the left, to the front, to the head.
    pub left: Vector3<f64>,
    /// See `left`.
    pub anterior: Vector3<f64>,
    /// See `left`.
    pub up: Vector3<f64>,
    /// Half the body's depth, mm; `None` where no body was found and the axes
    /// are the image's.
    pub half_depth_mm: Option<f64>,
}

impl Axes {
    /// The image's axes at `centre`.
    #[must_use]
    pub const fn of_image(centre: Vector3<f64>) -> Self {
        let (left, anterior, up) =
            (Vector3::new(1.0, 0.0, 0.0), Vector3::new(0.0, -1.0, 0.0), Vector3::new(0.0, 0.0, 1.0));
        Self { centre, left, anterior, up, half_depth_mm: None }
    }

    /// To the left, to the front and up from the centre, mm.
    #[must_use]
    pub fn local(&self, place: Vector3<f64>) -> [f64; 3] {
        let offset = place - self.centre;
        [offset.dot(&self.left), offset.dot(&self.anterior), offset.dot(&self.up)]
    }

    /// The place with these local coordinates, LPS mm.
    #[must_use]
    pub fn place(&self, [left, anterior, up]: [f64; 3]) -> Vector3<f64> {
        self.centre + self.left * left + self.anterior * anterior + self.up * up
    }
}

/// One vertebra, ready for screws.
#[derive(Debug)]
pub struct PlannedVertebra {
    /// Its level.
    pub level: Level,
    /// Its axes; those of the image where it was not looked at closely.
    pub axes: Axes,
    /// Its surface.
    pub bone: BoneDistance,
    /// The canal behind its body, or why there is none.
    pub canal: Result<Canal, String>,
    expected: Option<(NearestIndex, Vec<f32>)>,
    voxel_axes: [Vector3<f64>; 3],
}

impl PlannedVertebra {
    /// A vertebra of `labels` with known axes.
    ///
    /// # Errors
    /// [`PlanError::Surface`].
    pub fn new(vertebra: &Vertebra, labels: &LabelMap, axes: Axes) -> Result<Self, PlanError> {
        Self::with_canal(vertebra, labels, axes, Canal::find(labels, &axes))
    }

    /// Its bone alone: enough to tell that a screw of another level lies in it.
    fn bone_of(vertebra: &Vertebra, labels: &LabelMap) -> Result<Self, PlanError> {
        let axes = Axes::of_image(vertebra.body_centre.vector3());
        Self::with_canal(vertebra, labels, axes, Err("it was not looked for".into()))
    }

    fn with_canal(
        vertebra: &Vertebra,
        labels: &LabelMap,
        axes: Axes,
        canal: Result<Canal, String>,
    ) -> Result<Self, PlanError> {
        let level = vertebra.level;
        let bone = BoneDistance::new(&vertebra.mesh).map_err(|e| PlanError::Surface { level, why: e.to_string() })?;
        let has_errors = vertebra.surface_error_mm.len() == vertebra.mesh.vertices.len();
        let index = if has_errors { NearestIndex::new(&vertebra.mesh.vertices).ok() } else { None };
        Ok(Self {
            level,
            axes,
            bone,
            canal,
            expected: index.map(|index| (index, vertebra.surface_error_mm.clone())),
            voxel_axes: voxel_axes(&labels.grid),
        })
    }

    /// Standard deviation of the surface's place at `at` along `direction`
    /// (unit), mm: a voxel is in or out, which is uniform over its width
    /// (width / sqrt 12), and what the segmentation expects where it knows.
    #[must_use]
    pub fn surface_sd_mm(&self, at: Vector3<f64>, direction: Vector3<f64>) -> f64 {
        let widths = self.voxel_axes.iter().map(|axis| axis.dot(&direction).powi(2));
        let voxel = (widths.sum::<f64>() / 12.0).sqrt();
        let expected = self.expected.as_ref().and_then(|(index, errors)| {
            let near = index.nearest(at.map(|c| c as f32).into())?;
            errors.get(near.index).copied().map(f64::from).filter(|e| e.is_finite())
        });
        voxel.hypot(expected.unwrap_or(0.0))
    }

    /// A direction of the CT as words of this vertebra are made of it: to the
    /// left, to the front, up.
    #[must_use]
    pub fn turned(&self, direction: Vector<Ct>) -> [f64; 3] {
        let d = direction.vector3();
        [d.dot(&self.axes.left), d.dot(&self.axes.anterior), d.dot(&self.axes.up)]
    }
}

/// Steps between voxels, mm.
fn voxel_axes(grid: &Grid) -> [Vector3<f64>; 3] {
    [0, 1, 2].map(|i| grid.ct_from_voxel().column(i).into_owned())
}

/// All vertebrae of a case.
#[derive(Debug)]
pub struct Anatomy {
    /// From head to foot.
    pub vertebrae: Vec<PlannedVertebra>,
}

impl Anatomy {
    /// Axes, surfaces and canals of every vertebra of `case`.
    ///
    /// Cost: as [`Self::for_levels`].
    #[must_use]
    pub fn of(case: &Case) -> Self {
        let all: Vec<Level> = case.vertebrae.iter().map(|v| v.level).collect();
        Self::for_levels(case, &all)
    }

    /// As [`Self::of`] for screws in `levels`: of the other vertebrae only the bone is known.
    ///
    /// Cost: 0.1 to 0.2 s of processor time a level of `levels`, 10 ms another (development build).
    #[must_use]
    pub fn for_levels(case: &Case, levels: &[Level]) -> Self {
        let found = body_axes(&case.labels, levels);
        let axes = |vertebra: &Vertebra| {
            let found = found.iter().find(|(level, _)| *level == vertebra.level);
            found.map_or_else(
                || Axes::of_image(vertebra.body_centre.vector3()),
                |(_, body)| Axes {
                    centre: body.centre,
                    left: body.left,
                    anterior: body.anterior,
                    up: body.up,
                    half_depth_mm: Some(body.half_depth_mm),
                },
            )
        };
        let one = |v: &Vertebra| {
            let is_wanted = levels.contains(&v.level);
            let made = if is_wanted {
                PlannedVertebra::new(v, &case.labels, axes(v))
            } else {
                PlannedVertebra::bone_of(v, &case.labels)
            };
            made.ok()
        };
        Self { vertebrae: case.vertebrae.par_iter().filter_map(one).collect() }
    }

    /// The vertebra of a screw.
    ///
    /// # Errors
    /// [`PlanError::NoVertebra`].
    pub fn vertebra_of(&self, screw: &Screw) -> Result<&PlannedVertebra, PlanError> {
        self.vertebrae.iter().find(|v| v.level == screw.level).ok_or_else(|| PlanError::NoVertebra {
            name: screw.name(),
            level: screw.level,
            present: self.vertebrae.iter().map(|v| v.level.to_string()).collect::<Vec<_>>().join(" "),
        })
    }
}
