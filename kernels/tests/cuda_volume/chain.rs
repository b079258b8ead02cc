//! A case from CT to labels and surfaces, against the processor's steps.

use std::sync::Arc;

use kernels::cuda::volume::{ChainSettings, Ct, SegmentChain, Segmented};
use kernels::device::{Passes, VolumeRun};
use kernels::{Connectivity, Cpu, Device, Interpolation, Program, connected_components, resample};

use crate::cases::{CT_DIMS, FLIPPED, GRID_DIMS, TILTED, WHOLE, WINDOWS, by_brightness, ct, run, unet};
use crate::marching::extract;
use crate::on_every_device;

/// Anisotropic, and not at the origin.
const PLACE: [[f64; 4]; 3] = [[1.1, 0.0, 0.0, -20.0], [0.0, 1.2, 0.0, 5.0], [0.0, 0.0, 1.3, 300.0]];
/// Widths in voxels `[z, y, x]`; they reach 3, 0 and 2 voxels.
const SIGMA: [f64; 3] = [0.8, 0.0, 0.6];
const REACH: [usize; 3] = [3, 0, 2];
const MIN_PART: u32 = 12;

fn settings(affine: [[f64; 4]; 3], passes: Passes) -> ChainSettings {
    ChainSettings {
        run: run(affine, passes),
        min_part_voxels: MIN_PART,
        surface_sigma_voxels: SIGMA,
        place_from_grid: PLACE,
    }
}

/// Labels on the network's grid by the processor.
fn grid_labels(program: &Arc<Program>, hu: &[f32], run: &VolumeRun) -> Vec<u8> {
    let fields = Cpu::new().class_fields(program, hu, run, &mut |_| ()).unwrap().classes;
    let best = |voxel: usize| {
        (1..fields.len()).fold(0, |best, c| if fields[c][voxel] > fields[best][voxel] { c } else { best }) as u8
    };
    let labels: Vec<u8> = (0..fields[0].len()).map(best).collect();
    let mask: Vec<bool> = labels.iter().map(|label| *label != 0).collect();
    let parts = connected_components(&mask, GRID_DIMS, Connectivity::Faces).unwrap();
    let is_large = |part: u32| part == 0 || parts.sizes[part as usize - 1] >= MIN_PART as usize;
    labels.iter().zip(&parts.labels).map(|(label, part)| if is_large(*part) { *label } else { 0 }).collect()
}

fn on_ct(labels: &[u8], affine: &[[f64; 4]; 3]) -> Vec<u8> {
    let m = geom::nalgebra::Matrix4::from_fn(|r, c| if r < 3 { affine[r][c] } else { f64::from(u8::from(c == 3)) });
    let m = m.try_inverse().unwrap();
    let grid_from_ct = [0, 1, 2].map(|r| [0, 1, 2, 3].map(|c| m[(r, c)]));
    resample(labels, GRID_DIMS, &grid_from_ct, CT_DIMS, Interpolation::Nearest, 0).unwrap()
}

/// The mask of a label with a margin of zeros, blurred: what is cut at one half.
fn blurred(labels: &[u8], label: u8, margin: [usize; 3]) -> (Vec<f32>, [usize; 3]) {
    let dims = [0, 1, 2].map(|axis| GRID_DIMS[axis] + 2 * margin[axis]);
    let mut field = vec![0f64; dims.iter().product()];
    for (i, _) in labels.iter().enumerate().filter(|(_, l)| **l == label) {
        let at = [i / (GRID_DIMS[1] * GRID_DIMS[2]), i / GRID_DIMS[2] % GRID_DIMS[1], i % GRID_DIMS[2]];
        let at = [0, 1, 2].map(|axis| at[axis] + margin[axis]);
        field[(at[0] * dims[1] + at[1]) * dims[2] + at[2]] = 1.0;
    }
    for (axis, stride) in [(0, dims[1] * dims[2]), (1, dims[2]), (2, 1)] {
        let weight = |i: i64| if SIGMA[axis] > 0.0 { (-0.5 * (i as f64 / SIGMA[axis]).powi(2)).exp() } else { 1.0 };
        let reach = REACH[axis] as i64;
        let total: f64 = (-reach..=reach).map(weight).sum();
        let source = field.clone();
        for (i, value) in field.iter_mut().enumerate() {
            let at = (i / stride % dims[axis]) as i64;
            let near = (-reach..=reach).filter(|step| (0..dims[axis] as i64).contains(&(at + step)));
            *value = near.map(|step| weight(step) / total * source[(i as i64 + step * stride as i64) as usize]).sum();
        }
    }
    (field.iter().map(|v| *v as f32).collect(), dims)
}

/// Triangles of every label: as many as the processor cuts, in the same
/// places, closed.
fn check_surfaces(got: &Segmented, labels: &[u8]) {
    let occurring: Vec<u8> = (1..=u8::MAX).filter(|label| labels.contains(label)).collect();
    assert_eq!(got.surfaces.iter().map(|surface| surface.label).collect::<Vec<_>>(), occurring);
    for surface in &got.surfaces {
        let margin = REACH.map(|reach| reach + 1);
        let (field, dims) = blurred(labels, surface.label, margin);
        let (crossings, triangles) = extract(&field, dims, 0.5);
        assert_eq!(surface.mesh.vertices.len(), crossings.len(), "label {}", surface.label);
        assert_eq!(surface.mesh.triangles.len(), triangles.len());
        let place = |((low, axis), share): (&([i32; 3], usize), &f64)| {
            let mut voxel = [0, 1, 2].map(|i| f64::from(low[i]) - margin[2 - i] as f64);
            voxel[*axis] += share;
            PLACE.map(|row| row[0] * voxel[0] + row[1] * voxel[1] + row[2] * voxel[2] + row[3])
        };
        let mut want: Vec<[f64; 3]> = crossings.iter().map(place).collect();
        let mut found: Vec<[f64; 3]> = surface.mesh.vertices.iter().map(|v| v.map(f64::from)).collect();
        let order = |a: &[f64; 3], b: &[f64; 3]| {
            let key = |v: &[f64; 3]| v.map(|c| (c * 500.0).round() as i64);
            key(a).cmp(&key(b))
        };
        want.sort_by(order);
        found.sort_by(order);
        for (w, f) in want.iter().zip(&found) {
            assert!((0..3).all(|i| (w[i] - f[i]).abs() < 5e-3), "{w:?} {f:?}");
        }
        let mut edges = std::collections::HashMap::new();
        for t in &surface.mesh.triangles {
            for (a, b) in [(t[0], t[1]), (t[1], t[2]), (t[2], t[0])] {
                *edges.entry((a.min(b), a.max(b))).or_insert(0) += if a < b { 1 } else { -1 };
            }
        }
        assert!(edges.values().all(|balance| *balance == 0), "an open surface");
    }
}

/// Every voxel and every triangle of a case whose labels do not hang on the
/// rounding of fp16.
#[test]
fn labels_and_surfaces_are_those_of_the_processor() {
    let program = by_brightness();
    for (affine, passes) in [(FLIPPED, WINDOWS), (TILTED, WINDOWS), (FLIPPED, WHOLE)] {
        let settings = settings(affine, passes);
        let cases = [500.0, 380.0].map(ct).map(|hu| {
            let labels = grid_labels(&program, &hu, &settings.run);
            assert!(labels.contains(&1) && labels.contains(&2));
            (hu, labels)
        });
        on_every_device(|cuda| {
            let mut chain = SegmentChain::new(cuda, &program, &settings).unwrap();
            // The second case replays what was recorded for the first.
            for (hu, labels) in cases.iter().chain(&cases[..1]) {
                let got = chain.run(Ct::Hu(hu)).unwrap();
                let want = on_ct(labels, &affine);
                let agreeing = got.labels.iter().zip(&want).filter(|(g, w)| g == w).count();
                assert_eq!(agreeing, want.len(), "{affine:?} {passes:?}");
                check_surfaces(&got, labels);
            }
        });
    }
}

/// A network of the kind that ships, in fp16: voxels between two classes may
/// differ, others not.
#[test]
fn a_network_with_norms_agrees_with_the_processor_almost_everywhere() {
    let (program, settings) = (unet(), settings(FLIPPED, WINDOWS));
    let hu = ct(500.0);
    let want = on_ct(&grid_labels(&program, &hu, &settings.run), &FLIPPED);
    assert!(want.iter().any(|label| *label != want[0]));
    on_every_device(|cuda| {
        let got = SegmentChain::new(cuda, &program, &settings).unwrap().run(Ct::Hu(&hu)).unwrap();
        let agreeing = got.labels.iter().zip(&want).filter(|(g, w)| g == w).count();
        let share = agreeing as f64 / want.len() as f64;
        assert!(share > 0.99, "{share} of the voxels agree");
    });
}

#[test]
fn stored_units_give_the_same_case() {
    let (program, settings) = (by_brightness(), settings(FLIPPED, WINDOWS));
    let stored: Vec<i16> = ct(500.0).iter().map(|hu| *hu as i16).collect();
    let hu: Vec<f32> = stored.iter().map(|v| f32::from(*v)).collect();
    on_every_device(|cuda| {
        let mut chain = SegmentChain::new(cuda, &program, &settings).unwrap();
        let (a, b) = (chain.run(Ct::Stored(&stored)).unwrap(), chain.run(Ct::Hu(&hu)).unwrap());
        assert!(a == b && !a.surfaces.is_empty());
    });
}

#[test]
fn air_has_no_surfaces_and_nonsense_is_refused() {
    let (program, settings) = (by_brightness(), settings(FLIPPED, WINDOWS));
    let voxels: usize = CT_DIMS.iter().product();
    let mut broken = ct(500.0);
    broken[77] = f32::NAN;
    on_every_device(|cuda| {
        let mut chain = SegmentChain::new(cuda, &program, &settings).unwrap();
        let air = chain.run(Ct::Hu(&vec![-1000.0; voxels])).unwrap();
        assert!(air.surfaces.is_empty() && air.labels == vec![0; voxels]);
        assert!(chain.run(Ct::Hu(&broken)).unwrap_err().to_string().contains("77"));
        assert!(chain.run(Ct::Stored(&[0; 5])).is_err());
        let flat = ChainSettings { run: run([[0.0; 4]; 3], WINDOWS), ..settings };
        assert!(SegmentChain::new(cuda, &program, &flat).unwrap_err().to_string().contains("undone"));
        let large = ChainSettings { run: run(FLIPPED, Passes::Whole { activation_bytes: 10 }), ..settings };
        assert!(SegmentChain::new(cuda, &program, &large).is_err());
    });
}
