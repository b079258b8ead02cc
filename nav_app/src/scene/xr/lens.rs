//! A projection whose four sides differ, as those of a headset's eyes do.

use bevy::camera::{CameraProjection, SubCameraView};
use bevy::math::{Mat4, Vec3A, Vec4};

/// Nearest distance drawn, m: a finger's width before the eye.
const NEAR_M: f32 = 0.03;
/// Far enough for culling; depth itself has no end.
const FAR_M: f32 = 100.0;

/// Tangents of the half angles: left and down are negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lens {
    left: f32,
    right: f32,
    up: f32,
    down: f32,
}

impl Default for Lens {
    /// 90 degrees each way.
    fn default() -> Self {
        Self { left: -1.0, right: 1.0, up: 1.0, down: -1.0 }
    }
}

impl Lens {
    /// From angles left, right, up, down, rad; what is no lens becomes 90 degrees.
    #[must_use]
    pub fn new(angles_rad: [f32; 4]) -> Self {
        let [left, right, up, down] = angles_rad.map(f32::tan);
        let is_open = right - left > 1e-3 && up - down > 1e-3;
        let lens = Self { left, right, up, down };
        if is_open && angles_rad.iter().all(|a| a.is_finite()) { lens } else { Self::default() }
    }
}

impl CameraProjection for Lens {
    /// Depth is reversed and has no end: 1 at the nearest, 0 infinitely far.
    fn get_clip_from_view(&self) -> Mat4 {
        let (width, height) = (self.right - self.left, self.up - self.down);
        Mat4::from_cols(
            Vec4::new(2.0 / width, 0.0, 0.0, 0.0),
            Vec4::new(0.0, 2.0 / height, 0.0, 0.0),
            Vec4::new((self.right + self.left) / width, (self.up + self.down) / height, 0.0, -1.0),
            Vec4::new(0.0, 0.0, NEAR_M, 0.0),
        )
    }

    fn get_clip_from_view_for_sub(&self, _sub_view: &SubCameraView) -> Mat4 {
        self.get_clip_from_view()
    }

    fn update(&mut self, _width: f32, _height: f32) {}

    fn far(&self) -> f32 {
        FAR_M
    }

    fn get_frustum_corners(&self, z_near: f32, z_far: f32) -> [Vec3A; 8] {
        let corner = |x: f32, y: f32, z: f32| Vec3A::new(x * z.abs(), y * z.abs(), z);
        let around = |z: f32| {
            [(self.right, self.down), (self.right, self.up), (self.left, self.up), (self.left, self.down)]
                .map(|(x, y)| corner(x, y, z))
        };
        let ([a, b, c, d], [e, f, g, h]) = (around(z_near), around(z_far));
        [a, b, c, d, e, f, g, h]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bevy::camera::PerspectiveProjection;
    use bevy::math::Vec3;

    #[test]
    fn an_even_lens_is_an_ordinary_camera() {
        let lens = Lens::new([-0.5, 0.5, 0.5, -0.5]);
        let camera = PerspectiveProjection { fov: 1.0, near: NEAR_M, ..PerspectiveProjection::default() };
        let camera = PerspectiveProjection { aspect_ratio: 1.0, ..camera };
        assert!(lens.get_clip_from_view().abs_diff_eq(camera.get_clip_from_view(), 1e-6));
    }

    #[test]
    fn the_edges_of_an_uneven_lens_are_the_edges_of_the_picture() {
        let angles = [-0.9, 0.7, 0.6, -0.8_f32];
        let clip = Lens::new(angles).get_clip_from_view();
        let at = |x: f32, y: f32| clip.project_point3(Vec3::new(x, y, -1.0));
        assert!((at(angles[0].tan(), 0.0).x + 1.0).abs() < 1e-5 && (at(angles[1].tan(), 0.0).x - 1.0).abs() < 1e-5);
        assert!((at(0.0, angles[2].tan()).y - 1.0).abs() < 1e-5 && (at(0.0, angles[3].tan()).y + 1.0).abs() < 1e-5);
        for wrong in [[0.0; 4], [f32::NAN; 4], [0.5, -0.5, 0.5, -0.5]] {
            assert_eq!(Lens::new(wrong), Lens::default());
        }
    }
}
