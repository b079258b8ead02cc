//! Hands: controllers, or bare ones where the runtime sees them.
//!
//! Promises: a pose is given only while it is measured; one that the runtime
//! guesses or remembers is `None`, so that nobody draws a hand where it was.
//! Does not decide what a button means for the scene; `nav_app` does.

use openxr::{Action, HandJoint, HandJointLocation, Path, Posef, Space, SpaceLocationFlags, Vector2f};

use crate::bindings::{PROFILES, Role};
use crate::runtime::Found;

/// Thumb and index finger this far apart pinch wholly, and not at all, m.
const PINCH_M: (f32, f32) = (0.015, 0.045);

/// A place and a turn in metres: x right, y up, z back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandPose {
    /// Place.
    pub position_m: [f32; 3],
    /// Turn, quaternion x y z w.
    pub rotation: [f32; 4],
}

/// One hand at the time a frame will be seen.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct HandState {
    /// Where it holds; `None` while it is not seen.
    pub grip: Option<HandPose>,
    /// Where it points from, along -z; `None` while that is not known.
    pub aim: Option<HandPose>,
    /// How firmly it grabs, 0 to 1.
    pub grab: f32,
    /// How firmly the trigger of the cutting plane is held, 0 to 1.
    pub clip: f32,
    /// True where there is such a trigger; a hand without one can only grab.
    pub has_trigger: bool,
    /// Thumbstick, right and up positive, -1 to 1.
    pub stick: [f32; 2],
}

/// Both hands, left first, and what either pressed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hands {
    /// Left, right.
    pub hands: [HandState; 2],
    /// The button that centres was pressed since the last call.
    pub wants_centre: bool,
    /// The button of the next preset was pressed since the last call.
    pub wants_preset: bool,
}

/// The actions and where the hands are looked for.
pub(crate) struct Actions {
    set: openxr::ActionSet,
    sides: [Path; 2],
    grip: Action<Posef>,
    grips: [Space; 2],
    aim: Action<Posef>,
    aims: [Space; 2],
    grab: Action<f32>,
    clip: Action<f32>,
    window: Action<Vector2f>,
    centre: Action<bool>,
    preset: Action<bool>,
    /// Bare hands by their joints, where the runtime offers no pinch of its own.
    trackers: [Option<openxr::HandTracker>; 2],
}

impl Actions {
    /// Makes the actions, suggests their buttons, attaches them.
    pub fn new(found: &Found, session: &openxr::Session<openxr::Vulkan>) -> openxr::Result<Self> {
        let instance = &found.instance;
        let set = instance.create_action_set("scene", "Scene", 0)?;
        let sides = [instance.string_to_path("/user/hand/left")?, instance.string_to_path("/user/hand/right")?];
        let grip = set.create_action::<Posef>("grip", "Where the hand holds", &sides)?;
        let aim = set.create_action::<Posef>("aim", "Where the hand points", &sides)?;
        let grab = set.create_action::<f32>("grab", "Grab the scene or the slices", &sides)?;
        let clip = set.create_action::<f32>("clip", "Cut the CT", &sides)?;
        let window = set.create_action::<Vector2f>("window", "Contrast and brightness", &sides)?;
        let centre = set.create_action::<bool>("centre", "Bring the spine before me", &[])?;
        let preset = set.create_action::<bool>("preset", "Next look of the CT", &[])?;
        for profile in PROFILES.iter().filter(|profile| !profile.is_bare_hand || found.has_hand_interaction) {
            let mut bindings = Vec::new();
            for (role, side, button) in profile.buttons {
                for hand in side.names() {
                    let path = instance.string_to_path(&format!("/user/hand/{hand}/input/{button}"))?;
                    bindings.push(match role {
                        Role::Grip => openxr::Binding::new(&grip, path),
                        Role::Aim => openxr::Binding::new(&aim, path),
                        Role::Grab => openxr::Binding::new(&grab, path),
                        Role::Clip => openxr::Binding::new(&clip, path),
                        Role::Window => openxr::Binding::new(&window, path),
                        Role::Centre => openxr::Binding::new(&centre, path),
                        Role::Preset => openxr::Binding::new(&preset, path),
                    });
                }
            }
            let name = instance.string_to_path(&format!("/interaction_profiles/{}", profile.name))?;
            // A runtime that does not know a controller may refuse it; the others still work.
            let _ = instance.suggest_interaction_profile_bindings(name, &bindings);
        }
        session.attach_action_sets(&[&set])?;
        let space = |action: &Action<Posef>, side| action.create_space(session, side, Posef::IDENTITY);
        let [left, right] = sides;
        let (grips, aims) = ([space(&grip, left)?, space(&grip, right)?], [space(&aim, left)?, space(&aim, right)?]);
        let by_joints = found.has_hand_tracking && !found.has_hand_interaction;
        let trackers = [openxr::Hand::LEFT, openxr::Hand::RIGHT]
            // One the headset cannot see is none.
            .map(|hand| by_joints.then(|| session.create_hand_tracker(hand).ok()).flatten());
        Ok(Self { set, sides, grip, grips, aim, aims, grab, clip, window, centre, preset, trackers })
    }

    /// The hands at `time`, measured from `base`. What the runtime does not tell
    /// is not there; a session that is lost is told by the calls for the frame.
    pub fn read(&self, session: &openxr::Session<openxr::Vulkan>, base: &Space, time: openxr::Time) -> Hands {
        if session.sync_actions(&[openxr::ActiveActionSet::new(&self.set)]).is_err() {
            return Hands::default();
        }
        let is_pressed = |action: &Action<bool>| {
            let state = action.state(session, Path::NULL);
            state.is_ok_and(|s| s.is_active && s.current_state && s.changed_since_last_sync)
        };
        let hand = |number: usize| self.hand(number, session, base, time).unwrap_or_default();
        Hands {
            hands: [hand(0), hand(1)],
            wants_centre: is_pressed(&self.centre),
            wants_preset: is_pressed(&self.preset),
        }
    }

    fn hand(
        &self,
        number: usize,
        session: &openxr::Session<openxr::Vulkan>,
        base: &Space,
        time: openxr::Time,
    ) -> Option<HandState> {
        let side = *self.sides.get(number)?;
        let located = |action: &Action<Posef>, spaces: &[Space; 2]| {
            let is_held = action.is_active(session, side).unwrap_or(false);
            let location = spaces.get(number).filter(|_| is_held)?.locate(base, time).ok()?;
            measured(location.location_flags, location.pose)
        };
        let Some(grip) = located(&self.grip, &self.grips) else {
            let tracker = self.trackers.get(number)?.as_ref()?;
            return pinching(&base.locate_hand_joints(tracker, time).ok()??);
        };
        let value = |action: &Action<f32>| {
            let state = action.state(session, side).ok().filter(|state| state.is_active);
            state.map(|state| unit(state.current_state))
        };
        let clip = value(&self.clip);
        let stick = self.window.state(session, side).ok().filter(|state| state.is_active);
        let stick = stick.map_or([0.0; 2], |s| [s.current_state.x, s.current_state.y].map(signed_unit));
        let aim = located(&self.aim, &self.aims);
        Some(HandState {
            grip: Some(grip),
            aim,
            grab: value(&self.grab).unwrap_or_default(),
            clip: clip.unwrap_or_default(),
            has_trigger: clip.is_some(),
            stick,
        })
    }
}

/// A pose that is measured now; `None` for one that is guessed or remembered.
fn measured(flags: SpaceLocationFlags, pose: Posef) -> Option<HandPose> {
    let needed = SpaceLocationFlags::POSITION_VALID
        | SpaceLocationFlags::ORIENTATION_VALID
        | SpaceLocationFlags::POSITION_TRACKED;
    let (p, q) = (pose.position, pose.orientation);
    let (position_m, rotation) = ([p.x, p.y, p.z], [q.x, q.y, q.z, q.w]);
    let length: f32 = rotation.iter().map(|c| c * c).sum();
    let is_pose = position_m.iter().all(|c| c.is_finite()) && (0.5..2.0).contains(&length);
    (flags.contains(needed) && is_pose).then_some(HandPose { position_m, rotation })
}

/// A bare hand from its joints: it grabs by pinching thumb and index finger, and points where the palm's bones run.
fn pinching(joints: &openxr::HandJointLocations) -> Option<HandState> {
    let at = |joint: HandJoint| {
        let place: &HandJointLocation = joints.get(usize::try_from(joint.into_raw()).ok()?)?;
        measured(place.location_flags, place.pose)
    };
    let grip = at(HandJoint::PALM)?;
    let tips = at(HandJoint::THUMB_TIP).zip(at(HandJoint::INDEX_TIP));
    let grab = tips.map_or(0.0, |(thumb, index)| pinch(thumb.position_m, index.position_m));
    Some(HandState { grip: Some(grip), aim: Some(grip), grab, ..HandState::default() })
}

/// How firmly two finger tips pinch, 0 to 1.
fn pinch(thumb_m: [f32; 3], index_m: [f32; 3]) -> f32 {
    let apart: f32 = thumb_m.iter().zip(index_m).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
    unit((PINCH_M.1 - apart) / (PINCH_M.1 - PINCH_M.0))
}

/// Within 0 to 1; what is no number is 0.
fn unit(value: f32) -> f32 {
    if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 }
}

/// Within -1 to 1; what is no number is 0.
fn signed_unit(value: f32) -> f32 {
    if value.is_finite() { value.clamp(-1.0, 1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pose_that_is_remembered_or_nonsense_is_none() {
        let all = SpaceLocationFlags::POSITION_VALID
            | SpaceLocationFlags::ORIENTATION_VALID
            | SpaceLocationFlags::POSITION_TRACKED;
        assert!(measured(all, Posef::IDENTITY).is_some());
        // Valid, but not tracked: the place it was last seen at.
        let remembered = SpaceLocationFlags::POSITION_VALID | SpaceLocationFlags::ORIENTATION_VALID;
        assert!(measured(remembered, Posef::IDENTITY).is_none());
        let mut wrong = Posef::IDENTITY;
        wrong.position.x = f32::NAN;
        assert!(measured(all, wrong).is_none());
        wrong = Posef::IDENTITY;
        wrong.orientation.w = 0.0;
        assert!(measured(all, wrong).is_none());
    }

    #[test]
    fn fingers_that_touch_pinch_and_open_ones_do_not() {
        assert_eq!(pinch([0.0; 3], [0.010, 0.0, 0.0]), 1.0);
        assert_eq!(pinch([0.0; 3], [0.06, 0.0, 0.0]), 0.0);
        assert!((pinch([0.0; 3], [0.0, 0.03, 0.0]) - 0.5).abs() < 1e-6);
        assert_eq!(pinch([f32::NAN; 3], [0.0; 3]), 0.0);
    }
}
