//! Endplates of lumbar bodies and of S1 drawn to the bright lines of the picture itself.
//!
//! Promises a line that follows the cortical bone of the endplate, where the
//! mask of the contour network is right to a few degrees and millimetres only.
//! Does not promise anything where ribs and lungs cross the body, nor in a
//! frontal picture, whose beams run along few endplates: it is for lumbar bodies
//! and the sacrum in a lateral picture. Called for each outline.

/// Places along an endplate, and the share of its length that they cover.
const PLACES: usize = 31;
const SHARE: f64 = 0.84;
/// Steps of a profile across an endplate in its length (35 mm: 0.25 mm).
const STEPS: f64 = 140.0;
/// Blur along the endplate, places, and across it, steps (1.5 mm).
const ALONG: f64 = 1.5;
const ACROSS: f64 = 6.0;
/// What a bright line counts, and what bone on this side and disc on the other.
const LINE: f64 = 1.0;
const EDGE: f64 = 0.5;
/// What speaks for one place at most and against it: metal is no better than bone.
const LIMITS: [f64; 2] = [-0.5, 0.8];

/// Where a line is looked for about a guess.
struct Search {
    /// Place on the guess that a tilt leaves where it is, of its length from its middle.
    pivot: f64,
    /// Farthest shift, steps, and tilt, degrees.
    shift: i32,
    tilt_deg: i32,
    /// What speaks against the farthest shift and tilt.
    against: [f64; 2],
}

/// About an endplate of an outline: 4 mm and 15 degrees.
const OUTLINED: Search = Search { pivot: 0.0, shift: 16, tilt_deg: 15, against: [0.3, 0.05] };
/// About where a sacral plate is expected: 6 mm and 18 degrees.
const EXPECTED: Search = Search { pivot: 0.5, shift: 24, tilt_deg: 18, against: [0.04, 0.60] };
/// Height of the disc L5/S1 at its back, of the endplate above (6 mm of 35).
const DISC_HEIGHT: f64 = 0.17;
/// Angle by which it opens to the front: 14.6 degrees, standard deviation 3.4, in 300 people (Onyemaechi 2017,
/// "Evaluation of lumbar angles and their clinical correlates in a Nigerian population", Int J Res Med Sci).
const DISC_DEG: f64 = 14.6;

/// Corners of a body with both endplates drawn to the lines of the picture, the walls kept.
///
/// - `corners`: upper left and right, lower right and left, `[column, row]`.
/// - `grey`: brightness there.
///
/// A body without four sides stays as it is. Cost: 1 ms.
#[must_use]
pub fn drawn(grey: impl Fn([f64; 2]) -> f64, corners: [[f64; 2]; 4]) -> [[f64; 2]; 4] {
    let [a, b, c, d] = corners;
    let middle = [0, 1].map(|i| (a[i] + b[i] + c[i] + d[i]) / 4.0);
    let [upper, lower] =
        [[a, b], [d, c]].map(|plate| line(&grey, plate, away(plate, middle), &OUTLINED).unwrap_or(plate));
    let on = |plate: [[f64; 2]; 2], wall: [[f64; 2]; 2], old: [f64; 2]| meet(plate, wall).unwrap_or(old);
    [on(upper, [a, d], a), on(upper, [b, c], b), on(lower, [b, c], c), on(lower, [a, d], d)]
}

/// Corners of a sacrum with its plate drawn to a line of the picture, looked for below the endplate above it: of
/// several lines the one that makes a usual disc, as far as they are alike.
///
/// - `above`: the lower endplate above, from its front to its back.
/// - `corners`, `grey`: as for [`drawn`].
///
/// Cost: 1 ms.
#[must_use]
pub fn sacral(grey: impl Fn([f64; 2]) -> f64, corners: [[f64; 2]; 4], above: [[f64; 2]; 2]) -> [[f64; 2]; 4] {
    let [a, b, c, d] = corners;
    let middle = [0, 1].map(|i| (a[i] + b[i] + c[i] + d[i]) / 4.0);
    let up = away(above, middle);
    let [front, back] = above;
    let toward = [front[0] - back[0], front[1] - back[1]];
    let length = toward[0].hypot(toward[1]);
    let (sine, cosine) = DISC_DEG.to_radians().sin_cos();
    let hinge = [0, 1].map(|i| back[i] - up[i] * DISC_HEIGHT * length);
    let guess = [[0, 1].map(|i| hinge[i] + toward[i] * cosine - up[i] * length * sine), hinge];
    match line(&grey, guess, away(guess, middle), &EXPECTED) {
        Some(plate) => [meet(plate, [a, d]).unwrap_or(a), meet(plate, [b, c]).unwrap_or(b), c, d],
        None => corners,
    }
}

/// Unit vector square to a line, away from a place.
fn away([from, to]: [[f64; 2]; 2], place: [f64; 2]) -> [f64; 2] {
    let along = [to[0] - from[0], to[1] - from[1]];
    let length = along[0].hypot(along[1]);
    let across = [-along[1] / length, along[0] / length];
    let side = [0, 1].map(|i| (f64::midpoint(from[i], to[i]) - place[i]) * across[i]);
    across.map(|v| v * (side[0] + side[1]).signum())
}

/// The line near a guess that most of the picture speaks for; `outward` is a unit vector out of the bone.
fn line(
    grey: impl Fn([f64; 2]) -> f64,
    [from, to]: [[f64; 2]; 2],
    outward: [f64; 2],
    search: &Search,
) -> Option<[[f64; 2]; 2]> {
    let length = (to[0] - from[0]).hypot(to[1] - from[1]);
    if length.is_nan() || length < 6.0 {
        return None;
    }
    let along = [0, 1].map(|i| (to[i] - from[i]) / length);
    let centre = [0, 1].map(|i| f64::midpoint(from[i], to[i]));
    let step = length / STEPS;
    let place = |a: f64, u: f64| [0, 1].map(|i| centre[i] + along[i] * a + outward[i] * u);
    let slope = |tilt: i32| f64::from(tilt).to_radians().tan();
    let rise = |a: f64, tilt: i32| slope(tilt) * (a - search.pivot * length);
    let places: Vec<f64> = (0..PLACES).map(|i| SHARE * length * (i as f64 / (PLACES - 1) as f64 - 0.5)).collect();
    let farthest = slope(search.tilt_deg) * STEPS * (search.pivot.abs() + SHARE / 2.0);
    let reach = search.shift + farthest.ceil() as i32 + 1;
    let profiles: Vec<Vec<f64>> =
        places.iter().map(|a| (-reach..=reach).map(|k| grey(place(*a, step * f64::from(k)))).collect()).collect();
    let support = support(&profiles)?;
    let score = |shift: i32, tilt: i32| {
        let at = |a: f64| (f64::from(reach + shift) + rise(a, tilt) / step).round().max(0.0) as usize;
        let sum: f64 = places.iter().zip(&support).map(|(a, row)| row.get(at(*a)).copied().unwrap_or_default()).sum();
        let share = [shift, tilt].map(f64::from);
        let share = [share[0] / f64::from(search.shift), share[1] / f64::from(search.tilt_deg)];
        sum / PLACES as f64 - search.against[0] * share[0].powi(2) - search.against[1] * share[1].powi(2)
    };
    let tilts = -search.tilt_deg..=search.tilt_deg;
    let every = tilts.flat_map(|tilt| (-search.shift..=search.shift).map(move |shift| (shift, tilt)));
    let scored = every.map(|(shift, tilt)| (score(shift, tilt), shift, tilt));
    let (_, shift, tilt) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some([-0.5 * length, 0.5 * length].map(|a| place(a, step * f64::from(shift) + rise(a, tilt))))
}

/// How much speaks for an endplate at each step of each profile; `None` of a picture without contrast.
fn support(profiles: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let steps = profiles.first()?.len();
    let columns: Vec<Vec<f64>> = (0..steps)
        .map(|k| filtered(&profiles.iter().map(|row| row[k]).collect::<Vec<f64>>(), ALONG, |_| 1.0))
        .collect();
    let count = (steps * profiles.len()) as f64;
    let mean = columns.iter().flatten().sum::<f64>() / count;
    let deviation = (columns.iter().flatten().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    if deviation.is_nan() || deviation <= 1e-6 {
        return None;
    }
    let row = |i: usize| {
        let profile: Vec<f64> = columns.iter().map(|column| column[i]).collect();
        let bright = filtered(&profile, ACROSS, |x| 1.0 - x * x);
        // Outward is up the profile: bone below, disc above.
        let falls = filtered(&profile, ACROSS, |x| -x);
        let total = |(bright, falls): (&f64, &f64)| (LINE * bright + EDGE * falls) / deviation;
        bright.iter().zip(&falls).map(|both| total(both).clamp(LIMITS[0], LIMITS[1])).collect()
    };
    Some((0..profiles.len()).map(row).collect())
}

/// Weighted by a Gaussian of `sigma` times `factor` of the distance in sigmas; edge values repeated.
fn filtered(values: &[f64], sigma: f64, factor: impl Fn(f64) -> f64) -> Vec<f64> {
    let reach = (4.0 * sigma).ceil() as i32;
    let weight = |k: i32| (-0.5 * (f64::from(k) / sigma).powi(2)).exp();
    let total: f64 = (-reach..=reach).map(weight).sum();
    let kernel: Vec<f64> = (-reach..=reach).map(|k| weight(k) * factor(f64::from(k) / sigma) / total).collect();
    let last = values.len() as i32 - 1;
    let at = |i: i32| values.get(i.clamp(0, last) as usize).copied().unwrap_or_default();
    (0..=last).map(|i| kernel.iter().zip(-reach..).map(|(w, k)| w * at(i + k)).sum()).collect()
}

/// Where two lines meet, no farther from the endplate's middle than its length.
pub(super) fn meet([a, b]: [[f64; 2]; 2], [c, d]: [[f64; 2]; 2]) -> Option<[f64; 2]> {
    let (along, wall) = ([b[0] - a[0], b[1] - a[1]], [d[0] - c[0], d[1] - c[1]]);
    let cross = along[0] * wall[1] - along[1] * wall[0];
    let share = ((c[0] - a[0]) * wall[1] - (c[1] - a[1]) * wall[0]) / cross;
    (share - 0.5).abs().le(&1.0).then(|| [a[0] + share * along[0], a[1] + share * along[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of soft bone with bright endplates, in pixels; upper endplate tilted.
    const TRUE: [[f64; 2]; 4] = [[100.0, 104.0], [180.0, 92.0], [184.0, 160.0], [104.0, 158.0]];

    fn side(p: [f64; 2], [a, b]: [[f64; 2]; 2]) -> f64 {
        let along = [b[0] - a[0], b[1] - a[1]];
        (along[0] * (p[1] - a[1]) - along[1] * (p[0] - a[0])) / along[0].hypot(along[1])
    }

    fn grey(p: [f64; 2]) -> f64 {
        let [a, b, c, d] = TRUE;
        let (above, below) = (side(p, [a, b]), -side(p, [d, c]));
        let within = |wide: f64| above > -wide && below > -wide && side(p, [b, c]) > 0.0 && side(p, [d, a]) > 0.0;
        let cortex = if within(2.0) && above.abs().min(below.abs()) < 2.0 { 0.1 } else { 0.0 };
        let bone = if within(0.0) { 0.05 } else { 0.0 };
        // Soft tissue gets thicker towards the back.
        0.4 + 0.001 * p[0] + bone + cortex + 0.01 * (p[0] * 1.7 + p[1] * 2.3).sin()
    }

    fn tilt(a: [f64; 2], b: [f64; 2]) -> f64 {
        (b[1] - a[1]).atan2(b[0] - a[0]).to_degrees()
    }

    #[test]
    fn endplates_of_a_rough_outline_come_to_the_bright_lines() {
        // Two to six pixels and 7 degrees off.
        let rough = [[98.0, 103.0], [181.0, 100.0], [186.0, 152.0], [102.0, 162.0]];
        let found = drawn(grey, rough);
        for (plate, [i, j]) in [[0, 1], [3, 2]].into_iter().enumerate() {
            let off = tilt(found[i], found[j]) - tilt(TRUE[i], TRUE[j]);
            assert!(off.abs() < 1.6, "endplate {plate}: {off} deg, {found:?}");
            let rough_off = tilt(rough[i], rough[j]) - tilt(TRUE[i], TRUE[j]);
            assert!(rough_off.abs() > 5.0, "{rough_off}");
        }
        for (at, known) in found.into_iter().zip(TRUE) {
            assert!((at[1] - known[1]).abs() < 2.0, "{found:?}");
        }
        // A body already right stays.
        let same = drawn(grey, TRUE);
        assert!(same.into_iter().zip(TRUE).all(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1]) < 1.6), "{same:?}");
    }

    #[test]
    fn a_sacral_plate_is_the_line_that_makes_a_usual_disc() {
        // Under an endplate from (120, 100), its front, to (200, 100): the plate 14 deg to it and a line 40 deg to it.
        let slope = |p: [f64; 2], deg: f64| (p[1] - 112.0) - (200.0 - p[0]) * deg.to_radians().tan();
        let picture = |p: [f64; 2]| {
            let lines = [14.0, 40.0].map(|deg| if slope(p, deg).abs() < 2.5 { 0.1 } else { 0.0 });
            0.5 + if slope(p, 14.0) > 0.0 { 0.05 } else { 0.0 } + lines[0] + lines[1]
        };
        let tilted = |deg: f64| {
            let low = 112.0 + 80.0 * f64::to_radians(deg).tan();
            [[120.0, low], [200.0, 112.0], [190.0, 190.0], [110.0, low + 78.0]]
        };
        // The outline's plate lies along the endplate above, or is far too steep.
        for rough in [2.0, 30.0] {
            let found = sacral(picture, tilted(rough), [[120.0, 100.0], [200.0, 100.0]]);
            let off = -tilt(found[0], found[1]) - 14.0;
            assert!(off.abs() < 1.6, "{rough}: {off} deg, {found:?}");
            assert_eq!(found[2..], tilted(rough)[2..]);
        }
        // Seen from the other side.
        let mirrored = |p: [f64; 2]| [320.0 - p[0], p[1]];
        let turned = |[a, b, c, d]: [[f64; 2]; 4]| [b, a, d, c].map(mirrored);
        let found = sacral(|p| picture(mirrored(p)), turned(tilted(2.0)), [[200.0, 100.0], [120.0, 100.0]]);
        assert!((tilt(found[0], found[1]) - 14.0).abs() < 1.6, "{found:?}");
        assert_eq!(sacral(|_| 0.5, tilted(2.0), [[120.0, 100.0], [200.0, 100.0]]), tilted(2.0));
    }

    #[test]
    fn nothing_is_drawn_to_nothing() {
        assert_eq!(drawn(|_| 0.5, TRUE), TRUE);
        assert_eq!(drawn(|_| f64::NAN, TRUE), TRUE);
        assert_eq!(drawn(grey, [[5.0, 5.0]; 4]), [[5.0, 5.0]; 4]);
        let far = TRUE.map(|p| [p[0] + 1e6, p[1]]);
        assert!(drawn(grey, far).iter().flatten().all(|v| v.is_finite()));
    }
}
