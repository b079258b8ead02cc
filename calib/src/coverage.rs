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
    /// Tilt that every sector needs, degrees.
    pub wanted_deg: f64,
    /// Azimuth and tilt of single poses, degrees, at most 2000.
    pub samples_deg: Vec<[f64; 2]>,
}

impl Coverage {
    /// Coverage of `direction` (of the tool, usually from array to tip).
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
        let poses = rigids(room_from_tool, "pose")?;
        let own = direction.vector3().try_normalize(1e-9).unwrap_or_else(Vector3::z);
        let turned: Vec<Vector3<f64>> = poses.iter().map(|p| p.rotation * own).collect();
        let middle = turned.iter().sum::<Vector3<f64>>().try_normalize(1e-9).unwrap_or_else(Vector3::z);
        // Azimuth 0 is the room's axis most across the mean.
        let least = Vector3::ith(middle.iamin(), 1.0);
        let right = (least - middle * middle.dot(&least)).normalize();
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
        let name = |k: usize| {
            let azimuth = (k as f64 * width).to_radians();
            axis_name(&(right * azimuth.cos() + up * azimuth.sin()))
        };
        let stride = all.len().div_ceil(2000).max(1);
        Ok(Self {
            reached_deg: std::array::from_fn(reached),
            names: std::array::from_fn(name),
            wanted_deg,
            samples_deg: all.into_iter().step_by(stride).collect(),
        })
    }

    /// Sectors that were tilted to too little, by name.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        let is_missing = |(reached, _): &(&f64, &String)| **reached < self.wanted_deg;
        self.reached_deg.iter().zip(&self.names).filter(is_missing).map(|(_, name)| name.as_str()).collect()
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
}
