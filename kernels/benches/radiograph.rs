//! Speed of radiographs on the processor: rays, and samples along them.
//!
//! `cargo bench -p kernels --bench radiograph [-- THREADS]`
//!
//! A CT of 512 x 512 x 133 voxels of 0.7 x 0.7 x 2.5 mm with an elliptic body,
//! seen from the front in 0.8 mm pixels; steps of 0.35 mm. Processor time is
//! told beside the clock's, for machines that do other things as well.
//! `scripts/bench_radiograph_peer.py` does the same with PyTorch.

mod common;

use std::time::Instant;

use common::{commit, machine};
use kernels::GridError;
use kernels::radiograph::{XrayBeam, XrayCamera, radiograph};

const DIMS: [usize; 3] = [133, 512, 512];
const STEP_MM: f32 = 0.35;
const SIZE: [usize; 2] = [440, 480];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let threads = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(1);
    println!("{}, {threads} threads, commit {}", machine(), commit());
    let hu: Vec<f32> = (0..DIMS.iter().product::<usize>())
        .map(|i| {
            let [x, y] = [i % 512, i / 512 % 512].map(|v| v as f32 - 255.5);
            let body = (x / 240.0).powi(2) + (y / 160.0).powi(2);
            let bone = (x / 30.0).powi(2) + ((y - 90.0) / 30.0).powi(2);
            if bone < 1.0 {
                400.0
            } else if body < 1.0 {
                30.0
            } else {
                -1000.0
            }
        })
        .collect();
    let cone = XrayCamera {
        beam: XrayBeam::Cone { source: [256.0, -2000.0, 66.0] },
        corner: [-64.0, 600.0, -5.0],
        column: [1.34, 0.0, 0.0],
        row: [0.0, 0.0, 0.325],
        voxel_mm: [0.7, 0.7, 2.5],
        step_mm: STEP_MM,
    };
    let parallel = XrayCamera { beam: XrayBeam::Parallel { direction: [0.0, 1.0, 0.0] }, ..cone };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    for (name, camera) in [("cone", cone), ("parallel", parallel)] {
        let [wall, busy] = pool.install(|| best(&hu, &camera))?;
        let rays = (SIZE[0] * SIZE[1]) as f64;
        // What a program that steps through the whole volume would take.
        let samples = rays * f64::from(511.0 * 0.7 / STEP_MM);
        println!(
            "{name}: {:.0} ms, processor {:.0} ms; of processor time {:.2} Mrays/s, {:.2} ns a sample of the whole volume",
            wall * 1e3,
            busy * 1e3,
            rays / busy / 1e6,
            busy * 1e9 / samples
        );
    }
    Ok(())
}

/// Least time of five runs: by the clock and of the processor, s.
fn best(hu: &[f32], camera: &XrayCamera) -> Result<[f64; 2], GridError> {
    let mut least = [f64::INFINITY; 2];
    for _ in 0..5 {
        let (start, busy) = (Instant::now(), processor_seconds());
        std::hint::black_box(radiograph(hu, DIMS, camera, SIZE)?);
        least = [least[0].min(start.elapsed().as_secs_f64()), least[1].min(processor_seconds() - busy)];
    }
    Ok(least)
}

/// Processor time of this process so far, in steps of 10 ms; Linux only, else 0.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
