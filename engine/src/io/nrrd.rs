//! NRRD in: CTs and label maps, `.nrrd`, `.nhdr` and `.seg.nrrd`.
//!
//! Format: teem.sourceforge.net/nrrd/format.html. Spaces RAS, LAS and LPS
//! become LPS here. Raw and gzip data are read, in the file or in one file
//! beside it; other encodings, several files and more than one value a voxel
//! are refused with advice.

use std::path::Path;

use geom::nalgebra::{Matrix3x4, Vector3};

use crate::io::error::Problem;
use crate::io::limits::Limits;
use crate::io::nifti::voxels::{Element, Kind};
use crate::io::raster::{self, Raster, Start};
use crate::io::warning::Warning;

/// True when `start` begins as every NRRD does.
pub(super) fn looks_like_nrrd(start: &[u8]) -> bool {
    start.starts_with(b"NRRD000")
}

fn bad(reason: impl Into<String>) -> Problem {
    raster::bad("NRRD", reason)
}

/// The fields of a header, `name: value`, names in lower case, and where it ends.
struct Fields {
    all: Vec<(String, String)>,
    end: u64,
}

impl Fields {
    fn read(bytes: &[u8], items: usize) -> Result<Self, Problem> {
        if !looks_like_nrrd(bytes) {
            return Err(bad("it does not begin with NRRD000"));
        }
        let mut all: Vec<(String, String)> = Vec::new();
        let mut at = 0;
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            at += line.len();
            let text = String::from_utf8_lossy(line);
            let text = text.trim_end_matches(['\r', '\n']);
            if text.is_empty() {
                break;
            }
            // A key and value (`:=`) is the writer's own and no field.
            let Some((name, value)) = text.split_once(": ").filter(|_| !text.starts_with('#')) else { continue };
            if name.contains(":=") {
                continue;
            }
            // Also keeps the search for doubles short.
            if all.len() >= items {
                return Err(bad(format!("it has more than {items} fields")));
            }
            let name = name.trim().to_ascii_lowercase();
            if all.iter().any(|(known, _)| *known == name) {
                return Err(bad(format!("the field {name:?} occurs twice")));
            }
            all.push((name, value.trim().to_owned()));
        }
        Ok(Self { all, end: at as u64 })
    }

    fn get(&self, names: &[&str]) -> Option<&str> {
        self.all.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.as_str())
    }

    fn must(&self, name: &str) -> Result<&str, Problem> {
        self.get(&[name]).ok_or_else(|| bad(format!("the field {name:?} is missing")))
    }
}

/// Reads the header; a [`raster::Parser`].
pub(super) fn parse(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Raster, Problem> {
    let fields = Fields::read(bytes, limits.items)?;
    let (axes, size) = axes(&fields)?;
    let mut warnings = Vec::new();
    let ct_from_voxel = affine(&fields, axes, &mut warnings)?;
    let is_compressed = match fields.must("encoding")? {
        "raw" => false,
        "gzip" | "gz" => true,
        other => return Err(bad(format!("its encoding {other:?} is not read; save it as raw or gzip"))),
    };
    let detached = fields.get(&["data file", "datafile"]);
    let (file, base) = match detached {
        None if bytes.len() as u64 >= raster::MAX_HEADER && fields.end >= raster::MAX_HEADER => {
            return Err(bad(format!("it does not end within {} bytes", raster::MAX_HEADER)));
        }
        None => (path.to_owned(), fields.end),
        Some(name) if name.starts_with("LIST") || name.contains('%') => {
            return Err(bad("its voxels are in several files; save it as one .nrrd"));
        }
        Some(name) => (raster::beside(path, name, "NRRD")?, 0),
    };
    let skip = |names: &[&str]| {
        fields.get(names).map_or(Ok(0), |text| {
            text.parse::<i64>().map_err(|_| bad(format!("{names:?} is {text:?}, which is no number")))
        })
    };
    if skip(&["line skip", "lineskip"])? != 0 {
        return Err(bad("lines are to be skipped before the voxels; save it without (unu save)"));
    }
    let start = match skip(&["byte skip", "byteskip"])? {
        -1 if !is_compressed => Start::Last,
        count if count >= 0 && (count == 0 || !is_compressed) => Start::At(base.saturating_add(count.unsigned_abs())),
        other => return Err(bad(format!("byte skip {other} is not possible with this encoding"))),
    };
    Ok(Raster { size, ct_from_voxel, element: element(&fields)?, file, start, is_compressed, warnings })
}

/// Which of the file's axes are the three of space, and their sizes.
fn axes(fields: &Fields) -> Result<([usize; 3], [usize; 3]), Problem> {
    let sizes: Option<Vec<usize>> = fields.must("sizes")?.split_whitespace().map(|w| w.parse().ok()).collect();
    let sizes = sizes.ok_or_else(|| bad("its sizes are no whole numbers"))?;
    let dimension = fields.must("dimension")?;
    if dimension.parse() != Ok(sizes.len()) || !(3..=4).contains(&sizes.len()) {
        return Err(bad(format!("it has dimension {dimension} and {} sizes; a volume has 3", sizes.len())));
    }
    // A fourth axis of one entry says nothing.
    let dropped = if sizes.len() == 4 { [0, 3].into_iter().find(|axis| sizes.get(*axis) == Some(&1)) } else { None };
    let kept: Vec<usize> = (0..sizes.len()).filter(|axis| Some(*axis) != dropped).collect();
    let [x, y, z] = kept[..] else {
        return Err(bad(format!(
            "it holds several values a voxel or several volumes (sizes {sizes:?}); export one, in Slicer with all segments in one layer"
        )));
    };
    let size = [x, y, z].map(|axis| sizes.get(axis).copied().unwrap_or(0));
    if size.iter().any(|n| *n == 0 || *n > 1 << 20) {
        return Err(bad(format!("its sizes are {sizes:?}; each must be from 1 to {}", 1 << 20)));
    }
    Ok(([x, y, z], size))
}

fn affine(fields: &Fields, axes: [usize; 3], warnings: &mut Vec<Warning>) -> Result<Matrix3x4<f64>, Problem> {
    // The signs that turn the file's space into LPS.
    let signs = match fields.get(&["space"]).map(str::to_ascii_lowercase).as_deref() {
        Some("left-posterior-superior" | "lps") => Vector3::new(1.0, 1.0, 1.0),
        Some("right-anterior-superior" | "ras") => Vector3::new(-1.0, -1.0, 1.0),
        Some("left-anterior-superior" | "las") => Vector3::new(1.0, -1.0, 1.0),
        None => {
            warnings.push(Warning::NoOrientation);
            Vector3::new(-1.0, -1.0, 1.0)
        }
        Some(other) => {
            return Err(bad(format!(
                "its space {other:?} does not say where left, front and head are; save it as left-posterior-superior"
            )));
        }
    };
    unit(fields)?;
    let mut affine = Matrix3x4::zeros();
    if let Some(text) = fields.get(&["space directions"]) {
        let words = vectors(text)?;
        for (column, axis) in axes.into_iter().enumerate() {
            let direction = words.get(axis).copied().flatten();
            affine.set_column(column, &direction.ok_or_else(|| bad(format!("axis {axis} has no direction in space")))?);
        }
    } else {
        let spacings: Vec<f64> = fields.get(&["spacings"]).map_or(Ok(Vec::new()), |text| {
            text.split_whitespace().map(|w| w.parse().map_err(|_| bad(format!("spacing {w:?} is no number")))).collect()
        })?;
        for (column, axis) in axes.into_iter().enumerate() {
            let spacing = spacings.get(axis).copied().filter(|s| s.is_finite() && *s > 0.0);
            affine[(column, column)] =
                spacing.ok_or_else(|| bad("it gives neither space directions nor a spacing for each axis"))?;
        }
    }
    if let Some(text) = fields.get(&["space origin"]) {
        let origin = vectors(text)?.first().copied().flatten().ok_or_else(|| bad("its space origin is no vector"))?;
        affine.set_column(3, &origin);
    }
    for row in 0..3 {
        affine.row_mut(row).scale_mut(signs[row]);
    }
    Ok(affine)
}

/// Refuses lengths that are not millimetres, which a CT in NRRD never has.
fn unit(fields: &Fields) -> Result<(), Problem> {
    let Some(text) = fields.get(&["space units"]) else { return Ok(()) };
    let other = text.split('"').map(str::trim).find(|word| !word.is_empty() && !word.eq_ignore_ascii_case("mm"));
    other.map_or(Ok(()), |word| Err(bad(format!("its length unit is {word:?}; save it in mm"))))
}

/// `(1,0,0) none (0,1,0)`: each word a vector or none.
fn vectors(text: &str) -> Result<Vec<Option<Vector3<f64>>>, Problem> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix("none") {
            found.push(None);
            rest = after.trim_start();
            continue;
        }
        let inner = rest.strip_prefix('(').and_then(|r| r.split_once(')'));
        let (inner, after) = inner.ok_or_else(|| bad(format!("{text:?} is no list of vectors")))?;
        let numbers: Option<Vec<f64>> = inner.split(',').map(|n| n.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some([x, y, z]) => found.push(Some(Vector3::new(*x, *y, *z))),
            _ => return Err(bad(format!("({inner}) is no vector of three numbers"))),
        }
        rest = after.trim_start();
    }
    Ok(found)
}

fn element(fields: &Fields) -> Result<Element, Problem> {
    let kind = match fields.must("type")?.to_ascii_lowercase().as_str() {
        "signed char" | "int8" | "int8_t" => Kind::I8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => Kind::U8,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => Kind::I16,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => Kind::U16,
        "int" | "signed int" | "int32" | "int32_t" => Kind::I32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => Kind::U32,
        "longlong"
        | "long long"
        | "long long int"
        | "signed long long"
        | "signed long long int"
        | "int64"
        | "int64_t" => Kind::I64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => Kind::U64,
        "float" => Kind::F32,
        "double" => Kind::F64,
        other => return Err(bad(format!("its type {other:?} is not read; save it as short"))),
    };
    let is_big_endian = match fields.get(&["endian"]) {
        Some("big") => true,
        Some("little") => false,
        None if kind.bytes() == 1 => false,
        other => {
            return Err(bad(format!("endian is {other:?}; it must be little or big for numbers of several bytes")));
        }
    };
    Ok(Element { kind, is_big_endian, slope: 1.0, inter: 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::error::ReadError;
    use crate::io::warning::Loaded;
    use crate::volume::LabelMap;

    fn read(path: &Path) -> Result<Loaded<LabelMap>, ReadError> {
        raster::read_labels(path, &Limits::default(), parse)
    }

    fn file(name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("spinenav-nrrd-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    const GEOMETRY: &str = "NRRD0004\n# made by hand\ntype: uchar\ndimension: 3\nsizes: 2 3 4\nencoding: raw\n";

    #[test]
    fn every_space_puts_the_same_voxel_in_the_same_place() {
        let voxels: Vec<u8> = (0..24).collect();
        let in_space = |name: &str, directions: &str, origin: &str| {
            let head = format!(
                "{GEOMETRY}space: {name}\nspace directions: {directions}\nspace origin: {origin}\nSegment0_Name:=a: b\n\n"
            );
            let path = file("space.nrrd", &[head.as_bytes(), &voxels].concat());
            read(&path).unwrap().value
        };
        let lps = in_space("left-posterior-superior", "(0,2,0) (1,0,0) (0,0,3)", "(10,20,30)");
        assert_eq!(lps, in_space("RAS", "(0,-2,0) (-1,0,0) (0,0,3)", "(-10,-20,30)"));
        assert_eq!(lps, in_space("left-anterior-superior", "(0,-2,0) (1,0,0) (0,0,3)", "(10,-20,30)"));
        assert_eq!(lps.sample_nearest([11.0, 22.0, 33.0].into()), Some(1 + 2 + 6));
    }

    #[test]
    fn detached_voxels_are_read_from_beside_and_nowhere_else() {
        file("voxels.raw", &[9u8; 24]);
        let head = |name: &str| format!("{GEOMETRY}spacings: 1 1 2\ndata file: {name}\n");
        let path = file("beside.nhdr", head("voxels.raw").as_bytes());
        let loaded = read(&path).unwrap();
        assert_eq!(loaded.value.labels, [9; 24]);
        assert!(loaded.warnings.contains(&Warning::NoOrientation));
        for outside in ["../voxels.raw", "/etc/passwd", "LIST", "slice%03d.raw 1 3 1"] {
            let path = file("outside.nhdr", head(outside).as_bytes());
            assert!(read(&path).is_err(), "{outside}");
        }
    }

    #[test]
    fn damaged_headers_are_named_and_no_memory_is_taken_for_a_lie() {
        let whole = format!("{GEOMETRY}space: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n\n");
        let with = |from: &str, to: &str| {
            let path = file("bad.nrrd", &[whole.replace(from, to).as_bytes(), &[0u8; 24]].concat());
            read(&path).err().map(|e| e.to_string())
        };
        assert_eq!(with("LPS", "LPS"), None);
        for (from, to, said) in [
            ("sizes: 2 3 4", "sizes: 2 3 4000000", "sizes"),
            ("sizes: 2 3 4", "sizes: 2000 3000 4000", "voxels"),
            ("sizes: 2 3 4", "sizes: 2 3 9", "damaged"),
            ("raw", "ascii", "raw or gzip"),
            ("LPS", "scanner-xyz", "left"),
            ("(0,0,1)", "(0,1,0)", "same way"),
            ("(0,0,1)", "(0,0,nan)", "finite"),
            ("uchar", "block", "type"),
            ("uchar", "short", "endian"),
            ("dimension: 3", "dimension: 2", "dimension"),
        ] {
            let message = with(from, to).unwrap_or_default();
            assert!(message.contains(said), "{to}: {message}");
        }
    }
}
