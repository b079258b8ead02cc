//! Touches of known points in words and as a map.

use calib::guide::{Place, TouchFigures, TouchProgress, TouchPurpose};

use super::{Detail, GuideView, Map, Number, Spot, or_dashes};

/// Names of missing points that are told; of more a count.
const MOST_NAMES: usize = 12;
/// The outermost spots are this far from the middle.
const EDGE: f64 = 0.84;

pub(super) const fn title(progress: &TouchProgress) -> &'static str {
    match progress.purpose {
        TouchPurpose::Test(_) => "Accuracy of",
        TouchPurpose::Tip(_) => "Tip of",
    }
}

/// Touches that count, and that are wanted.
fn counts(progress: &TouchProgress) -> (usize, usize) {
    let taken = progress.places.iter().map(|place| place.touches.min(place.wanted)).sum();
    (taken, progress.places.iter().map(|place| place.wanted).sum())
}

pub(super) fn numbers(progress: &TouchProgress) -> [Number; 3] {
    let (taken, wanted) = counts(progress);
    let (second, third) = match progress.figures {
        Some(TouchFigures::Test { mean_mm, precision_mm, .. }) => (Some(mean_mm), precision_mm),
        Some(TouchFigures::Tip { error_mm, rms_mm, .. }) => (Some(error_mm), Some(rms_mm)),
        None => (None, None),
    };
    let captions = match progress.purpose {
        TouchPurpose::Test(_) => ["MEAN ERROR", "PRECISION"],
        TouchPurpose::Tip(_) => ["TIP KNOWN TO", "MISFIT"],
    };
    [
        Number { caption: "TOUCHES", value: format!("{taken}/{wanted}"), unit: "" },
        Number { caption: captions[0], value: or_dashes(second, 2), unit: "mm" },
        Number { caption: captions[1], value: or_dashes(third, 2), unit: "mm" },
    ]
}

pub(super) fn details(progress: &TouchProgress) -> Vec<Detail> {
    let [right, up, from] = axes(&progress.places).1;
    vec![
        Detail { name: "next", words: next(progress) },
        Detail { name: "touches", words: touches(progress) },
        Detail { name: "so far", words: figures(progress) },
        Detail { name: "missing", words: missing(progress) },
        Detail { name: "picture", words: format!("{right} to the right, {up} up, seen from {from}") },
    ]
}

pub(super) fn summary(view: &GuideView, progress: &TouchProgress) -> (String, String) {
    (format!("{}, {} not seen; {}", touches(progress), view.unseen, figures(progress)), missing(progress))
}

/// Where the next point is.
fn next(progress: &TouchProgress) -> String {
    let Some((number, place)) = progress.next.and_then(|next| Some((next + 1, progress.places.get(next)?))) else {
        return "--".into();
    };
    let [x, y, z] = place.at;
    let far = progress.tip_at_mm.map_or_else(String::new, |tip| {
        let squares: f64 = (0..3).map(|k| (tip[k] - place.at[k]).powi(2)).sum();
        format!(", {:.0} mm from here", squares.sqrt())
    });
    format!("{} {number} at ({x:.1}, {y:.1}, {z:.1}) mm{far}", progress.purpose.point())
}

fn touches(progress: &TouchProgress) -> String {
    let (taken, wanted) = counts(progress);
    let given_up = match progress.given_up {
        0 => String::new(),
        count => format!(", {count} given up"),
    };
    format!("{taken} of {wanted} taken, {} refused{given_up}", progress.refused)
}

fn figures(progress: &TouchProgress) -> String {
    match progress.figures {
        Some(TouchFigures::Test { mean_mm, bias_mm, precision_mm }) => {
            let precision = precision_mm.map_or_else(|| "not known yet".into(), |mm| format!("{mm:.2} mm"));
            format!("mean error {mean_mm:.2} mm, bias {bias_mm:.2} mm, precision {precision}")
        }
        Some(TouchFigures::Tip { tip_mm: [x, y, z], error_mm, rms_mm }) => {
            format!("tip ({x:.2}, {y:.2}, {z:.2}) mm +- {error_mm:.2} mm, misfit {rms_mm:.2} mm")
        }
        None => "no figures yet".into(),
    }
}

/// Numbers of the points that are missing, with how often where it is more than once.
fn missing(progress: &TouchProgress) -> String {
    let lacking = |(k, place): (usize, &Place)| match place.wanted.saturating_sub(place.touches) {
        0 => None,
        1 => Some(format!("{}", k + 1)),
        times => Some(format!("{} ({times}x)", k + 1)),
    };
    let names: Vec<String> = progress.places.iter().enumerate().filter_map(lacking).collect();
    match names.get(..MOST_NAMES) {
        Some(first) if names.len() > MOST_NAMES => {
            format!("{} and {} more", first.join(", "), names.len() - MOST_NAMES)
        }
        _ => names.join(", "),
    }
}

/// The two axes of the phantom over which its points spread most: their
/// numbers, and what is at the right, up, and towards the eye.
fn axes(places: &[Place]) -> ([usize; 2], [&'static str; 3]) {
    let extent = |axis: usize| {
        let all = places.iter().map(|place| place.at[axis]);
        all.clone().fold(f64::NEG_INFINITY, f64::max) - all.fold(f64::INFINITY, f64::min)
    };
    let extents = [extent(0), extent(1), extent(2)];
    let least = (0..3).min_by(|a, b| extents[*a].total_cmp(&extents[*b])).unwrap_or(2);
    match least {
        0 => ([1, 2], ["y", "z", "+x"]),
        1 => ([0, 2], ["x", "z", "-y"]),
        _ => ([0, 1], ["x", "y", "+z"]),
    }
}

pub(super) fn map(progress: &TouchProgress) -> Map {
    let ([right, up], _) = axes(&progress.places);
    let flat = |at: [f64; 3]| [at[right], at[up]];
    let spread = |k: usize| {
        let all = progress.places.iter().map(|place| flat(place.at)[k]);
        (all.clone().fold(f64::INFINITY, f64::min), all.fold(f64::NEG_INFINITY, f64::max))
    };
    let ((left, to_right), (low, high)) = (spread(0), spread(1));
    let half = (0.5 * (to_right - left).max(high - low)).max(1e-3);
    let place = |at: [f64; 3]| {
        let [x, y] = flat(at);
        [EDGE * (x - 0.5 * (left + to_right)) / half, EDGE * (y - 0.5 * (low + high)) / half]
    };
    let spot = |p: &Place| Spot { at: place(p.at), share: (p.touches as f64 / p.wanted.max(1) as f64).min(1.0) };
    Map {
        spots: progress.places.iter().map(spot).collect(),
        next: progress.next,
        now: progress.tip_at_mm.map(place),
        still: progress.still,
    }
}
