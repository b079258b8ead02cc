//! Connected parts.

use kernels::cuda::volume::Touching;
use kernels::{Connectivity, connected_components};

use crate::{Random, on_every_device};

fn noise(dims: [usize; 3], share: f32, seed: u64) -> Vec<u8> {
    Random(seed).values(dims.iter().product(), 0.0, 1.0).iter().map(|v| u8::from(*v < share)).collect()
}

/// A vertebra that grows into its neighbour, or a part with another number
/// than on the CPU, would give the surgeon another bone.
#[test]
fn finds_the_parts_of_the_cpu() {
    // Sparse specks, the tangle around percolation, nearly full; rows that
    // begin inside words; and enough words for two levels of sums.
    let cases = [([5, 7, 9], 0.2), ([6, 5, 33], 0.35), ([3, 4, 64], 0.5), ([9, 1, 31], 0.9), ([1, 1, 100], 0.7)];
    let large = [([41, 41, 41], 0.32)];
    for (seed, (dims, share)) in (1..).zip(cases.into_iter().chain(large)) {
        let mask = noise(dims, share, seed);
        let truth: Vec<bool> = mask.iter().map(|v| *v != 0).collect();
        for connectivity in [Connectivity::Faces, Connectivity::Corners] {
            let want = connected_components(&truth, dims, connectivity).unwrap();
            on_every_device(|cuda| {
                let parts = cuda.upload_labels(&mask, dims).unwrap().components(connectivity).unwrap();
                assert_eq!((parts.sizes(), parts.largest()), (&want.sizes[..], want.largest()));
                let got = parts.download().unwrap();
                assert!(got == want, "{dims:?} {share} {connectivity:?}");
                let largest = parts.mask_of(want.largest().unwrap()).unwrap().download().unwrap();
                let is_in = want.labels.iter().map(|label| u8::from(Some(*label) == want.largest()));
                assert!(largest.into_iter().eq(is_in));
            });
        }
    }
}

/// A snake through the whole volume: the longest chain of links there can be.
#[test]
fn a_long_winding_part_is_one() {
    let dims = [3, 21, 40];
    let mask: Vec<u8> = (0..3 * 21 * 40)
        .map(|i| {
            let (x, y, z) = (i % 40, i / 40 % 21, i / 840);
            let is_bridge = y % 2 == 1 && x == if y / 2 % 2 == 0 { 39 } else { 0 };
            u8::from(if z == 1 { x == 39 && y == 20 } else { y % 2 == 0 || is_bridge })
        })
        .collect();
    on_every_device(|cuda| {
        let parts = cuda.upload_labels(&mask, dims).unwrap().components(Connectivity::Faces).unwrap();
        assert_eq!(parts.sizes(), [mask.iter().map(|v| usize::from(*v)).sum::<usize>()]);
    });
}

/// Specks of noise would be vertebrae, and a vertebra lost with them.
#[test]
fn crumbs_go_and_the_rest_stays() {
    let dims = [7, 11, 35];
    let labels: Vec<u8> = noise(dims, 0.28, 4).iter().zip(0_u32..).map(|(v, i)| v * (1 + (i % 3) as u8)).collect();
    let mask: Vec<bool> = labels.iter().map(|v| *v != 0).collect();
    let parts = connected_components(&mask, dims, Connectivity::Faces).unwrap();
    let size = |part: u32| (part as usize).checked_sub(1).map_or(0, |i| parts.sizes[i]);
    let want: Vec<u8> =
        labels.iter().zip(&parts.labels).map(|(label, part)| if size(*part) < 20 { 0 } else { *label }).collect();
    assert!(want != labels && want.iter().any(|v| *v != 0));
    on_every_device(|cuda| {
        let mut map = cuda.upload_labels(&labels, dims).unwrap();
        map.clear_small_parts(Connectivity::Faces, 20).unwrap();
        assert!(map.download().unwrap() == want);
    });
}

#[test]
fn an_empty_mask_has_no_parts() {
    on_every_device(|cuda| {
        let parts = cuda.upload_labels(&[0; 70], [2, 5, 7]).unwrap().components(Connectivity::Corners).unwrap();
        assert_eq!((parts.sizes().len(), parts.largest()), (0, None));
        assert_eq!(parts.download().unwrap().labels, [0; 70]);
    });
}

/// Labels by a flood fill over the 18 neighbours that share a face or an edge.
fn flood(mask: &[u8], dims: [usize; 3]) -> Vec<u32> {
    let [d, h, w] = dims.map(|n| n as i32);
    let (mut labels, mut count) = (vec![0; mask.len()], 0);
    for seed in 0..mask.len() {
        if mask[seed] == 0 || labels[seed] != 0 {
            continue;
        }
        count += 1;
        labels[seed] = count;
        let mut queue = vec![seed as i32];
        while let Some(i) = queue.pop() {
            for n in 0..27 {
                let [dz, dy, dx] = [n / 9 - 1, n / 3 % 3 - 1, n % 3 - 1];
                let [z, y, x] = [i / (h * w) + dz, i / w % h + dy, i % w + dx];
                let is_inside = (0..d).contains(&z) && (0..h).contains(&y) && (0..w).contains(&x);
                let next = ((z * h + y) * w + x) as usize;
                if is_inside && dz * dz + dy * dy + dx * dx <= 2 && mask[next] != 0 && labels[next] == 0 {
                    labels[next] = count;
                    queue.push(next as i32);
                }
            }
        }
    }
    labels
}

#[test]
fn edges_connect_and_corners_do_not() {
    for (seed, share) in [(1, 0.1), (2, 0.2), (3, 0.4)] {
        let dims = [7, 11, 35];
        let mask = noise(dims, share, seed);
        let want = flood(&mask, dims);
        on_every_device(|cuda| {
            let parts = cuda.upload_labels(&mask, dims).unwrap().components(Touching::Edges).unwrap();
            assert!(parts.download().unwrap().labels == want, "{share}");
        });
    }
}
