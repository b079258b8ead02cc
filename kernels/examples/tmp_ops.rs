//! temp
use kernels::*;
use std::time::Instant;
fn t<R>(name: &str, mut f: impl FnMut() -> R) {
    let mut b = f64::INFINITY;
    for _ in 0..7 {
        let s = Instant::now();
        let r = f();
        b = b.min(s.elapsed().as_secs_f64());
        drop(r);
    }
    println!("{name}: {:.2} ms", b * 1e3);
}
fn main() {
    let cpu = Cpu::new();
    let x = Tensor::new([16, 64, 64, 64], (0..16 * 262144).map(|i| (i % 1000) as f32 * 0.01).collect()).unwrap();
    let n = NormWeights::new(vec![1.0; 16], vec![0.0; 16]).unwrap();
    t("clone16", || x.clone());
    t("zeros", || {
        let mut z = Tensor::zeros([16, 64, 64, 64]).unwrap();
        z.data_mut()[0] = 1.0;
        z
    });
    let mut y = Some(x.clone());
    t("norm", || {
        let r = cpu.instance_norm_leaky_relu(y.take().unwrap(), &n).unwrap();
        y = Some(r);
    });
    t("concat", || cpu.concat_channels(&x, &x).unwrap());
    let up = ConvTranspose3dWeights::new([32, 16, 2, 2, 2], vec![0.1; 32 * 16 * 8], vec![0.0; 16]).unwrap();
    let up = cpu.prepare_conv_transpose3d(&up).unwrap();
    let z = Tensor::new([32, 32, 32, 32], vec![0.5; 1 << 20]).unwrap();
    t("up 32->16 at 32^3", || cpu.conv_transpose3d(&z, &up).unwrap());
    let mut l = Some(Tensor::zeros([3, 64, 64, 64]).unwrap());
    t("softmax", || {
        let r = cpu.softmax_channels(l.take().unwrap()).unwrap();
        l = Some(r);
    });
    let dims = [200, 256, 256];
    let nv = 200 * 256 * 256;
    let ct: Vec<f32> = (0..nv).map(|i| (i % 777) as f32).collect();
    t("blur sigma 1.45 13Mvox", || gaussian_blur(&ct, dims, [1.45; 3]).unwrap());
    let m = [[0.9, 0.1, 0.0, 0.0], [0.1, 0.9, 0.0, 0.0], [0.0, 0.0, 0.9, 0.0]];
    t("linear 13Mvox", || resample(&ct, dims, &m, dims, Interpolation::Linear, 0.0).unwrap());
    t("nearest 13Mvox", || resample(&ct, dims, &m, dims, Interpolation::Nearest, 0.0).unwrap());
    let al = [[0.9, 0.0, 0.0, 0.0], [0.0, 0.9, 0.0, 0.0], [0.0, 0.0, 0.9, 0.0]];
    t("aligned linear", || resample(&ct, dims, &al, dims, Interpolation::Linear, 0.0).unwrap());
    t("aligned nearest", || resample(&ct, dims, &al, dims, Interpolation::Nearest, 0.0).unwrap());
    let lab: Vec<u8> = (0..nv).map(|i| (i % 7) as u8).collect();
    t("nearest u8 13Mvox", || resample(&lab, dims, &m, dims, Interpolation::Nearest, 0).unwrap());
    let mask: Vec<bool> = (0..nv)
        .map(|i| {
            let (z, y, x) = (i / 65536, i / 256 % 256, i % 256);
            let r = ((z as i32 - 100).pow(2) + (y as i32 - 128).pow(2) + (x as i32 - 128).pow(2)) as f32;
            r < 6400.0 || (x % 40 < 9 && y % 40 < 8 && z % 33 < 7)
        })
        .collect();
    t("distance 13Mvox", || distance_transform(&mask, dims, [0.7; 3]).unwrap());
    t("components 13Mvox", || connected_components(&mask, dims, Connectivity::Corners).unwrap());
    t("dilate 13Mvox", || dilate_mm(&mask, dims, [0.7; 3], 2.0).unwrap());
}
