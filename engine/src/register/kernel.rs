//! How much a point counts.

/// A robust weight: touched points include soft tissue above the bone and
/// slips into the air, which must not pull the pose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kernel {
    /// Geman-McClure on the distance to the nearest point, used graduated:
    /// from a scale that sees everything to one that sees bone only (Black and
    /// Rangarajan, IJCV 19, 1996, doi:10.1007/BF00131148; Zhou et al., ECCV
    /// 2016, doi:10.1007/978-3-319-46475-6_47, eq. 5).
    GemanMcClure {
        /// Scale, mm.
        scale_mm: f32,
    },
    /// Tukey's biweight on the distance to the plane: nothing beyond the
    /// cut-off (Beaton and Tukey 1974, doi:10.1080/00401706.1974.10489171).
    Tukey {
        /// Cut-off, mm.
        cutoff_mm: f32,
    },
}

impl Kernel {
    /// Weight in `[0, 1]` of a point at `squared_mm2` from its nearest point
    /// and `plane_mm` from that point's plane.
    #[inline]
    pub fn weight(self, squared_mm2: f32, plane_mm: f32) -> f32 {
        match self {
            Self::GemanMcClure { scale_mm } => {
                let u = scale_mm * scale_mm / (scale_mm * scale_mm + squared_mm2);
                u * u
            }
            Self::Tukey { cutoff_mm } => {
                let u = 1.0 - (plane_mm / cutoff_mm).powi(2);
                if u > 0.0 { u * u } else { 0.0 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_points_count_less_and_then_nothing() {
        let (wide, narrow) = (Kernel::GemanMcClure { scale_mm: 8.0 }, Kernel::GemanMcClure { scale_mm: 1.0 });
        assert_eq!((wide.weight(0.0, 0.0), narrow.weight(1.0, 0.0)), (1.0, 0.25));
        assert!(wide.weight(16.0, 0.0) > 0.6 && narrow.weight(16.0, 0.0) < 0.004);
        let tukey = Kernel::Tukey { cutoff_mm: 1.5 };
        assert_eq!((tukey.weight(9.0, 0.0), tukey.weight(0.0, 1.5), tukey.weight(0.0, -2.0)), (1.0, 0.0, 0.0));
    }
}
