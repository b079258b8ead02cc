//! Small seeded random numbers, the same on every machine.

/// A seeded generator: xoshiro256++ filled by SplitMix64.
///
/// Blackman and Vigna, ACM TOMS 47(4), 2021, doi:10.1145/3460772; Steele et
/// al., OOPSLA 2014, doi:10.1145/2714064.2660195. For simulations and
/// sampling, never for secrets.
#[derive(Debug, Clone)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// The generator for `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut z = seed;
        let state = [0; 4].map(|_: u64| {
            z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut x = z;
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        });
        Self { state }
    }

    /// The next 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in `0..count`; 0 when `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        ((self.uniform() * count as f64) as usize).min(count.saturating_sub(1))
    }

    /// Standard normal (Box and Muller 1958, doi:10.1214/aoms/1177706645).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Three independent standard normal numbers.
    pub fn normal3(&mut self) -> [f64; 3] {
        [0; 3].map(|_| self.normal())
    }

    /// A random direction.
    pub fn direction(&mut self) -> [f64; 3] {
        let v = self.normal3();
        let norm = v.iter().map(|c| c * c).sum::<f64>().sqrt();
        if norm > 1e-9 { v.map(|c| c / norm) } else { [0.0, 0.0, 1.0] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_match_the_reference_code() {
        // xoshiro256++ with the state 1, 2, 3, 4, as in the authors' test.
        let mut random = Random { state: [1, 2, 3, 4] };
        assert_eq!([random.bits(), random.bits(), random.bits()], [41_943_041, 58_720_359, 3_588_806_011_781_223]);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(1);
        let n = 200_000;
        let normals: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let mean = normals.iter().sum::<f64>() / f64::from(n);
        let variance = normals.iter().map(|v| v * v).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.01 && (variance - 1.0).abs() < 0.015);
        let uniform = (0..n).map(|_| random.uniform()).sum::<f64>() / f64::from(n);
        assert!((uniform - 0.5).abs() < 0.003);
        assert!((0..1000).all(|_| random.below(7) < 7) && random.below(0) == 0);
    }
}
