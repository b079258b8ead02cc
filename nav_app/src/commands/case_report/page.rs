//! The page of a case, part by part.

use std::fmt::Write;

use engine::measure::follow::Alignment;
use engine::measure::{Measure, Posture, Report, RotationFrame};

use super::followed;
use super::reference::{SOURCES, is_of_another_posture, range};
use super::slices::SlicePicture;
use super::{Confident, Picture, Registered};
use crate::page::{begin, escaped, push_row};

const STYLE: &str = "<style>
body { max-width: 72rem; } .notice { border: 1px solid var(--line); border-left: .4rem solid #c9302c; padding: .5rem 1rem; color: var(--ink); }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; } .pictures figure { flex: 0 1 auto; background: #000; padding: .5rem; margin: 0; max-width: 100%; }
.pictures img, .pictures svg { display: block; max-width: 100%; width: auto; height: auto; max-height: 34rem; } .pictures figcaption { color: #ccc; padding-top: .3rem; }
.pictures svg text { fill: #fff; } .cut { position: relative; } .cut b { position: absolute; top: 45%; color: #fff; } .cut b:first-of-type { left: .3rem; } .cut b:last-of-type { right: .3rem; }
.words { text-align: left; white-space: normal; } div.words { min-width: 20rem; } .out { color: #c9302c; font-weight: 600; } .done { font-weight: 600; }
@media (prefers-color-scheme: dark) { .out { color: #ff8a80; } } @media print { body { max-width: none; margin: 0; } figure, table { break-inside: avoid; } }
</style>
";

/// What the page tells.
pub struct Content<'a> {
    pub case: String,
    pub report: &'a Report,
    pub vertebrae: &'a [Confident],
    pub levels_are_anchored: bool,
    pub registration: Option<&'a Registered>,
    pub alignment: Option<&'a Alignment>,
    pub pictures: &'a [Picture],
    /// Names and SHA-256.
    pub files: &'a [(String, String)],
}

/// A slice with its sides named.
pub fn slice(slice: SlicePicture) -> Picture {
    let [left, right] = slice.sides;
    let element = format!(
        "<div class=\"cut\"><img alt=\"{}\" src=\"{}\"><b>{left}</b><b>{right}</b></div>",
        slice.caption, slice.uri
    );
    Picture { caption: slice.caption, element }
}

/// The whole page.
pub fn page(content: &Content<'_>) -> String {
    let mut page = begin(&format!("Spine report: {}", content.case));
    page.push_str(STYLE);
    page.push_str("<p class=\"notice\"><b>Research use only.</b> Not a medical device. Every value is an estimate with its standard deviation; look at the pictures before you use one.</p>\n");
    summary(&mut page, content);
    pictures(&mut page, content.pictures);
    parameters(&mut page, content.report);
    if let Some(alignment) = content.alignment {
        followed::section(&mut page, alignment);
    }
    levels(&mut page, content.report);
    discs(&mut page, content.report);
    segmentation(&mut page, content);
    registration(&mut page, content.registration);
    provenance(&mut page, content);
    page.push_str("</html>\n");
    page
}

fn summary(page: &mut String, content: &Content<'_>) {
    let doubted = content.vertebrae.iter().filter(|v| !v.doubts.is_empty()).count();
    let ends = content.vertebrae.first().zip(content.vertebrae.last());
    let span = ends.map_or_else(String::new, |(a, b)| format!(", {} to {}", a.label, b.label));
    let names = if content.levels_are_anchored {
        "Sacrum or ribs in the scan fix their names."
    } else {
        "<b>Their names are counted from an assumption</b>: neither sacrum nor ribs fixed them, all may be shifted together."
    };
    let verdict = content.registration.map_or_else(
        || "No registration was given.".to_owned(),
        |r| format!("Registration: <b>{}</b>.", escaped(&r.verdict)),
    );
    let _infallible = writeln!(
        page,
        "<p>{} vertebrae{}. {names} {doubted} with doubts. {verdict}</p>",
        content.vertebrae.len(),
        escaped(&span)
    );
}

fn pictures(page: &mut String, pictures: &[Picture]) {
    page.push_str("<h2>Pictures</h2>\n<div class=\"pictures\">\n");
    for picture in pictures {
        let caption = escaped(&picture.caption);
        let _infallible = writeln!(page, "<figure>{}<figcaption>{caption}</figcaption></figure>", picture.element);
    }
    page.push_str("</div>\n");
}

/// Opens a table.
pub fn open(page: &mut String, title: &str, columns: &[&str]) {
    let _infallible = write!(page, "<h2>{title}</h2>\n<div class=\"wide\"><table><tr>");
    for column in columns {
        let _infallible = write!(page, "<th>{column}</th>");
    }
    page.push_str("</tr>\n");
}

pub fn close(page: &mut String) {
    page.push_str("</table></div>\n");
}

fn parameters(page: &mut String, report: &Report) {
    open(page, "Alignment", &["parameter", "value", "sd", "healthy adults", "source", "from"]);
    let is_standing = report.posture == Posture::Standing;
    for (parameter, measure) in &report.parameters {
        let (_, unit) = parameter.key.rsplit_once('_').unwrap_or_default();
        let unit = if unit == "deg" { "\u{b0}" } else { " mm" };
        let found = range(parameter.key, is_standing);
        let healthy = found.map_or("-".to_owned(), |(r, _)| range_text(r, unit));
        let star = if is_of_another_posture(parameter.key, is_standing) { " (standing)" } else { "" };
        let source = found.map_or("-".to_owned(), |(_, source)| source.to_string());
        let [value, sd, from] = match measure {
            Ok(v) => {
                let is_out = found.is_some_and(|(r, _)| v.value < r[0] || v.value > r[1]) && star.is_empty();
                let number = format!("{:.1}{unit}", v.value);
                let shown = if is_out { format!("<span class=\"out\">{number} outside</span>") } else { number };
                [shown, format!("{:.1}{unit}", v.sd), escaped(&v.landmarks.join(", "))]
            }
            Err(why) => ["-".into(), "-".into(), escaped(why)],
        };
        push_row(page, &[parameter.name.into(), value, sd, format!("{healthy}{star}"), source, from], false);
    }
    close(page);
    if let Some(check) = report.pelvis_check_deg {
        let _infallible =
            writeln!(page, "<p>Incidence less tilt and slope: {check:.1}\u{b0} (0 in exact anatomy).</p>");
    }
    for c in &report.curves {
        let _infallible = writeln!(
            page,
            "<p>Curve {}-{}: {:.1}\u{b0} \u{b1} {:.1}, convex to the {}, apex {}.</p>",
            c.upper, c.lower, c.cobb_deg, c.cobb_sd_deg, c.convex_to, c.apex
        );
    }
    if let Some(mut note) = report.posture_note() {
        // The note has the keys of the JSON; people read names. The longest first: one key ends like another.
        let mut known: Vec<_> = report.parameters.iter().map(|(p, _)| (p.key, p.name)).collect();
        known.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
        known.into_iter().for_each(|(key, name)| note = note.replace(key, name));
        let _infallible = writeln!(page, "<p><b>Posture:</b> {}.</p>", escaped(&note));
    }
    let corrections = &report.corrections;
    if !corrections.is_empty() {
        let moved: Vec<&str> =
            corrections.levels.keys().chain(corrections.landmarks.keys()).map(String::as_str).collect();
        let who =
            escaped(&format!("Corrected by {:?} at {:?}: {}", corrections.by, corrections.when, moved.join(", ")));
        let _infallible = writeln!(page, "<p>{who}</p>");
    }
    page.push_str("<ol>\n");
    SOURCES.iter().for_each(|source| page.extend(["<li>", &escaped(source), "</li>\n"]));
    page.push_str("</ol>\n");
}

fn range_text([low, high]: [f64; 2], unit: &str) -> String {
    if low.is_finite() { format!("{low:.0} to {high:.0}{unit}") } else { format!("below {high:.0}{unit}") }
}

/// A value with its standard deviation, or a dash that tells the reason when pointed at.
fn cell(measure: &Measure, unit: &str) -> String {
    match measure {
        Ok(v) => format!("{:.1}{unit} \u{b1} {:.1}", v.value, v.sd),
        Err(why) => format!("<span title=\"{}\">-</span>", escaped(why)),
    }
}

fn levels(page: &mut String, report: &Report) {
    let frame = match report.rotation_frame {
        RotationFrame::FemoralHeads => "against the femoral heads",
        RotationFrame::Sacrum => "against the sacrum",
        RotationFrame::Image => "against the image: no pelvis in view",
    };
    let columns =
        ["level", "rotation, left positive", "height front", "middle", "back, mm", "wedging sagittal", "coronal"];
    open(page, &format!("Vertebrae (rotation {frame})"), &columns);
    for level in &report.levels {
        let [front, middle, back] = level.height_mm.each_ref().map(|m| cell(m, ""));
        let [rotation, sagittal, coronal] =
            [&level.rotation_deg, &level.wedge_sagittal_deg, &level.wedge_coronal_deg].map(|m| cell(m, "\u{b0}"));
        push_row(page, &[level.level.to_string(), rotation, front, middle, back, sagittal, coronal], false);
    }
    close(page);
    for (level, why) in &report.unreadable {
        let _infallible = writeln!(page, "<p>{} was left out: {}</p>", escaped(level), escaped(why));
    }
}

fn discs(page: &mut String, report: &Report) {
    if report.discs.is_empty() {
        return;
    }
    open(page, "Discs", &["disc", "height front", "middle", "back, mm", "slip, mm", "Meyerding grade"]);
    for disc in &report.discs {
        let [front, middle, back] = disc.height_mm.each_ref().map(|m| cell(m, ""));
        let grade = disc.slip_grade.as_ref().map_or("-".to_owned(), ToString::to_string);
        push_row(
            page,
            &[format!("{}-{}", disc.upper, disc.lower), front, middle, back, cell(&disc.slip_mm, ""), grade],
            false,
        );
    }
    close(page);
}

fn segmentation(page: &mut String, content: &Content<'_>) {
    open(page, "Segmentation", &["level", "volume", "confidence", "surface error, median and 95 %", "doubts"]);
    for v in content.vertebrae {
        let error = v.surface_error_mm.as_ref().map_or("-".into(), |e| format!("{:.2}, {:.2} mm", e.p50, e.p95));
        let doubts = if v.doubts.is_empty() { "none".to_owned() } else { escaped(&v.doubts.join("; ")) };
        let doubts = format!("<div class=\"words\">{doubts}</div>");
        let volume = format!("{:.1} cm\u{b3}", v.volume_mm3 / 1000.0);
        push_row(page, &[escaped(&v.label), volume, format!("{:.2}", v.confidence), error, doubts], false);
    }
    close(page);
}

fn registration(page: &mut String, registration: Option<&Registered>) {
    page.push_str("<h2>Registration</h2>\n");
    let Some(r) = registration else {
        page.push_str("<p>None was given: <code>spinenav register CASE --points FILE --json &gt; CASE/registration.json</code></p>\n");
        return;
    };
    let mm = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2} mm"));
    open(page, "", &["verdict", "RMS", "points used", "predicted TRE", "95 % bound", "true TRE (simulated)"]);
    let used = format!("{} of {}", r.inliers, r.points);
    let cells = [
        escaped(&r.verdict),
        mm(Some(r.rms_mm)),
        used,
        mm(r.predicted_tre_mm),
        mm(r.predicted_tre_95_mm),
        mm(r.true_tre_mm),
    ];
    push_row(page, &cells, false);
    close(page);
    page.push_str("<ul>\n");
    r.reasons.iter().for_each(|reason| page.extend(["<li>", &escaped(reason), "</li>\n"]));
    page.push_str("</ul>\n");
}

fn provenance(page: &mut String, content: &Content<'_>) {
    let _infallible = writeln!(page, "<h2>Made from</h2>\n<p>SpineNav {}</p>\n<ul>", env!("CARGO_PKG_VERSION"));
    for (name, hash) in content.files {
        let _infallible = writeln!(page, "<li>{} <small>SHA-256 {hash}</small></li>", escaped(name));
    }
    page.push_str("</ul>\n");
}
