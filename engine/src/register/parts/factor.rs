//! What a pair pulls at.

use geom::nalgebra::{Matrix3, Vector3};

use super::reject::Pair;

/// The error of a pair that is made small.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Factor {
    /// The distance to the surface point (Besl and McKay 1992,
    /// doi:10.1109/34.121791).
    PointToPoint,
    /// The height above its plane (Chen and Medioni 1992,
    /// doi:10.1016/0262-8856(92)90066-C).
    PointToPlane,
    /// Between the two: sliding along the plane counts little (generalised
    /// ICP: Segal et al. 2009, doi:10.15607/RSS.2009.V.021).
    Generalised {
        /// Variance along the surface over variance across it; 1 000 in the
        /// paper. Large is point to plane, 1 point to point.
        flatness: f64,
    },
}

impl Factor {
    /// The information of a pair's offset, 1/mm^2, for a variance of 1 mm^2
    /// across the surface.
    pub(super) fn information(self, pair: &Pair) -> Matrix3<f64> {
        let across = |normal: &Vector3<f64>| normal * normal.transpose();
        match self {
            Self::PointToPoint => Matrix3::identity(),
            Self::PointToPlane => across(&pair.normal),
            Self::Generalised { flatness } => {
                let flatness = flatness.max(1.0);
                let spread = |normal: &Vector3<f64>| Matrix3::identity() * flatness + across(normal) * (1.0 - flatness);
                // Both surfaces are flat patches; without a normal of its own
                // the point is as sharp as the surface across it.
                let own = pair.own_normal.as_ref().map_or_else(Matrix3::identity, spread);
                (spread(&pair.normal) + own).try_inverse().map_or_else(Matrix3::zeros, |inverse| inverse * 2.0)
            }
        }
    }
}
