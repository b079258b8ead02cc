//! Colours: calm background, muted bone, loud only where it matters.
//!
//! Meaning is never carried by colour alone, there is always a word or a shape
//! with it. Bone has its own: [`crate::bone_colours`].

use bevy::color::{Color, ColorToPacked, Srgba};
use engine::level::Level;

use super::picture::Condition;
pub use crate::bone_colours::bone_rgb;

/// Behind everything.
pub const BACKGROUND: Color = Color::srgb(0.035, 0.043, 0.058);
/// Behind numbers.
pub const PANEL: Color = Color::srgb(0.062, 0.075, 0.098);
/// Lines between areas.
pub const EDGE: Color = Color::srgb(0.16, 0.19, 0.24);
/// Numbers.
pub const TEXT: Color = Color::srgb(0.93, 0.95, 0.97);
/// Captions beside numbers.
pub const CAPTION: Color = Color::srgb(0.60, 0.66, 0.73);
/// Live, accepted.
pub const GOOD: Color = Color::srgb(0.18, 0.88, 0.76);
/// Stale, doubtful.
pub const CAUTION: Color = Color::srgb(1.0, 0.70, 0.16);
/// Withheld, rejected.
pub const ALARM: Color = Color::srgb(0.80, 0.12, 0.10);
/// A step that is done: calm, and dark enough for white words.
pub const DONE: Color = Color::srgb(0.05, 0.34, 0.31);
/// The step that has to be done.
pub const TODO: Color = Color::srgb(0.55, 0.33, 0.02);
/// Words on [`ALARM`].
pub const ON_ALARM: Color = Color::srgb(1.0, 1.0, 1.0);

/// [`bone_rgb`] as a Bevy colour.
#[must_use]
pub fn bone(level: Level) -> Color {
    let [r, g, b] = bone_rgb(level);
    Srgba::rgb_u8(r, g, b).into()
}

/// The instrument's colour; `None` when it must not be drawn.
#[must_use]
pub const fn tool(condition: Condition) -> Option<Color> {
    match condition {
        Condition::Live => Some(GOOD),
        Condition::Stale => Some(CAUTION),
        _ => None,
    }
}

/// The colour of a predicted error: calm up to 1 mm, loud beyond 2 mm. What a
/// screw's position may be off before it leaves the pedicle lies between
/// nothing and 4 mm, by level (doi:10.1097/00007632-200102150-00010).
#[must_use]
pub const fn error(tre_mm: f32) -> Color {
    if tre_mm <= 1.0 {
        GOOD
    } else if tre_mm <= 2.0 {
        CAUTION
    } else {
        Color::srgb(1.0, 0.42, 0.38)
    }
}

/// Bytes of a colour, for images drawn on the CPU.
#[must_use]
pub fn rgb(color: Color) -> [u8; 3] {
    let [r, g, b, _] = Srgba::from(color).to_u8_array();
    [r, g, b]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_levels_differ_in_lightness() {
        let lightness = |number: u8| {
            let [r, g, b] = bone_rgb(Level::from_number(number).unwrap()).map(f64::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        for number in 1..25 {
            assert!((lightness(number) - lightness(number + 1)).abs() > 20.0, "{number}");
        }
    }
}
