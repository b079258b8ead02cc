//! What would be lost: an overlay that lags behind the moving bone.

use super::*;
use crate::simulate::{Draws, PoseNoise};
use geom::nalgebra::{UnitQuaternion, Vector3};
use geom::{Headset, Tool, Tracker, World};

const NOISE: PoseNoise = PoseNoise { position_mm: 0.25, rotation_deg: 0.1 };

/// A hand that turns to and fro, at `t` seconds.
fn hand(t: f64) -> Transform<Tracker, Tool> {
    let turn = Vector3::new((1.3 * t).sin(), (0.9 * t + 0.4 * (2.1 * t).sin()).cos(), 0.7 * (1.7 * t).sin()) * 0.6;
    let at = Vector3::new(100.0 * (0.8 * t).sin(), 60.0 * (1.1 * t).cos(), 900.0 + 40.0 * (1.9 * t).sin());
    Transform::new(UnitQuaternion::from_scaled_axis(turn), at)
}

type Streams = (Vec<Transform<Tracker, Tool>>, Vec<f64>, Vec<Transform<World, Headset>>, Vec<f64>);

fn streams(latency_s: f64, seed: u64) -> Streams {
    let mut draws = Draws::new(seed);
    let hand_from_eye = Transform::<Tool, Headset>::new(
        UnitQuaternion::from_scaled_axis(Vector3::new(0.3, 1.0, -0.2)),
        Vector3::new(40.0, -60.0, 25.0),
    );
    let world_from_base = Transform::<World, Tracker>::new(
        UnitQuaternion::from_scaled_axis(Vector3::new(-1.0, 0.2, 0.7)),
        Vector3::new(300.0, 1200.0, -80.0),
    );
    let first_s: Vec<f64> = (0..1200).map(|i| f64::from(i) / 60.0).collect();
    let second_s: Vec<f64> = (0..600).map(|i| 0.013 + f64::from(i) / 30.0).collect();
    let first = first_s.iter().map(|t| NOISE.measured(&hand(*t), &mut draws)).collect();
    let eye = |t: f64| world_from_base * hand(t - latency_s) * hand_from_eye;
    let second = second_s.iter().map(|t| NOISE.measured(&eye(*t), &mut draws)).collect();
    (first, first_s, second, second_s)
}

#[test]
fn latency_is_found_to_a_millisecond_with_an_honest_uncertainty() {
    let mut worst: f64 = 0.0;
    for (seed, latency_s) in [(1, 0.0142), (2, 0.187), (3, -0.35), (4, 1.2)] {
        let (first, first_s, second, second_s) = streams(latency_s, seed);
        let found = temporal((&first, &first_s), (&second, &second_s), &TemporalSettings::default()).unwrap();
        let error = found.latency_ms - latency_s * 1e3;
        assert!(error.abs() < 1.0, "{latency_s}: {:.2} +- {:.2} ms", found.latency_ms, found.sigma_ms);
        assert!(found.sigma_ms < 0.5 && found.correlation > 0.95, "{:.3} {:.3}", found.sigma_ms, found.correlation);
        assert!((found.correlated_ms - latency_s * 1e3).abs() < 12.0, "{:.1}", found.correlated_ms);
        assert_eq!(found.judgement.verdict(), Verdict::Accept, "{:?}", found.judgement);
        worst = worst.max(error.abs() / found.sigma_ms);
        let eye = found.hand_eye.hand_from_eye.translation();
        assert!((eye - Vector3::new(40.0, -60.0, 25.0)).norm() < 0.5, "{eye:?}");
    }
    assert!(worst < 4.0, "{worst:.1} standard deviations off");
}

#[test]
fn clocks_that_began_at_different_times_are_aligned() {
    let (first, first_s, second, second_s) = streams(0.08, 5);
    let elsewhere: Vec<f64> = second_s.iter().map(|t| t + 1.49e9).collect();
    let settings = TemporalSettings { unrelated_clocks: true, ..TemporalSettings::default() };
    let found = temporal((&first, &first_s), (&second, &elsewhere), &settings).unwrap();
    assert!((found.latency_ms - 80.0 - 1.49e12).abs() < 1.0, "{}", found.latency_ms);
    let refused = temporal((&first, &first_s), (&second, &elsewhere), &TemporalSettings::default());
    assert!(refused.unwrap_err().to_string().contains("clocks of their own"));
}

#[test]
fn streams_of_different_bodies_are_not_accepted() {
    let (first, first_s, ..) = streams(0.0, 6);
    let other: Vec<Transform<World, Headset>> =
        first_s.iter().map(|t| hand(t * 1.37 + 9.0)).map(|p| Transform::new(p.rotation(), p.translation())).collect();
    if let Ok(found) = temporal((&first, &first_s), (&other, &first_s), &TemporalSettings::default()) {
        assert_ne!(found.judgement.verdict(), Verdict::Accept);
    }
    let still = vec![hand(0.0); first_s.len()];
    assert!(temporal((&still, &first_s), (&other, &first_s), &TemporalSettings::default()).is_err());
}
