//! The sums against plain arithmetic, with every instruction set.

use super::*;

/// A wavy floor: each point belongs to the floor below it.
struct Floor(Vec<Site>);

impl Sites for Floor {
    fn indices(&self, _: usize, at: &[Lanes; 3]) -> [u32; LANES] {
        std::array::from_fn(|lane| {
            let (x, y) = (at[0][lane].round(), at[1][lane].round());
            let is_inside = (0.0..20.0).contains(&x) && (0.0..20.0).contains(&y);
            if is_inside { (y * 20.0 + x) as u32 } else { NO_SITE }
        })
    }
    fn sites(&self) -> &[Site] {
        &self.0
    }
}

fn floor() -> Floor {
    let site = |i: usize| {
        let (x, y) = ((i % 20) as f32, (i / 20) as f32);
        let tilt = [0.3 * (x * 0.9).sin(), 0.2 * (y * 0.7).cos()];
        let norm = (1.0 + tilt[0] * tilt[0] + tilt[1] * tilt[1]).sqrt();
        let normal = [tilt[0] / norm, tilt[1] / norm, 1.0 / norm];
        Site { point: [x, y, (x * 0.9).cos() / 3.0], normal, tag: [0; 2] }
    };
    Floor((0..400).map(site).collect())
}

fn points() -> Vec<[f32; 3]> {
    (0..333u16).map(f32::from).map(|i| [(i * 0.37) % 23.0 - 2.0, (i * 0.71) % 19.0, (i * 0.13) % 2.0 - 1.0]).collect()
}

const HERE: Placement = Placement { rotation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], centre: [0.2, 0.1, 0.0] };

/// The same sums point by point in `f64`.
fn slowly(floor: &Floor, reach_mm: f32, weighting: Weighting) -> [[f64; 7]; 7] {
    let mut sums = [[0.0; 7]; 7];
    for o in points() {
        let p = [o[0] + 0.2, o[1] + 0.1, o[2]];
        let at = p.map(|c| [c; LANES]);
        let Some(site) = floor.0.get(floor.indices(0, &at)[0] as usize) else { continue };
        let d: [f32; 3] = std::array::from_fn(|i| p[i] - site.point[i]);
        let (n, squared) = (site.normal, d.iter().map(|c| c * c).sum::<f32>());
        if squared > reach_mm * reach_mm {
            continue;
        }
        let e = d[0] * n[0] + d[1] * n[1] + d[2] * n[2];
        let w = f64::from(weighting.weight(squared, e));
        let turn = [o[1] * n[2] - o[2] * n[1], o[2] * n[0] - o[0] * n[2], o[0] * n[1] - o[1] * n[0]];
        let v = [turn[0], turn[1], turn[2], n[0], n[1], n[2], e].map(f64::from);
        (0..7).for_each(|r| (0..7).for_each(|c| sums[r][c] += w * v[r] * v[c]));
    }
    sums
}

#[test]
fn sums_are_those_of_the_points_one_by_one() {
    let (floor, packed) = (floor(), PointBlocks::new(&points()));
    let weightings = [
        Weighting::Even,
        Weighting::GemanMcClure { scale_mm: 1.0 },
        Weighting::Tukey { cutoff_mm: 0.8 },
        Weighting::Huber { knee_mm: 0.2 },
    ];
    for weighting in weightings {
        let fast = plane_sums(&floor, packed.blocks(), 0, &HERE, (1.1, weighting));
        let slow = slowly(&floor, 1.1, weighting);
        for row in 0..7 {
            for column in 0..7 {
                let (a, b) = (fast.product(row, column), slow[row][column]);
                assert!(
                    (a - b).abs() < 1e-4 * (1.0 + slow[row][row].max(slow[column][column])),
                    "{row} {column} {a} {b}"
                );
            }
        }
        assert!(fast.points() > 200.0 && fast.points() < 333.0 && fast.weights() <= fast.points() + 1e-3);
    }
}

#[test]
fn all_instructions_give_the_same_bits() {
    let (floor, packed) = (floor(), PointBlocks::new(&points()));
    let settings = (2.0, Weighting::GemanMcClure { scale_mm: 0.7 });
    let here = plane_sums(&floor, packed.blocks(), 0, &HERE, settings);
    assert_eq!(here, sum_blocks(Portable([0.0; LANES]), &floor, packed.blocks(), 0, &HERE, settings));
    let settings = (2.0, 0.8, true);
    assert_eq!(
        mean_squared(&floor, &packed, &HERE, settings),
        mean_blocks(Portable([0.0; LANES]), &floor, &packed, &HERE, settings)
    );
}

#[test]
fn a_mean_counts_points_off_the_surface_with_the_limit() {
    let floor = floor();
    let off = PointBlocks::new(&[[500.0, 0.0, 0.0], [1.0, 1.0, 90.0], [1.0, 1.0, 0.3]]);
    let mean = mean_squared(&floor, &off, &HERE, (2.0, 0.5, false));
    assert!((0.5 / 3.0..0.25).contains(&mean), "{mean}");
    assert_eq!(mean_squared(&floor, &PointBlocks::default(), &HERE, (2.0, 0.5, false)), 0.0);
}
