//! What hands do in a practice: point at the bone and touch it, point at a button and press it.
//!
//! A hand with a trigger touches with it and moves the scene by grabbing; one that can only grab touches where it
//! points at bone, and moves the scene elsewhere. One hand touches at a time. Knows neither OpenXR nor Bevy's world;
//! called once a frame by [`board`](super::board), before the hands move anything.

use bevy::prelude::Transform;
use geom::{Ct, Point};

use super::super::practice::SPACING_MM;
use super::interaction::{Hand, Trigger};
use crate::scene_input::Wish;

/// Most places between two frames: one that takes long must not make the next one longer.
const MOST_BETWEEN: f64 = 16.0;

/// What a hand points at.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Target {
    /// Nothing that can be pressed.
    #[default]
    Nothing,
    /// Bone.
    Bone(Point<Ct>),
    /// A button of the board.
    Button(Button),
}

/// The buttons of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// Takes back a stroke, or a landmark.
    TakeBack,
    /// Registers; once it is over, ends.
    Go,
}

/// What was pressed in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pressed {
    /// Something for the practice.
    Wish(Wish),
    /// The button that registers or ends.
    Go,
}

/// The stroke that is being made.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stroke {
    hand: usize,
    aim: Transform,
    last: Point<Ct>,
    /// True where the press touched a landmark, which is no stroke however the hand moves.
    is_landmark: bool,
}

/// The hands of somebody who practises.
#[derive(Debug, Clone, Default)]
pub struct Touching {
    triggers: [Trigger; 2],
    /// True while a hand's press is not the scene's.
    is_taken: [bool; 2],
    targets: [Target; 2],
    stroke: Option<Stroke>,
}

impl Touching {
    /// Takes in a frame; what was pressed, in order. Takes from `hands` what is not for the scene.
    ///
    /// * `asks_landmark` - whether a landmark is asked for.
    /// * `look` - what a hand at this place of the room points at.
    pub fn step(
        &mut self,
        hands: &mut [Hand; 2],
        asks_landmark: bool,
        look: &dyn Fn(&Transform) -> Target,
    ) -> Vec<Pressed> {
        let mut pressed = Vec::new();
        for (number, hand) in hands.iter_mut().enumerate() {
            let aim = hand.grip.map(|grip| hand.aim.unwrap_or(grip));
            let value = if hand.has_trigger { hand.clip } else { hand.grab };
            // One that is not seen lets go.
            let is_begun = self.triggers[number].press(if aim.is_some() { value } else { 0.0 });
            let is_held = self.triggers[number].is_held();
            let target = aim.map(|aim| look(&aim)).unwrap_or_default();
            self.targets[number] = target;
            if let Some(aim) = aim.filter(|_| is_begun) {
                self.is_taken[number] = target != Target::Nothing;
                self.begin(number, aim, target, asks_landmark, &mut pressed);
            }
            self.is_taken[number] &= is_held;
            if self.stroke.is_some_and(|stroke| stroke.hand == number) {
                match aim.filter(|_| is_held) {
                    Some(aim) => self.go_on(aim, look, &mut pressed),
                    None => {
                        self.stroke = None;
                        pressed.push(Pressed::Wish(Wish::Lift));
                    }
                }
            }
            hand.clip = 0.0;
            if !hand.has_trigger && self.is_taken[number] {
                hand.grab = 0.0;
            }
        }
        pressed
    }

    fn begin(&mut self, hand: usize, aim: Transform, target: Target, is_landmark: bool, pressed: &mut Vec<Pressed>) {
        match target {
            Target::Bone(last) if self.stroke.is_none() => {
                self.stroke = Some(Stroke { hand, aim, last, is_landmark });
                pressed.push(Pressed::Wish(Wish::Touch(last)));
            }
            Target::Button(Button::TakeBack) => pressed.push(Pressed::Wish(Wish::Undo)),
            Target::Button(Button::Go) => pressed.push(Pressed::Go),
            Target::Bone(_) | Target::Nothing => {}
        }
    }

    /// Goes on with a stroke: a hand goes far between two frames, so places between are looked at too.
    fn go_on(&mut self, aim: Transform, look: &dyn Fn(&Transform) -> Target, pressed: &mut Vec<Pressed>) {
        let Some(stroke) = self.stroke.as_mut().filter(|stroke| !stroke.is_landmark) else { return };
        let before = std::mem::replace(&mut stroke.aim, aim);
        let far_mm = match self.targets[stroke.hand] {
            Target::Bone(now) => now.distance(stroke.last),
            Target::Nothing | Target::Button(_) => SPACING_MM * MOST_BETWEEN,
        };
        let looks = (far_mm / SPACING_MM).floor().clamp(1.0, MOST_BETWEEN) as u16;
        for at in 1..=looks {
            let share = f32::from(at) / f32::from(looks);
            let between = Transform {
                translation: before.translation.lerp(aim.translation, share),
                rotation: before.rotation.slerp(aim.rotation, share),
                ..aim
            };
            let Target::Bone(place) = look(&between) else { continue };
            if stroke.last.distance(place) >= SPACING_MM {
                stroke.last = place;
                pressed.push(Pressed::Wish(Wish::Touch(place)));
            }
        }
    }

    /// What the hands point at.
    #[must_use]
    pub const fn targets(&self) -> [Target; 2] {
        self.targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wall of bone at the room's z = -1 with x within 0.05 m, a button right of it.
    fn look(aim: &Transform) -> Target {
        let Transform { translation: at, .. } = *aim;
        match at.x {
            x if x.abs() < 0.05 => Target::Bone(Point::new(f64::from(x) * 1e3, 0.0, f64::from(at.y) * 1e3)),
            x if x > 0.1 => Target::Button(if x > 0.2 { Button::Go } else { Button::TakeBack }),
            _ => Target::Nothing,
        }
    }

    fn at(x: f32, pull: f32) -> Hand {
        let place = Some(Transform::from_xyz(x, 1.0, 0.0));
        Hand { grip: place, aim: place, clip: pull, has_trigger: true, ..Hand::default() }
    }

    fn step(touching: &mut Touching, left: Hand, right: Hand, asks_landmark: bool) -> (Vec<Pressed>, [Hand; 2]) {
        let mut hands = [left, right];
        (touching.step(&mut hands, asks_landmark, &look), hands)
    }

    fn touches(pressed: &[Pressed]) -> usize {
        pressed.iter().filter(|p| matches!(p, Pressed::Wish(Wish::Touch(_)))).count()
    }

    const AWAY: Hand =
        Hand { grip: None, aim: None, grab: 0.0, clip: 0.0, has_trigger: false, stick: bevy::math::Vec2::ZERO };

    #[test]
    fn a_held_trigger_draws_a_stroke_without_gaps_and_cuts_nothing() {
        let mut touching = Touching::default();
        let (pressed, hands) = step(&mut touching, AWAY, at(-0.04, 1.0), false);
        assert_eq!((touches(&pressed), pressed.len(), hands[1].clip), (1, 1, 0.0));
        // 21 mm within one frame.
        let (pressed, _) = step(&mut touching, AWAY, at(-0.019, 1.0), false);
        assert!((9..=11).contains(&touches(&pressed)), "{pressed:?}");
        let (pressed, _) = step(&mut touching, AWAY, at(-0.0185, 1.0), false);
        assert!(pressed.is_empty(), "nearer than the spacing: {pressed:?}");
        // Past the edge of the bone.
        let (pressed, _) = step(&mut touching, AWAY, at(0.07, 1.0), false);
        assert!(touches(&pressed) > 5, "{pressed:?}");
        let (pressed, _) = step(&mut touching, AWAY, at(0.07, 0.0), false);
        assert_eq!(pressed, [Pressed::Wish(Wish::Lift)]);
        assert!(step(&mut touching, AWAY, at(0.0, 0.0), false).0.is_empty());
    }

    #[test]
    fn a_landmark_is_one_touch_however_the_hand_moves_and_a_lost_hand_lets_go() {
        let mut touching = Touching::default();
        assert_eq!(touches(&step(&mut touching, at(0.0, 1.0), AWAY, true).0), 1);
        // The practice asks for the next one, or for the bone, while the trigger is still held.
        assert!(step(&mut touching, at(0.03, 1.0), AWAY, false).0.is_empty());
        assert_eq!(step(&mut touching, AWAY, AWAY, false).0, [Pressed::Wish(Wish::Lift)]);
        // Seen again and still held: it touches anew, where it then is.
        assert_eq!(touches(&step(&mut touching, at(0.03, 1.0), AWAY, false).0), 1);
    }

    #[test]
    fn buttons_are_pressed_once_and_one_hand_touches_at_a_time() {
        let mut touching = Touching::default();
        assert_eq!(
            step(&mut touching, at(0.15, 1.0), at(0.25, 1.0), false).0,
            [Pressed::Wish(Wish::Undo), Pressed::Go]
        );
        assert!(step(&mut touching, at(0.15, 1.0), at(0.25, 1.0), false).0.is_empty());
        assert!(step(&mut touching, at(0.15, 0.0), at(0.25, 0.0), false).0.is_empty());
        assert_eq!(touches(&step(&mut touching, at(0.0, 1.0), at(0.02, 1.0), false).0), 1);
    }

    #[test]
    fn a_hand_that_can_only_grab_touches_bone_and_moves_the_scene_elsewhere() {
        let mut touching = Touching::default();
        let bare = |x: f32, grab: f32| Hand { clip: 0.0, has_trigger: false, grab, ..at(x, 0.0) };
        let (pressed, hands) = step(&mut touching, AWAY, bare(0.0, 1.0), false);
        assert_eq!((touches(&pressed), hands[1].grab), (1, 0.0));
        let (_, hands) = step(&mut touching, AWAY, bare(0.08, 1.0), false);
        assert_eq!(hands[1].grab, 0.0, "what began on the bone stays there");
        step(&mut touching, AWAY, bare(0.08, 0.0), false);
        let (pressed, hands) = step(&mut touching, AWAY, bare(0.08, 1.0), false);
        assert_eq!((pressed.len(), hands[1].grab), (0, 1.0));
        // With a trigger, grabbing is the scene's wherever it points.
        let (_, hands) = step(&mut touching, AWAY, Hand { grab: 1.0, ..at(0.0, 0.0) }, false);
        assert_eq!(hands[1].grab, 1.0);
    }
}
