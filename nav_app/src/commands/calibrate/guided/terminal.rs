//! A guided recording on the terminal: a disc or a map of characters beside
//! what to do, drawn over itself; a line a second where there is no terminal.
#![allow(clippy::print_stderr, reason = "the picture of a live recording belongs on stderr")]

use std::f64::consts::TAU;
use std::fmt::Write as _;
use std::io::IsTerminal;

use crate::guide_view::{Dial, GuideView, Map, Picture};

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

/// The picture with the words beside it.
pub fn lines(view: &GuideView) -> Vec<String> {
    let (picture, legend) = match view.picture() {
        Picture::Disc(dial) => (grid(|at| dial_cell(&dial, at)), DISC_LEGEND),
        Picture::Map(map) => (map_rows(&map), MAP_LEGEND),
    };
    let mut words = vec![
        format!("{}, {:.0} of at most {:.0} s", view.title(), view.elapsed_s, view.limit_s),
        String::new(),
        format!(">> {}", view.advice()),
        String::new(),
        format!("verdict  {}", GuideView::verdict_word(view.verdict(), view.end.is_some())),
        format!("because  {}", view.reason()),
    ];
    words.extend(view.details().iter().map(|detail| format!("{:8} {}", detail.name, detail.words)));
    words.push(legend.to_owned());
    words.resize(picture.len().max(words.len()), String::new());
    picture.iter().zip(&words).map(|(row, words)| format!(" {row}   {}", cut(words))).collect()
}

const DISC_LEGEND: &str = "         █ covered  ▓ begun  ░ missing  ▒ next  ◆ the tool now";
const MAP_LEGEND: &str = "         ● touched  ◐ begun  ○ missing  ◎ next  ◆ the tip now";

/// A line that is wrapped would spoil the next picture.
fn cut(words: &str) -> String {
    words.chars().take(WORDS).collect()
}

/// A picture, a string a line, from its cells: columns to the right and lines
/// up from the middle.
fn grid(cell: impl Fn((i32, i32)) -> char) -> Vec<String> {
    let row = |y: i32| (-2 * HALF..=2 * HALF).map(|x| cell((x, y))).collect();
    (-HALF..=HALF).rev().map(row).collect()
}

/// The cell of a place within plus and minus 1.
fn cell_of([x, y]: [f64; 2]) -> (i32, i32) {
    // A cast saturates, and makes 0 of what is no number.
    ((x * 2.0 * f64::from(HALF)).round() as i32, (y * f64::from(HALF)).round() as i32)
}

fn dial_cell(dial: &Dial, (column, line): (i32, i32)) -> char {
    let (x, y) = (0.5 * f64::from(column) / f64::from(HALF), f64::from(line) / f64::from(HALF));
    let r = x.hypot(y);
    if r > 1.04 {
        return ' ';
    }
    let tilt_deg = r * EDGE * dial.wanted_deg;
    let is_now = dial.now_deg.is_some_and(|[azimuth, tilt]| {
        let (sin, cos) = azimuth.to_radians().sin_cos();
        let far = (tilt / (EDGE * dial.wanted_deg)).min(1.0);
        cell_of([far * cos, far * sin]) == (column, line)
    });
    if is_now {
        return '◆';
    }
    let sides = dial.reached_deg.len();
    let turn = (y.atan2(x) / TAU + 0.5 / sides.max(1) as f64).rem_euclid(1.0);
    let side = (turn * sides as f64) as usize % sides.max(1);
    let reached = dial.reached_deg.get(side).copied().unwrap_or(0.0);
    let is_needed = dial.is_needed.get(side).copied().unwrap_or(!dial.names.is_empty());
    match (reached >= dial.wanted_deg || !is_needed, tilt_deg <= reached, tilt_deg <= dial.wanted_deg) {
        (true, true, _) if reached > 0.0 => '█',
        (false, true, _) if reached > 0.0 => '▓',
        (false, _, true) if dial.next == Some(side) => '▒',
        (false, _, true) => '░',
        _ => '·',
    }
}

fn map_rows(map: &Map) -> Vec<String> {
    // Of spots in one cell the one that matters most is seen.
    let mut cells: Vec<((i32, i32), u8, char)> = Vec::new();
    for (k, spot) in map.spots.iter().enumerate() {
        let (rank, letter) = match spot.share {
            _ if map.next == Some(k) => (3, '◎'),
            share if share >= 1.0 => (0, '●'),
            share if share > 0.0 => (1, '◐'),
            _ => (2, '○'),
        };
        cells.push((cell_of(spot.at), rank, letter));
    }
    cells.extend(map.now.map(|now| (cell_of(now), 4, '◆')));
    let letter = |at: (i32, i32)| cells.iter().filter(|cell| cell.0 == at).max_by_key(|cell| cell.1).map(|cell| cell.2);
    grid(|at| letter(at).unwrap_or(' '))
}
