//! A radiograph with boxes, outlines, corners, names and the lines of the angles, as SVG.

use std::fmt::Write;

use engine::level::Level;
use engine::measure::{Endplate, Side};
use engine::xray::{Findings, Placed, Radiograph, SeenVertebra, View, name};
use geom::nalgebra::Vector3;

use crate::failure::{Blame, Failure};
use crate::page::png_data_uri;

/// Rows of the picture in the file.
const ROWS: f64 = 1600.0;
/// Room for the values, pixels.
const TEXT: f64 = 330.0;

/// The picture under the lines, smaller than the radiograph by `scale`.
struct Canvas<'a> {
    radiograph: &'a Radiograph,
    scale: f64,
    out: String,
}

impl Canvas<'_> {
    fn at(&self, pixel: [f64; 2]) -> [f64; 2] {
        pixel.map(|v| (v + 0.5) * self.scale)
    }

    /// A place in the patient.
    fn place(&self, p: Vector3<f64>) -> Option<[f64; 2]> {
        self.radiograph.geometry.project(p).map(|pixel| self.at(pixel))
    }

    fn polygon(&mut self, points: &[[f64; 2]], style: &str) {
        let mut list = String::new();
        for [x, y] in points.iter().map(|p| self.at(*p)) {
            let _infallible = write!(list, "{x:.1},{y:.1} ");
        }
        let _infallible = writeln!(self.out, "<polygon points='{list}' fill='none' {style}/>");
    }

    fn line(&mut self, a: Vector3<f64>, b: Vector3<f64>, style: &str) {
        if let (Some([x1, y1]), Some([x2, y2])) = (self.place(a), self.place(b)) {
            let _infallible = writeln!(self.out, "<line x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}' {style}/>");
        }
    }

    fn circle(&mut self, pixel: [f64; 2], radius_px: f64, style: &str) {
        let ([x, y], r) = (self.at(pixel), radius_px * self.scale);
        let _infallible = writeln!(self.out, "<circle cx='{x:.1}' cy='{y:.1}' r='{r:.1}' {style}/>");
    }

    fn text(&mut self, [x, y]: [f64; 2], text: &str, size: u32) {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        let _infallible = writeln!(self.out, "<text x='{x:.1}' y='{y:.1}' font-size='{size}'>{text}</text>");
    }
}

/// The picture of one view.
pub fn svg(radiograph: &Radiograph, findings: &Findings) -> Result<String, Failure> {
    let scale = (ROWS / radiograph.geometry.rows as f64).min(1.0);
    let size = [radiograph.geometry.columns, radiograph.geometry.rows].map(|n| ((n as f64 * scale) as usize).max(1));
    let [width, height] = size.map(|n| n as f64);
    let grey: Vec<u8> = (0..size[0] * size[1])
        .map(|i| {
            let pixel = [i % size[0], i / size[0]].map(|v| (v as f64 + 0.5) / scale - 0.5);
            (radiograph.at(pixel) * 255.0) as u8
        })
        .collect();
    let image = png_data_uri(size, png::ColorType::Grayscale, &grey).internal()?;
    let mut canvas = Canvas { radiograph, scale, out: String::new() };
    let full = width + TEXT;
    let _infallible = writeln!(
        canvas.out,
        "<svg xmlns='http://www.w3.org/2000/svg' width='{full:.0}' height='{height:.0}' viewBox='0 0 {full:.0} {height:.0}' font-family='sans-serif' fill='white'>\n<rect width='100%' height='100%' fill='black'/>\n<image width='{width:.0}' height='{height:.0}' href='{image}'/>"
    );
    let view = radiograph.geometry.view;
    let seen = &findings.views[usize::from(view == View::Lateral)];
    seen.vertebrae.iter().for_each(|v| vertebra(&mut canvas, v));
    for head in &seen.heads {
        canvas.circle(head.centre, head.radius_px, "fill='none' stroke='#7dff7d' stroke-width='1.5'");
        canvas.circle(head.centre, 3.0 / scale, "fill='#7dff7d'");
    }
    match view {
        View::Lateral => sagittal(&mut canvas, findings),
        View::Frontal => coronal(&mut canvas, findings),
    }
    values(&mut canvas, findings, width + 12.0, height);
    let sides = if view == View::Lateral { ["A", "P"] } else { ["R", "L"] };
    canvas.text([6.0, 22.0], sides[0], 18);
    canvas.text([width - 20.0, 22.0], sides[1], 18);
    canvas.out.push_str("</svg>\n");
    Ok(canvas.out)
}

/// Box, outline, corners and name of a body.
fn vertebra(canvas: &mut Canvas<'_>, seen: &SeenVertebra) {
    let b = seen.bounds;
    let corners = [[b.left, b.top], [b.right, b.top], [b.right, b.bottom], [b.left, b.bottom]];
    canvas.polygon(&corners, "stroke='#4d7dff' stroke-width='0.8' stroke-dasharray='4 3'");
    if !seen.contour.is_empty() {
        canvas.polygon(&seen.contour, "stroke='#ffd24d' stroke-width='1.2'");
    }
    if let Ok(corners) = &seen.corners {
        let colour = if seen.placed == Placed::ByHand { "#ff5ad0" } else { "#4dffff" };
        canvas.polygon(corners, &format!("stroke='{colour}' stroke-width='1.2'"));
        let dot = 2.5 / canvas.scale;
        corners.iter().for_each(|c| canvas.circle(*c, dot, &format!("fill='{colour}'")));
    }
    let [x, y] = canvas.at([b.right, b.centre()[1]]);
    canvas.text([x + 5.0, y + 4.0], &name(seen.level), 13);
}

/// The endplate that a landmark's name means.
fn plate<'a>(findings: &'a Findings, landmark: &str) -> Option<&'a Endplate> {
    match landmark.split_once('-')? {
        ("sacral", _) => findings.spine.sacrum.as_ref().ok().map(|s| &s.plate),
        (level, side) => {
            let side = if side == "superior" { Side::Superior } else { Side::Inferior };
            findings.spine.endplate(Level::from_name(level)?, side).ok()
        }
    }
}

/// Long lines along the endplates of an angle.
fn legs(canvas: &mut Canvas<'_>, findings: &Findings, landmarks: &[String]) {
    let is_lateral = canvas.radiograph.geometry.view == View::Lateral;
    for plate in landmarks.iter().filter_map(|l| plate(findings, l)) {
        let (a, b) = if is_lateral { (plate.anterior, plate.posterior) } else { (plate.left, plate.right) };
        let more = (b - a) * 0.7;
        canvas.line(a - more, b + more, "stroke='#ff8a3d' stroke-width='1.5'");
    }
}

/// Legs of kyphosis and lordosis, the plumb line, the line to the hips.
fn sagittal(canvas: &mut Canvas<'_>, findings: &Findings) {
    for key in ["tk_deg", "gll_deg", "ss_deg"] {
        if let Some(Ok(value)) = findings.report.parameter(key) {
            legs(canvas, findings, &value.landmarks);
        }
    }
    let Ok(sacrum) = &findings.spine.sacrum else { return };
    if let Ok(c7) = findings.spine.c7_centre() {
        let corner = sacrum.plate.posterior;
        let foot = Vector3::new(c7.x, c7.y, corner.z);
        canvas.line(c7, foot, "stroke='white' stroke-width='1'");
        canvas.line(foot, Vector3::new(c7.x, corner.y, corner.z), "stroke='white' stroke-width='1'");
    }
    if let [Ok(left), Ok(right)] = &findings.spine.heads {
        let middle = (left.centre + right.centre) / 2.0;
        let centre = sacrum.plate.plane.centre;
        canvas.line(middle, centre, "stroke='#7dff7d' stroke-width='1.5'");
        canvas.line(middle, Vector3::new(middle.x, middle.y, centre.z), "stroke='#7dff7d' stroke-width='0.8'");
    }
}

fn coronal(canvas: &mut Canvas<'_>, findings: &Findings) {
    for curve in &findings.report.curves {
        legs(canvas, findings, &[format!("{}-superior", curve.upper), format!("{}-inferior", curve.lower)]);
        let apex = findings.spine.vertebra(curve.apex).and_then(|v| canvas.place(v.centre));
        if let Some([x, y]) = apex {
            canvas.text([x + 60.0, y + 4.0], &format!("{:.1}\u{b0}", curve.cobb_deg), 18);
        }
    }
}

/// The parameters beside the picture, and what to keep in mind below.
fn values(canvas: &mut Canvas<'_>, findings: &Findings, left: f64, height: f64) {
    let mut y = 50.0;
    for (parameter, measure) in &findings.report.parameters {
        let unit = if parameter.key.ends_with("_deg") { "\u{b0}" } else { " mm" };
        let value =
            measure.as_ref().map_or("not in view".to_owned(), |v| format!("{:.1}{unit} \u{b1} {:.1}", v.value, v.sd));
        canvas.text([left, y], &format!("{}: {value}", parameter.name), 14);
        y += 22.0;
    }
    let beams = if findings.is_calibrated { "calibrated geometry" } else { "approximate geometry" };
    let levels = if findings.levels_assumed { "levels assumed" } else { "levels anchored or given by hand" };
    for (i, note) in [beams, levels, "research use only"].into_iter().enumerate() {
        canvas.text([left, height - 60.0 + 20.0 * i as f64], note, 13);
    }
}
