//! Bone with endplates, lines and angles drawn on it, as SVG.

use std::fmt::Write;

use engine::measure::projection::{Projection, View, project};
use engine::measure::{Endplate, Report, Side, Spine};
use engine::volume::LabelMap;

use crate::failure::{Blame, Failure};
use crate::page::png_data_uri;

/// Pixels of the picture a millimetre.
const SCALE: f64 = 2.0;
/// Room for the text, mm.
const TEXT_MM: f64 = 150.0;

type Place = [f64; 3];

/// What is drawn on: places in mm to places in the picture.
struct Canvas<'a> {
    projection: &'a Projection,
    view: View,
    out: String,
}

impl Canvas<'_> {
    fn at(&self, p: Place) -> [f64; 2] {
        [(p[self.view.across()] - self.projection.left_mm) * SCALE, (self.projection.top_mm - p[2]) * SCALE]
    }

    fn line(&mut self, a: Place, b: Place, colour: &str, width: f64) {
        let ([x1, y1], [x2, y2]) = (self.at(a), self.at(b));
        let _infallible = writeln!(
            self.out,
            "<line x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}' stroke='{colour}' stroke-width='{width}'/>"
        );
    }

    fn circle(&mut self, centre: Place, radius_mm: f64, colour: &str) {
        let ([x, y], r) = (self.at(centre), radius_mm * SCALE);
        let _infallible = writeln!(
            self.out,
            "<circle cx='{x:.1}' cy='{y:.1}' r='{r:.1}' fill='none' stroke='{colour}' stroke-width='2'/>"
        );
    }

    fn text(&mut self, at: [f64; 2], text: &str, size: u32) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _infallible =
            writeln!(self.out, "<text x='{:.1}' y='{:.1}' font-size='{size}'>{text}</text>", at[0], at[1]);
    }

    /// The ends of an endplate as this view shows them, made longer by `share`.
    fn ends(&self, plate: &Endplate, share: f64) -> [Place; 2] {
        let (a, b) = match self.view {
            View::Sagittal => (plate.anterior, plate.posterior),
            View::Coronal => (plate.left, plate.right),
        };
        let more = (b - a) * share;
        [(a - more).into(), (b + more).into()]
    }
}

/// The picture of a view: bone, endplates, the legs of the angles, the values.
pub fn svg(labels: &LabelMap, spine: &Spine, report: &Report, view: View) -> Result<String, Failure> {
    let projection = project(labels, view, |label| label <= 28 || [75, 76].contains(&label));
    let projection = projection.ok_or_else(|| anyhow::anyhow!("there is no bone to draw")).internal()?;
    let [width, height] = projection.size.map(|n| n as f64 * projection.pixel_mm * SCALE);
    let image = png_data_uri(projection.size, png::ColorType::Grayscale, &projection.grey).internal()?;
    let mut canvas = Canvas { projection: &projection, view, out: String::new() };
    let full = width + TEXT_MM * SCALE;
    let _infallible = writeln!(
        canvas.out,
        "<svg xmlns='http://www.w3.org/2000/svg' width='{full:.0}' height='{height:.0}' viewBox='0 0 {full:.0} {height:.0}' font-family='sans-serif' fill='white'>\n<rect width='100%' height='100%' fill='black'/>\n<image width='{width:.1}' height='{height:.1}' href='{image}'/>"
    );
    draw_bone(&mut canvas, spine);
    match view {
        View::Sagittal => draw_sagittal(&mut canvas, spine, report),
        View::Coronal => draw_coronal(&mut canvas, spine, report),
    }
    draw_values(&mut canvas, report, width + 10.0);
    let sides = if view == View::Sagittal { ["A", "P"] } else { ["R", "L"] };
    canvas.text([4.0, height / 2.0], sides[0], 16);
    canvas.text([width - 18.0, height / 2.0], sides[1], 16);
    canvas.out.push_str("</svg>\n");
    Ok(canvas.out)
}

fn draw_bone(canvas: &mut Canvas<'_>, spine: &Spine) {
    for vertebra in &spine.vertebrae {
        for (side, colour) in [(Side::Superior, "#ffd24d"), (Side::Inferior, "#4dc3ff")] {
            if let Ok(plate) = spine.endplate(vertebra.level, side) {
                let [a, b] = canvas.ends(plate, 0.0);
                canvas.line(a, b, colour, 2.0);
            }
        }
        let [x, y] = canvas.at(vertebra.centre.into());
        canvas.text([x - 8.0, y + 4.0], &vertebra.level.to_string(), 11);
    }
    if let Ok(sacrum) = &spine.sacrum {
        let [a, b] = canvas.ends(&sacrum.plate, 0.0);
        canvas.line(a, b, "#ff5ad0", 3.0);
    }
    for head in spine.heads.iter().flatten() {
        canvas.circle(head.centre.into(), head.radius_mm, "#7dff7d");
    }
}

/// The plumb line, the line to the hips, the legs of kyphosis and lordosis.
fn draw_sagittal(canvas: &mut Canvas<'_>, spine: &Spine, report: &Report) {
    for key in ["tk_deg", "ll_deg", "ll_l1_l5_deg"] {
        if let Some(Ok(value)) = report.parameter(key) {
            draw_legs(canvas, spine, &value.landmarks);
        }
    }
    if let (Ok(c7), Ok(sacrum)) = (spine.c7_centre(), &spine.sacrum) {
        let corner = sacrum.plate.posterior;
        canvas.line(c7.into(), [c7.x, c7.y, corner.z], "#ffffff", 1.0);
        canvas.line([c7.x, c7.y, corner.z], corner.into(), "#ffffff", 1.0);
    }
    if let ([Ok(left), Ok(right)], Ok(sacrum)) = (&spine.heads, &spine.sacrum) {
        let middle = (left.centre + right.centre) / 2.0;
        canvas.line(middle.into(), sacrum.plate.plane.centre.into(), "#7dff7d", 1.5);
        canvas.line(middle.into(), [middle.x, middle.y, sacrum.plate.plane.centre.z], "#7dff7d", 0.8);
    }
}

fn draw_coronal(canvas: &mut Canvas<'_>, spine: &Spine, report: &Report) {
    for curve in &report.curves {
        let legs = [format!("{}-superior", curve.upper), format!("{}-inferior", curve.lower)];
        draw_legs(canvas, spine, &legs);
        if let Some(apex) = spine.vertebra(curve.apex) {
            let [x, y] = canvas.at(apex.centre.into());
            canvas.text([x + 45.0, y + 4.0], &format!("{:.1}\u{b0}", curve.cobb_deg), 16);
        }
    }
}

/// Long lines along the endplates of an angle.
fn draw_legs(canvas: &mut Canvas<'_>, spine: &Spine, landmarks: &[String]) {
    for name in landmarks {
        let plate = match name.split_once('-') {
            Some(("sacral", _)) => spine.sacrum.as_ref().ok().map(|s| &s.plate),
            Some((level, side)) => engine::level::Level::from_name(level).and_then(|level| {
                let side = if side == "superior" { Side::Superior } else { Side::Inferior };
                spine.endplate(level, side).ok()
            }),
            None => None,
        };
        if let Some(plate) = plate {
            let [a, b] = canvas.ends(plate, 0.7);
            canvas.line(a, b, "#ff8a3d", 1.2);
        }
    }
}

fn draw_values(canvas: &mut Canvas<'_>, report: &Report, left: f64) {
    let mut y = 24.0;
    for (parameter, measure) in &report.parameters {
        let (_, unit) = parameter.key.rsplit_once('_').unwrap_or(("", ""));
        let unit = if unit == "deg" { "\u{b0}" } else { " mm" };
        let value =
            measure.as_ref().map_or("not in view".to_owned(), |v| format!("{:.1}{unit} \u{b1} {:.1}", v.value, v.sd));
        canvas.text([left, y], &format!("{}: {value}", parameter.name), 13);
        y += 20.0;
    }
    if report.posture_note().is_some() {
        canvas.text([left, y + 8.0], "lying on the back, not standing", 13);
    }
}
