//! The accuracy test as one HTML file.

use std::fmt::Write as _;

use calib::Judgement;
use calib::phantom::{ErrorSummary, PhantomAccuracy};
use geom::nalgebra::Vector3;
use geom::{Ct, World};

use crate::page::{begin, escaped};

/// The whole page.
pub fn page(found: &PhantomAccuracy<World, Ct>, judgement: &Judgement, source: &str) -> String {
    let mut page = begin("SpineNav accuracy test on a phantom");
    let _infallible = write!(
        page,
        "<p>{}; {} touches of {} divots. After ASTM F2554-22; not a certificate of it. Research use only.</p>\n\
         <h2>The test is {}</h2>\n<ul>\n",
        escaped(source),
        found.residuals_mm.len(),
        found.divots.len(),
        judgement.verdict()
    );
    for finding in judgement.findings() {
        let _infallible = writeln!(page, "<li>{}</li>", escaped(&finding.to_string()));
    }
    page.push_str(
        "</ul>\n<h2>Errors, mm</h2>\n<table><tr><th></th><th>mean</th><th>SD</th><th>RMS</th><th>95 %</th><th>max</th>\
         <th>count</th></tr>\n",
    );
    row(&mut page, "single touches, after registration", &found.single);
    row(&mut page, "bias: mean of each divot", &found.bias);
    if let Some(held_out) = &found.held_out {
        row(&mut page, "bias, divot left out of the registration", held_out);
    }
    row(&mut page, "distances between divots, no registration", &found.distances);
    page.push_str("</table>\n");
    if let Some(precision) = found.precision_mm {
        let _infallible =
            writeln!(page, "<p>Precision of a touch, RMS distance from its divot's mean: {precision:.3} mm.</p>");
    }
    bars(&mut page, found);
    page.push_str(
        "<h2>Divots</h2>\n<div class=\"wide\"><table><tr><th>divot</th><th>touches</th><th>bias x</th><th>y</th><th>z</th>\
         <th>precision</th><th>range</th><th>left out</th></tr>\n",
    );
    let number = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.3}"));
    for d in &found.divots {
        let [x, y, z] = d.bias_mm;
        let _infallible = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{x:.3}</td><td>{y:.3}</td><td>{z:.3}</td><td>{}</td><td>{:.3}</td><td>{}</td></tr>",
            d.divot + 1,
            d.touches,
            number(d.precision_mm),
            d.range_mm,
            number(d.held_out_mm)
        );
    }
    page.push_str("</table></div>\n</html>\n");
    page
}

fn row(page: &mut String, name: &str, s: &ErrorSummary) {
    let _infallible = writeln!(
        page,
        "<tr><td>{name}</td><td>{:.3}</td><td>{:.3}</td><td>{:.3}</td><td>{:.3}</td><td>{:.3}</td><td>{}</td></tr>",
        s.mean_mm, s.sd_mm, s.rms_mm, s.p95_mm, s.max_mm, s.count
    );
}

/// Bias of each divot as a bar, its precision as a whisker.
fn bars(page: &mut String, found: &PhantomAccuracy<World, Ct>) {
    let largest = found.bias.max_mm.max(found.precision_mm.unwrap_or(0.0)).max(0.1);
    let (width, height) = (640.0, 180.0);
    let step = width / found.divots.len().max(1) as f64;
    let up = |mm: f64| height - 20.0 - (height - 40.0) * mm / largest;
    let _infallible =
        writeln!(page, "<figure><svg viewBox=\"0 0 {width} {height}\"><text x=\"0\" y=\"12\">{largest:.2} mm</text>");
    for (i, d) in found.divots.iter().enumerate() {
        let (x, bias) = (step * i as f64, Vector3::from(d.bias_mm).norm());
        let _infallible = writeln!(
            page,
            "<rect class=\"ours\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/><text x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            up(bias),
            0.6 * step,
            height - 20.0 - up(bias),
            height - 6.0,
            d.divot + 1
        );
        if let Some(precision) = d.precision_mm {
            let middle = x + 0.3 * step;
            let _infallible = writeln!(
                page,
                "<line class=\"whisker\" x1=\"{middle:.1}\" x2=\"{middle:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                up(0.0),
                up(precision.min(largest))
            );
        }
    }
    page.push_str(
        "</svg><figcaption>Bias of each divot (bar) and scatter of its touches (line)</figcaption></figure>\n",
    );
}
