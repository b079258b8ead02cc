//! What the reports share: one HTML file that needs nothing else.

use std::path::Path;

use crate::failure::{Blame, Failure};

const STYLE: &str = "
:root { color-scheme: light dark; --ours: #1769aa; --peer: #b0b8c0; --ink: #1d2329; --soft: #66707a; --line: #dde2e7; --page: #fff; }
@media (prefers-color-scheme: dark) { :root { --ours: #5fb0ee; --peer: #56606a; --ink: #e6e9ec; --soft: #9aa4ae; --line: #333b43; --page: #14181c; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .2rem; } p { color: var(--soft); margin: .2rem 0; }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem; } figure { margin: .5rem 0; flex: 1 1 24rem; } figcaption { color: var(--soft); }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; } text { fill: var(--ink); }
.ours { fill: var(--ours); } .peer { fill: var(--peer); } .whisker { stroke: var(--ink); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; } .wide { overflow-x: auto; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; } th:first-child, td:first-child { text-align: left; } tr.us td { font-weight: 600; }
";

/// The head of a page up to its title.
pub fn begin(title: &str) -> String {
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>\n"
    )
}

/// Adds a row to a table; ours stands out.
pub fn push_row(page: &mut String, cells: &[String], is_ours: bool) {
    page.push_str(if is_ours { "<tr class=\"us\">" } else { "<tr>" });
    cells.iter().for_each(|cell| page.extend(["<td>", cell, "</td>"]));
    page.push_str("</tr>\n");
}

/// Pixels as a PNG inside the page.
///
/// # Errors
/// Of the encoder, when the pixels do not fit the size.
pub fn png_data_uri(size: [usize; 2], color: png::ColorType, pixels: &[u8]) -> Result<String, png::EncodingError> {
    Ok(png_file_uri(&png_bytes(size, color, pixels)?))
}

/// Pixels as the bytes of a PNG file.
///
/// # Errors
/// Of the encoder, when the pixels do not fit the size.
pub fn png_bytes(size: [usize; 2], color: png::ColorType, pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let [width, height] = size.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// A PNG file inside the page.
pub fn png_file_uri(bytes: &[u8]) -> String {
    format!("data:image/png;base64,{}", base64(bytes))
}

/// RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, b| word << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = (word >> (18 - 6 * place)) & 63;
            out.push(if place > chunk.len() { '=' } else { char::from(LETTERS[letter as usize]) });
        }
    }
    out
}

/// Three digits that matter.
pub fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Text that cannot break out of the page.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Writes a report.
pub fn write_report(file: &Path, page: &str) -> Result<(), Failure> {
    let described = |e| anyhow::anyhow!("cannot write {}: {e}; choose another file with --report", file.display());
    std::fs::write(file, page).map_err(described).bad_input()
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
