//! A spin calibration in words and as a picture: a dial as it is seen from
//! above the handle, the beginning at the top.

use calib::guide::SpinProgress;

use super::{Detail, Dial, GuideView, Number, or_dashes};

/// Sectors of the dial.
const SECTORS: usize = 24;
/// A turn fills a sector up to here; the dial knows no tilt.
const REACH: f64 = 1.0;

pub(super) fn numbers(progress: &SpinProgress) -> [Number; 3] {
    let turned = progress.wobble_deg.map(|_| progress.turn_deg);
    [
        Number { caption: "TURNED BY", value: or_dashes(turned, 0), unit: "deg" },
        Number { caption: "WANTED", value: format!("{:.0}", progress.wanted_deg), unit: "deg" },
        Number { caption: "SHAFT TILTS", value: or_dashes(progress.wobble_deg, 2), unit: "deg" },
    ]
}

pub(super) fn details(view: &GuideView, progress: &SpinProgress) -> Vec<Detail> {
    vec![
        Detail { name: "turn", words: turn(progress) },
        Detail { name: "poses", words: view.samples() },
        Detail { name: "missing", words: missing(progress) },
        Detail { name: "picture", words: "from above the handle; the beginning is at the top".into() },
    ]
}

pub(super) fn summary(view: &GuideView, progress: &SpinProgress) -> (String, String) {
    (format!("{}; {}", view.samples(), turn(progress)), missing(progress))
}

fn turn(progress: &SpinProgress) -> String {
    let wobble =
        progress.wobble_deg.map_or_else(String::new, |wobble| format!(", the shaft tilts by {wobble:.2} deg RMS"));
    format!("turned by {:.0} of {:.0} deg{wobble}", progress.turn_deg, progress.wanted_deg)
}

fn missing(progress: &SpinProgress) -> String {
    let left = (progress.wanted_deg - progress.turn_deg).max(0.0);
    if left > 0.0 { format!("{left:.0} deg") } else { String::new() }
}

/// Where an angle about the shaft is on the dial, degrees counterclockwise from
/// the right: the shaft leads away from the eye, so that its positive sense is clockwise.
fn azimuth_deg(turn_deg: f64) -> f64 {
    (90.0 - turn_deg).rem_euclid(360.0)
}

pub(super) fn dial(progress: &SpinProgress) -> Dial {
    let [from, to] = progress.range_deg;
    let left = (progress.wanted_deg - progress.turn_deg).max(0.0);
    // On to the side that the tool is at.
    let is_onwards = progress.now_deg.is_none_or(|now| now >= 0.5 * (from + to));
    let [need_from, need_to] = if is_onwards { [from, to + left] } else { [from - left, to] };
    let width = 360.0 / SECTORS as f64;
    let mut dial = Dial {
        reached_deg: vec![0.0; SECTORS],
        is_needed: vec![false; SECTORS],
        wanted_deg: REACH,
        now_deg: progress.now_deg.map(|now| [azimuth_deg(now), 0.7 * REACH]),
        ..Dial::default()
    };
    let sector = |turn: f64| ((azimuth_deg(turn) + 0.5 * width) / width) as usize % SECTORS;
    let steps = |from: f64, to: f64| {
        let count = ((to - from) / (0.5 * width)).clamp(0.0, 2.0 * SECTORS as f64) as usize;
        (0..=count).map(move |i| from + 0.5 * width * i as f64)
    };
    steps(need_from, need_to).for_each(|turn| dial.is_needed[sector(turn)] = true);
    steps(from, to).for_each(|turn| dial.reached_deg[sector(turn)] = REACH);
    if left > 0.0 {
        dial.next = Some(sector(if is_onwards { need_to } else { need_from }));
    }
    dial
}
