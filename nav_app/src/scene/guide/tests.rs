//! What would be lost: a picture that shows a finished side as missing, or one
//! that is not drawn at all.

use calib::guide::{Guide, GuideSettings, PivotGuide, Seen};
use calib::simulate::{Draws, PivotScene};
use geom::nalgebra::Vector3;
use geom::{Tool, Tracker, Transform};

use super::super::adapters;
use super::*;

/// A simulated recording, whole or without what leans to the right.
fn view(is_whole: bool) -> GuideView {
    let settings = GuideSettings { axes: "LPS".parse().ok(), ..GuideSettings::default() };
    let mut poses = PivotScene { tilt_deg: 20.0, ..PivotScene::default() }.poses(&mut Draws::new(1));
    let z = |pose: &Transform<Tracker, Tool>| pose.rotation() * Vector3::z();
    poses.retain(|pose| is_whole || z(pose).x > 0.0 || z(pose).y.abs() > -z(pose).x);
    let seen = Seen { now_s: 12.0, packet_s: Some(12.0), pose_s: Some(12.0) };
    GuideView {
        tool: "StylusToTracker".into(),
        state: PivotGuide::new(settings).look(&poses, &[], &seen),
        unseen: 3,
        given_up: 0,
        elapsed_s: 12.0,
        limit_s: 120.0,
        end: None,
    }
}

/// Pixels of about a colour, left of the column.
fn pixels(path: &Path, color: Color) -> usize {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut rgb).unwrap();
    let wanted = palette::rgb(color);
    let is_near = |p: &&[u8]| p.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 24);
    rgb.chunks_exact(1920 * 3).flat_map(|row| row[..980 * 3].chunks_exact(3)).filter(is_near).count()
}

#[test]
fn covered_sides_are_seen_to_be_covered() {
    if adapters().is_empty() {
        println!("skipped: no Vulkan device");
        return;
    }
    let folder = std::env::temp_dir().join(format!("spinenav-guide-{}", std::process::id()));
    let covered = |is_whole: bool, name: &str| {
        let path = render_guide(view(is_whole), &folder.join(name)).unwrap();
        assert!(path.ends_with(name), "{}", path.display());
        pixels(&path, palette::GOOD)
    };
    let (part, whole) = (covered(false, "part.png"), covered(true, "whole.png"));
    assert!(whole > 80_000, "{whole} pixels of the disc are covered");
    assert!(part > 10_000 && part < whole * 9 / 10, "{part} of {whole}");
    std::fs::remove_dir_all(folder).unwrap();
}
