//! What is asked of paired points before their fit is believed.

/// Settings of a registration by paired points.
///
/// The default is for anatomical landmarks; [`LandmarkSettings::FIDUCIALS`] is
/// for divots and markers, which can be touched ten times as well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LandmarkSettings {
    /// Fewer pairs are doubted. 4: with three a slip of one stays hidden.
    pub min_pairs: usize,
    /// A larger FRE is doubted, mm; twice as much is rejected.
    pub max_fre_mm: f64,
    /// Localisation error of one point that is at least assumed, mm (RMS
    /// distance): a small FRE of few pairs is luck.
    pub min_fle_mm: f64,
}

impl LandmarkSettings {
    /// Anatomy: FRE up to 2 mm, each point known to 1 mm at best.
    pub const ANATOMY: Self = Self { min_pairs: 4, max_fre_mm: 2.0, min_fle_mm: 1.0 };
    /// Divots and fiducials: FRE up to 1 mm, each point known to 0.1 mm at best.
    pub const FIDUCIALS: Self = Self { min_pairs: 4, max_fre_mm: 1.0, min_fle_mm: 0.1 };
}

impl Default for LandmarkSettings {
    fn default() -> Self {
        Self::ANATOMY
    }
}
