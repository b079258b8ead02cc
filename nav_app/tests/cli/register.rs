//! `register` and `export` on files, without the network.

use std::fmt::Write;

use crate::files::{RAS, nifti};
use crate::{folder, message, spinenav};

#[test]
fn landmarks_give_the_pose_they_were_made_from() {
    let path = folder("register-landmarks").join("pairs.txt");
    let ct = [[0.0, 0.0, 0.0], [50.0, 0.0, 0.0], [0.0, 60.0, 0.0], [0.0, 0.0, 70.0], [30.0, 30.0, 0.0]];
    // Patient = CT turned by a quarter about z, then moved.
    let pairs = ct.iter().fold(String::from("# patient, CT\n"), |mut text, [x, y, z]| {
        writeln!(text, "{} {} {}  {x} {y} {z}", 10.0 - y, 20.0 + x, z + 30.0).unwrap();
        text
    });
    std::fs::write(&path, pairs).unwrap();
    let output = spinenav(&["register".as_ref(), "--landmarks".as_ref(), path.as_os_str(), "--json".as_ref()]);
    assert!(output.status.success(), "{}", message(&output));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let pose: Vec<f64> = serde_json::from_value(json["patient_from_ct"].clone()).unwrap();
    let expected = [0.0, -1.0, 0.0, 10.0, 1.0, 0.0, 0.0, 20.0, 0.0, 0.0, 1.0, 30.0, 0.0, 0.0, 0.0, 1.0];
    assert!(pose.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{pose:?}");
    assert_eq!(json["verdict"], "accept");
}

#[test]
fn points_on_a_line_are_refused_with_their_reason() {
    let path = folder("register-line").join("pairs.txt");
    let pairs: String = (0..6).map(|i| format!("0 0 {i} 0 0 {i}\n")).collect();
    std::fs::write(&path, pairs).unwrap();
    let output = spinenav(&["register".as_ref(), "--landmarks".as_ref(), path.as_os_str()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(message(&output).contains("line"), "{}", message(&output));
}

#[test]
fn a_label_map_becomes_one_closed_surface_a_level() {
    let work = folder("export-stl");
    let mut voxels = vec![0i16; 40 * 40 * 40];
    for (i, voxel) in voxels.iter_mut().enumerate() {
        let offset = [i % 40, i / 40 % 40, i / 1600].map(|c| c as f64 - 19.5);
        if offset.iter().map(|c| c * c).sum::<f64>() < 144.0 {
            *voxel = 22;
        }
    }
    let labels = work.join("labels.nii");
    std::fs::write(&labels, nifti([40, 40, 40], RAS, &voxels)).unwrap();
    let arguments = [
        "export".as_ref(),
        labels.as_os_str(),
        "--format".as_ref(),
        "stl".as_ref(),
        "--out".as_ref(),
        work.as_os_str(),
    ];
    let output = spinenav(&arguments);
    assert!(output.status.success(), "{}", message(&output));
    let stl = std::fs::read(work.join("L3.stl")).unwrap();
    let triangles = u32::from_le_bytes(stl[80..84].try_into().unwrap()) as usize;
    assert_eq!(stl.len(), 84 + 50 * triangles);
    // Volume of the closed surface by the divergence theorem: a 12 mm ball.
    let corner = |t: usize, c: usize| -> [f64; 3] {
        [0, 1, 2].map(|a| {
            let at = 84 + 50 * t + 12 + 12 * c + 4 * a;
            f64::from(f32::from_le_bytes(stl[at..at + 4].try_into().unwrap()))
        })
    };
    let volume: f64 = (0..triangles)
        .map(|t| {
            let [a, b, c] = [corner(t, 0), corner(t, 1), corner(t, 2)];
            (a[0] * (b[1] * c[2] - b[2] * c[1])
                + a[1] * (b[2] * c[0] - b[0] * c[2])
                + a[2] * (b[0] * c[1] - b[1] * c[0]))
                / 6.0
        })
        .sum();
    let ball = 4.0 / 3.0 * std::f64::consts::PI * 12f64.powi(3);
    assert!((volume / ball - 1.0).abs() < 0.03, "{volume} for {ball}");
}
