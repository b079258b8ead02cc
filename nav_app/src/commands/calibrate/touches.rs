//! Known points touched with a live tool, led from one to the next; for
//! `calibrate phantom` and `calibrate tip`.

use anyhow::anyhow;
use calib::guide::{TouchGuide, TouchPurpose, TouchSettings};
use calib::pivot::DwellSettings;
use geom::{Ct, Point, Tool, World};

use super::guided::{self, Follow};
use super::poses::Poses;
use crate::cli::{GuideArguments, PoseOptions};
use crate::failure::Failure;

/// Fewer points give neither a tip nor an accuracy.
const MIN_POINTS: usize = 4;
/// Time for the tip, and for each touch, where no limit was given, s.
const LIMIT_S: (f64, f64) = (120.0, 15.0);
/// Longest recording, s.
const MAX_S: f64 = 3600.0;

/// What is to be touched.
pub struct Touches<'a> {
    /// Address of the tracker.
    pub address: &'a str,
    /// How to read it.
    pub options: &'a PoseOptions,
    /// How it is shown, and for how long.
    pub guide: &'a GuideArguments,
    /// True places, mm.
    pub points: &'a [Point<Ct>],
    /// The tool's tip, where it is known, mm.
    pub tip: Option<Point<Tool>>,
    /// What for.
    pub purpose: TouchPurpose,
    /// How far a touch may lie from where the others put it, mm.
    pub tolerance_mm: f64,
    /// Touches of each.
    pub repeats: usize,
}

/// What was touched.
pub struct Touched {
    /// Its touches are in it.
    pub guide: TouchGuide<World, Ct>,
    /// All poses; what the touches count.
    pub poses: Poses,
}

/// Refuses what files do not have.
pub fn check(options: &GuideArguments) -> Result<(), Failure> {
    guided::check_is_live(options, "")?;
    if options.picture.is_some() {
        return Err(Failure::WrongUse(anyhow!("--picture shows the guide of a live tracker (igtl://HOST:PORT)")));
    }
    Ok(())
}

impl Touches<'_> {
    /// Records until all touches are there, the time is up, or the user ends it.
    pub fn record(&self, quiet: bool) -> Result<Touched, Failure> {
        if self.points.len() < MIN_POINTS {
            let (found, point) = (self.points.len(), self.purpose.point());
            let what = format!("the geometry holds {found} {point}s, at least {MIN_POINTS} are needed");
            return Err(Failure::BadInput(anyhow!(what)));
        }
        let settings = TouchSettings {
            guide: guided::settings(self.guide),
            purpose: self.purpose,
            dwell: DwellSettings::default(),
            tolerance_mm: self.tolerance_mm,
            repeats: self.repeats,
        };
        let touches = (self.points.len() * self.repeats) as f64;
        let needed_s = (LIMIT_S.0 + LIMIT_S.1 * touches).min(MAX_S);
        let limit_s = self.guide.until_accepted.or(self.options.seconds).unwrap_or(needed_s);
        let what = Follow { address: self.address, options: self.options, limit_s, ends_itself: true };
        guided::session(self.guide, quiet, |session| {
            let mut guide = TouchGuide::new(self.points.to_vec(), self.tip, settings);
            let (poses, _) = session.follow(&what, &mut guide)?;
            Ok(Touched { guide, poses })
        })
    }
}
