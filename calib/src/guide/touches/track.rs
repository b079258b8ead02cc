//! Which points were touched, and whether a rest of the tip is a touch.

use std::ops::Range;

use geom::nalgebra::{Matrix3, Vector3};
use geom::{Frame, Point, Tool, Transform, fit_rigid};

use super::rest::Rest;
use crate::landmarks::match_points;
use crate::phantom::Touch;
use crate::tip::TouchedLandmark;

/// With fewer touches a refused one may mean that an earlier one was wrong.
const SURE: usize = 4;
/// Refusals in a row after which fewer touches are given up.
const MAX_REFUSALS: usize = 3;
/// So many rests that fit the geometry in one way only tell which points they were.
const ENOUGH_TO_SORT: usize = 5;
/// Refused rests that are kept for that.
const MAX_LOOSE: usize = 12;

/// A touch, as the mean of its poses: with a better tip it lies elsewhere.
#[derive(Debug, Clone)]
struct Taken {
    place: usize,
    poses: Range<usize>,
    rotation: Matrix3<f64>,
    translation: Vector3<f64>,
}

impl Taken {
    fn at(&self, tip: Point<Tool>) -> Vector3<f64> {
        self.rotation * tip.vector3() + self.translation
    }
}

/// What became of the last rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Met {
    /// It is a touch of this point.
    Taken { place: usize },
    /// It is one of a point that has all its touches.
    Enough { place: usize },
    /// It is none; how far it lies from the point that was asked for, mm.
    Refused { off_mm: f64 },
    /// It is none, and those before it were given up.
    Restart,
    /// With it the rests so far, taken or not, tell which points they were.
    Sorted { count: usize },
}

/// The touches so far.
#[derive(Debug, Clone)]
pub(super) struct Track<Room: Frame, Phantom: Frame> {
    pub points: Vec<Point<Phantom>>,
    pub room_from_phantom: Option<Transform<Room, Phantom>>,
    pub met: Option<Met>,
    pub refused: usize,
    pub refused_in_row: usize,
    pub given_up: usize,
    tolerance_mm: f64,
    taken: Vec<Taken>,
    /// Rests that may be touches of other points than were asked for.
    loose: Vec<Taken>,
    /// Where the tip rested last, until it has left.
    resting: Option<Vector3<f64>>,
}

impl<Room: Frame, Phantom: Frame> Track<Room, Phantom> {
    pub const fn new(points: Vec<Point<Phantom>>, tolerance_mm: f64) -> Self {
        Self {
            points,
            room_from_phantom: None,
            met: None,
            refused: 0,
            refused_in_row: 0,
            given_up: 0,
            tolerance_mm,
            taken: Vec::new(),
            loose: Vec::new(),
            resting: None,
        }
    }

    /// The tip is here, and has to go before it can touch.
    pub fn leave(&mut self, tip: Point<Room>) {
        self.resting = Some(tip.vector3());
    }

    /// True when the tip has left the place of its last rest.
    pub const fn is_left(&self) -> bool {
        self.resting.is_none()
    }

    pub fn count(&self) -> usize {
        self.taken.len()
    }

    pub fn poses(&self) -> usize {
        self.taken.iter().map(|touch| touch.poses.len()).sum()
    }

    pub fn touches_of(&self, place: usize) -> usize {
        self.taken.iter().filter(|touch| touch.place == place).count()
    }

    pub fn touches(&self, tip: Point<Tool>) -> Vec<Touch<Room>> {
        let touch = |t: &Taken| Touch { divot: t.place, at: Point::from_vector3(t.at(tip)) };
        self.taken.iter().map(touch).collect()
    }

    pub fn touched(&self) -> Vec<TouchedLandmark> {
        let touch = |t: &Taken| TouchedLandmark { landmark: t.place, poses: t.poses.clone().collect() };
        self.taken.iter().map(touch).collect()
    }

    /// The first of the points with the fewest touches, while it has fewer than
    /// `wanted`.
    pub fn next(&self, wanted: usize) -> Option<usize> {
        let mut touches = vec![0; self.points.len()];
        self.taken.iter().filter_map(|t| t.place.checked_rem(self.points.len())).for_each(|place| touches[place] += 1);
        let fewest = touches.iter().enumerate().min_by_key(|(place, count)| (**count, *place));
        fewest.filter(|(_, count)| **count < wanted).map(|(place, _)| place)
    }

    /// Looks at a rest; `true` when it became a touch.
    pub fn watch(
        &mut self,
        poses: &[Transform<Room, Tool>],
        rest: &Rest,
        tip: Point<Tool>,
        (wanted, away_mm): (usize, f64),
    ) -> bool {
        if self.resting.is_some_and(|at| (rest.now - at).norm() > away_mm) {
            self.resting = None;
        }
        let (Some(range), true, Some(asked)) = (rest.poses.clone(), self.is_left(), self.next(wanted)) else {
            return false;
        };
        let own = poses.get(range.clone()).unwrap_or_default();
        let count = own.len().max(1) as f64;
        let rotation = own.iter().map(|p| p.rotation().to_rotation_matrix().into_inner()).sum::<Matrix3<f64>>() / count;
        let translation = own.iter().map(|p| p.translation()).sum::<Vector3<f64>>() / count;
        let mut touch = Taken { place: asked, poses: range, rotation, translation };
        self.resting = Some(rest.now);
        let met = self.meet(touch.at(tip), asked, tip, wanted);
        self.met = Some(met);
        match met {
            Met::Taken { place } => {
                touch.place = place;
                self.taken.push(touch);
                self.refused_in_row = 0;
                self.register(tip);
                true
            }
            Met::Refused { .. } | Met::Restart => {
                self.refused += 1;
                self.refused_in_row += 1;
                if self.taken.len() < SURE {
                    self.loose.push(touch);
                    self.loose.drain(..self.loose.len().saturating_sub(MAX_LOOSE));
                }
                if self.sort_out(tip) {
                    self.met = Some(Met::Sorted { count: self.taken.len() });
                    return true;
                }
                if met == Met::Restart {
                    self.given_up += self.taken.len();
                    self.loose.append(&mut self.taken);
                    self.refused_in_row = 0;
                    self.room_from_phantom = None;
                }
                // The figures of touches that are gone are gone, too.
                met == Met::Restart
            }
            Met::Enough { .. } | Met::Sorted { .. } => false,
        }
    }

    /// Whoever begins somewhere else than asked for, or in another order, has
    /// touched the points all the same: the rests so far are matched with the
    /// geometry. `true` when that was possible in one way only.
    fn sort_out(&mut self, tip: Point<Tool>) -> bool {
        let all: Vec<&Taken> = self.taken.iter().chain(&self.loose).collect();
        if self.taken.len() >= SURE || all.len() < ENOUGH_TO_SORT {
            return false;
        }
        let places: Vec<Point<Room>> = all.iter().map(|touch| Point::from_vector3(touch.at(tip))).collect();
        let Ok(found) = match_points(&places, &self.points, self.tolerance_mm) else { return false };
        let matched = |(touch, place): (&&Taken, &Option<usize>)| Some(Taken { place: (*place)?, ..(*touch).clone() });
        let mut taken: Vec<Taken> = all.iter().zip(&found.partners).filter_map(matched).collect();
        let mut different: Vec<usize> = taken.iter().map(|touch| touch.place).collect();
        different.sort_unstable();
        different.dedup();
        if found.is_ambiguous || different.len() < ENOUGH_TO_SORT.min(self.points.len()) {
            return false;
        }
        taken.sort_by_key(|touch| touch.poses.start);
        self.refused = self.refused.saturating_sub(taken.len().saturating_sub(self.taken.len()));
        (self.taken, self.loose, self.refused_in_row, self.given_up) = (taken, Vec::new(), 0, 0);
        self.register(tip);
        true
    }

    /// What a rest at `at` is.
    fn meet(&self, at: Vector3<f64>, asked: usize, tip: Point<Tool>, wanted: usize) -> Met {
        let by_distances = self.distance_misfit(at, asked, tip);
        let registered = |place: usize| {
            let expected = self.room_from_phantom? * *self.points.get(place)?;
            Some((expected.vector3() - at).norm())
        };
        let all = (0..self.points.len()).filter_map(|place| Some((place, registered(place)?)));
        let nearest = all.min_by(|a, b| a.1.total_cmp(&b.1)).filter(|(_, off)| *off <= self.tolerance_mm);
        let asked_off = registered(asked);
        match nearest {
            Some((place, _)) if place != asked && asked_off.is_some_and(|off| off > self.tolerance_mm) => {
                if self.touches_of(place) < wanted { Met::Taken { place } } else { Met::Enough { place } }
            }
            _ => {
                let off_mm = asked_off.map_or(by_distances, |off| off.min(by_distances));
                match (off_mm <= self.tolerance_mm, self.taken.len() < SURE) {
                    (true, _) => Met::Taken { place: asked },
                    (false, true) if self.refused_in_row + 1 >= MAX_REFUSALS => Met::Restart,
                    // Of two distances the larger one is what a person would measure.
                    (false, _) => Met::Refused { off_mm: asked_off.unwrap_or(by_distances) },
                }
            }
        }
    }

    /// How far the distances from the other touches are from those in the
    /// geometry, mm; 0 without any.
    fn distance_misfit(&self, at: Vector3<f64>, place: usize, tip: Point<Tool>) -> f64 {
        let misfit = |touch: &Taken| {
            let truth = self.points.get(place)?.distance(*self.points.get(touch.place)?);
            Some(((touch.at(tip) - at).norm() - truth).abs())
        };
        self.taken.iter().filter_map(misfit).fold(0.0, f64::max)
    }

    /// Where the phantom is, once three points that are not on a line say so.
    fn register(&mut self, tip: Point<Tool>) {
        let (to, from): (Vec<Point<Room>>, Vec<Point<Phantom>>) =
            self.touches(tip).iter().filter_map(|touch| Some((touch.at, *self.points.get(touch.divot)?))).unzip();
        self.room_from_phantom = fit_rigid(&to, &from, None).ok().map(|fit| fit.to_from);
    }
}
