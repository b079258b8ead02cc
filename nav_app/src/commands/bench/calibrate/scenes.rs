//! What is simulated. The first of each kind are those of the published
//! comparison the targets come from.

use calib::simulate::{HandEyeScene, PivotScene, PoseNoise};

/// A kind of pivot recording.
pub struct Pivots {
    /// Its name in the tables.
    pub name: &'static str,
    /// What is simulated.
    pub scene: PivotScene,
    /// Largest median tip error that is accepted, mm.
    pub gate_mm: Option<f64>,
}

/// A kind of hand-eye recording.
pub struct HandEyes {
    /// Its name in the tables.
    pub name: &'static str,
    /// What is simulated.
    pub scene: HandEyeScene,
    /// Largest median errors that are accepted, mm and degrees.
    pub gates: (Option<f64>, Option<f64>),
}

const fn noise(position_mm: f64, rotation_deg: f64) -> PoseNoise {
    PoseNoise { position_mm, rotation_deg }
}

/// All pivot recordings.
pub fn pivots() -> Vec<Pivots> {
    let usual = PivotScene::default();
    let of = |name, scene, gate_mm| Pivots { name, scene, gate_mm };
    vec![
        of("pivot, 500 poses, clean", usual, Some(0.048)),
        of("pivot, 10 % outliers of 5 mm", PivotScene { outlier_share: 0.1, ..usual }, Some(0.05)),
        of("pivot, 30 % outliers of 50 mm", PivotScene { outlier_share: 0.3, outlier_mm: 50.0, ..usual }, None),
        of("pivot, quiet tracker", PivotScene { noise: noise(0.1, 0.05), ..usual }, None),
        of("pivot, depth three times worse", PivotScene { noise_factors: [1.0, 1.0, 3.0], ..usual }, None),
        of("pivot, noise four times as large", PivotScene { noise: noise(1.0, 0.6), ..usual }, None),
        of("pivot, tilt within 20 deg", PivotScene { tilt_deg: 20.0, ..usual }, None),
        of("pivot, 100 poses", PivotScene { poses: 100, ..usual }, None),
    ]
}

/// All hand-eye recordings.
pub fn hand_eyes() -> Vec<HandEyes> {
    let usual = HandEyeScene::default();
    let of = |name, scene, gates| HandEyes { name, scene, gates };
    vec![
        of("hand-eye, 60 poses", usual, (Some(0.6), Some(0.05))),
        of("hand-eye, 20 poses", HandEyeScene { poses: 20, ..usual }, (Some(1.2), None)),
        of("hand-eye, 60 poses, 10 % wrong", HandEyeScene { outlier_share: 0.1, ..usual }, (None, None)),
        of("hand-eye, 20 poses within 15 deg", HandEyeScene { poses: 20, turn_deg: 15.0, ..usual }, (None, None)),
        of(
            "hand-eye, 60 poses, noisy, within 25 deg",
            HandEyeScene { turn_deg: 25.0, noise: noise(0.5, 0.3), ..usual },
            (None, None),
        ),
    ]
}
