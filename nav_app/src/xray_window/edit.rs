//! What a person does to the landmarks of two radiographs, and how it is taken back.
//!
//! Knows neither windows nor networks: places are pixels of the radiographs, the outcome is an
//! [`XrayCorrections`] that the program reads as it reads one written by hand. Every change is
//! one step that can be undone; nothing is changed that would be refused when read.

use engine::level::Level;
use engine::xray::{
    Bounds, Corners, Findings, SeenHead, SeenVertebra, ViewCorrections, ViewLandmarks, XrayCorrections, name,
};

/// Levels as a column has them, C2 to S1.
const COLUMN: [&str; 24] = [
    "C2", "C3", "C4", "C5", "C6", "C7", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12",
    "L1", "L2", "L3", "L4", "L5", "S1",
];
/// Smallest box and circle, pixels.
const LEAST_PX: f64 = 3.0;

/// Something that can be taken hold of in a view.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Handle {
    /// A corner of a body, in the order of [`Corners`].
    Corner(Level, usize),
    /// A corner of a box: upper left, upper right, lower right, lower left.
    Box(Level, usize),
    /// The middle of the femoral head of that number.
    Head(usize),
    /// Its rim.
    Rim(usize),
}

/// Which view: 0 frontal, 1 lateral, as in [`Findings::views`].
pub type ViewIndex = usize;

/// Two radiographs' landmarks while they are corrected.
pub struct Sheet {
    /// What is shown: found, and moved since.
    pub views: [ViewLandmarks; 2],
    /// Everything moved so far.
    pub corrections: XrayCorrections,
    before: Vec<XrayCorrections>,
}

impl Sheet {
    /// What an analysis found with its corrections.
    pub fn new(findings: &Findings) -> Self {
        Self { views: findings.views.clone(), corrections: findings.corrections.clone(), before: Vec::new() }
    }

    /// Takes up what a new analysis found.
    pub fn show(&mut self, findings: &Findings) {
        self.views = findings.views.clone();
    }

    /// What lies nearest to a place, within `reach` pixels.
    pub fn pick(&self, view: ViewIndex, at: [f64; 2], reach: f64) -> Option<Handle> {
        let shown = self.views.get(view)?;
        let mut near: Vec<(f64, Handle)> = Vec::new();
        for seen in &shown.vertebrae {
            let corners = corners_to_drag(seen);
            near.extend((0..4).map(|i| (apart(corners[i], at), Handle::Corner(seen.level, i))));
            // A corner lies near its box's: the corner is meant.
            near.extend((0..4).map(|i| (1.5 * apart(box_corners(seen.bounds)[i], at), Handle::Box(seen.level, i))));
        }
        for (i, head) in shown.heads.iter().enumerate() {
            let off = apart(head.centre, at);
            near.push((off, Handle::Head(i)));
            near.push(((off - head.radius_px).abs(), Handle::Rim(i)));
        }
        near.retain(|(off, _)| *off <= reach);
        near.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, handle)| handle)
    }

    /// The body whose box holds a place; the smallest one where boxes overlap.
    pub fn body_at(&self, view: ViewIndex, at: [f64; 2]) -> Option<Level> {
        let holds = |b: &Bounds| (b.left..=b.right).contains(&at[0]) && (b.top..=b.bottom).contains(&at[1]);
        let area = |b: Bounds| b.size()[0] * b.size()[1];
        let all = self.views.get(view)?.vertebrae.iter().filter(|v| holds(&v.bounds));
        all.min_by(|a, b| area(a.bounds).total_cmp(&area(b.bounds))).map(|v| v.level)
    }

    /// Remembers where things are, before a change.
    pub fn begin(&mut self) {
        if self.before.last() != Some(&self.corrections) {
            self.before.push(self.corrections.clone());
        }
    }

    /// Takes the last change back; false when there is none.
    pub fn undo(&mut self) -> bool {
        while let Some(last) = self.before.pop() {
            if last != self.corrections {
                self.corrections = last;
                return true;
            }
        }
        false
    }

    /// Moves a handle to a place. What would make no body, no box or no circle is not done.
    pub fn drag(&mut self, view: ViewIndex, handle: Handle, to: [f64; 2]) {
        let Some(shown) = self.views.get_mut(view) else { return };
        let moved = moved_in(&mut self.corrections, view);
        let Some(moved) = moved.filter(|_| to.iter().all(|v| v.is_finite())) else { return };
        match handle {
            Handle::Corner(level, i) => move_corner(shown, moved, (level, i), to),
            Handle::Box(level, i) => move_box(shown, moved, (level, i), to),
            Handle::Head(i) => move_head(shown, moved, i, |head| head.centre = to),
            Handle::Rim(i) => {
                move_head(shown, moved, i, |head| head.radius_px = apart(head.centre, to).max(LEAST_PX));
            }
        }
    }

    /// Leaves a body out of a view.
    pub fn remove(&mut self, view: ViewIndex, level: Level) {
        self.begin();
        let Some(moved) = moved_in(&mut self.corrections, view) else { return };
        let label = name(level);
        moved.boxes.remove(&label);
        moved.corners.remove(&label);
        moved.remove.insert(label);
        if let Some(shown) = self.views.get_mut(view) {
            shown.vertebrae.retain(|v| v.level != level);
        }
    }

    /// A box for a body that was not found, its middle at `at`: the missing level whose neighbours
    /// lie about there, as large as they are. `None` when no level is missing.
    pub fn add(&mut self, view: ViewIndex, at: [f64; 2]) -> Option<Level> {
        let shown = self.views.get(view)?;
        let places: Vec<(usize, &SeenVertebra)> =
            shown.vertebrae.iter().filter_map(|v| Some((number(&name(v.level))?, v))).collect();
        // The body below the place takes its name from the one above, if that name is free.
        let above = places.iter().filter(|(_, v)| v.bounds.centre()[1] < at[1]).map(|(n, _)| *n).max();
        let below = places.iter().filter(|(_, v)| v.bounds.centre()[1] >= at[1]).map(|(n, _)| *n).min();
        let place = match (above, below) {
            (Some(above), _) if above + 1 < below.unwrap_or(COLUMN.len()) => above + 1,
            (None, Some(below)) if below > 0 => below - 1,
            (None, None) => COLUMN.len() - 1,
            _ => return None,
        };
        let nearest = places.iter().min_by_key(|(n, _)| n.abs_diff(place));
        let size = nearest.map_or([60.0, 40.0], |(_, v)| v.bounds.size());
        let label = COLUMN.get(place)?;
        let bounds = Bounds {
            left: at[0] - size[0] / 2.0,
            right: at[0] + size[0] / 2.0,
            top: at[1] - size[1] / 2.0,
            bottom: at[1] + size[1] / 2.0,
        };
        self.begin();
        let moved = moved_in(&mut self.corrections, view)?;
        moved.remove.remove(*label);
        moved.corners.remove(*label);
        moved.boxes.insert((*label).to_owned(), bounds);
        engine::xray::level_of(label)
    }

    /// Gives every body the name of its lower (`by` 1) or upper (-1) neighbour.
    ///
    /// # Errors
    /// Why it cannot be done: the column would run past C2 or S1.
    pub fn rename(&mut self, by: isize) -> Result<(), String> {
        let shown = self.views.iter().flat_map(|view| view.vertebrae.iter().map(|v| v.level));
        let shown: Vec<String> = shown.map(name).collect();
        let next = |label: &str| number(label).and_then(|n| COLUMN.get(n.checked_add_signed(by)?)).copied();
        if let Some(last) = shown.iter().find(|label| next(label).is_none()) {
            return Err(format!("{last} has no neighbour there: remove it first, or rename the others by file"));
        }
        self.begin();
        let renamed = |label: &String| next(label).map_or_else(|| label.clone(), str::to_owned);
        let levels = &mut self.corrections.levels;
        for label in &shown {
            // The program's own name of what is now called so.
            let is_known = levels.values().any(|to| to == label);
            if !is_known {
                // A name that the program gave to a body renamed since stays that body's.
                levels.entry(label.clone()).or_insert_with(|| label.clone());
            }
        }
        levels.values_mut().for_each(|to| *to = renamed(to));
        levels.retain(|from, to| from != to);
        for moved in [&mut self.corrections.frontal, &mut self.corrections.lateral] {
            moved.boxes = std::mem::take(&mut moved.boxes).into_iter().map(|(k, v)| (renamed(&k), v)).collect();
            moved.corners = std::mem::take(&mut moved.corners).into_iter().map(|(k, v)| (renamed(&k), v)).collect();
            moved.remove = std::mem::take(&mut moved.remove).iter().map(renamed).collect();
        }
        Ok(())
    }
}

/// What was moved in a view; `None` where there is no such view.
fn moved_in(corrections: &mut XrayCorrections, view: ViewIndex) -> Option<&mut ViewCorrections> {
    [&mut corrections.frontal, &mut corrections.lateral].into_iter().nth(view)
}

fn number(label: &str) -> Option<usize> {
    COLUMN.iter().position(|known| *known == label)
}

fn apart(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Upper left, upper right, lower right, lower left.
pub fn box_corners(b: Bounds) -> Corners {
    [[b.left, b.top], [b.right, b.top], [b.right, b.bottom], [b.left, b.bottom]]
}

/// Share of a box within which its corners are offered.
const OFFERED: f64 = 0.8;

/// The corners found; for a body without any, four in its box that become its own when one is dragged.
pub fn corners_to_drag(seen: &SeenVertebra) -> Corners {
    let middle = seen.bounds.centre();
    let offered = || box_corners(seen.bounds).map(|p| [0, 1].map(|i| middle[i] + OFFERED * (p[i] - middle[i])));
    seen.corners.clone().unwrap_or_else(|_| offered())
}

fn move_corner(shown: &mut ViewLandmarks, moved: &mut ViewCorrections, (level, i): (Level, usize), to: [f64; 2]) {
    let Some(seen) = shown.vertebrae.iter_mut().find(|v| v.level == level) else { return };
    let mut corners = corners_to_drag(seen);
    let Some(corner) = corners.get_mut(i) else { return };
    *corner = to;
    let fresh = XrayCorrections {
        lateral: ViewCorrections { corners: [(name(level), corners)].into(), ..ViewCorrections::default() },
        ..XrayCorrections::default()
    };
    if fresh.check().is_ok() {
        moved.corners.insert(name(level), corners);
        seen.corners = Ok(corners);
    }
}

fn move_box(shown: &mut ViewLandmarks, moved: &mut ViewCorrections, (level, i): (Level, usize), to: [f64; 2]) {
    let Some(seen) = shown.vertebrae.iter_mut().find(|v| v.level == level) else { return };
    let mut b = seen.bounds;
    match i {
        0 => (b.left, b.top) = (to[0].min(b.right - LEAST_PX), to[1].min(b.bottom - LEAST_PX)),
        1 => (b.right, b.top) = (to[0].max(b.left + LEAST_PX), to[1].min(b.bottom - LEAST_PX)),
        2 => (b.right, b.bottom) = (to[0].max(b.left + LEAST_PX), to[1].max(b.top + LEAST_PX)),
        _ => (b.left, b.bottom) = (to[0].min(b.right - LEAST_PX), to[1].max(b.top + LEAST_PX)),
    }
    // The outline is looked for anew in the new box.
    moved.corners.remove(&name(level));
    moved.boxes.insert(name(level), b);
    seen.bounds = b;
    seen.contour.clear();
}

/// Changes a head, and puts all heads of the view into the corrections: one alone would have to
/// be matched with what was found.
fn move_head(shown: &mut ViewLandmarks, moved: &mut ViewCorrections, i: usize, change: impl FnOnce(&mut SeenHead)) {
    let Some(head) = shown.heads.get_mut(i) else { return };
    change(head);
    let mut order: Vec<usize> = (0..shown.heads.len()).collect();
    // The patient's right hangs on the frontal picture's left; from the side the order found is kept.
    if shown.view == engine::xray::View::Frontal {
        order.sort_by(|a, b| shown.heads[*b].centre[0].total_cmp(&shown.heads[*a].centre[0]));
    }
    for (side, n) in order.into_iter().take(2).enumerate() {
        let head = &shown.heads[n];
        let side = ["left", "right"][head.side.unwrap_or(side).min(1)];
        moved.heads.insert(side.to_owned(), [head.centre[0], head.centre[1], head.radius_px]);
    }
}
