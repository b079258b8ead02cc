//! Whole pictures, drawn on whatever Vulkan device there is; without one the
//! tests have nothing to look at and say so.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::case::{Case, Vertebra};
use engine::level::Level;
use engine::rt::{Snapshot, ToolView};
use engine::safety::{SessionState, ToolState};
use engine::surface::phantom;
use engine::track::ToolList;
use engine::volume::{Grid, LabelMap, Volume};
use geom::{Point, Transform, Vector};

use super::{SceneHeader, SceneInput, SnapshotFeed, adapters, palette, render_headless};

struct Still(Snapshot);

impl SnapshotFeed for Still {
    fn latest(&self) -> Option<Snapshot> {
        Some(self.0)
    }
}

fn phantom_case() -> Case {
    let grid = Grid::axis_aligned([60, 60, 70], [2.0; 3], [-60.0, -60.0, -30.0].into()).unwrap();
    let vertebra = |(i, mesh): (usize, _)| Vertebra {
        level: Level::from_number(23 - i as u8).unwrap(),
        voxels: 0,
        volume_mm3: 0.0,
        confidence: 0.9,
        doubts: Vec::new(),
        body_centre: Point::new(0.0, -22.0, i as f64 * phantom::LEVEL_PITCH_MM),
        mesh,
        surface_error_mm: Vec::new(),
    };
    Case {
        ct: Volume { hu: vec![40.0; grid.len()], grid: grid.clone() },
        labels: LabelMap { labels: vec![0; grid.len()], grid },
        vertebrae: phantom::spine(3).into_iter().enumerate().map(vertebra).collect(),
        levels_are_anchored: true,
    }
}

fn render(tool: ToolState, name: &str) -> Vec<PathBuf> {
    let view = ToolView {
        state: tool,
        reason: None,
        // Left in on purpose: the scene must not draw it unless it is live.
        ct_from_tip: Some(Transform::from_translation(Vector::new(5.0, 20.0, 32.0))),
        bone_distance_mm: Some(1.0),
        nearest_level: Level::from_number(22),
        predicted_tre_mm: Some(1.0),
        ..ToolView::default()
    };
    let tools = ToolList::from_slice(&[view]).unwrap();
    let snapshot = Snapshot { sequence: 1, session: SessionState::Navigating, tools, ..Snapshot::default() };
    let header = SceneHeader::default();
    let input = SceneInput { case: Arc::new(phantom_case()), snapshots: Box::new(Still(snapshot)), header };
    let dir = std::env::temp_dir().join(format!("spinenav-scene-{}-{name}", std::process::id()));
    render_headless(input, &dir, &mut |_| {}).unwrap()
}

/// Pixels of about the colour only a live instrument and its state have.
fn live_pixels(path: &Path) -> usize {
    let decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    let mut reader = decoder.read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut rgb).unwrap();
    let good = palette::rgb(palette::GOOD);
    let is_live = |p: &&[u8]| p.iter().zip(good).all(|(a, b)| a.abs_diff(b) < 24);
    rgb.chunks_exact(3).filter(is_live).count()
}

#[test]
fn a_live_tool_is_in_every_picture_and_a_lost_one_in_none() {
    if adapters().is_empty() {
        println!("skipped: no Vulkan device");
        return;
    }
    let (live, lost) = (render(ToolState::Live, "live"), render(ToolState::Lost, "lost"));
    let names = ["scene.png", "axial.png", "sagittal.png", "coronal.png", "eye_left.png", "eye_right.png"];
    assert!(live.iter().zip(names).all(|(path, name)| path.ends_with(name)), "{live:?}");
    for path in &live {
        assert!(live_pixels(path) > 30, "the tool is missing in {}", path.display());
    }
    for path in &lost {
        assert_eq!(live_pixels(path), 0, "a lost tool is shown in {}", path.display());
    }
    for dir in [live, lost].iter().filter_map(|paths| paths.first()?.parent()) {
        std::fs::remove_dir_all(dir).unwrap();
    }
}
