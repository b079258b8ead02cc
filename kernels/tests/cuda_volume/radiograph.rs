//! Digitally reconstructed radiographs.

use kernels::Device;
use kernels::radiograph::{XrayBeam, XrayCamera, radiograph};

use crate::{Random, assert_close, on_every_device};

const DIMS: [usize; 3] = [10, 12, 20];
/// Rays along y, nearly parallel: the source is far away.
const CAMERA: XrayCamera = XrayCamera {
    beam: XrayBeam::Cone { source: [9.5, -1e5, 4.5] },
    corner: [-2.0, 30.0, -2.0],
    column: [1.0, 0.0, 0.0],
    row: [0.0, 0.0, 1.0],
    voxel_mm: [0.5, 0.5, 2.0],
    step_mm: 0.1,
};

/// Registration to fluoroscopy compares these numbers with an X-ray's.
#[test]
fn a_radiograph_adds_up_what_lies_on_its_rays() {
    // Water, with bone that grows along x and y: linear, so that trilinear
    // samples in the middle of their steps add up exactly.
    let field: Vec<f32> = (0..10 * 12 * 20).map(|i| (i % 20) as f32 * 50.0 + (i / 20 % 12) as f32 * 100.0).collect();
    let parallel = XrayCamera { beam: XrayBeam::Parallel { direction: [0.0, 3.0, 0.0] }, ..CAMERA };
    let check = |image: &[f32]| {
        for (i, got) in image.iter().enumerate() {
            let (x, z) = ((i % 25) as f32 - 2.0, (i / 25) as f32 - 2.0);
            let is_in = (0.0..=19.0).contains(&x) && (0.0..=9.0).contains(&z);
            // From y = 0 to 11, half a millimetre a voxel.
            let want = if is_in { 5.5 * (1.0 + x * 0.05 + 5.5 * 0.1) } else { 0.0 };
            let is_edge = [0.0, 19.0].contains(&x) || [0.0, 9.0].contains(&z);
            assert!((got - want).abs() < 0.01 || (is_edge && *got == 0.0), "{x} {z}: {got} instead of {want}");
        }
    };
    for camera in [CAMERA, parallel] {
        check(&radiograph(&field, DIMS, &camera, [14, 25]).unwrap());
        on_every_device(|cuda| check(&cuda.radiograph(&field, DIMS, &camera, [14, 25]).unwrap()));
    }
}

/// A pose found with one device is the pose on the other.
#[test]
fn the_gpus_radiograph_is_the_processors() {
    let mut random = Random(5);
    let hu = random.values(10 * 12 * 20, -1400.0, 1500.0);
    let near = XrayCamera {
        beam: XrayBeam::Cone { source: [8.0, -60.0, 3.0] },
        column: [0.8, 0.2, 0.0],
        row: [0.05, 0.0, 0.7],
        step_mm: 0.2,
        ..CAMERA
    };
    let parallel = XrayCamera { beam: XrayBeam::Parallel { direction: [0.3, 1.0, 0.1] }, ..near };
    // A far source's positions are rounded to 1/64 voxel, and this field is noise.
    for (camera, tolerance) in [(near, 2e-3), (parallel, 0.15)] {
        let want = radiograph(&hu, DIMS, &camera, [21, 33]).unwrap();
        assert!(want.iter().any(|mm| *mm > 3.0));
        on_every_device(|cuda| assert_close(&cuda.radiograph(&hu, DIMS, &camera, [21, 33]).unwrap(), &want, tolerance));
    }
}

#[test]
fn air_and_rays_that_miss_add_nothing() {
    on_every_device(|cuda| {
        let air = cuda.upload_volume(&[-1500.0; 2400], DIMS).unwrap();
        assert!(air.radiograph(&CAMERA, [3, 3]).unwrap().iter().all(|v| *v == 0.0));
        let water = cuda.upload_volume(&[0.0; 2400], DIMS).unwrap();
        let beam = |source| XrayBeam::Cone { source };
        let beside = XrayCamera { corner: [100.0, 30.0, 4.0], beam: beam([100.0, -50.0, 4.0]), ..CAMERA };
        assert!(water.radiograph(&beside, [3, 3]).unwrap().iter().all(|v| *v == 0.0));
        assert!(water.radiograph(&XrayCamera { step_mm: 0.0, ..CAMERA }, [3, 3]).is_err());
        assert!(water.radiograph(&XrayCamera { beam: beam([f32::NAN; 3]), ..CAMERA }, [3, 3]).is_err());
        assert!(water.radiograph(&CAMERA, [0, 3]).is_err());
        assert!(cuda.radiograph(&[0.0; 3], DIMS, &CAMERA, [3, 3]).unwrap_err().to_string().contains("2400"));
    });
}
