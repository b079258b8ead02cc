//! Which orientations a calibration has seen and which are missing, as text
//! for a terminal and as an SVG picture.

use std::fmt::Write as _;

use geom::nalgebra::Vector3;
use geom::{Frame, Tool, Transform, Vector};

use crate::error::CalibrationError;
use crate::rigid::rigids;
use crate::statistics::quantile;

/// Directions the tool is tilted to, in sectors of 45 degrees.
pub const SECTORS: usize = 8;

/// Tilts of a direction of the tool about its mean.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// Largest tilt reached in each sector, degrees (98 %).
    pub reached_deg: [f64; SECTORS],
    /// What each sector is called: the axes of the room it points along.
    pub names: [String; SECTORS],
    /// Where each sector points, unit vectors in the room's axes; the first is
    /// the right of the picture, the others follow counterclockwise.
    pub towards: [[f64; 3]; SECTORS],
    /// Tilt that every sector needs, degrees.
    pub wanted_deg: f64,
    /// Azimuth and tilt of single poses, degrees, at most 2000.
    pub samples_deg: Vec<[f64; 2]>,
    /// Azimuth and tilt of the last pose, degrees.
    pub latest_deg: Option<[f64; 2]>,
}

impl Coverage {
    /// Coverage of `direction` (of the tool; from tip to array, when sectors
    /// are to say where the handle was tilted to and the picture is what a
    /// person sees who looks down on the handle).
    ///
    /// * `wanted_deg` - tilt to each side that counts as covered; 15 to every
    ///   side is a span of 30.
    ///
    /// # Errors
    /// [`CalibrationError::NotFinite`] for poses that are no numbers.
    pub fn new<Room: Frame>(
        room_from_tool: &[Transform<Room, Tool>],
        direction: Vector<Tool>,
        wanted_deg: f64,
    ) -> Result<Self, CalibrationError> {
        Self::facing(room_from_tool, direction, wanted_deg, None)
    }

    /// As [`Self::new`], in a picture whose right is as near as can be to
    /// `right` of the room: so that it stays as it is while poses come.
    ///
    /// # Errors
    /// As there.
    pub fn facing<Room: Frame>(
        room_from_tool: &[Transform<Room, Tool>],
        direction: Vector<Tool>,
        wanted_deg: f64,
        right: Option<Vector<Room>>,
    ) -> Result<Self, CalibrationError> {
        let poses = rigids(room_from_tool, "pose")?;
        let own = direction.vector3().try_normalize(1e-9).unwrap_or_else(Vector3::z);
        let turned: Vec<Vector3<f64>> = poses.iter().map(|p| p.rotation * own).collect();
        let middle = turned.iter().sum::<Vector3<f64>>().try_normalize(1e-9).unwrap_or_else(Vector3::z);
        // Azimuth 0 is as asked for, or the room's axis most across the mean.
        let across = |v: Vector3<f64>| (v - middle * middle.dot(&v)).try_normalize(0.1);
        let right = right
            .and_then(|right| across(right.vector3()))
            .unwrap_or_else(|| across(Vector3::ith(middle.iamin(), 1.0)).unwrap_or_else(Vector3::x));
        let up = middle.cross(&right);
        let polar = |v: &Vector3<f64>| {
            let tilt = v.dot(&middle).clamp(-1.0, 1.0).acos().to_degrees();
            [v.dot(&up).atan2(v.dot(&right)).to_degrees().rem_euclid(360.0), tilt]
        };
        let all: Vec<[f64; 2]> = turned.iter().map(polar).collect();
        let width = 360.0 / SECTORS as f64;
        let sector = |azimuth: f64| ((azimuth + 0.5 * width) / width) as usize % SECTORS;
        let reached = |k: usize| {
            let tilts: Vec<f64> = all.iter().filter(|s| sector(s[0]) == k).map(|s| s[1]).collect();
            if tilts.is_empty() { 0.0 } else { quantile(&tilts, 0.98) }
        };
        let towards = |k: usize| {
            let azimuth = (k as f64 * width).to_radians();
            right * azimuth.cos() + up * azimuth.sin()
        };
        let stride = all.len().div_ceil(2000).max(1);
        Ok(Self {
            reached_deg: std::array::from_fn(reached),
            names: std::array::from_fn(|k| axis_name(&towards(k))),
            towards: std::array::from_fn(|k| towards(k).into()),
            wanted_deg,
            latest_deg: all.last().copied(),
            samples_deg: all.into_iter().step_by(stride).collect(),
        })
    }

    /// Sectors that were tilted to too little, by name.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        (0..SECTORS).filter(|k| self.is_missing(*k)).map(|k| self.names[k].as_str()).collect()
    }

    /// True for a sector that was tilted to too little.
    #[must_use]
    pub fn is_missing(&self, sector: usize) -> bool {
        self.reached_deg.get(sector).is_some_and(|reached| *reached < self.wanted_deg)
    }

    /// The missing sector that is the shortest way round from the last pose.
    #[must_use]
    pub fn next_missing(&self) -> Option<usize> {
        let width = 360.0 / SECTORS as f64;
        let from = self.latest_deg.map_or(0.0, |latest| latest[0]);
        let turn = |k: usize| (k as f64 * width - from + 180.0).rem_euclid(360.0) - 180.0;
        (0..SECTORS).filter(|k| self.is_missing(*k)).min_by(|a, b| turn(*a).abs().total_cmp(&turn(*b).abs()))
    }

    /// One line a sector, a bar of its tilt, and what is missing.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("Tilt by direction:\n");
        for (reached, name) in self.reached_deg.iter().zip(&self.names) {
            let bar = "#".repeat(((reached / 2.0).round().clamp(0.0, 40.0)) as usize);
            let mark = if *reached < self.wanted_deg { "  <- missing" } else { "" };
            let _never = writeln!(text, "  {name:6} {reached:5.0} deg {bar}{mark}");
        }
        text
    }

    /// A picture: every pose a dot, tilt outwards, missing sectors shaded.
    #[must_use]
    pub fn svg(&self) -> String {
        let largest = self.samples_deg.iter().map(|s| s[1]).fold(self.wanted_deg, f64::max).clamp(10.0, 180.0);
        let radius = |tilt: f64| 180.0 * tilt / largest;
        let place = |azimuth: f64, r: f64| {
            let angle = azimuth.to_radians();
            (220.0 + r * angle.cos(), 220.0 - r * angle.sin())
        };
        let mut svg = String::from(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 440 440\" font-family=\"sans-serif\" \
             font-size=\"13\">\n<rect width=\"440\" height=\"440\" fill=\"#fff\"/>\n",
        );
        let width = 360.0 / SECTORS as f64;
        for (k, (reached, name)) in self.reached_deg.iter().zip(&self.names).enumerate() {
            let azimuth = k as f64 * width;
            if *reached < self.wanted_deg {
                let ((x0, y0), (x1, y1)) = (place(azimuth - 0.5 * width, 180.0), place(azimuth + 0.5 * width, 180.0));
                let _never = writeln!(
                    svg,
                    "<path d=\"M220 220L{x0:.1} {y0:.1}A180 180 0 0 0 {x1:.1} {y1:.1}Z\" fill=\"#f3c4b8\"/>"
                );
            }
            let (x, y) = place(azimuth, 198.0);
            let _never = writeln!(svg, "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>", y + 4.0);
        }
        for tilt in [self.wanted_deg, largest] {
            let _never = writeln!(
                svg,
                "<circle cx=\"220\" cy=\"220\" r=\"{:.1}\" fill=\"none\" stroke=\"#889\"/><text x=\"224\" y=\"{:.1}\" \
                 fill=\"#667\">{tilt:.0} deg</text>",
                radius(tilt),
                216.0 - radius(tilt)
            );
        }
        for [azimuth, tilt] in &self.samples_deg {
            let (x, y) = place(*azimuth, radius(*tilt));
            let _never = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.8\" fill=\"#1769aa\"/>");
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// The axes a direction goes along, the largest first: `+x-y`.
fn axis_name(direction: &Vector3<f64>) -> String {
    let mut parts: Vec<(f64, char)> = direction.iter().copied().zip(['x', 'y', 'z']).collect();
    parts.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    let signed = |(value, axis): &(f64, char)| format!("{}{axis}", if *value < 0.0 { '-' } else { '+' });
    parts.iter().filter(|p| p.0.abs() > 0.35).map(signed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Draws, PivotScene};
    use geom::Tracker;

    #[test]
    fn the_side_that_was_never_tilted_to_is_named() {
        let axis = Vector::<Tool>::new(0.0, 0.0, -1.0);
        let poses = PivotScene::default().poses(&mut Draws::new(1));
        let whole = Coverage::new(&poses, axis, 15.0).unwrap();
        assert!(whole.missing().is_empty(), "{}", whole.text());
        // Only forward and back.
        let plane: Vec<Transform<Tracker, Tool>> =
            poses.iter().filter(|p| (p.rotation() * Vector3::z()).x.abs() < 0.1).copied().collect();
        let part = Coverage::new(&plane, axis, 15.0).unwrap();
        assert!(part.missing().contains(&"+x") && part.missing().contains(&"-x"), "{}", part.text());
        assert!(!part.missing().contains(&"+y"), "{}", part.text());
        assert!(part.text().contains("missing") && part.svg().contains("#f3c4b8"));
        assert!(Coverage::new::<Tracker>(&[], axis, 15.0).unwrap().missing().len() == SECTORS);
    }

    #[test]
    fn the_next_side_is_the_nearest_missing_one_and_the_picture_does_not_turn() {
        let axis = Vector::<Tool>::new(0.0, 0.0, 1.0);
        let poses = PivotScene { tilt_deg: 20.0, ..PivotScene::default() }.poses(&mut Draws::new(1));
        // All but what leans to +x, the last one to +y.
        let lean = |p: &Transform<Tracker, Tool>| p.rotation() * Vector3::z();
        let mut part: Vec<Transform<Tracker, Tool>> =
            poses.iter().filter(|p| lean(p).x < 0.0 || lean(p).y.abs() > lean(p).x).copied().collect();
        part.extend(poses.iter().find(|p| lean(p).y > 0.25 && lean(p).x.abs() < 0.05));
        let right = Some(Vector::<Tracker>::new(0.0, 1.0, 0.0));
        let found = Coverage::facing(&part, axis, 15.0, right).unwrap();
        assert!(found.towards[0][1] > 0.95 && found.names[0] == "+y", "{:?}", found.names);
        assert!(found.latest_deg.is_some_and(|[azimuth, _]| !(30.0..330.0).contains(&azimuth)));
        let next = found.next_missing().unwrap();
        assert!(found.is_missing(next) && found.towards[next][0] > 0.6, "{}", found.text());
        assert!(Coverage::new(&poses, axis, 15.0).unwrap().next_missing().is_none());
    }
}
