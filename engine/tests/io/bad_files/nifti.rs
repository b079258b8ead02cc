//! NIfTI: headers that lie, geometry that is none, streams that end.

use super::{Bad, Door};
use crate::phantom::{Nifti, Storage, gzip};

fn good() -> Nifti {
    Nifti::of(&Storage::RAS).with_sform(&Storage::RAS.ras_affine())
}

fn put(at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = good().bytes();
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

pub fn files() -> Vec<Bad> {
    let ct = |name: String, bytes: Vec<u8>, said| Bad::new(Door::Ct, format!("nifti {name}"), bytes, said);
    let mut all = Vec::new();
    for n in [0u16, 1, 2, 8, 9, 255, 0x7fff, 0x8000, 0xffff] {
        all.push(ct(format!("of {n} dimensions"), put(40, &n.to_le_bytes()), &["dimensions", "NIfTI header"]));
    }
    for axis in 0..3 {
        for n in [0u16, 0x8000, 0xffff] {
            let said = &["its size is", "NIfTI header"];
            all.push(ct(format!("of {n} voxels along {axis}"), put(42 + 2 * axis, &n.to_le_bytes()), said));
        }
        for n in [1000u16, 0x7fff] {
            let said = &["too early", "promises", "limit is"];
            all.push(ct(format!("that claims {n} voxels along {axis}"), put(42 + 2 * axis, &n.to_le_bytes()), said));
        }
    }
    for n in [2u16, 300] {
        let mut file = good();
        file.dim[0] = 4;
        file.dim[4] = n;
        all.push(ct(format!("of {n} time points"), file.bytes(), &["4-D"]));
    }
    for code in [0i16, 1, 3, 5, 7, 32, 100, 128, 255, 1536, 1792, 2048, 2304, -1] {
        let said = &["datatype", "complex", "RGB"];
        all.push(ct(format!("of datatype {code}"), put(70, &code.to_le_bytes()), said));
    }
    for bits in [0i16, 1, 8, 32, -16] {
        all.push(ct(format!("of {bits} bits"), put(72, &bits.to_le_bytes()), &["bitpix"]));
    }
    for offset in [f32::NAN, f32::INFINITY, -1.0, 1.0, 347.0, 352.5, 1e30] {
        all.push(ct(format!("with voxels at {offset}"), put(108, &offset.to_le_bytes()), &["vox_offset"]));
    }
    all.push(ct(
        "with voxels after its end".into(),
        put(108, &1e6f32.to_le_bytes()),
        &["too early", "promises", "cut"],
    ));
    for inter in [f32::NAN, f32::INFINITY] {
        all.push(ct(format!("of intercept {inter}"), put(116, &inter.to_le_bytes()), &["scl_inter"]));
    }
    for unit in 4..8 {
        all.push(ct(format!("in unit {unit}"), put(123, &[unit]), &["xyzt_units"]));
    }
    for at in (0..12).step_by(2) {
        for value in [f32::NAN, f32::INFINITY] {
            let bytes = put(280 + 4 * at, &value.to_le_bytes());
            all.push(ct(format!("with {value} at {at} of its sform"), bytes, &["finite"]));
        }
    }
    for row in 0..3 {
        let said = &["same way", "no length"];
        all.push(ct(format!("with an empty sform row {row}"), put(280 + 16 * row, &[0; 12]), said));
    }
    let mut twice = good();
    twice.sform = twice.sform.map(|mut s| {
        s.copy_within(0..3, 4);
        s
    });
    all.push(ct("with two axes in one".into(), twice.bytes(), &["same way"]));
    for size in [0i32, 347, 349, 540, -348] {
        let said = &["sizeof_hdr", "NIfTI-2", "no image known", "NIfTI header"];
        all.push(ct(format!("with a header of {size} bytes"), put(0, &size.to_le_bytes()), said));
    }
    for magic in [b"ni1\0", b"n+2\0", b"\0\0\0\0", b"N+1\0"] {
        let said = &["two files", "NIfTI header"];
        all.push(ct(format!("of magic {}", String::from_utf8_lossy(magic)), put(344, magic), said));
    }
    let whole = good().bytes();
    for keep in [1, 3, 4, 40, 100, 200, 347, 348, 351, 352, 353, 400, whole.len() / 2, whole.len() - 1] {
        let said = &["bytes", "no image known", "text file", "cut off", "too early"];
        all.push(ct(format!("cut after {keep} bytes"), whole[..keep].to_vec(), said));
    }
    let packed = gzip(&whole);
    for keep in [2, 3, 9, 10, 18, 30, packed.len() / 2, packed.len() - 9, packed.len() - 1] {
        all.push(ct(format!("packed and cut after {keep}"), packed[..keep].to_vec(), &["cut off", "damaged", "gzip"]));
    }
    for at in [packed.len() - 8, packed.len() - 4, packed.len() / 2] {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x55;
        let said = &["cut off", "damaged", "Hounsfield", "content"];
        all.push(ct(format!("packed, byte {at} changed"), damaged, said));
    }
    let mut bomb = good();
    bomb.dim = [3, 1000, 1000, 500, 1, 1, 1, 1];
    bomb.data.clear();
    let bomb = gzip(&bomb.bytes());
    all.push(ct("bomb of half a billion voxels".into(), bomb, &["promises", "cannot hold"]));
    for (name, value) in [("air", -1000i16), ("nothing", 0), ("the highest", i16::MAX)] {
        let mut flat = good();
        flat.data = std::iter::repeat_n(value.to_le_bytes(), flat.data.len() / 2).flatten().collect();
        all.push(ct(format!("that is all {name}"), flat.bytes(), &["no image content"]));
    }
    for (name, range) in [("soft tissue only", -100..100i16), ("an 8-bit picture", 0..255), ("normalised", 0..2)] {
        let mut file = good();
        let values: Vec<i16> = range.cycle().take(file.data.len() / 2).collect();
        file.data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        all.push(ct(format!("of {name}"), file.bytes(), &["not Hounsfield"]));
    }
    all.push(Bad::new(Door::Labels, "a CT given as labels", whole, &["whole number from 0 to 255"]));
    for value in [0.5f32, 256.0, -1.0, f32::NAN] {
        let mut file = good();
        (file.datatype, file.bitpix) = (16, 32);
        file.data = std::iter::repeat_n(value.to_le_bytes(), file.data.len() / 2).flatten().collect();
        all.push(Bad::new(Door::Labels, format!("label {value}"), file.bytes(), &["whole number", "finite"]));
    }
    all
}
