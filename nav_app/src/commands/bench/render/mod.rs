//! `bench render`: how long the scene's frames take.
//!
//! The CT that ships, repeated and resampled to the sizes asked for, so that
//! what is seen is bone and air as in patients. Frames follow each other
//! without pause and nothing is dropped, so that a percentile is one of work.

mod cases;

use std::sync::Arc;
use std::time::Duration;

use engine::safety::ToolState;
use serde::Serialize;
use serde_json::json;

use super::machine::{Machine, commit};
use crate::cli::BenchRenderArguments;
use crate::commands::scene::{Demonstration, shipped_case};
use crate::failure::{Blame, Failure};
use crate::quantile::{quantile, sorted};
use crate::report::Output;
use crate::scene::{self, FrameRun, RayWork, SceneHeader, SceneInput, VolumeSettings};

/// Frame times of one case.
#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    volume_voxels: [usize; 3],
    surfaces: usize,
    triangles: usize,
    is_moving: bool,
    resolution: f32,
    frames_per_s: Option<f64>,
    processor_ms: Option<f64>,
    p50_ms: Option<f64>,
    p90_ms: Option<f64>,
    p99_ms: Option<f64>,
    p999_ms: Option<f64>,
    max_ms: Option<f64>,
    count: usize,
}

/// Runs the command.
pub fn run(options: &BenchRenderArguments, quiet: bool) -> Result<Output, Failure> {
    let machine = Machine::this(0);
    let shipped = shipped_case()?;
    if let Some(seconds) = options.memory {
        return memory(options, &shipped, Duration::from_secs(seconds));
    }
    let (mut results, mut works, mut device) = (Vec::new(), Vec::new(), String::new());
    for voxels in &options.volumes {
        for surfaces in &options.surfaces {
            let case = Arc::new(cases::stacked(&shipped, *voxels, usize::from(*surfaces)).internal()?);
            if voxels[0] > 0 {
                works.extend(ray_work(&case, *voxels));
            }
            for is_moving in [true, false] {
                let measured = measure(options, &case, *voxels, is_moving, &mut device)?;
                if !quiet {
                    tracing::info!(name = measured.name, p50_ms = measured.p50_ms, "measured");
                }
                results.push(measured);
            }
        }
    }
    let text = format!("{}\n{}", table(&results, &device, options), work_table(&works));
    let json = json!({
        "machine": machine,
        "commit": commit(),
        "device": device,
        "screen": options.screen,
        "target_ms": options.target_ms,
        "results": results,
        "ray_work": works,
    });
    Ok(Output { json, text, is_refused: false })
}

/// Memory over a time of scripted use.
fn memory(options: &BenchRenderArguments, shipped: &engine::case::Case, length: Duration) -> Result<Output, Failure> {
    let voxels = options.volumes.iter().max().copied().unwrap_or_default();
    let surfaces = options.surfaces.iter().max().copied().unwrap_or(1);
    let case = Arc::new(cases::stacked(shipped, voxels, usize::from(surfaces)).internal()?);
    let snapshots = Box::new(Demonstration::moving(&case, ToolState::Live));
    let input = SceneInput { case, snapshots, header: demonstrated() };
    let volume = VolumeSettings { is_shown: voxels[0] > 0, ..VolumeSettings::default() };
    let samples = scene::measure_memory(input, volume, options.screen, length).internal()?;
    let line = |s: &scene::MemorySample| format!("{:8.0} s{:9} frames{:10.1} MB", s.seconds, s.frames, s.resident_mb);
    let text = samples.iter().map(line).collect::<Vec<_>>().join("\n");
    let json = json!({ "commit": commit(), "volume_voxels": voxels, "surfaces": surfaces, "memory": samples });
    Ok(Output { json, text, is_refused: false })
}

fn demonstrated() -> SceneHeader {
    SceneHeader { is_demonstration: true, ..SceneHeader::default() }
}

fn measure(
    options: &BenchRenderArguments,
    case: &Arc<engine::case::Case>,
    voxels: [usize; 3],
    is_moving: bool,
    device: &mut String,
) -> Result<Measured, Failure> {
    let surfaces = case.vertebrae.len();
    let [x, y, z] = voxels;
    let kind = if is_moving { "moving" } else { "still" };
    let name = format!("{x}x{y}x{z} voxels, {surfaces} surfaces, {kind}");
    let snapshots = Box::new(Demonstration::moving(case, ToolState::Live));
    let input = SceneInput { case: case.clone(), snapshots, header: demonstrated() };
    let volume = VolumeSettings { is_shown: x > 0, ..VolumeSettings::default() };
    let target = is_moving.then_some(Duration::from_millis(options.target_ms));
    let run = FrameRun { size: options.screen, frames: options.frames, target };
    let folder = options.pictures.as_ref().map(|folder| folder.join(name.replace([' ', ','], "-")));
    let times = scene::measure_frames(input, volume, run, folder.as_deref()).internal()?;
    times.device.clone_into(device);
    let ms = sorted(times.ms.iter().copied());
    let p50_ms = quantile(&ms, 0.5);
    Ok(Measured {
        name,
        volume_voxels: voxels,
        surfaces,
        triangles: case.vertebrae.iter().map(|v| v.mesh.triangles.len()).sum(),
        is_moving,
        resolution: times.resolution,
        frames_per_s: p50_ms.map(|ms| 1000.0 / ms),
        processor_ms: times.processor_ms,
        p50_ms,
        p90_ms: quantile(&ms, 0.9),
        p99_ms: quantile(&ms, 0.99),
        p999_ms: quantile(&ms, 0.999),
        max_ms: ms.last().copied(),
        count: ms.len(),
    })
}

/// Work of a headset's rays before one CT.
#[derive(Debug, Serialize)]
struct EyeWork {
    volume_voxels: [usize; 3],
    preset: &'static str,
    clip: &'static str,
    work: RayWork,
    reads_a_pixel: f32,
}

/// An eye half a metre from the spine, 90 degrees wide; 96 by 96 of its pixels.
fn ray_work(case: &engine::case::Case, volume_voxels: [usize; 3]) -> Vec<EyeWork> {
    let eye = [0.1, 0.05, 0.52];
    let kinds = [
        (scene::Preset::Bone, scene::ClipBox::Spine, "around the spine"),
        (scene::Preset::Bone, scene::ClipBox::Whole, "whole"),
        (scene::Preset::BoneAndSkin, scene::ClipBox::Whole, "whole"),
    ];
    let work = |(preset, clip, name): (scene::Preset, scene::ClipBox, &'static str)| {
        let work = scene::count_ray_work(case, &preset, clip, eye.into(), std::f32::consts::FRAC_PI_2, 96);
        EyeWork { volume_voxels, preset: preset.name(), clip: name, work, reads_a_pixel: work.reads() }
    };
    kinds.into_iter().map(work).collect()
}

fn work_table(works: &[EyeWork]) -> String {
    let mut lines =
        vec!["Work of an eye's rays, a pixel: in box, reads of blocks, samples, shaded, reads of HU".to_owned()];
    lines.extend(works.iter().map(|w| {
        let ([x, y, z], work) = (w.volume_voxels, &w.work);
        format!(
            "{:8.2}{:8.1}{:8.1}{:8.1}{:8.1}  {x}x{y}x{z}, {}, {}",
            work.share_in_box, work.block_reads, work.samples, work.shaded, w.reads_a_pixel, w.preset, w.clip
        )
    }));
    lines.join("\n")
}

fn table(results: &[Measured], device: &str, options: &BenchRenderArguments) -> String {
    let [width, height] = options.screen;
    let mut lines = vec![
        format!("Screen {width}x{height}, 3-D view and three slices, drawn by {device}"),
        "     p50     p90     p99     max ms   frames/s  processor ms  resolution".to_owned(),
    ];
    let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
    lines.extend(results.iter().map(|m| {
        format!(
            "{:8.1}{:8.1}{:8.1}{:8.1}{:11.1}{:14.1}{:12.2}  {}",
            number(m.p50_ms),
            number(m.p90_ms),
            number(m.p99_ms),
            number(m.max_ms),
            number(m.frames_per_s),
            number(m.processor_ms),
            m.resolution,
            m.name
        )
    }));
    lines.join("\n")
}
