//! Wavefront OBJ with materials: one object a bone, LPS mm.

use std::fmt::Write as _;
use std::path::Path;

use super::part::Part;
use crate::io::{WriteError, write_whole};

/// Writes `path` (.obj) and the .mtl beside it; each file appears whole or not at all.
///
/// OBJ knows no unit: a comment says millimetres, LPS.
///
/// # Errors
/// [`WriteError`] when the system refuses.
pub fn write(path: &Path, parts: &[Part]) -> Result<(), WriteError> {
    let materials = path.with_extension("mtl");
    let name = materials.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let (mut colours, mut text) = (String::new(), format!("# SpineNav, millimetres, LPS\nmtllib {name}\n"));
    let mut first = 1usize;
    for part in parts {
        let [r, g, b] = part.colour.map(|c| f64::from(c) / 255.0);
        let _infallible =
            writeln!(colours, "newmtl {0}\nKd {r:.4} {g:.4} {b:.4}\nKa 0 0 0\nKs 0 0 0\nd 1\n", part.name);
        let _infallible = writeln!(text, "o {0}\nusemtl {0}", part.name);
        for [x, y, z] in &part.mesh.vertices {
            let _infallible = writeln!(text, "v {x} {y} {z}");
        }
        for [x, y, z] in &part.mesh.normals {
            let _infallible = writeln!(text, "vn {x} {y} {z}");
        }
        for triangle in &part.mesh.triangles {
            let [a, b, c] = triangle.map(|i| first + i as usize);
            let _infallible = writeln!(text, "f {a}//{a} {b}//{b} {c}//{c}");
        }
        first += part.mesh.vertices.len();
    }
    write_whole(&materials, colours.as_bytes())?;
    write_whole(path, text.as_bytes())
}
