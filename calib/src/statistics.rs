//! Order statistics and the few distributions the checks need.

/// `share`-quantile of `values` by nearest rank; NaN without values.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    let at = (sorted.len().saturating_sub(1) as f64 * share.clamp(0.0, 1.0)).round() as usize;
    if sorted.is_empty() { f64::NAN } else { *sorted.select_nth_unstable_by(at, f64::total_cmp).1 }
}

/// Median by nearest rank; NaN without values.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Root mean square; NaN without values.
pub(crate) fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

/// Mean; NaN without values.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Quantile of chi-square with `freedom` degrees at `z` standard normal
/// deviations (Wilson and Hilferty 1931, doi:10.1073/pnas.17.12.684); within
/// 2 % from three degrees on.
pub(crate) fn chi_square(freedom: f64, z: f64) -> f64 {
    let spread = 2.0 / (9.0 * freedom);
    freedom * (1.0 - spread + z * spread.sqrt()).powi(3)
}

/// Median of the norm of `freedom` standard normal numbers.
pub(crate) fn median_norm(freedom: f64) -> f64 {
    chi_square(freedom, 0.0).sqrt()
}

/// How many times fewer independent measurements there are than measurements
/// in sequence: `(1 + r) / (1 - r)` of the lag-one autocorrelation `r` (Bayley
/// and Hammersley 1946, doi:10.2307/2983560), never below 1. Poses of a slow hand at 60 Hz
/// share their errors; counting each as news would promise too much.
pub(crate) fn correlation_time(sequence: &[[f64; 3]]) -> f64 {
    let (mut product, mut squares) = (0.0, 0.0);
    for pair in sequence.windows(2) {
        product += (0..3).map(|k| pair[0][k] * pair[1][k]).sum::<f64>();
        squares += (0..3).map(|k| 0.5 * (pair[0][k].powi(2) + pair[1][k].powi(2))).sum::<f64>();
    }
    let r = if squares > 0.0 { (product / squares).clamp(0.0, 0.98) } else { 0.0 };
    // Below what chance makes of unrelated numbers it is none.
    let chance = 2.0 / (3.0 * sequence.len().max(1) as f64).sqrt();
    if r <= chance { 1.0 } else { (1.0 + r) / (1.0 - r) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_chi_square_match_the_tables() {
        // 0.999 quantile at z = 3.0902: 16.266 for 3, 22.458 for 6 degrees.
        assert!((chi_square(3.0, 3.0902) / 16.266 - 1.0).abs() < 0.02);
        assert!((chi_square(6.0, 3.0902) / 22.458 - 1.0).abs() < 0.02);
        assert!((median_norm(3.0) - 1.538).abs() < 0.01);
    }

    #[test]
    fn a_slow_error_is_counted_once_not_a_hundred_times() {
        let slow: Vec<[f64; 3]> = (0..1000).map(|i| [(f64::from(i) * 0.05).sin(), 0.0, 0.0]).collect();
        assert!(correlation_time(&slow) > 50.0);
        let alternating: Vec<[f64; 3]> = (0..1000).map(|i| [if i % 2 == 0 { 1.0 } else { -1.0 }, 0.0, 0.0]).collect();
        assert!((correlation_time(&alternating) - 1.0).abs() < 1e-12);
        assert!(median(&[]).is_nan() && (median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
    }
}
