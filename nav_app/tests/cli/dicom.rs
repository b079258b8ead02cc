//! Small DICOM series made by hand, explicit VR little endian.

use std::path::Path;

/// What one slice says of itself.
pub struct Slice<'a> {
    pub modality: &'a str,
    pub sop_class: &'a str,
    pub series: &'a str,
    pub instance: usize,
    pub z_mm: f64,
}

pub const CT_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const MR_STORAGE: &str = "1.2.840.10008.5.1.4.1.1.4";
const EXPLICIT_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";

fn element(out: &mut Vec<u8>, group: u16, number: u16, vr: &str, value: &[u8]) {
    out.extend(group.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend(vr.as_bytes());
    if ["OW", "OB"].contains(&vr) {
        out.extend([0, 0]);
        out.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
    } else {
        out.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    }
    out.extend(value);
}

fn text(out: &mut Vec<u8>, group: u16, number: u16, vr: &str, value: &str) {
    let padding = if vr == "UI" { "\0" } else { " " };
    let even = if value.len() % 2 == 1 { format!("{value}{padding}") } else { value.to_string() };
    element(out, group, number, vr, even.as_bytes());
}

/// Writes a 16x16 slice.
pub fn write(path: &Path, slice: &Slice<'_>) {
    let instance_uid = format!("1.2.3.{}.{}", slice.series.len(), slice.instance);
    let mut meta = Vec::new();
    element(&mut meta, 2, 1, "OB", &[0, 1]);
    text(&mut meta, 2, 2, "UI", slice.sop_class);
    text(&mut meta, 2, 3, "UI", &instance_uid);
    text(&mut meta, 2, 0x10, "UI", EXPLICIT_LITTLE_ENDIAN);
    text(&mut meta, 2, 0x12, "UI", "1.2.3.4");
    let mut out = vec![0u8; 128];
    out.extend(b"DICM");
    element(&mut out, 2, 0, "UL", &u32::try_from(meta.len()).unwrap().to_le_bytes());
    out.extend(meta);
    text(&mut out, 8, 0x16, "UI", slice.sop_class);
    text(&mut out, 8, 0x18, "UI", &instance_uid);
    text(&mut out, 8, 0x60, "CS", slice.modality);
    text(&mut out, 0x18, 0x50, "DS", "1.0");
    text(&mut out, 0x20, 0xd, "UI", "1.2.3");
    text(&mut out, 0x20, 0xe, "UI", slice.series);
    text(&mut out, 0x20, 0x13, "IS", &slice.instance.to_string());
    text(&mut out, 0x20, 0x32, "DS", &format!("0\\0\\{}", slice.z_mm));
    text(&mut out, 0x20, 0x37, "DS", "1\\0\\0\\0\\1\\0");
    element(&mut out, 0x28, 2, "US", &1u16.to_le_bytes());
    text(&mut out, 0x28, 4, "CS", "MONOCHROME2");
    element(&mut out, 0x28, 0x10, "US", &16u16.to_le_bytes());
    element(&mut out, 0x28, 0x11, "US", &16u16.to_le_bytes());
    text(&mut out, 0x28, 0x30, "DS", "1.0\\1.0");
    for (number, value) in [(0x100, 16u16), (0x101, 16), (0x102, 15), (0x103, 1)] {
        element(&mut out, 0x28, number, "US", &value.to_le_bytes());
    }
    text(&mut out, 0x28, 0x1052, "DS", "0");
    text(&mut out, 0x28, 0x1053, "DS", "1");
    let pixels: Vec<u8> = super::files::picture(256).iter().flat_map(|v| v.to_le_bytes()).collect();
    element(&mut out, 0x7fe0, 0x10, "OW", &pixels);
    std::fs::write(path, out).unwrap();
}

/// Writes a series of CT slices 1 mm apart at the given heights.
pub fn write_ct_series(folder: &Path, series: &str, heights_mm: &[f64]) {
    for (i, z_mm) in heights_mm.iter().enumerate() {
        let slice = Slice { modality: "CT", sop_class: CT_STORAGE, series, instance: i + 1, z_mm: *z_mm };
        write(&folder.join(format!("{series}-{i:03}.dcm")), &slice);
    }
}
