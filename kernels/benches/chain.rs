//! A case on a GPU, from a CT in memory to labels and surfaces: medians of
//! wall times, in ms. Without a GPU it says so and measures nothing.
//!
//! `cargo bench -p kernels --features cuda-device --bench chain [-- SLICES]`

mod common;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use common::{commit, machine, weights};
use kernels::architectures::CompactUnet;
use kernels::cuda::volume::{ChainSettings, Ct, SegmentChain};
use kernels::device::{HuWindow, Passes, VolumeRun};
use kernels::{Cuda, Device, Graph, Program, antialias_sigma};

const ROUNDS: usize = 20;
/// Slices of 512 x 512 voxels unless told: a lumbar and thoracic scan.
const SLICES: usize = 300;
/// `[z, y, x]`, mm.
const CT_SPACING: [f64; 3] = [1.0, 0.8, 0.8];
/// Grid of the network that ships, mm.
const GRID_SPACING: f64 = 2.5;

fn main() -> Result<(), Box<dyn Error>> {
    let cuda = match Cuda::open() {
        Ok(cuda) => cuda,
        Err(error) => {
            println!("nothing measured: {error}");
            return Ok(());
        }
    };
    let slices = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(SLICES);
    let settings = settings([slices, 512, 512]);
    let graph: Graph =
        CompactUnet { channels: vec![16, 32, 64, 128], inputs: 1, classes: 4 }.graph()?.with_softmax()?;
    let program = Arc::new(Program::new(&graph, &weights(&graph)?)?);
    let stored = body(settings.run.ct_dims);
    let hu: Vec<f32> = stored.iter().map(|v| f32::from(*v)).collect();
    println!("{}, {}; {}", cuda.description(), machine(), commit());
    println!("CT {:?}, grid of the network {:?} [z, y, x]", settings.run.ct_dims, settings.run.grid_dims);

    let start = Instant::now();
    let mut chain = SegmentChain::new(&cuda, &program, &settings)?;
    println!("loading the network, planning and recording: {:.1} ms", ms(start));
    let case = chain.run(Ct::Hu(&hu))?;
    let triangles: usize = case.surfaces.iter().map(|surface| surface.mesh.triangles.len()).sum();
    println!("{} surfaces, {triangles} triangles", case.surfaces.len());
    let mut from_hu = || chain.run(Ct::Hu(&hu)).map(|_| ());
    println!("f32 CT to labels and surfaces: {:.1} ms", median(&mut from_hu)?);
    let mut from_stored = || chain.run(Ct::Stored(&stored)).map(|_| ());
    println!("i16 CT to labels and surfaces: {:.1} ms", median(&mut from_stored)?);
    let mut fields = || cuda.class_fields(&program, &hu, &settings.run, &mut |_| ()).map(|_| ());
    fields()?;
    println!("f32 CT to class fields on the host: {:.1} ms", median(&mut fields)?);
    Ok(())
}

fn settings(ct_dims: [usize; 3]) -> ChainSettings {
    let scale = [0, 1, 2].map(|axis| GRID_SPACING / CT_SPACING[axis]);
    ChainSettings {
        run: VolumeRun {
            ct_dims,
            grid_dims: [0, 1, 2].map(|axis| (ct_dims[axis] as f64 / scale[axis]).ceil() as usize),
            ct_from_grid: [[scale[2], 0.0, 0.0, 0.0], [0.0, scale[1], 0.0, 0.0], [0.0, 0.0, scale[0], 0.0]],
            blur_voxels: antialias_sigma(CT_SPACING, [GRID_SPACING; 3]),
            outside_hu: -1000.0,
            window: HuWindow { low: -1000.0, high: 1500.0, offset: 100.0, scale: 400.0 },
            passes: Passes::Windows { patch: [64; 3], overlap: 0.25, empty_below_hu: 120.0 },
        },
        min_part_voxels: 20,
        surface_sigma_voxels: [0.5; 3],
        place_from_grid: [[GRID_SPACING, 0.0, 0.0, 0.0], [0.0, GRID_SPACING, 0.0, 0.0], [0.0, 0.0, GRID_SPACING, 0.0]],
    }
}

/// Tissue in air with bright columns: as many windows hold bone as in a body.
fn body([depth, height, width]: [usize; 3]) -> Vec<i16> {
    let voxel = |i: usize| {
        let (x, y, z) = (i % width, i / width % height, i / (width * height));
        let away = (x as f64 / width as f64 - 0.5).hypot(y as f64 / height as f64 - 0.5);
        let is_bone = (x / 40 + y / 40) % 3 == 0 && z % 30 < 24;
        match away < 0.42 {
            false => -1000,
            true if is_bone => 400 + (i % 97) as i16,
            true => 40 + (i % 31) as i16,
        }
    };
    (0..depth * height * width).map(voxel).collect()
}

fn ms(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

fn median<E>(work: &mut dyn FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work()?;
        times.push(ms(start));
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}
