//! A simulated accuracy test: the whole way from a noisy tracker over a pivot
//! calibration to touches, with a known truth.

use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Ct, Point, Tool, Tracker, Transform, Twist};

use super::Touch;
use crate::error::CalibrationError;
use crate::pivot::{PivotSettings, pivot};
use crate::simulate::{Draws, PivotScene, PoseNoise};

/// A phantom of our own: 25 divots on five steps of 30 mm, 150 mm wide and
/// deep. Not the drawing of the standard.
#[must_use]
pub fn stepped_phantom() -> Vec<Point<Ct>> {
    let step =
        |k: u32| (0..5).map(move |i| [f64::from(i) * 37.5, f64::from(k) * 37.5, f64::from((k * 2 + i) % 5) * 30.0]);
    (0..5).flat_map(step).map(Point::from).collect()
}

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhantomScene {
    /// Errors of the tracker. Default 0.25 mm and 0.15 degrees an axis.
    pub noise: PoseNoise,
    /// Poses of the pivot calibration. Default 500.
    pub pivot_poses: usize,
    /// Times each divot is touched. Default 5.
    pub repeats: usize,
    /// Poses averaged in a touch. Default 30: half a second at 60 Hz.
    pub frames: usize,
}

impl Default for PhantomScene {
    fn default() -> Self {
        let noise = PoseNoise { position_mm: 0.25, rotation_deg: 0.15 };
        Self { noise, pivot_poses: 500, repeats: 5, frames: 30 }
    }
}

impl PhantomScene {
    /// Touches of `divots` by a pointer that was calibrated with the same tracker.
    ///
    /// # Errors
    /// [`CalibrationError`] when the scene has too few poses to calibrate.
    pub fn touches(&self, divots: &[Point<Ct>], draws: &mut Draws) -> Result<Vec<Touch<Tracker>>, CalibrationError> {
        let scene = PivotScene { poses: self.pivot_poses, noise: self.noise, ..PivotScene::default() };
        let tip = pivot(&scene.poses(draws), &PivotSettings::default())?.tip;
        let tracker_from_phantom = Transform::<Tracker, Ct>::exp(&Twist {
            rotation_rad: Vector3::new(0.3, -0.7, 0.2),
            translation_mm: Vector3::new(-60.0, -40.0, -1300.0),
        });
        let mut touches = Vec::new();
        for _ in 0..self.repeats {
            for (divot, place) in divots.iter().enumerate() {
                let at = self.touch((tracker_from_phantom * *place).vector3(), scene.tip(), tip, draws);
                touches.push(Touch { divot, at });
            }
        }
        Ok(touches)
    }

    /// Mean of where the calibrated tip shows up while the true one rests.
    fn touch(&self, rest: Vector3<f64>, truth: Point<Tool>, tip: Point<Tool>, draws: &mut Draws) -> Point<Tracker> {
        let turn = UnitQuaternion::from_scaled_axis(draws.cube(0.6));
        let pose = Transform::<Tracker, Tool>::new(turn, rest - turn * truth.vector3());
        let frames = self.frames.max(1);
        let sum =
            (0..frames).fold(Vector3::zeros(), |sum, _| sum + (self.noise.measured(&pose, draws) * tip).vector3());
        Point::from_vector3(sum / frames as f64)
    }
}
