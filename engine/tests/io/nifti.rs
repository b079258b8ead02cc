//! A surgeon loses left and right, or millimetres, when one of these fails.

use engine::io::{self, Limits, Warning, nifti};
use engine::volume::{Grid, LabelMap, Volume};
use geom::nalgebra::Matrix3x4;

use crate::phantom::{Folder, Nifti, Storage, assert_is_phantom};

#[test]
fn all_48_storage_orders_show_the_same_anatomy_in_the_same_place() {
    let folder = Folder::new();
    for (number, storage) in Storage::all().enumerate() {
        let ras = storage.ras_affine();
        let plain = Nifti::of(&storage);
        let forms = [
            ("sform", plain.clone().with_sform(&ras)),
            ("qform", plain.clone().with_qform(&ras)),
            ("both", plain.with_qform(&ras).with_sform(&ras)),
        ];
        for (form, file) in forms {
            let case = format!("{storage:?} {form}");
            let path = folder.file(&format!("{number}-{form}.nii"), &file.bytes());
            let loaded = io::read_ct(&path, &Limits::default()).unwrap();
            assert!(loaded.warnings.is_empty(), "{case}: {:?}", loaded.warnings);
            assert_is_phantom(&loaded.value, &case);
        }
    }
}

#[test]
fn the_sform_wins_and_a_differing_qform_is_mentioned() {
    let folder = Folder::new();
    let right = Storage::RAS.ras_affine();
    let mut wrong = right;
    wrong[(2, 3)] += 25.0;
    let path = folder.file("a.nii.gz", &Nifti::of(&Storage::RAS).with_sform(&right).with_qform(&wrong).bytes());
    let loaded = io::read_ct(&path, &Limits::default()).unwrap();
    assert_is_phantom(&loaded.value, "sform over qform");
    let [Warning::FormsDisagree { distance_mm }] = loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert!((distance_mm - 25.0).abs() < 1e-3);
    assert!(loaded.warnings[0].to_string().contains("25.00 mm"));
}

#[test]
fn without_any_form_voxel_sizes_are_used_and_the_doubt_is_said() {
    let folder = Folder::new();
    let path = folder.file("a.nii", &Nifti::of(&Storage::RAS).bytes());
    let loaded = io::read_ct(&path, &Limits::default()).unwrap();
    assert_eq!(loaded.warnings, [Warning::NoOrientation]);
    assert_eq!(loaded.value.grid.orientation(), "RAS");
    assert_eq!(loaded.value.grid.spacing_mm(), [1.5, 0.75, 2.0]);
}

#[test]
fn every_number_type_byte_order_and_scale_gives_the_same_hu() {
    /// Stored values of one type in both byte orders.
    macro_rules! stored {
        ($t:ty, $code:expr, $values:expr) => {
            [false, true].map(|big| {
                let bytes = |v: &f64| if big { (*v as $t).to_be_bytes() } else { (*v as $t).to_le_bytes() };
                (stringify!($t), $code, size_of::<$t>() as i16 * 8, big, $values.iter().flat_map(bytes).collect())
            })
        };
    }
    let folder = Folder::new();
    let hu: Vec<f64> = Storage::RAS.values().iter().map(|v| f64::from(*v)).collect();
    let coarse: Vec<f64> = hu.iter().map(|v| (v / 20.0).round() * 20.0).collect();
    let shifted: Vec<f64> = hu.iter().map(|v| v + 1024.0).collect();
    let byte: Vec<f64> = coarse.iter().map(|v| (v + 1000.0) / 20.0).collect();
    let signed_byte: Vec<f64> = byte.iter().map(|v| v - 100.0).collect();
    let mut cases: Vec<(&str, i16, i16, bool, Vec<u8>)> = Vec::new();
    cases.extend(stored!(i16, 4, hu));
    cases.extend(stored!(i32, 8, hu));
    cases.extend(stored!(i64, 1024, hu));
    cases.extend(stored!(f32, 16, hu));
    cases.extend(stored!(f64, 64, hu));
    cases.extend(stored!(u16, 512, shifted));
    cases.extend(stored!(u32, 768, shifted));
    cases.extend(stored!(u64, 1280, shifted));
    cases.extend(stored!(u8, 2, byte));
    cases.extend(stored!(i8, 256, signed_byte));
    for (name, datatype, bitpix, is_big_endian, data) in cases {
        let (slope, inter, expected) = match name {
            "u8" => (20.0, -1000.0, &coarse),
            "i8" => (20.0, 1000.0, &coarse),
            "u16" | "u32" | "u64" => (1.0, -1024.0, &hu),
            // NaN and 0 both mean "no scaling".
            _ => (if is_big_endian { f32::NAN } else { 0.0 }, 77.0, &hu),
        };
        let plain = Nifti::of(&Storage::RAS).with_sform(&Storage::RAS.ras_affine());
        let file = Nifti { datatype, bitpix, is_big_endian, data, slope, inter, ..plain };
        let path = folder.file(&format!("{name}-{is_big_endian}.nii.gz"), &file.bytes());
        let volume = io::read_ct(&path, &Limits::default()).unwrap().value;
        let same = volume.hu.iter().zip(expected).all(|(a, b)| f64::from(*a) == *b);
        assert!(same && volume.hu.len() == expected.len(), "{name}, big endian {is_big_endian}");
    }
}

#[test]
fn metres_become_millimetres_and_thick_slices_are_named() {
    let folder = Folder::new();
    let mut ras = Storage::RAS.ras_affine() / 1000.0;
    ras.column_mut(2).scale_mut(1.6);
    let file = Nifti { units: 1, ..Nifti::of(&Storage::RAS).with_sform(&ras) };
    let loaded = io::read_ct(&folder.file("a.nii", &file.bytes()), &Limits::default()).unwrap();
    let texts: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert!(texts.iter().any(|t| t.contains("metres")), "{texts:?}");
    assert!(texts.iter().any(|t| t.contains("1.50x0.75x3.20 mm")), "{texts:?}");
}

#[test]
fn one_time_point_in_four_dimensions_is_a_volume() {
    let folder = Folder::new();
    let mut file = Nifti::of(&Storage::RAS).with_sform(&Storage::RAS.ras_affine());
    file.dim[0] = 4;
    let volume = io::read_ct(&folder.file("a.nii", &file.bytes()), &Limits::default()).unwrap().value;
    assert_is_phantom(&volume, "4-D with one time point");
}

fn oblique() -> Grid {
    let affine = Matrix3x4::new(0.6, -0.5, 0.1, 11.0, 0.5, 0.6, 0.25, -22.0, -0.05, 0.02, 1.9, 33.0);
    Grid::new([6, 5, 4], affine).unwrap()
}

#[test]
fn what_is_written_reads_back_in_the_same_place() {
    let folder = Folder::new();
    let rotated = Storage::RAS.ras_affine();
    for (name, grid) in [("sheared", oblique()), ("left", Grid::new([6, 5, 4], rotated).unwrap())] {
        let labels = LabelMap { labels: (0..120).map(|i| (i % 29) as u8).collect(), grid: grid.clone() };
        for end in ["nii", "nii.gz"] {
            let path = folder.path().join(format!("{name}.{end}"));
            nifti::write_labels(&path, &labels).unwrap();
            let back = io::read_labels(&path, &Limits::default()).unwrap();
            assert_eq!(back.value.labels, labels.labels);
            assert!(back.warnings.is_empty(), "{name}: {:?}", back.warnings);
            assert!((back.value.grid.ct_from_voxel() - grid.ct_from_voxel()).amax() < 1e-5);
        }
        for fraction in [0.0, 0.25] {
            let hu: Vec<f32> = (0..120).map(|i| i as f32 * 20.0 - 1000.0 + fraction).collect();
            let volume = Volume { hu, grid: grid.clone() };
            let path = folder.path().join("ct.nii.gz");
            nifti::write_volume(&path, &volume).unwrap();
            assert_eq!(io::read_ct(&path, &Limits::default()).unwrap().value.hu, volume.hu);
        }
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|n| !n.to_string_lossy().starts_with('.')), "unfinished files remain: {left:?}");
}

#[test]
fn writing_into_a_missing_folder_names_the_file() {
    let labels = LabelMap { grid: oblique(), labels: vec![1; 120] };
    let path = Folder::new().path().join("gone").join("labels.nii.gz");
    let error = nifti::write_labels(&path, &labels).unwrap_err().to_string();
    assert!(error.contains("labels.nii.gz") && error.contains("folder exists"), "{error}");
}
