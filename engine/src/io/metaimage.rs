//! MetaImage in: CTs and label maps, `.mha` and `.mhd` with its voxels beside it.
//!
//! Format: ITK's MetaIO. Positions are LPS millimetres, each row of the
//! transform matrix the direction of one axis, as ITK reads it;
//! `AnatomicalOrientation` repeats that in letters and is not used. Raw and
//! zlib-compressed data are read. Tracked sequences (PLUS) are no volumes and
//! are refused.

use std::path::Path;

use geom::nalgebra::{Matrix3x4, Vector3};

use crate::io::error::Problem;
use crate::io::limits::Limits;
use crate::io::nifti::voxels::{Element, Kind};
use crate::io::raster::{self, Raster, Start};

/// True when `start` is text with the keys of an image.
pub(super) fn looks_like_metaimage(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start);
    text.lines().take(12).any(|line| {
        line.split_once('=').is_some_and(|(key, value)| match key.trim() {
            "ObjectType" => value.trim() == "Image",
            "NDims" => value.trim().parse::<u8>().is_ok(),
            _ => false,
        })
    })
}

fn bad(reason: impl Into<String>) -> Problem {
    raster::bad("MetaImage", reason)
}

/// `Key = value` lines up to the one that names the voxels' file, and where they end.
struct Fields {
    all: Vec<(String, String)>,
    end: u64,
}

impl Fields {
    fn read(bytes: &[u8], items: usize) -> Result<Self, Problem> {
        let mut all = Vec::new();
        let mut at = 0;
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            at += line.len();
            let text = String::from_utf8_lossy(line);
            let Some((key, value)) = text.split_once('=') else { continue };
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            if key.starts_with("Seq_Frame") {
                return Err(bad("it is a tracked sequence of pictures, not a volume; reconstruct the volume first"));
            }
            if all.len() >= items {
                return Err(bad(format!("it has more than {items} fields")));
            }
            let is_last = key == "ElementDataFile";
            all.push((key, value));
            if is_last {
                return Ok(Self { all, end: at as u64 });
            }
        }
        Err(bad("it names no ElementDataFile; it is cut off"))
    }

    fn get(&self, names: &[&str]) -> Option<&str> {
        self.all.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.as_str())
    }

    fn must(&self, name: &str) -> Result<&str, Problem> {
        self.get(&[name]).ok_or_else(|| bad(format!("{name} is missing")))
    }

    /// Exactly `N` numbers under one of `names`.
    fn numbers<const N: usize>(&self, names: &[&str]) -> Result<Option<[f64; N]>, Problem> {
        let Some(text) = self.get(names) else { return Ok(None) };
        let found: Option<Vec<f64>> = text.split_whitespace().map(|w| w.parse().ok()).collect();
        let numbers = found.and_then(|v| <[f64; N]>::try_from(v).ok());
        numbers.map(Some).ok_or_else(|| bad(format!("{} is {text:?}; {N} numbers are expected", names.join(" or "))))
    }

    fn is_true(&self, names: &[&str]) -> bool {
        self.get(names).is_some_and(|v| v.eq_ignore_ascii_case("true") || v == "1")
    }
}

/// Reads the header; a [`raster::Parser`].
pub(super) fn parse(path: &Path, bytes: &[u8], limits: &Limits) -> Result<Raster, Problem> {
    let fields = Fields::read(bytes, limits.items)?;
    if fields.must("NDims")? != "3" {
        return Err(bad(format!("it has {} dimensions; a volume has 3", fields.must("NDims")?)));
    }
    if fields.get(&["ElementNumberOfChannels"]).is_some_and(|n| n != "1") {
        return Err(bad("it holds several values a voxel; export Hounsfield units or labels"));
    }
    if fields.get(&["BinaryData"]).is_some_and(|_| !fields.is_true(&["BinaryData"])) {
        return Err(bad("its voxels are text; save it with BinaryData = True"));
    }
    let sizes = fields.numbers::<3>(&["DimSize"])?.ok_or_else(|| bad("DimSize is missing"))?;
    if sizes.iter().any(|n| n.fract() != 0.0 || !(1.0..=1_048_576.0).contains(n)) {
        return Err(bad(format!("DimSize is {sizes:?}; each must be a whole number from 1 to 1048576")));
    }
    let is_compressed = fields.is_true(&["CompressedData"]);
    let (file, base) = match fields.must("ElementDataFile")? {
        "LOCAL" | "Local" | "local" => (path.to_owned(), fields.end),
        name if name.starts_with("LIST") || name.contains('%') => {
            return Err(bad("its voxels are in several files; save it as one .mha"));
        }
        name => (raster::beside(path, name, "MetaImage")?, 0),
    };
    let start = match fields.numbers::<1>(&["HeaderSize"])? {
        Some([-1.0]) if !is_compressed => Start::Last,
        Some([skip]) if skip >= 0.0 && skip.fract() == 0.0 && skip < 1e12 => Start::At(base + skip as u64),
        None => Start::At(base),
        Some([other]) => return Err(bad(format!("HeaderSize is {other}, which is not possible here"))),
    };
    Ok(Raster {
        size: sizes.map(|n| n as usize),
        ct_from_voxel: affine(&fields)?,
        element: element(&fields)?,
        file,
        start,
        is_compressed,
        warnings: Vec::new(),
    })
}

fn affine(fields: &Fields) -> Result<Matrix3x4<f64>, Problem> {
    let spacing =
        fields.numbers::<3>(&["ElementSpacing", "ElementSize"])?.ok_or_else(|| bad("ElementSpacing is missing"))?;
    let rows = fields.numbers::<9>(&["TransformMatrix", "Rotation", "Orientation"])?;
    let rows = rows.unwrap_or([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let origin = fields.numbers::<3>(&["Offset", "Position", "Origin"])?.unwrap_or_default();
    let mut affine = Matrix3x4::zeros();
    let (directions, _) = rows.as_chunks::<3>();
    for (column, (direction, mm)) in directions.iter().zip(spacing).enumerate() {
        affine.set_column(column, &(Vector3::from(*direction) * mm));
    }
    affine.set_column(3, &Vector3::from(origin));
    Ok(affine)
}

fn element(fields: &Fields) -> Result<Element, Problem> {
    let kind = match fields.must("ElementType")? {
        "MET_CHAR" => Kind::I8,
        "MET_UCHAR" => Kind::U8,
        "MET_SHORT" => Kind::I16,
        "MET_USHORT" => Kind::U16,
        // Four bytes in MetaIO, whatever the machine.
        "MET_INT" | "MET_LONG" => Kind::I32,
        "MET_UINT" | "MET_ULONG" => Kind::U32,
        "MET_LONG_LONG" => Kind::I64,
        "MET_ULONG_LONG" => Kind::U64,
        "MET_FLOAT" => Kind::F32,
        "MET_DOUBLE" => Kind::F64,
        other => return Err(bad(format!("ElementType {other} is not read; save it as MET_SHORT"))),
    };
    let is_big_endian = fields.is_true(&["BinaryDataByteOrderMSB", "ElementByteOrderMSB"]);
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

    fn file(name: &str, head: &str, voxels: &[u8]) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("spinenav-metaimage-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        std::fs::write(&path, [head.as_bytes(), voxels].concat()).unwrap();
        path
    }

    const HEAD: &str = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = True\nCompressedData = False\nTransformMatrix = 0 1 0 1 0 0 0 0 1\nOffset = 10 20 30\nElementSpacing = 2 1 3\nDimSize = 2 3 4\nElementType = MET_SHORT\nElementDataFile = LOCAL\n";

    #[test]
    fn axes_bytes_and_places_are_those_of_the_header() {
        let voxels: Vec<u8> = (0..24u16).flat_map(u16::to_be_bytes).collect();
        let map = read(&file("a.mha", HEAD, &voxels)).unwrap().value;
        // The first axis runs to the back, 2 mm a voxel; the second to the left.
        assert_eq!(map.sample_nearest([11.0, 22.0, 33.0].into()), Some(1 + 2 + 6));
        let detached = HEAD.replace("LOCAL", "a.raw");
        file("a.raw", "", &voxels);
        assert_eq!(read(&file("a.mhd", &detached, &[])).unwrap().value, map);
        let last = detached.replace("BinaryData = True", "BinaryData = True\nHeaderSize = -1");
        file("a.raw", "something before", &voxels);
        assert_eq!(read(&file("a.mhd", &last, &[])).unwrap().value, map);
        assert!(looks_like_metaimage(HEAD.as_bytes()) && !looks_like_metaimage(b"NDims of a letter\n"));
    }

    #[test]
    fn a_bad_header_is_an_error_that_names_it() {
        for (from, to, said) in [
            ("NDims = 3", "NDims = 2", "dimensions"),
            ("LOCAL", "../a.raw", "beside"),
            ("LOCAL", "LIST", "several files"),
            ("DimSize = 2 3 4", "DimSize = 2 3 -4", "DimSize"),
            ("DimSize = 2 3 4", "DimSize = 2000 3000 4000", "voxels"),
            ("DimSize = 2 3 4", "DimSize = 2 3 40", "damaged"),
            ("MET_SHORT", "MET_OTHER", "MET_OTHER"),
            ("0 0 1\n", "0 1 0\n", "same way"),
            ("Offset = 10", "Seq_Frame0000_Transform = 1\nOffset = 10", "sequence"),
            ("ElementDataFile = LOCAL\n", "", "cut off"),
            ("CompressedData = False", "CompressedData = True", "compressed"),
        ] {
            let path = file("bad.mha", &HEAD.replace(from, to), &[0u8; 48]);
            let message = read(&path).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(message.contains(said), "{to}: {message}");
        }
    }
}
