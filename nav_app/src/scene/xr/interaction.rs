//! What hands do to the scene: poses and buttons in, places and settings out.
//!
//! Promises: nothing moves that no hand holds; the scene stays level and, in
//! guidance, where it is; the slices stay within the wearer's reach; a hand that
//! is not seen holds nothing. Knows neither OpenXR nor Bevy's world, and is
//! called once a frame by [`viewer`](super::viewer).

use bevy::math::{Vec2, Vec3, Vec4};
use bevy::prelude::Transform;

use super::grab::{self, Anchor};
use super::placement::Placement;

/// Values of a button from which it is held, and below which it is let go.
const HELD: (f32, f32) = (0.6, 0.4);
/// A shorter press of the plane's trigger takes the plane away, s.
const TAP_S: f32 = 0.3;
/// Stick within this of its middle is at rest.
const REST: f32 = 0.2;
/// Window's change at full deflection, HU a second.
const HU_PER_S: f32 = 500.0;

/// Whether the scene may be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A tracked instrument on a patient: the scene stays where it is.
    Guidance,
    /// Nobody is being operated on.
    Preview,
    /// Somebody practises on a virtual patient; triggers touch its bone ([`touch`](super::touch)).
    Practice,
}

/// One hand in the room, m.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hand {
    /// Where it holds; `None` while it is not seen.
    pub grip: Option<Transform>,
    /// Where it points from, along -z.
    pub aim: Option<Transform>,
    /// How firmly it grabs, 0 to 1.
    pub grab: f32,
    /// How firmly the plane's trigger is held, 0 to 1.
    pub clip: f32,
    /// True where there is such a trigger.
    pub has_trigger: bool,
    /// Right and up positive, -1 to 1.
    pub stick: Vec2,
}

/// What the wearer does in one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input {
    /// Left, right.
    pub hands: [Hand; 2],
    /// The middle of the head.
    pub head: Transform,
    /// The scene is to come before the wearer.
    pub wants_centre: bool,
    /// Since the last frame, s.
    pub seconds: f32,
}

/// What a hand holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Holding {
    /// Nothing.
    #[default]
    Nothing,
    /// The scene.
    Scene,
    /// The slices.
    Panel,
    /// It grabbed what may not be moved.
    Refused,
}

/// A button with a little play, so that a half-pressed one does not flutter.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trigger {
    is_held: bool,
}

impl Trigger {
    /// Takes in its value; true when it was pressed just now.
    pub fn press(&mut self, value: f32) -> bool {
        let was_held = self.is_held;
        self.is_held = value >= if was_held { HELD.1 } else { HELD.0 };
        self.is_held && !was_held
    }

    /// True from a press until it is let go.
    pub const fn is_held(self) -> bool {
        self.is_held
    }
}

/// The plane that cuts the CT, in the scene: what lies along the normal goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CutPlane {
    /// A place on it, m.
    pub at: Vec3,
    /// Towards what is cut away.
    pub normal: Vec3,
}

impl CutPlane {
    /// As the volume takes it: `dot(xyz, place) <= w` is kept.
    #[must_use]
    pub fn equation(&self) -> Vec4 {
        self.normal.extend(self.normal.dot(self.at))
    }
}

/// The hand that moves the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cutting {
    hand: usize,
    held_s: f32,
    was_cut: bool,
}

/// How often hands did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Times the scene was taken.
    pub grabs: u32,
    /// Times the slices were taken.
    pub panel_grabs: u32,
    /// Times a grab was refused.
    pub refused: u32,
    /// Frames in which each hand was seen.
    pub seen: [u64; 2],
}

/// The scene in a wearer's hands.
#[derive(Debug, Clone)]
pub struct Interaction {
    mode: Mode,
    placement: Placement,
    panel: Transform,
    panel_in_scene: Transform,
    panel_half_m: Vec2,
    grabs: [Trigger; 2],
    clips: [Trigger; 2],
    holding: [Holding; 2],
    anchor: Option<Anchor>,
    panel_anchor: Option<(Vec3, Vec3)>,
    cut: Option<CutPlane>,
    cutting: Option<Cutting>,
    tally: Tally,
}

impl Interaction {
    /// Hangs the scene before `head`.
    ///
    /// * `panel_in_scene` - where the slices hang beside the spine.
    /// * `panel_half_m` - half their width and height.
    #[must_use]
    pub fn new(mode: Mode, head: &Transform, panel_in_scene: Transform, panel_half_m: Vec2) -> Self {
        let placement = Placement::before(head);
        Self {
            mode,
            placement,
            panel: placement.room(&panel_in_scene),
            panel_in_scene,
            panel_half_m,
            grabs: Default::default(),
            clips: Default::default(),
            holding: Default::default(),
            anchor: None,
            panel_anchor: None,
            cut: None,
            cutting: None,
            tally: Tally::default(),
        }
    }

    /// Takes in a frame; returns how much wider and brighter the slices' window
    /// gets, HU.
    pub fn step(&mut self, input: &Input) -> Vec2 {
        if input.wants_centre {
            self.placement = Placement::before(&input.head);
            self.panel = self.placement.room(&self.panel_in_scene);
            (self.anchor, self.panel_anchor) = (None, None);
        }
        for (number, hand) in input.hands.iter().enumerate() {
            self.tally.seen[number] += u64::from(hand.grip.is_some());
            self.take(number, hand);
        }
        self.move_scene(&input.hands);
        self.move_panel(&input.hands, &input.head);
        self.move_plane(&input.hands, input.seconds);
        let tilt = |hand: &Hand| if hand.stick.length() > REST { hand.stick } else { Vec2::ZERO };
        let [left, right] = input.hands;
        (tilt(&left) + tilt(&right)).clamp(Vec2::NEG_ONE, Vec2::ONE) * HU_PER_S * input.seconds
    }

    /// What a hand takes and lets go.
    fn take(&mut self, number: usize, hand: &Hand) {
        // One that is not seen lets go; seen again and still closed, it takes anew where it then is.
        let value = if hand.grip.is_some() { hand.grab } else { 0.0 };
        let is_pressed = self.grabs[number].press(value);
        if !self.grabs[number].is_held {
            self.holding[number] = Holding::Nothing;
        }
        let Some(grip) = hand.grip.filter(|_| is_pressed) else { return };
        let is_panel_free = !self.holding.contains(&Holding::Panel);
        let reaches = grab::reaches(&self.panel, self.panel_half_m, &grip, hand.aim.as_ref());
        self.holding[number] = match self.mode {
            _ if reaches && is_panel_free => Holding::Panel,
            Mode::Preview | Mode::Practice => Holding::Scene,
            Mode::Guidance => Holding::Refused,
        };
        match self.holding[number] {
            Holding::Panel => self.tally.panel_grabs += 1,
            Holding::Scene => self.tally.grabs += 1,
            _ => self.tally.refused += 1,
        }
    }

    fn move_scene(&mut self, hands: &[Hand; 2]) {
        let held = [0, 1].map(|n: usize| hands[n].grip.filter(|_| self.holding[n] == Holding::Scene));
        match self.anchor.filter(|anchor| anchor.is_of(&held)) {
            Some(anchor) => self.placement = anchor.placement(&held),
            // A hand came or went: from here on.
            None => self.anchor = Anchor::new(self.placement, held),
        }
    }

    fn move_panel(&mut self, hands: &[Hand; 2], head: &Transform) {
        let holder = self.holding.iter().position(|holding| *holding == Holding::Panel);
        let Some(grip) = holder.and_then(|n| hands[n].grip) else {
            self.panel_anchor = None;
            return;
        };
        let (hand, panel) = *self.panel_anchor.get_or_insert((grip.translation, self.panel.translation));
        // A press alone moves nothing.
        if grip.translation != hand {
            self.panel = grab::within_reach(panel + grip.translation - hand, head);
        }
    }

    fn move_plane(&mut self, hands: &[Hand; 2], seconds: f32) {
        for (number, hand) in hands.iter().enumerate() {
            let value = if hand.grip.is_some() { hand.clip } else { 0.0 };
            if self.clips[number].press(value) && self.cutting.is_none() {
                self.cutting = Some(Cutting { hand: number, held_s: 0.0, was_cut: self.cut.is_some() });
            }
        }
        let Some(cutting) = &mut self.cutting else { return };
        let hand = hands[cutting.hand];
        match hand.grip.filter(|_| self.clips[cutting.hand].is_held) {
            Some(grip) => {
                cutting.held_s += seconds;
                if !cutting.was_cut || cutting.held_s > TAP_S {
                    let place = self.placement.scene(&grip);
                    let turn = self.placement.scene(&hand.aim.unwrap_or(grip)).rotation;
                    // What lies between the hand and its owner goes.
                    self.cut = Some(CutPlane { at: place.translation, normal: turn * Vec3::Z });
                }
            }
            None => {
                // A hand that was lost lets the plane stay.
                if cutting.was_cut && cutting.held_s <= TAP_S && hand.grip.is_some() {
                    self.cut = None;
                }
                self.cutting = None;
            }
        }
    }

    /// Where the scene is.
    #[must_use]
    pub const fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Where the slices are in the room.
    #[must_use]
    pub const fn panel(&self) -> &Transform {
        &self.panel
    }

    /// What the hands hold.
    #[must_use]
    pub const fn holding(&self) -> [Holding; 2] {
        self.holding
    }

    /// The plane that cuts the CT.
    #[must_use]
    pub const fn cut(&self) -> Option<&CutPlane> {
        self.cut.as_ref()
    }

    /// True while a hand moves the plane.
    #[must_use]
    pub const fn is_cutting(&self) -> bool {
        self.cutting.is_some()
    }

    /// Whether the scene may be moved.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// How often hands did something.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }
}
