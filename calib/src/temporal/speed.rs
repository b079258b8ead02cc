//! A first latency: two devices on one body turn equally fast, whatever their
//! coordinates.
//!
//! The rotation speed of both streams on one even grid of times, and the lag at
//! which they correlate best (as in Furrer et al. 2018,
//! doi:10.1007/978-3-319-67361-5_10).

use crate::rigid::rotation_vector;
use crate::stream::Stream;

/// Grid of times, s.
const GRID_S: f64 = 0.01;
/// Points of the grid at most: 200 s; longer recordings are cut.
const MAX_POINTS: usize = 20_000;
/// Lags looked at, at most.
const MAX_LAGS: usize = 20_000;
/// The lags must share at least this part of the shorter stream.
const MIN_OVERLAP: f64 = 0.3;

/// The best lag.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lag {
    /// Add to a time of the first stream to get that of the second, s.
    pub offset_s: f64,
    /// Correlation there, -1 to 1.
    pub correlation: f64,
    /// Best correlation elsewhere, half a second and more away.
    pub elsewhere: f64,
}

/// Finds the lag within `centre_s` plus and minus `reach_s`.
pub(super) fn best_lag(first: &Stream, second: &Stream, centre_s: f64, reach_s: f64) -> Option<Lag> {
    let (a, b) = (speeds(first), speeds(second));
    let shift = (second.first_s() - first.first_s() - centre_s) / GRID_S;
    let lags = ((reach_s / GRID_S) as usize).min(MAX_LAGS) as i64;
    let least = (MIN_OVERLAP * a.len().min(b.len()) as f64) as usize;
    let base = shift.round() as i64;
    // Correlation when b is read `lag` grid points later.
    let scored: Vec<(i64, f64)> =
        (-lags..=lags).filter_map(|lag| Some((lag, correlation(&a, &b, lag - base, least)?))).collect();
    let at = (0..scored.len()).max_by(|i, j| scored[*i].1.total_cmp(&scored[*j].1))?;
    let (lag, best) = scored[at];
    let vertex = match (at.checked_sub(1).and_then(|i| scored.get(i)), scored.get(at + 1)) {
        (Some((_, before)), Some((_, after))) if 2.0 * best - before - after > 1e-12 => {
            0.5 * (after - before) / (2.0 * best - before - after)
        }
        _ => 0.0,
    };
    let far = (0.5 / GRID_S) as i64;
    let elsewhere = scored.iter().filter(|s| (s.0 - lag).abs() > far).map(|s| s.1).fold(-1.0, f64::max);
    // The starts' distance need not be a whole number of grid points.
    let rounding = shift - base as f64;
    Some(Lag { offset_s: centre_s + (lag as f64 + vertex + rounding) * GRID_S, correlation: best, elsewhere })
}

/// Rotation speed on the grid, rad/s; NaN where the stream has a gap. Taken
/// over four usual intervals, so that noise does not drown the motion.
fn speeds(stream: &Stream) -> Vec<f64> {
    let half = (2.0 * stream.interval_s()).max(2.0 * GRID_S);
    let count = (((stream.last_s() - stream.first_s()) / GRID_S) as usize).min(MAX_POINTS);
    let speed = |i: usize| {
        let t = stream.first_s() + i as f64 * GRID_S;
        let (before, after) = (stream.at(t - half)?, stream.at(t + half)?);
        Some(rotation_vector(&(after.rotation * before.rotation.transpose())).norm() / (2.0 * half))
    };
    (0..count).map(|i| speed(i).unwrap_or(f64::NAN)).collect()
}

/// Pearson correlation of `a[i]` with `b[i + lag]` where both exist.
fn correlation(a: &[f64], b: &[f64], lag: i64, least: usize) -> Option<f64> {
    let (mut n, mut sa, mut sb, mut saa, mut sbb, mut sab) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    let start = usize::try_from((-lag).max(0)).ok()?;
    let other = usize::try_from(lag.max(0)).ok()?;
    for (x, y) in a.get(start..)?.iter().zip(b.get(other..)?).filter(|(x, y)| x.is_finite() && y.is_finite()) {
        n += 1.0;
        sa += x;
        sb += y;
        saa += x * x;
        sbb += y * y;
        sab += x * y;
    }
    if n < least.max(10) as f64 {
        return None;
    }
    let (va, vb) = (saa - sa * sa / n, sbb - sb * sb / n);
    (va > 1e-9 * n && vb > 1e-9 * n).then(|| (sab - sa * sb / n) / (va * vb).sqrt())
}
