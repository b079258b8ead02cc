//! Landmarks of a practice: tips of the bone that a surgeon names and finds again.

use geom::{Ct, Point};

use super::trials::Bone;
use crate::level::Level;

/// Bone flatter to the approach than this cosine is no landmark: a pointer would slip off.
const MIN_COSINE: f32 = 0.6;
/// What lies this near to the farthest point belongs to the tip, mm.
const AROUND_MM: f64 = 6.0;
/// Fewer fix no pose.
const LEAST: usize = 3;
/// The lowest cervical level; below it the arch has transverse processes that can be felt.
const LOWEST_CERVICAL: u8 = 7;

/// A place of the CT that is touched by its name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Landmark {
    /// The vertebra.
    pub level: Level,
    /// Which part of it.
    pub part: &'static str,
    /// Where it was marked, mm.
    pub at: Point<Ct>,
}

/// Tips that stand far apart: of both sides of the middle level laid open, and of the spinous
/// processes of the first and the last. None where fewer than three are found.
///
/// Cost: four passes over the exposed points.
pub(super) fn landmarks(bone: &Bone) -> Vec<Landmark> {
    let (Some(first), Some(last)) = (bone.levels.first(), bone.levels.last()) else { return Vec::new() };
    let middle = bone.levels.get(bone.levels.len() / 2).unwrap_or(first);
    let sides = if middle.number() <= LOWEST_CERVICAL {
        ["left lateral mass", "right lateral mass"]
    } else {
        ["left transverse process", "right transverse process"]
    };
    // LPS: x grows to the patient's left, y to the back.
    let mut found = vec![tip(bone, *first, "spinous process", |p| p[1])];
    found.push(tip(bone, *middle, sides[0], |p| p[0]));
    found.push(tip(bone, *middle, sides[1], |p| -p[0]));
    if last != first {
        found.push(tip(bone, *last, "spinous process", |p| p[1]));
    }
    let found: Vec<Landmark> = found.into_iter().flatten().collect();
    if found.len() < LEAST { Vec::new() } else { found }
}

/// The end of a level: the middle of what faces the surgeon around the point that lies farthest. The
/// farthest point itself is the edge, off which a pointer slips.
fn tip(bone: &Bone, level: Level, part: &'static str, far: impl Fn(&[f32; 3]) -> f32) -> Option<Landmark> {
    let all = bone.exposed.points.iter().zip(&bone.exposed.normals).zip(&bone.exposed_levels);
    let reached = all.filter(|((_, normal), of)| **of == level && normal[1] >= MIN_COSINE);
    let reached: Vec<Point<Ct>> = reached.map(|((point, _), _)| Point::from(*point)).collect();
    let value = |p: &Point<Ct>| far(&p.to_array().map(|c| c as f32));
    let end = *reached.iter().max_by(|a, b| value(a).total_cmp(&value(b)))?;
    let around: Vec<Point<Ct>> = reached.into_iter().filter(|p| p.distance(end) <= AROUND_MM).collect();
    let middle = Point::centroid(&around)?;
    let at = around.into_iter().min_by(|a, b| a.distance(middle).total_cmp(&b.distance(middle)))?;
    Some(Landmark { level, part, at })
}
