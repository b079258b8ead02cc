//! Settings of the surface registration; the defaults are a working system.

/// How the space of poses around the first guess is searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MultiStart {
    /// Number of starting poses, 1 or more. Default 64: found all of 180 cases
    /// displaced by up to 20 deg and 20 mm, where 32 missed some.
    pub starts: usize,
    /// Starts spread up to this angle from the first guess, degrees. Default 24.
    pub capture_deg: f64,
    /// Starts spread up to this distance from it, mm. Default 24: less than a
    /// lumbar vertebra, so that a first guess at the right level stays there.
    pub capture_mm: f64,
    /// Points used from each start. Default 80.
    pub subset: usize,
    /// Distinct poses kept for a closer look. Default 6.
    pub keep: usize,
    /// Starts of the second, wider search, made when the result of the first
    /// is not convincing. Default 1024: found all of 360 cases displaced by 45
    /// deg and 25 mm. 0 for none.
    pub wide_starts: usize,
    /// Angle of the wider search, degrees. Default 46.
    pub wide_deg: f64,
    /// Distance of the wider search, mm. Default 26.
    pub wide_mm: f64,
}

impl Default for MultiStart {
    fn default() -> Self {
        Self {
            starts: 64,
            capture_deg: 24.0,
            capture_mm: 24.0,
            subset: 80,
            keep: 6,
            wide_starts: 1024,
            wide_deg: 46.0,
            wide_mm: 26.0,
        }
    }
}

impl MultiStart {
    /// The wider search; `None` when there is none.
    pub(super) fn wide(&self) -> Option<Self> {
        let (capture_deg, capture_mm) = (self.capture_deg.max(self.wide_deg), self.capture_mm.max(self.wide_mm));
        (self.wide_starts > 0).then_some(Self { starts: self.wide_starts, capture_deg, capture_mm, keep: 10, ..*self })
    }

    /// The wider search with four times the starts.
    pub(super) fn dense(&self) -> Option<Self> {
        self.wide().map(|wide| Self { starts: wide.starts.saturating_mul(4), ..wide })
    }
}

/// When a result is doubted or rejected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checks {
    /// Fewer inliers are doubted, half as many rejected. Default 40.
    pub min_inliers: usize,
    /// A smaller share of inliers is doubted, default 0.7; below two thirds of
    /// it the result is rejected.
    pub min_inlier_share: f64,
    /// A larger RMS of the inliers is doubted, mm. Default 0.75, half the
    /// cut-off: with it the residuals no longer look like measured bone.
    pub max_rms_mm: f64,
    /// A larger standard deviation of the least certain direction is doubted,
    /// mm; twice as much is rejected. Default 0.5.
    pub max_weakest_mm: f64,
    /// As `max_weakest_mm` for the least certain axis, degrees. Default 1.0.
    pub max_weakest_deg: f64,
    /// Largest ratio of the best to the second-best distinct misfit that is
    /// accepted. Default 0.85; from 0.95 the result is rejected. On the shared
    /// cases right poses reached 0.42 to 0.76.
    pub max_ambiguity: f64,
    /// Largest ratio of the misfit here to the misfit one or two vertebrae
    /// away that is accepted. Default 0.85; from 0.95 the result is rejected. On
    /// the shared cases right poses reached 0.45 to 0.75, 1 039 poses at a
    /// wrong level 0.97 to 2.38.
    pub max_neighbour_ratio: f64,
    /// How many times the result is disturbed and solved again. Default 6.
    pub disturbances: usize,
    /// Size of a disturbance, mm and degrees. Default 4.
    pub disturbance: f64,
    /// Held-out points may lie this many times further from the bone than the
    /// others (RMS), and 0.1 mm more; otherwise the result is doubted. Default 1.5.
    pub max_held_out_ratio: f64,
    /// A vertebra whose points want to lie further than this from the common
    /// pose is doubted to have moved against the others, RMS mm. Default 1.0.
    pub max_level_motion_mm: f64,
    /// Points spread less than this (RMS about their centre) are doubted, mm.
    /// Default 8.
    pub min_spread_mm: f64,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            min_inliers: 40,
            min_inlier_share: 0.7,
            max_rms_mm: 0.75,
            max_weakest_mm: 0.5,
            max_weakest_deg: 1.0,
            max_ambiguity: 0.85,
            max_neighbour_ratio: 0.85,
            disturbances: 6,
            disturbance: 4.0,
            max_held_out_ratio: 1.5,
            max_level_motion_mm: 1.0,
            min_spread_mm: 8.0,
        }
    }
}

/// Settings of [`super::surface`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Fewer points are refused. Default 20.
    pub min_points: usize,
    /// The search for the basin.
    pub search: MultiStart,
    /// The judgement of the result.
    pub checks: Checks,
    /// How far the segmented surface may lie from the real bone.
    pub surface: SurfaceError,
}

/// How a segmented surface errs; more points do not average it away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SurfaceError {
    /// Standard deviation of the surface from patch to patch (10 mm), mm. What
    /// the residuals show counts where it is more. Default 0.2, a fifth of a
    /// 1 mm voxel.
    pub patch_sigma_mm: f64,
    /// Standard deviation of the edge's place as a whole, mm: too high or too
    /// low a threshold, which the residuals cannot show. Default 0.2.
    pub edge_sigma_mm: f64,
}

impl SurfaceError {
    /// The surface is the bone: simulations only.
    pub const NONE: Self = Self { patch_sigma_mm: 0.0, edge_sigma_mm: 0.0 };
}

impl Default for SurfaceError {
    fn default() -> Self {
        Self { patch_sigma_mm: 0.2, edge_sigma_mm: 0.2 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let (search, checks, surface) = (MultiStart::default(), Checks::default(), SurfaceError::default());
        Self { min_points: 20, search, checks, surface }
    }
}
