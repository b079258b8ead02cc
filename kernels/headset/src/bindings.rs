//! Which button of which controller does what.
//!
//! One table, suggested to the runtime, which may let the user change it. Every
//! controller has a way to grab; those with fewer buttons lack the rest.

/// What a hand can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Where the hand holds.
    Grip,
    /// Where it points.
    Aim,
    /// Holds what it has grabbed.
    Grab,
    /// Holds the plane that cuts the CT.
    Clip,
    /// Changes brightness and contrast of the slices.
    Window,
    /// Brings the scene before the wearer.
    Centre,
    /// Takes the next preset of the CT.
    Preset,
}

/// Which hands have the button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Both,
    Left,
    Right,
}

impl Side {
    /// Names in paths.
    pub(crate) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Both => &["left", "right"],
            Self::Left => &["left"],
            Self::Right => &["right"],
        }
    }
}

/// A controller and its buttons, below `/user/hand/SIDE/input/`.
pub(crate) struct Profile {
    /// Name below `/interaction_profiles/`.
    pub name: &'static str,
    /// What each button does.
    pub buttons: &'static [(Role, Side, &'static str)],
    /// True when it needs `XR_EXT_hand_interaction`.
    pub is_bare_hand: bool,
}

/// All controllers that are known. A runtime refuses the whole of one in which
/// a single path is wrong, so each has only what its specification lists.
pub(crate) const PROFILES: [Profile; 6] = [
    Profile {
        name: "khr/simple_controller",
        buttons: &[
            (Role::Grip, Side::Both, "grip/pose"),
            (Role::Aim, Side::Both, "aim/pose"),
            (Role::Grab, Side::Both, "select/click"),
            (Role::Centre, Side::Both, "menu/click"),
        ],
        is_bare_hand: false,
    },
    Profile {
        name: "oculus/touch_controller",
        buttons: &[
            (Role::Grip, Side::Both, "grip/pose"),
            (Role::Aim, Side::Both, "aim/pose"),
            (Role::Grab, Side::Both, "squeeze/value"),
            (Role::Clip, Side::Both, "trigger/value"),
            (Role::Window, Side::Both, "thumbstick"),
            (Role::Centre, Side::Both, "thumbstick/click"),
            (Role::Preset, Side::Left, "x/click"),
            (Role::Preset, Side::Right, "a/click"),
        ],
        is_bare_hand: false,
    },
    Profile {
        name: "valve/index_controller",
        buttons: &[
            (Role::Grip, Side::Both, "grip/pose"),
            (Role::Aim, Side::Both, "aim/pose"),
            (Role::Grab, Side::Both, "squeeze/value"),
            (Role::Clip, Side::Both, "trigger/value"),
            (Role::Window, Side::Both, "thumbstick"),
            (Role::Centre, Side::Both, "thumbstick/click"),
            (Role::Preset, Side::Both, "a/click"),
        ],
        is_bare_hand: false,
    },
    Profile {
        name: "htc/vive_controller",
        buttons: &[
            (Role::Grip, Side::Both, "grip/pose"),
            (Role::Aim, Side::Both, "aim/pose"),
            (Role::Grab, Side::Both, "squeeze/click"),
            (Role::Clip, Side::Both, "trigger/value"),
            (Role::Window, Side::Both, "trackpad"),
            (Role::Centre, Side::Both, "menu/click"),
            (Role::Preset, Side::Both, "trackpad/click"),
        ],
        is_bare_hand: false,
    },
    Profile {
        name: "microsoft/motion_controller",
        buttons: &[
            (Role::Grip, Side::Both, "grip/pose"),
            (Role::Aim, Side::Both, "aim/pose"),
            (Role::Grab, Side::Both, "squeeze/click"),
            (Role::Clip, Side::Both, "trigger/value"),
            (Role::Window, Side::Both, "thumbstick"),
            (Role::Centre, Side::Both, "menu/click"),
            (Role::Preset, Side::Both, "thumbstick/click"),
        ],
        is_bare_hand: false,
    },
    Profile {
        name: "ext/hand_interaction_ext",
        buttons: &[
            (Role::Grip, Side::Both, "grip/pose"),
            (Role::Aim, Side::Both, "aim/pose"),
            (Role::Grab, Side::Both, "pinch_ext/value"),
            (Role::Clip, Side::Both, "grasp_ext/value"),
        ],
        is_bare_hand: true,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_button_does_two_things_and_every_controller_can_grab_and_be_seen() {
        for profile in &PROFILES {
            let mut used: Vec<(&str, &str)> = Vec::new();
            for (_, side, button) in profile.buttons {
                for hand in side.names() {
                    assert!(!used.contains(&(hand, button)), "{} {hand} {button}", profile.name);
                    used.push((hand, button));
                }
            }
            for needed in [Role::Grip, Role::Aim, Role::Grab] {
                let has = |(role, side, _): &(Role, Side, &str)| *role == needed && *side == Side::Both;
                assert!(profile.buttons.iter().any(has), "{} lacks {needed:?}", profile.name);
            }
        }
    }
}
