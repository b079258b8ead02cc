//! A CT and networks for the tests of whole chains.

use std::sync::Arc;

use kernels::device::{HuWindow, Passes, VolumeRun};
use kernels::graph::{Activation, Conv, GraphBuilder};
use kernels::{Program, Weights};

/// Odd sizes, thick slices.
pub const CT_DIMS: [usize; 3] = [13, 31, 27];
pub const GRID_DIMS: [usize; 3] = [19, 21, 17];

/// Slices of 2.9 voxels of the grid, a flipped axis, and a grid that reaches
/// beyond the CT.
pub const FLIPPED: [[f64; 4]; 3] = [[-1.55, 0.0, 0.0, 25.7], [0.0, 1.45, 0.0, 0.3], [0.0, 0.0, 0.69, -0.2]];
/// Gantry tilt.
pub const TILTED: [[f64; 4]; 3] = [[1.5, 0.1, 0.0, 0.4], [-0.1, 1.4, 0.05, 0.3], [0.05, 0.0, 0.65, 0.1]];

pub const WINDOWS: Passes = Passes::Windows { patch: [8, 12, 8], overlap: 0.25, empty_below_hu: 120.0 };
pub const WHOLE: Passes = Passes::Whole { activation_bytes: 1 << 30 };

pub fn run(ct_from_grid: [[f64; 4]; 3], passes: Passes) -> VolumeRun {
    VolumeRun {
        ct_dims: CT_DIMS,
        grid_dims: GRID_DIMS,
        ct_from_grid,
        blur_voxels: [0.0, 0.6, 0.7],
        outside_hu: -1000.0,
        window: HuWindow { low: -1000.0, high: 1500.0, offset: 100.0, scale: 400.0 },
        passes,
    }
}

/// Bones, a speck and a bright disc in tissue; `bright` HU.
pub fn ct(bright: f32) -> Vec<f32> {
    let [d, h, w] = CT_DIMS;
    (0..d * h * w)
        .map(|i| {
            let at = [i % w, i / w % h, i / (w * h)].map(|v| v as f32);
            let ball = |centre: [f32; 3], mm: f32| {
                let away = [(at[0] - centre[0]), (at[1] - centre[1]), (at[2] - centre[2]) * 2.0];
                away.iter().map(|v| v * v).sum::<f32>().sqrt() < mm
            };
            let texture = ((i * 7919) % 61) as f32 - 30.0;
            let is_bone = ball([9.0, 10.0, 5.0], 6.5) || ball([17.0, 22.0, 8.0], 5.5);
            let is_metal = ball([18.0, 8.0, 8.0], 3.8);
            let is_speck = ball([23.0, 28.0, 2.0], 1.5);
            texture
                + if is_metal {
                    bright * 3.0
                } else if is_bone || is_speck {
                    bright
                } else {
                    -80.0
                }
        })
        .collect()
}

/// Instance norm, two levels: a small network of the kind that ships.
pub fn unet() -> Arc<Program> {
    let mut g = GraphBuilder::new();
    let x = g.input(1);
    let a = g.conv(x, "a", Conv::new(16, [3; 3]));
    let a = g.instance_norm(a, "an", 1e-5);
    let a = g.activate(a, Activation::LeakyRelu { slope: 0.01 });
    let b = g.conv(a, "b", Conv::new(24, [3; 3]).stride([2; 3]));
    let b = g.activate(b, Activation::Relu);
    let up = g.conv_transpose(b, "up", 16, [2; 3], true);
    let all = g.concat(&[a, up]);
    let y = g.conv(all, "head", Conv::new(4, [1; 3]));
    let y = g.softmax(y);
    g.output("classes", y);
    let graph = g.build().unwrap();
    Arc::new(Program::new(&graph, &Weights::synthetic(&graph).unwrap()).unwrap())
}

/// Looks at one voxel: tissue, bone and metal by their HU, so that both
/// devices agree on every voxel that is not exactly between two.
pub fn by_brightness() -> Arc<Program> {
    let mut g = GraphBuilder::new();
    let x = g.input(1);
    let y = g.conv(x, "classes", Conv::new(3, [1; 3]));
    let y = g.softmax(y);
    g.output("classes", y);
    let mut weights = Weights::new();
    // Scaled: tissue -0.5, bone 1, metal 3.5. Lines that cross at 0.25 and 2.25.
    weights.insert("classes.weight", vec![3, 1, 1, 1, 1], vec![0.0, 4.0, 8.0]).unwrap();
    weights.insert("classes.bias", vec![3], vec![0.0, -1.0, -10.0]).unwrap();
    Arc::new(Program::new(&g.build().unwrap(), &weights).unwrap())
}
