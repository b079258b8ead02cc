//! Choosing points of a surface that say most about its pose.

use super::PointCloud;
use crate::register::random::Random;

/// Directions that normals are sorted into: 6 x 6 on each face of a cube.
const PER_FACE: usize = 6;
/// Neighbours from which curvature is estimated.
const NEIGHBOURS: usize = 12;

/// Indices of about `count` points whose normals cover all directions that
/// the surface has as evenly as possible; all points when there are fewer.
///
/// Points are drawn in turn from each direction, so that few points on a
/// process fix what many on a flat lamina leave free (Rusinkiewicz and Levoy
/// 2001, doi:10.1109/IM.2001.924423, sec. 3.2). The same seed gives the same
/// points. Cost: 20 ns a point.
#[must_use]
pub fn sample_normals(cloud: &PointCloud, count: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::new(seed);
    let mut bins = vec![Vec::new(); 6 * PER_FACE * PER_FACE];
    for (i, normal) in cloud.normals.iter().take(cloud.len()).enumerate() {
        if let Some(bin) = bins.get_mut(direction_bin(normal)) {
            bin.push(i);
        }
    }
    for bin in &mut bins {
        (1..bin.len()).rev().for_each(|i| bin.swap(i, random.below(i + 1)));
    }
    let mut chosen = Vec::with_capacity(count.min(cloud.len()));
    while chosen.len() < count && !bins.is_empty() {
        bins.retain_mut(|bin| {
            let taken = if chosen.len() < count { bin.pop() } else { None };
            chosen.extend(taken);
            taken.is_some()
        });
    }
    chosen.sort_unstable();
    chosen
}

/// Indices of about `count` points, drawn more often where the surface is
/// curved: the chance grows with the change of the normal among the
/// neighbours. Flat parts keep a fifth of the points. The same seed gives the
/// same points. Cost: 10 us a point.
///
/// # Errors
/// [`super::IndexError`] when the points cannot be indexed.
pub fn sample_curvature(cloud: &PointCloud, count: usize, seed: u64) -> Result<Vec<usize>, super::IndexError> {
    let index = super::NearestIndex::new(&cloud.points)?;
    let bend = |i: usize| {
        let (point, normal) = (cloud.points[i], cloud.normals.get(i).copied().unwrap_or_default());
        let near = index.nearest_few(point, NEIGHBOURS);
        let change = |n: &super::Nearest| {
            let other = cloud.normals.get(n.index).copied().unwrap_or_default();
            1.0 - normal.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum::<f64>()
        };
        near.iter().map(change).sum::<f64>().max(0.0) / near.len().max(1) as f64
    };
    let bends: Vec<f64> = (0..cloud.len()).map(bend).collect();
    let mean = bends.iter().sum::<f64>() / bends.len().max(1) as f64;
    let chance = |bend: f64| 0.2 + 0.8 * bend / mean.max(1e-12);
    // Systematic sampling: evenly spaced on the summed chances.
    let total: f64 = bends.iter().map(|b| chance(*b)).sum();
    let step = total / count.max(1) as f64;
    let mut next = Random::new(seed).uniform() * step;
    let (mut sum, mut chosen) = (0.0, Vec::new());
    for (i, bend) in bends.iter().enumerate() {
        sum += chance(*bend);
        if sum > next {
            chosen.push(i);
            next += step * ((sum - next) / step).ceil();
        }
    }
    Ok(chosen)
}

/// The face of a cube that a direction leaves through, and where.
fn direction_bin(normal: &[f32; 3]) -> usize {
    let size = normal.map(f32::abs);
    let axis = if size[0] >= size[1] && size[0] >= size[2] {
        0
    } else if size[1] >= size[2] {
        1
    } else {
        2
    };
    let (a, b) = ((axis + 1) % 3, (axis + 2) % 3);
    let along = |i: usize| {
        // NaN and zero lengths become the first bin.
        (((normal[i] / size[axis] + 1.0) * 0.5 * PER_FACE as f32) as usize).min(PER_FACE - 1)
    };
    let face = 2 * axis + usize::from(normal[axis] > 0.0);
    (face * PER_FACE + along(a)) * PER_FACE + along(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::phantom;

    /// A plate with a small bump: most normals are alike.
    fn plate() -> PointCloud {
        let mut cloud = PointCloud::default();
        for i in 0..10_000u16 {
            let (x, y) = (f32::from(i % 100) * 0.5, f32::from(i / 100) * 0.5);
            let (dx, dy) = (x - 25.0, y - 25.0);
            let height = 4.0 * (-(dx * dx + dy * dy) / 18.0).exp();
            let slope = [dx / 9.0 * height, dy / 9.0 * height, 1.0];
            let norm = slope.iter().map(|c| c * c).sum::<f32>().sqrt();
            cloud.points.push([x, y, height]);
            cloud.normals.push(slope.map(|c| c / norm));
        }
        cloud
    }

    #[test]
    fn rare_directions_and_curved_parts_are_chosen_more_often() {
        let cloud = plate();
        let on_bump = |chosen: &[usize]| {
            let is_near = |i: &&usize| {
                let p = cloud.points[**i];
                (p[0] - 25.0).hypot(p[1] - 25.0) < 8.0
            };
            chosen.iter().filter(is_near).count() as f64 / chosen.len() as f64
        };
        let all: Vec<usize> = (0..cloud.len()).collect();
        assert!(on_bump(&all) < 0.1);
        let even = sample_normals(&cloud, 500, 1);
        assert_eq!((even.len(), even == sample_normals(&cloud, 500, 1)), (500, true));
        assert!(on_bump(&even) > 0.5, "{}", on_bump(&even));
        let curved = sample_curvature(&cloud, 500, 1).unwrap();
        assert!(curved.len() > 400 && on_bump(&curved) > 0.5, "{} {}", curved.len(), on_bump(&curved));
    }

    #[test]
    fn small_and_odd_clouds_are_given_back() {
        let bone = phantom::ball([0.0; 3], 5.0).vertices_cloud();
        assert_eq!(sample_normals(&bone, usize::MAX, 1).len(), bone.len());
        assert!(sample_normals(&PointCloud::default(), 5, 1).is_empty());
        let odd = PointCloud { points: vec![[0.0; 3]; 2], normals: vec![[f32::NAN; 3], [0.0; 3]] };
        assert_eq!(sample_normals(&odd, 5, 1), [0, 1]);
        assert!(sample_curvature(&PointCloud::default(), 5, 1).is_err());
        assert!(sample_curvature(&bone, 0, 1).unwrap().len() <= 1);
    }
}
