//! How a held scene and held slices follow the hands.
//!
//! One hand shifts the scene and turns it about the vertical, two also size it;
//! tilting a hand tilts nothing, because a horizon that leans makes people ill.

use bevy::math::{Quat, Vec2, Vec3};
use bevy::prelude::Transform;

use super::placement::{Placement, facing};

/// Smallest and largest scene, times its own size.
const SCALE: (f32, f32) = (0.25, 4.0);
/// Hands nearer than this to each other do not size or turn, m.
const APART_M: f32 = 0.05;
/// A hand this near to the slices takes them, m.
const TOUCH_M: f32 = 0.06;
/// Farthest that is pointed at, m.
const POINT_M: f32 = 2.0;
/// Nearest and farthest place of the slices, m.
const REACH_M: (f32, f32) = (0.4, 0.8);
/// Farthest to the side of where the wearer faces, rad: still in view.
const ASIDE_RAD: f32 = 0.6;
/// Lowest and highest place relative to the eyes, m.
const HEIGHT_M: (f32, f32) = (-0.25, 0.2);

/// Hands and scene when the hands took it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Anchor {
    placement: Placement,
    hands: [Option<Transform>; 2],
}

impl Anchor {
    /// `None` where no hand holds.
    #[must_use]
    pub fn new(placement: Placement, hands: [Option<Transform>; 2]) -> Option<Self> {
        hands.iter().any(Option::is_some).then_some(Self { placement, hands })
    }

    /// True while the same hands hold.
    #[must_use]
    pub fn is_of(&self, hands: &[Option<Transform>; 2]) -> bool {
        [0, 1].iter().all(|n: &usize| self.hands[*n].is_some() == hands[*n].is_some())
    }

    /// Where the scene is with the hands there.
    #[must_use]
    pub fn placement(&self, hands: &[Option<Transform>; 2]) -> Placement {
        match (self.hands, *hands) {
            ([Some(a), Some(b)], [Some(left), Some(right)]) => self.with_two([a, b], [left, right]),
            ([Some(from), None], [Some(to), _]) | ([None, Some(from)], [_, Some(to)]) => {
                let yaw_rad = yaw(to.rotation * from.rotation.inverse());
                self.placement.moved(from.translation, to.translation, yaw_rad, 1.0)
            }
            _ => self.placement,
        }
    }

    fn with_two(&self, from: [Transform; 2], to: [Transform; 2]) -> Placement {
        let span = |hands: [Transform; 2]| hands[1].translation - hands[0].translation;
        let middle = |hands: [Transform; 2]| 0.5 * (hands[0].translation + hands[1].translation);
        let (before, now) = (span(from), span(to));
        let is_apart = before.length() > APART_M && now.length() > APART_M;
        let scale = self.placement.scale();
        let ratio = if is_apart { now.length() / before.length() } else { 1.0 };
        let ratio = (scale * ratio).clamp(SCALE.0, SCALE.1) / scale;
        let [flat_before, flat_now] = [before, now].map(|v| Vec2::new(v.x, -v.z));
        let turns = flat_before.length() > APART_M && flat_now.length() > APART_M;
        let yaw_rad = if turns { flat_before.angle_to(flat_now) } else { 0.0 };
        self.placement.moved(middle(from), middle(to), yaw_rad, ratio)
    }
}

/// The part of a turn that is about the vertical, rad.
fn yaw(turn: Quat) -> f32 {
    let twist = 2.0 * turn.y.atan2(turn.w);
    // The shorter way round.
    (twist + std::f32::consts::PI).rem_euclid(std::f32::consts::TAU) - std::f32::consts::PI
}

/// True when a hand touches the slices or points at them.
///
/// * `half_m` - half their width and height.
#[must_use]
pub fn reaches(panel: &Transform, half_m: Vec2, grip: &Transform, aim: Option<&Transform>) -> bool {
    let on = |p: Vec3| panel.rotation.inverse() * (p - panel.translation);
    let is_within = |p: Vec3, more: f32| p.x.abs() < half_m.x + more && p.y.abs() < half_m.y + more;
    let held = on(grip.translation);
    if held.z.abs() < TOUCH_M && is_within(held, 0.5 * TOUCH_M) {
        return true;
    }
    aim.and_then(|aim| pointed_at(panel, aim)).is_some_and(|at| is_within(at.extend(0.0), 0.0))
}

/// Where a hand that points meets the plane of something flat, from its middle, m; from before it only: a back
/// shows nothing.
#[must_use]
pub fn pointed_at(flat: &Transform, aim: &Transform) -> Option<Vec2> {
    let back = flat.rotation.inverse();
    let (from, along) = (back * (aim.translation - flat.translation), back * *aim.forward());
    let distance = -from.z / along.z;
    let is_met = from.z > 0.0 && distance.is_finite() && (0.0..POINT_M).contains(&distance);
    is_met.then(|| (from + along * distance).truncate())
}

/// Slices at a place of the room, kept where the wearer can read and take
/// them, upright and facing the wearer.
#[must_use]
pub fn within_reach(at: Vec3, head: &Transform) -> Transform {
    let turn = facing(head);
    let local = turn.inverse() * (at - head.translation);
    let (aside, ahead) = (local.x, -local.z);
    let angle = aside.atan2(ahead).clamp(-ASIDE_RAD, ASIDE_RAD);
    let distance = aside.hypot(ahead).clamp(REACH_M.0, REACH_M.1);
    let (sine, cosine) = angle.sin_cos();
    let height = local.y.clamp(HEIGHT_M.0, HEIGHT_M.1);
    let offset = turn * Vec3::new(sine * distance, height, -cosine * distance);
    let rotation = Quat::from_rotation_y((-offset.x).atan2(-offset.z));
    Transform::from_translation(head.translation + offset).with_rotation(rotation)
}
