//! The instrument against a planned screw, live.

use geom::{Ct, Point, Vector};

use super::screw::Screw;

/// How far an instrument is from a planned screw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScrewGuidance {
    /// Index of the screw in the plan: the one whose axis is nearest to the tip.
    pub screw: usize,
    /// From the tip to the entry, mm.
    pub to_entry_mm: f64,
    /// From the tip to the planned axis, square to it, mm.
    pub off_axis_mm: f64,
    /// How deep the tip is along the axis from the entry, mm; negative before it.
    pub depth_mm: f64,
    /// What is left to the planned tip, mm; negative beyond it.
    pub remaining_mm: f64,
    /// Between the instrument and the planned axis, degrees.
    pub angle_deg: f64,
}

/// Compares an instrument with the screws: with the one whose planned stretch
/// is nearest to the tip. `None` without screws or for numbers that are not finite.
///
/// * `tip` - where the instrument's tip is.
/// * `direction` - where it points, [`crate::rt::ToolView::direction`].
///
/// Computes no pose: what the caller gives was judged before. Cost: constant for each screw.
///
/// ```
/// use engine::level::Level;
/// use engine::plan::{Screw, Side, guide};
/// let screw = Screw {
///     level: Level::from_name("L3").unwrap(), side: Side::Left,
///     entry: [20.0, 0.0, 0.0].into(), target: [20.0, -40.0, 0.0].into(), diameter_mm: 6.5, length_mm: 40.0,
/// };
/// let seen = guide(&[screw], [23.0, -10.0, 4.0].into(), [0.0, -1.0, 0.0].into()).unwrap();
/// assert_eq!((seen.off_axis_mm, seen.depth_mm, seen.remaining_mm, seen.angle_deg), (5.0, 10.0, 30.0, 0.0));
/// ```
#[must_use]
pub fn guide(screws: &[Screw], tip: Point<Ct>, direction: Vector<Ct>) -> Option<ScrewGuidance> {
    let pointing = direction.normalized()?;
    if !tip.is_finite() {
        return None;
    }
    let one = |(index, screw): (usize, &Screw)| {
        let axis = screw.direction()?;
        let from_entry = tip - screw.entry;
        let depth_mm = from_entry.dot(axis);
        let off_axis_mm = (from_entry - axis * depth_mm).norm();
        let cosine = pointing.dot(axis).clamp(-1.0, 1.0);
        let guidance = ScrewGuidance {
            screw: index,
            to_entry_mm: from_entry.norm(),
            off_axis_mm,
            depth_mm,
            remaining_mm: screw.length_mm - depth_mm,
            angle_deg: cosine.acos().to_degrees(),
        };
        let past_ends = (-depth_mm).max(depth_mm - screw.length_mm).max(0.0);
        Some((off_axis_mm.hypot(past_ends), guidance))
    };
    let found = screws.iter().enumerate().filter_map(one).min_by(|a, b| a.0.total_cmp(&b.0));
    found.map(|(_, guidance)| guidance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::Level;
    use crate::plan::Side;

    #[test]
    fn the_nearest_screw_is_followed_and_a_tilt_is_told() {
        let screw = |x: f64, side| Screw {
            level: Level::from_name("L3").unwrap(),
            side,
            entry: Point::new(x, 0.0, 0.0),
            target: Point::new(x, -45.0, 0.0),
            diameter_mm: 6.5,
            length_mm: 45.0,
        };
        let screws = [screw(20.0, Side::Left), screw(-20.0, Side::Right)];
        let tilted = Vector::new(0.0, -(10f64.to_radians().cos()), 10f64.to_radians().sin());
        let seen = guide(&screws, Point::new(-18.0, 12.0, 0.0), tilted).unwrap();
        assert_eq!((seen.screw, seen.depth_mm), (1, -12.0));
        assert!((seen.angle_deg - 10.0).abs() < 1e-9 && (seen.off_axis_mm - 2.0).abs() < 1e-12);
        assert!((seen.to_entry_mm - 148f64.sqrt()).abs() < 1e-12 && seen.remaining_mm == 57.0);
        assert!(guide(&screws, Point::new(f64::NAN, 0.0, 0.0), tilted).is_none());
        assert!(guide(&[], Point::new(0.0, 0.0, 0.0), tilted).is_none());
    }
}
