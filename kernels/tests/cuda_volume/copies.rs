//! Copies through page-locked pieces, and networks that stay on the GPU.

use kernels::weights::synthetic_input;
use kernels::{Device, Precision};

use crate::cases::unet;
use crate::{Random, on_every_device};

/// A piece too early or too late would be another patient's slices.
#[test]
fn large_volumes_arrive_whole() {
    // Three pieces and a bit, so that both are used twice.
    let dims = [29, 511, 463];
    let values = Random(7).values(dims.iter().product(), -1000.0, 2000.0);
    on_every_device(|cuda| {
        let volume = cuda.upload_volume(&values, dims).unwrap();
        let other = cuda.upload_volume(&values[..70_000], [7, 100, 100]).unwrap();
        assert!(volume.download().unwrap() == values);
        assert!(other.download().unwrap() == values[..70_000]);
    });
}

/// On the GPU or through the host: the same network.
#[test]
fn a_network_gives_the_same_bits_without_the_host() {
    let program = unet();
    let inputs = [[8, 8, 8], [6, 10, 4], [6, 10, 4]].map(|[z, y, x]| synthetic_input([1, z, y, x]).unwrap());
    on_every_device(|cuda| {
        let mut through_host = cuda.load(&program, Precision::Half).unwrap();
        let mut network = cuda.load_network(&program).unwrap();
        assert!(network.run_on_device().is_err(), "there is no input yet");
        let mut want = Vec::new();
        for image in &inputs {
            through_host.run(image, &mut want).unwrap();
            network.input(image.dims()).unwrap().fill(image).unwrap();
            let got: Vec<_> = network.run_on_device().unwrap().iter().map(|t| t.download().unwrap()).collect();
            assert!(got == want);
        }
    });
}
