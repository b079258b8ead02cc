//! Simulated measurements with a known truth, for tests, benchmarks and the
//! rehearsal of an accuracy test.
//!
//! Noise model: a pose is measured with independent normal errors of its
//! position (`position_mm` an axis) and its rotation (`rotation_deg` about
//! each axis, about the array's own origin).

use geom::nalgebra::{Rotation3, UnitQuaternion, Vector3};
use geom::{Frame, Headset, Point, Tool, Tracker, Transform, World};

/// Seeded random numbers: splitmix64 (Steele et al. 2014,
/// doi:10.1145/2660193.2660195) and Box-Muller.
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// The sequence of `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // Neighbouring seeds start far apart.
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(0x5851_f42d_4c95_7f2d))
    }

    /// Uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Three independent standard normal numbers.
    pub fn normal3(&mut self) -> Vector3<f64> {
        Vector3::new(self.normal(), self.normal(), self.normal())
    }

    /// Three independent numbers uniform in `[-half, half)`.
    pub fn cube(&mut self, half: f64) -> Vector3<f64> {
        Vector3::new(self.between(-half, half), self.between(-half, half), self.between(-half, half))
    }
}

/// Errors of a measured pose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoseNoise {
    /// Standard deviation of the position along each axis, mm.
    pub position_mm: f64,
    /// Standard deviation of the rotation about each axis, degrees.
    pub rotation_deg: f64,
}

impl PoseNoise {
    /// `pose` as it is measured.
    pub fn measured<A: Frame, B: Frame>(&self, pose: &Transform<A, B>, draws: &mut Draws) -> Transform<A, B> {
        self.along(pose, [1.0; 3], draws)
    }

    /// As [`Self::measured`], position errors scaled by `factors` along the
    /// axes of `A`; a stereo camera is two to four times worse in depth.
    pub fn along<A: Frame, B: Frame>(
        &self,
        pose: &Transform<A, B>,
        factors: [f64; 3],
        draws: &mut Draws,
    ) -> Transform<A, B> {
        let turn = UnitQuaternion::from_scaled_axis(draws.normal3() * self.rotation_deg.to_radians());
        let shift = draws.normal3().component_mul(&Vector3::from(factors)) * self.position_mm;
        Transform::new(turn * pose.rotation(), pose.translation() + shift)
    }
}

/// A pivot recording to be simulated; defaults are the published comparison
/// of `docs/calibration.md`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PivotScene {
    /// Poses.
    pub poses: usize,
    /// Tilts are uniform within plus and minus this, degrees; turns about the
    /// shaft within plus and minus 60.
    pub tilt_deg: f64,
    /// Errors of the tracker.
    pub noise: PoseNoise,
    /// Factors of the position errors along the tracker's axes.
    pub noise_factors: [f64; 3],
    /// Share of the poses, from the first on, that are off by `outlier_mm`
    /// (one axis).
    pub outlier_share: f64,
    /// How far those are off, mm.
    pub outlier_mm: f64,
    /// The tip in the tool, mm.
    pub tip: [f64; 3],
    /// The divot, mm.
    pub divot: [f64; 3],
}

impl Default for PivotScene {
    fn default() -> Self {
        Self {
            poses: 500,
            tilt_deg: 45.0,
            noise: PoseNoise { position_mm: 0.25, rotation_deg: 0.15 },
            noise_factors: [1.0; 3],
            outlier_share: 0.0,
            outlier_mm: 5.0,
            tip: [0.0, 0.0, -150.0],
            divot: [50.0, -30.0, -1200.0],
        }
    }
}

impl PivotScene {
    /// Poses as a tracker reports them.
    #[must_use]
    pub fn poses(&self, draws: &mut Draws) -> Vec<Transform<Tracker, Tool>> {
        let outliers = (self.outlier_share * self.poses as f64).ceil() as usize;
        let (tip, divot) = (Vector3::from(self.tip), Vector3::from(self.divot));
        let pose = |i: usize| {
            let tilt = |draws: &mut Draws| draws.between(-self.tilt_deg, self.tilt_deg).to_radians();
            let (roll, pitch) = (tilt(draws), tilt(draws));
            let yaw = draws.between(-60.0, 60.0).to_radians();
            let turn = UnitQuaternion::from_rotation_matrix(&Rotation3::from_euler_angles(roll, pitch, yaw));
            let mut origin = divot - turn * tip;
            if i < outliers {
                origin += draws.normal3() * self.outlier_mm;
            }
            self.noise.along(&Transform::new(turn, origin), self.noise_factors, draws)
        };
        (0..self.poses).map(pose).collect()
    }

    /// The true tip.
    #[must_use]
    pub fn tip(&self) -> Point<Tool> {
        Point::from(self.tip)
    }
}

/// A hand-eye recording to be simulated; defaults are the published comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandEyeScene {
    /// Pose pairs.
    pub poses: usize,
    /// Rotations about each axis are uniform within plus and minus this, degrees.
    pub turn_deg: f64,
    /// Errors of the first device; the second's are twice as large.
    pub noise: PoseNoise,
    /// Share of the pairs, from the first on, whose second pose is off by
    /// 20 mm and 5 degrees (one axis).
    pub outlier_share: f64,
}

impl Default for HandEyeScene {
    fn default() -> Self {
        let noise = PoseNoise { position_mm: 0.25, rotation_deg: 0.1 };
        Self { poses: 60, turn_deg: 40.0, noise, outlier_share: 0.0 }
    }
}

/// Simulated pose pairs and their truth.
#[derive(Debug, Clone)]
pub struct HandEyePairs {
    /// Poses of the first device.
    pub tracker_from_tool: Vec<Transform<Tracker, Tool>>,
    /// Poses of the second, as it reports them: the world in its own eye.
    pub headset_from_world: Vec<Transform<Headset, World>>,
    /// The truth.
    pub tool_from_headset: Transform<Tool, Headset>,
    /// The truth.
    pub tracker_from_world: Transform<Tracker, World>,
}

impl HandEyeScene {
    /// Pose pairs as both devices report them.
    #[must_use]
    pub fn pairs(&self, draws: &mut Draws) -> HandEyePairs {
        let any = |draws: &mut Draws| UnitQuaternion::from_scaled_axis(draws.normal3());
        let tool_from_headset = Transform::new(any(draws), draws.cube(100.0));
        let tracker_from_world = Transform::new(any(draws), draws.cube(1500.0));
        let base = any(draws);
        let outliers = (self.outlier_share * self.poses as f64).ceil() as usize;
        let twice =
            PoseNoise { position_mm: 2.0 * self.noise.position_mm, rotation_deg: 2.0 * self.noise.rotation_deg };
        let gross = PoseNoise { position_mm: 20.0, rotation_deg: 5.0 };
        let (mut tracker_from_tool, mut headset_from_world) = (Vec::new(), Vec::new());
        for i in 0..self.poses {
            let turn = UnitQuaternion::from_scaled_axis(draws.cube(self.turn_deg.to_radians()));
            let hand = Transform::<Tracker, Tool>::new(turn * base, draws.cube(300.0));
            let eye = (hand * tool_from_headset).inverse() * tracker_from_world;
            let second = if i < outliers { gross } else { twice };
            tracker_from_tool.push(self.noise.measured(&hand, draws));
            headset_from_world.push(second.measured(&eye, draws));
        }
        HandEyePairs { tracker_from_tool, headset_from_world, tool_from_headset, tracker_from_world }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_poses_scatter_as_asked() {
        let mut draws = Draws::new(3);
        let n = 50_000;
        let normals: Vec<f64> = (0..n).map(|_| draws.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(n);
        let variance = normals.iter().map(|v| v * v).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03);
        let noise = PoseNoise { position_mm: 0.5, rotation_deg: 0.0 };
        let pose = Transform::<Tracker, Tool>::identity();
        let squares: f64 =
            (0..2000).map(|_| noise.along(&pose, [1., 1., 3.], &mut draws).translation().z.powi(2)).sum();
        assert!(((squares / 2000.0).sqrt() / 1.5 - 1.0).abs() < 0.06);
    }
}
