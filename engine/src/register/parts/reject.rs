//! Pairs that do not count.

use geom::nalgebra::Vector3;

/// A point with the surface point that was found for it, in the CT's axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    /// From the surface point to the point, mm.
    pub apart: Vector3<f64>,
    /// Normal of the surface.
    pub normal: Vector3<f64>,
    /// Normal of the point, where it is known.
    pub own_normal: Option<Vector3<f64>>,
}

/// Refuses pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Reject {
    /// Further apart than this, mm.
    Distance {
        /// Largest distance kept, mm.
        most_mm: f64,
    },
    /// Normals that differ by more than this; nothing where the points have
    /// none.
    Normal {
        /// Largest angle kept, degrees.
        most_deg: f64,
    },
    /// Surface that cannot be seen from a direction (CT axes).
    Visibility {
        /// From the bone towards the eye; any length.
        towards: [f64; 3],
        /// Smallest cosine to the normal that is kept.
        min_cosine: f64,
    },
    /// All but the nearest: trimmed ICP (Chetverikov et al. 2002,
    /// doi:10.1109/ICPR.2002.1047997).
    Trimmed {
        /// Share kept, 0 to 1.
        keep: f64,
    },
}

impl Reject {
    /// Clears the pairs that are refused.
    pub(super) fn apply(self, pairs: &mut [Option<Pair>]) {
        let is_kept: Box<dyn Fn(&Pair) -> bool> = match self {
            Self::Distance { most_mm } => Box::new(move |pair| pair.apart.norm() <= most_mm),
            Self::Normal { most_deg } => {
                let cosine = most_deg.to_radians().cos();
                Box::new(move |pair| pair.own_normal.is_none_or(|own| own.dot(&pair.normal) >= cosine))
            }
            Self::Visibility { towards, min_cosine } => {
                let towards = Vector3::from(towards).try_normalize(1e-9).unwrap_or_else(Vector3::zeros);
                Box::new(move |pair| pair.normal.dot(&towards) >= min_cosine)
            }
            Self::Trimmed { keep } => {
                let mut distances: Vec<f64> = pairs.iter().flatten().map(|pair| pair.apart.norm()).collect();
                distances.sort_by(f64::total_cmp);
                let kept = (distances.len() as f64 * keep.clamp(0.0, 1.0)).ceil() as usize;
                let most_mm = kept.checked_sub(1).and_then(|last| distances.get(last).copied()).unwrap_or(-1.0);
                Box::new(move |pair| pair.apart.norm() <= most_mm)
            }
        };
        for slot in pairs.iter_mut() {
            if slot.as_ref().is_some_and(|pair| !is_kept(pair)) {
                *slot = None;
            }
        }
    }
}
