//! A guided calibration on the terminal: a disc of block characters beside
//! what to do, drawn over itself; a line a second where there is no terminal.
#![allow(clippy::print_stderr, reason = "the picture of a live recording belongs on stderr")]

use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::io::IsTerminal;

use calib::Coverage;

use crate::guide_view::GuideView;

/// Half the height of the disc, lines; a character is twice as high as wide.
const HALF: i32 = 7;
/// Tilt at the disc's edge, as a multiple of what is wanted.
const EDGE: f64 = 1.4;
/// Most characters of a line beside the disc.
const WORDS: usize = 90;

/// Where the flow is told.
pub struct Terminal {
    is_quiet: bool,
    is_terminal: bool,
    drawn: usize,
    told_s: f64,
}

impl Terminal {
    /// Standard error, as it is.
    pub fn new(is_quiet: bool) -> Self {
        Self { is_quiet, is_terminal: std::io::stderr().is_terminal(), drawn: 0, told_s: f64::NEG_INFINITY }
    }

    /// Shows a moment.
    pub fn show(&mut self, view: &GuideView) {
        if self.is_quiet {
            return;
        }
        if !self.is_terminal {
            if view.elapsed_s - self.told_s >= 0.99 || view.end.is_some() {
                self.told_s = view.elapsed_s;
                eprintln!("{}", view.line());
            }
            return;
        }
        let lines = lines(view);
        // Over what was drawn before.
        let mut text = if self.drawn > 0 { format!("\x1b[{}A", self.drawn) } else { String::new() };
        for line in &lines {
            let _never = writeln!(text, "\x1b[2K{line}");
        }
        self.drawn = lines.len();
        eprint!("{text}");
    }
}

/// The disc with the words beside it.
pub fn lines(view: &GuideView) -> Vec<String> {
    let disc = disc(view.state.coverage.as_ref(), view.state.target);
    let names = view.state.coverage.as_ref().map(|c| format!("up {}, right {}", c.names[2], c.names[0]));
    let mut words = vec![
        format!("Calibration of {}, {:.0} of at most {:.0} s", view.tool, view.elapsed_s, view.limit_s),
        String::new(),
        format!(">> {}", view.advice()),
        String::new(),
        format!("verdict  {}", GuideView::verdict_word(view.verdict(), view.end.is_some())),
        format!("because  {}", view.reason()),
        format!("tip      {}", view.tip()),
        format!("poses    {}", view.samples()),
        format!("tilt     {}", view.tilt()),
        format!("missing  {}", view.missing()),
        format!("picture  {}", names.unwrap_or_default()),
        "         █ covered  ▓ begun  ░ missing  ▒ next  ◆ the handle now".to_owned(),
    ];
    words.resize(disc.len().max(words.len()), String::new());
    disc.iter().zip(&words).map(|(row, words)| format!(" {row}   {}", cut(words))).collect()
}

/// A line that is wrapped would spoil the next picture.
fn cut(words: &str) -> String {
    words.chars().take(WORDS).collect()
}

/// The disc, a string a line.
fn disc(coverage: Option<&Coverage>, target: Option<usize>) -> Vec<String> {
    let row = |y: i32| (-2 * HALF..=2 * HALF).map(|x| cell(coverage, target, (x, y))).collect();
    (-HALF..=HALF).rev().map(row).collect()
}

fn cell(coverage: Option<&Coverage>, target: Option<usize>, (column, line): (i32, i32)) -> char {
    let (x, y) = (0.5 * f64::from(column) / f64::from(HALF), f64::from(line) / f64::from(HALF));
    let r = x.hypot(y);
    if r > 1.04 {
        return ' ';
    }
    let Some(coverage) = coverage else { return '·' };
    let tilt_deg = r * EDGE * coverage.wanted_deg;
    let is_now = coverage.latest_deg.is_some_and(|[azimuth, tilt]| {
        let (sin, cos) = azimuth.to_radians().sin_cos();
        let far = (tilt / (EDGE * coverage.wanted_deg)).min(1.0);
        let nearest = |v: f64, scale: f64| (v * scale).round() as i32;
        (nearest(far * cos, 2.0 * f64::from(HALF)), nearest(far * sin, f64::from(HALF))) == (column, line)
    });
    if is_now {
        return '◆';
    }
    let sides = coverage.reached_deg.len();
    let turn = (y.atan2(x) / TAU + 0.5 / sides as f64).rem_euclid(1.0);
    let side = (turn * sides as f64) as usize % sides;
    match (coverage.is_missing(side), tilt_deg <= coverage.reached_deg[side], tilt_deg <= coverage.wanted_deg) {
        (false, true, _) => '█',
        (true, true, _) => '▓',
        (true, false, true) if target == Some(side) => '▒',
        (true, false, true) => '░',
        _ => '·',
    }
}
