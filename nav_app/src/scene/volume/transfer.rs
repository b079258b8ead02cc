//! Which HU are seen, and in what colour: presets, or a curve of the user's.
//!
//! A curve is straight lines between points. Opacity is that of one millimetre
//! of tissue, so that it means the same at every step length.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// Range of the table, HU; beyond it the ends count.
pub const LOWEST_HU: f32 = -1024.0;
/// Upper end of the table, HU.
pub const HIGHEST_HU: f32 = 3072.0;
/// Entries of the table: one for 8 HU.
pub const ENTRIES: usize = 512;
/// Most points of a curve file, and most of its bytes.
const MAX_POINTS: usize = 256;
const MAX_BYTES: u64 = 1 << 16;

/// Colour (sRGB, 0 to 1) and opacity of a millimetre at some HU.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Hounsfield units.
    pub hu: f32,
    /// Red, green, blue.
    pub rgb: [f32; 3],
    /// Opacity of 1 mm, 0 to 1.
    pub opacity: f32,
}

/// What of the CT is drawn.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Bone alone.
    #[default]
    Bone,
    /// Bone through translucent skin.
    #[serde(rename = "bone-skin")]
    BoneAndSkin,
    /// Vessels with contrast agent, bone faint.
    Angiography,
    /// Points of the user's, HU rising.
    Curve(Vec<CurvePoint>),
}

const fn at(hu: f32, rgb: [f32; 3], opacity: f32) -> CurvePoint {
    CurvePoint { hu, rgb, opacity }
}

/// Spongy bone begins at about 150 HU, cortical bone lies above 500.
const BONE: [CurvePoint; 5] = [
    at(150.0, [0.74, 0.50, 0.38], 0.0),
    at(260.0, [0.86, 0.70, 0.54], 0.30),
    at(450.0, [0.93, 0.87, 0.74], 0.85),
    at(1200.0, [0.98, 0.96, 0.90], 0.97),
    at(3000.0, [0.95, 0.97, 1.0], 1.0),
];
/// The border of air and skin passes -500 to -250 HU; fat and muscle stay clear.
const SKIN: [CurvePoint; 4] = [
    at(-620.0, [0.83, 0.62, 0.52], 0.0),
    at(-420.0, [0.88, 0.66, 0.55], 0.07),
    at(-260.0, [0.88, 0.66, 0.55], 0.05),
    at(-160.0, [0.85, 0.60, 0.50], 0.0),
];
/// Enhanced blood is 150 to 450 HU; bone shares that range, and stays faint above it.
const VESSELS: [CurvePoint; 6] = [
    at(130.0, [0.60, 0.08, 0.06], 0.0),
    at(200.0, [0.78, 0.12, 0.09], 0.22),
    at(330.0, [0.92, 0.26, 0.16], 0.45),
    at(480.0, [0.96, 0.62, 0.42], 0.16),
    at(700.0, [0.90, 0.85, 0.76], 0.06),
    at(3000.0, [0.95, 0.93, 0.88], 0.10),
];

impl Preset {
    /// For the panel and the command line.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bone => "bone",
            Self::BoneAndSkin => "bone + skin",
            Self::Angiography => "angiography",
            Self::Curve(_) => "own curve",
        }
    }

    /// The points, HU rising.
    #[must_use]
    pub fn points(&self) -> Vec<CurvePoint> {
        match self {
            Self::Bone => BONE.to_vec(),
            Self::BoneAndSkin => SKIN.iter().chain(&BONE).copied().collect(),
            Self::Angiography => VESSELS.to_vec(),
            Self::Curve(points) => points.clone(),
        }
    }

    /// Colour and opacity over the whole range: [`ENTRIES`] texels, RGBA, 8 bit.
    #[must_use]
    pub fn table(&self) -> Vec<u8> {
        let points = self.points();
        let entry = |i: usize| {
            let hu = LOWEST_HU + (i as f32 + 0.5) * (HIGHEST_HU - LOWEST_HU) / ENTRIES as f32;
            let point = interpolate(&points, hu);
            let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0).round() as u8;
            [byte(point.rgb[0]), byte(point.rgb[1]), byte(point.rgb[2]), byte(point.opacity)]
        };
        (0..ENTRIES).flat_map(entry).collect()
    }

    /// A curve from a file: `HU red green blue opacity` a line, HU rising,
    /// colours and the opacity of a millimetre 0 to 1; `#` begins a comment.
    ///
    /// # Errors
    /// The file cannot be read, is too long, or a line is none of the above;
    /// the message names the line.
    pub fn from_file(path: &Path) -> Result<Self> {
        let length =
            std::fs::metadata(path).with_context(|| format!("cannot read the curve {}", path.display()))?.len();
        ensure!(length <= MAX_BYTES, "the curve {} has {length} bytes, more than {MAX_BYTES}", path.display());
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the curve {}", path.display()))?;
        Self::from_text(&text).with_context(|| format!("the curve {} cannot be used", path.display()))
    }

    /// As [`Preset::from_file`], from the file's text.
    ///
    /// # Errors
    /// As there.
    pub fn from_text(text: &str) -> Result<Self> {
        let mut points: Vec<CurvePoint> = Vec::new();
        for (number, line) in text.lines().enumerate().map(|(i, line)| (i + 1, line)) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let numbers: Result<Vec<f32>, _> = line.split_whitespace().map(str::parse).collect();
            let Some(&[hu, red, green, blue, opacity]) = numbers.as_deref().ok() else {
                bail!("line {number}: five numbers are needed, `HU red green blue opacity`; found {line:?}");
            };
            let point = at(hu, [red, green, blue], opacity);
            check_point(points.last(), &point).with_context(|| format!("line {number}"))?;
            points.push(point);
            ensure!(points.len() <= MAX_POINTS, "more than {MAX_POINTS} points");
        }
        let curve = Self::Curve(points);
        curve.check()?;
        Ok(curve)
    }

    /// Refuses a curve of one point or of too many, and values out of range.
    ///
    /// # Errors
    /// The message says which value.
    pub fn check(&self) -> Result<()> {
        let Self::Curve(points) = self else { return Ok(()) };
        let count = points.len();
        ensure!((2..=MAX_POINTS).contains(&count), "a curve has at least two points and {MAX_POINTS} at most: {count}");
        let before = std::iter::once(None).chain(points.iter().map(Some));
        before.zip(points).try_for_each(|(before, point)| check_point(before, point)).context("a curve")
    }
}

/// One point of a curve after another.
fn check_point(before: Option<&CurvePoint>, point: &CurvePoint) -> Result<()> {
    let CurvePoint { hu, rgb: [red, green, blue], opacity } = *point;
    ensure!(
        hu.is_finite() && [red, green, blue, opacity].iter().all(|share| (0.0..=1.0).contains(share)),
        "colours and opacity lie between 0 and 1, HU are finite; found {hu} {red} {green} {blue} {opacity}"
    );
    ensure!(before.is_none_or(|before| before.hu < hu), "HU must rise from point to point; {hu} does not");
    Ok(())
}

fn interpolate(points: &[CurvePoint], hu: f32) -> CurvePoint {
    let after = points.iter().position(|p| p.hu > hu).unwrap_or(points.len());
    let Some(b) = points.get(after).or_else(|| points.last()) else { return at(hu, [0.0; 3], 0.0) };
    let a = after.checked_sub(1).and_then(|i| points.get(i)).unwrap_or(b);
    let t = if b.hu > a.hu { ((hu - a.hu) / (b.hu - a.hu)).clamp(0.0, 1.0) } else { 0.0 };
    let mix = |from: f32, to: f32| from + (to - from) * t;
    let rgb = [0, 1, 2].map(|i| mix(a.rgb[i], b.rgb[i]));
    at(hu, rgb, mix(a.opacity, b.opacity))
}

/// Answers whether any HU of a range can be seen, in constant time.
#[derive(Debug, Clone)]
pub struct VisibleRanges {
    /// Number of visible entries before each.
    before: Vec<u32>,
}

impl VisibleRanges {
    /// From a table made by [`Preset::table`].
    #[must_use]
    pub fn new(table: &[u8]) -> Self {
        let mut before = vec![0];
        for texel in table.chunks_exact(4) {
            let last = before.last().copied().unwrap_or_default();
            before.push(last + u32::from(texel.last().is_some_and(|a| *a > 0)));
        }
        Self { before }
    }

    /// Entries between those of the two ends count, and one beside each, since
    /// the table is read with interpolation.
    #[must_use]
    pub fn of(&self, [low, high]: [f32; 2]) -> bool {
        let entry =
            |hu: f32| ((hu - LOWEST_HU) / (HIGHEST_HU - LOWEST_HU) * ENTRIES as f32 - 0.5).clamp(0.0, ENTRIES as f32);
        let (first, last) = (entry(low).floor() as usize, entry(high).ceil() as usize + 1);
        let count = |i: usize| self.before.get(i.min(ENTRIES)).copied().unwrap_or_default();
        // An empty block has low > high.
        low <= high && count(last) > count(first.min(ENTRIES - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_hides_air_and_shows_what_it_is_named_after() {
        let opacity = |preset: &Preset, hu: f32| interpolate(&preset.points(), hu).opacity;
        for preset in [Preset::Bone, Preset::BoneAndSkin, Preset::Angiography] {
            assert_eq!(opacity(&preset, -1000.0), 0.0, "{}", preset.name());
            assert_eq!(opacity(&preset, 40.0), 0.0, "muscle in {}", preset.name());
        }
        assert!(opacity(&Preset::Bone, 800.0) > 0.8 && opacity(&Preset::BoneAndSkin, 800.0) > 0.8);
        assert!(opacity(&Preset::BoneAndSkin, -400.0) > 0.0);
        assert!(opacity(&Preset::Angiography, 300.0) > 3.0 * opacity(&Preset::Angiography, 1200.0));
    }

    #[test]
    fn visible_ranges_are_found_and_empty_ones_too() {
        let bone = VisibleRanges::new(&Preset::Bone.table());
        assert!(bone.of([-1000.0, 400.0]) && bone.of([200.0, 210.0]) && bone.of([5000.0, 6000.0]));
        assert!(!bone.of([-1000.0, 100.0]) && !bone.of([f32::INFINITY, f32::NEG_INFINITY]));
        // Between two visible windows nothing is to be seen.
        let skin = VisibleRanges::new(&Preset::BoneAndSkin.table());
        assert!(!skin.of([-100.0, 100.0]) && skin.of([-1000.0, -400.0]) && skin.of([-100.0, 300.0]));
    }

    #[test]
    fn a_curve_is_read_and_a_wrong_one_is_refused_with_its_line() {
        let curve = Preset::from_text("# mine\n-200 0 0 0 0\n\n300 1 0.5 0 0.4 # bone\n").unwrap();
        assert_eq!(interpolate(&curve.points(), 50.0).rgb, [0.5, 0.25, 0.0]);
        for (text, word) in [
            ("1 0 0 0 0\n0 0 0 0 0", "line 2"),
            ("1 0 0 0 2\n2 0 0 0 0", "line 1"),
            ("NaN 0 0 0 0", "line 1"),
            ("1 2 3", "five numbers"),
            ("", "two points"),
        ] {
            let error = format!("{:#}", Preset::from_text(text).unwrap_err());
            assert!(error.contains(word), "{text:?}: {error}");
        }
        let long: String = (0..400).map(|i| format!("{i} 0 0 0 0\n")).collect();
        assert!(Preset::from_text(&long).is_err());
    }
}
