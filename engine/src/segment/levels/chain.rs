//! Which level each vertebra of a chain is: a hidden Markov model from head to
//! foot.
//!
//! States are C1-L6 and T13. A step leads to the next level, rarely past one
//! (T12 or L5 missing, T13 or L6 extra, a vertebra the segmentation missed) or
//! to the same one again (one vertebra split in two). Evidence: distances
//! between bodies, ribs, sacrum and skull. The forward-backward algorithm
//! (Rabiner 1989, doi:10.1109/5.18626) gives how likely each level is for each
//! vertebra; Viterbi's gives the likeliest chain. The patient's size is not
//! known, so both are summed over a few sizes.

use super::spacing_table::{L6_SHARE, SIZE_SPREAD, TO_NEXT};

/// C1-C7 0-6, T1-T12 7-18, L1-L6 19-24: VerSe numbers less 1; then T13 25 and,
/// only at the lower end, a piece of the sacrum taken for a vertebra 26.
pub const STATES: usize = 27;
const C7: usize = 6;
const T1: usize = 7;
const T11: usize = 17;
const T12: usize = 18;
const L1: usize = 19;
const L4: usize = 22;
const L5: usize = 23;
const L6: usize = 24;
const T13: usize = 25;
/// See [`STATES`].
pub const SACRUM: usize = 26;

/// Chance of a thirteenth thoracic vertebra: lumbar ribs are seen in about 1 %
/// of people; none in the keypoints.
const T13_SHARE: f64 = 0.008;

/// Chance that T12 is missing: 41 of the keypoints' 1 780 spines with T11 and L1.
const NO_T12_SHARE: f64 = 0.023;

/// Chance that the fifth lumbar vertebra is part of the sacrum.
const NO_L5_SHARE: f64 = 0.02;

/// Chance that the segmentation misses a vertebra, or splits one.
const MISS: f64 = 1e-3;
const SPLIT: f64 = 2e-4;

/// Chance that the top of the sacrum is taken for one more vertebra.
const SACRUM_TAKEN: f64 = 0.1;

/// Neighbours' deviations go together, so each says less: their spread is widened by this.
const SPREAD_FACTOR: f64 = 1.25;

/// Error of a distance between two bodies, mm.
const MEASURED_MM: f64 = 1.5;

/// ln(distance) further off than this many spreads says no more.
const OUTLIER_SPREADS: f64 = 4.5;

/// Sizes tried, in spreads between patients.
const SIZES: [f64; 9] = [-2.4, -1.8, -1.2, -0.6, 0.0, 0.6, 1.2, 1.8, 2.4];

/// What is seen of one vertebra.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Seen {
    /// Distance to the body above, mm; `None` for the first, and where the
    /// border of the scan hides where the body's middle is.
    pub above_mm: Option<f64>,
    /// Chance of a rib on each side, 0 to 1; `None` where the scan does not reach.
    pub ribs: [Option<f64>; 2],
}

/// What is seen beyond both ends.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ends {
    /// Chance that the bone below the last vertebra is the sacrum; `None` when out of view.
    pub sacrum: Option<f64>,
    /// Chance that the bone above the first vertebra is the skull; `None` when out of view.
    pub skull: Option<f64>,
}

/// The likeliest chain and what else it could be.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// State of each vertebra.
    pub states: Vec<usize>,
    /// Chance of each state for each vertebra.
    pub posterior: Vec<[f64; STATES]>,
    /// For each vertebra but the first: how far ln(distance) to the one above
    /// is off, in spreads, given the others; 0 where nothing is known.
    pub deviation: Vec<f64>,
}

/// One allowed step between two vertebrae.
struct Step {
    from: usize,
    to: usize,
    log_chance: f64,
    /// ln(mm) in a patient of middle size, and its spread.
    ln_mm: f64,
    spread: f64,
}

/// mm to the next level, with T13 between T12 and L1.
fn to_next(from: usize) -> (f64, f64) {
    let (table, index) = (TO_NEXT, if from == T13 { T12 } else { from.min(23) });
    let (mm, spread) = table[index];
    (mm, (spread * SPREAD_FACTOR).hypot(MEASURED_MM / mm))
}

/// Anatomical neighbours below `from` with their chances.
fn below(from: usize) -> Vec<(usize, f64)> {
    match from {
        T11 => vec![(T12, 1.0 - NO_T12_SHARE), (L1, NO_T12_SHARE)],
        T12 => vec![(L1, 1.0 - T13_SHARE), (T13, T13_SHARE)],
        T13 => vec![(L1, 1.0)],
        // Whether L6 follows is asked where the sacrum begins, see `finish`.
        L6 | SACRUM => vec![],
        _ => vec![(from + 1, 1.0)],
    }
}

fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for from in 0..SACRUM {
        let (mm, spread) = to_next(from);
        for (next, chance) in below(from) {
            let log_chance = (chance * (1.0 - MISS - SPLIT)).ln();
            steps.push(Step { from, to: next, log_chance, ln_mm: mm.ln(), spread });
            for (after, second) in below(next) {
                let log_chance = (chance * second * MISS).ln();
                steps.push(Step { from, to: after, log_chance, ln_mm: (mm + to_next(next).0).ln(), spread });
            }
        }
        if matches!(from, L4 | L5 | L6) {
            let share = if from == L4 { NO_L5_SHARE } else { 1.0 };
            let log_chance = (share * SACRUM_TAKEN).ln();
            steps.push(Step { from, to: SACRUM, log_chance, ln_mm: 32f64.ln(), spread: 0.3 });
        }
        let log_chance = SPLIT.ln();
        steps.push(Step { from, to: from, log_chance, ln_mm: (0.5 * mm).ln(), spread: 0.3 });
    }
    steps
}

impl Step {
    fn log_likelihood(&self, above_mm: Option<f64>, size: f64) -> f64 {
        let fit = above_mm.map_or(0.0, |mm| {
            let off = (mm.max(1.0).ln() - self.ln_mm - size) / self.spread;
            -0.5 * off.clamp(-OUTLIER_SPREADS, OUTLIER_SPREADS).powi(2) - self.spread.ln()
        });
        self.log_chance + fit
    }
}

/// How likely a rib is seen beside each level: the first rib and the collar
/// bone lie beside C7, the twelfth rib is short, and the ilium looks the same.
fn rib_chance(state: usize) -> f64 {
    match state {
        C7 => 0.3,
        T11 => 0.85,
        T12 => 0.7,
        T13 => 0.8,
        L1 => 0.12,
        // The wings of the ilium.
        L5 => 0.5,
        L6 => 0.6,
        SACRUM => 0.85,
        T1..=T12 => 0.95,
        _ => 0.04,
    }
}

fn emission(seen: &Seen, state: usize) -> f64 {
    let p = rib_chance(state);
    let known: Vec<f64> = seen.ribs.iter().flatten().map(|r| (r * p + (1.0 - r) * (1.0 - p)).ln()).collect();
    // Both sides mostly err together.
    known.iter().sum::<f64>() * if known.len() == 2 { 0.75 } else { 1.0 }
}

/// How well a chain may begin with a state.
fn start(ends: &Ends, state: usize) -> f64 {
    let prior = match state {
        T13 => T13_SHARE.ln(),
        L6 => L6_SHARE.ln(),
        SACRUM => 1e-3f64.ln(),
        _ => 0.0,
    };
    let skull = ends.skull.unwrap_or(0.0);
    prior + if state == 0 { (1.0 + 19.0 * skull).ln() } else { (1.0 - 0.9 * skull).max(0.02).ln() }
}

/// How well a chain may end with a state.
fn finish(ends: &Ends, state: usize) -> f64 {
    let is_last = match state {
        L5 => 1.0 - NO_L5_SHARE - L6_SHARE,
        L6 => L6_SHARE,
        L4 => NO_L5_SHARE,
        SACRUM => 1.0,
        _ => 1e-4,
    };
    // L6 is as rare where the scan ends as where the sacrum is seen.
    let prior = if state == L6 { L6_SHARE.ln() } else { 0.0 };
    ends.sacrum.map_or(prior, |sacrum| {
        (sacrum * is_last + (1.0 - sacrum) * if state >= L5 { 0.1 } else { 1.0 } * prior.exp()).ln()
    })
}

/// The likeliest levels of a chain of vertebrae, from the head down.
///
/// Cost: about 80 steps a vertebra and size, some microseconds each.
#[must_use]
pub fn identify(seen: &[Seen], ends: &Ends) -> Chain {
    let steps = steps();
    let runs: Vec<Run> = SIZES.iter().map(|z| Run::new(seen, ends, &steps, z * SIZE_SPREAD, -0.5 * z * z)).collect();
    let best = runs.iter().fold(None::<&Run>, |best, run| match best {
        Some(best) if best.viterbi >= run.viterbi => Some(best),
        _ => Some(run),
    });
    let highest = runs.iter().map(|run| run.evidence).fold(f64::NEG_INFINITY, f64::max);
    let mut posterior = vec![[0.0; STATES]; seen.len()];
    for run in &runs {
        let weight = (run.evidence - highest).exp();
        for (sum, row) in posterior.iter_mut().zip(&run.posterior) {
            sum.iter_mut().zip(row).for_each(|(sum, p)| *sum += weight * p);
        }
    }
    for row in &mut posterior {
        let total: f64 = row.iter().sum();
        row.iter_mut().for_each(|p| *p /= total.max(f64::MIN_POSITIVE));
    }
    let states = best.map_or(Vec::new(), |run| run.states.clone());
    let deviation = deviations(seen, &states);
    Chain { states, posterior, deviation }
}

/// Each distance against what the median size of the patient says.
fn deviations(seen: &[Seen], states: &[usize]) -> Vec<f64> {
    let mut off: Vec<Option<f64>> = vec![None; seen.len()];
    for i in 1..states.len() {
        off[i] = seen[i].above_mm.map(|mm| mm.max(1.0).ln() - to_next(states[i - 1]).0.ln());
    }
    let mut known: Vec<f64> = off.iter().flatten().copied().collect();
    known.sort_by(f64::total_cmp);
    // Few distances say little about the size: keep it likely.
    let size = known.get(known.len() / 2).map_or(0.0, |middle| middle.clamp(-2.5 * SIZE_SPREAD, 2.5 * SIZE_SPREAD));
    let spread = |i: usize| to_next(states[i - 1]).1;
    (0..seen.len()).map(|i| off[i].map_or(0.0, |off| (off - size) / spread(i))).collect()
}

/// Forward, backward and Viterbi for one size of the patient.
struct Run {
    evidence: f64,
    viterbi: f64,
    states: Vec<usize>,
    posterior: Vec<[f64; STATES]>,
}

impl Run {
    fn new(seen: &[Seen], ends: &Ends, steps: &[Step], size: f64, log_prior: f64) -> Self {
        let count = seen.len();
        let emissions: Vec<[f64; STATES]> =
            seen.iter().map(|seen| std::array::from_fn(|state| emission(seen, state))).collect();
        let mut forward = vec![[f64::NEG_INFINITY; STATES]; count];
        let mut best = forward.clone();
        let mut origin = vec![[0usize; STATES]; count];
        for i in 0..count {
            if i == 0 {
                forward[0] = std::array::from_fn(|state| start(ends, state) + emissions[0][state]);
                best[0] = forward[0];
                continue;
            }
            for step in steps {
                let link = step.log_likelihood(seen[i].above_mm, size) + emissions[i][step.to];
                forward[i][step.to] = log_sum(forward[i][step.to], forward[i - 1][step.from] + link);
                let through = best[i - 1][step.from] + link;
                if through > best[i][step.to] {
                    best[i][step.to] = through;
                    origin[i][step.to] = step.from;
                }
            }
        }
        let mut backward = vec![[f64::NEG_INFINITY; STATES]; count];
        if let Some(last) = backward.last_mut() {
            *last = std::array::from_fn(|state| finish(ends, state));
        }
        for i in (1..count).rev() {
            for step in steps {
                let link = step.log_likelihood(seen[i].above_mm, size) + emissions[i][step.to];
                backward[i - 1][step.from] = log_sum(backward[i - 1][step.from], backward[i][step.to] + link);
            }
        }
        let joint = |i: usize, state: usize| forward[i][state] + backward[i][state];
        let evidence = (0..STATES).filter(|_| count > 0).map(|s| joint(0, s)).fold(f64::NEG_INFINITY, log_sum);
        let posterior = (0..count).map(|i| std::array::from_fn(|state| (joint(i, state) - evidence).exp())).collect();
        let end = |state: usize| best.last().map_or(0.0, |last| last[state]) + finish(ends, state);
        let mut at = (0..STATES).fold(0, |best, state| if end(state) > end(best) { state } else { best });
        let viterbi = end(at) + log_prior;
        let mut states = vec![0; count];
        for i in (0..count).rev() {
            states[i] = at;
            at = origin[i][at];
        }
        Self { evidence: evidence + log_prior, viterbi, states, posterior }
    }
}

fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}
