//! Places in the patient from two rays, or from a ray and a plane.

use geom::nalgebra::Vector3;

use super::geometry::{Geometry, Ray};

/// The place nearest to both rays, and how far they pass each other, mm: the
/// least squares answer (Hartley and Sturm 1997, doi:10.1006/cviu.1997.0547,
/// for the midpoint's limits; here the views stand square to each other).
///
/// `None` for parallel rays.
#[must_use]
pub fn meet(a: &Ray, b: &Ray) -> Option<(Vector3<f64>, f64)> {
    let [on_a, on_b] = nearest(a, b)?;
    Some(((on_a + on_b) / 2.0, (on_a - on_b).norm()))
}

/// Where each of two rays passes the other most closely; `None` for parallel rays.
#[must_use]
pub fn nearest(a: &Ray, b: &Ray) -> Option<[Vector3<f64>; 2]> {
    let across = b.origin - a.origin;
    let cosine = a.direction.dot(&b.direction);
    let denominator = 1.0 - cosine * cosine;
    if denominator.is_nan() || denominator <= 1e-6 {
        return None;
    }
    let (along_a, along_b) = (across.dot(&a.direction), across.dot(&b.direction));
    let on_a = a.origin + a.direction * ((along_a - along_b * cosine) / denominator);
    let on_b = b.origin + b.direction * ((along_a * cosine - along_b) / denominator);
    Some([on_a, on_b])
}

/// Where a ray passes the plane through `place` with `normal`.
#[must_use]
pub fn on_plane(ray: &Ray, place: Vector3<f64>, normal: Vector3<f64>) -> Option<Vector3<f64>> {
    let slope = ray.direction.dot(&normal);
    (slope.abs() > 1e-6).then(|| ray.origin + ray.direction * ((place - ray.origin).dot(&normal) / slope))
}

/// Unit normal of a detector.
#[must_use]
pub fn normal(geometry: &Geometry) -> Vector3<f64> {
    let (across, down) = (Vector3::from(geometry.column_mm), Vector3::from(geometry.row_mm));
    // Checked to span a plane when the geometry was read.
    across.cross(&down).try_normalize(1e-12).unwrap_or_else(Vector3::zeros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rays_that_pass_each_other_meet_in_the_middle() {
        let a = Ray { origin: Vector3::new(-1000.0, 0.0, 10.0), direction: Vector3::x() };
        let b = Ray { origin: Vector3::new(5.0, -900.0, 12.0), direction: Vector3::y() };
        let (place, gap) = meet(&a, &b).unwrap();
        assert!((place - Vector3::new(5.0, 0.0, 11.0)).norm() < 1e-9 && (gap - 2.0).abs() < 1e-9);
        assert!(meet(&a, &a).is_none());
        assert!(on_plane(&a, place, Vector3::y()).is_none());
        assert_eq!(on_plane(&a, Vector3::new(7.0, 1.0, 1.0), Vector3::x()), Some(Vector3::new(7.0, 0.0, 10.0)));
    }
}
