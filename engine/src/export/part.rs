//! A bone on its way to another program: name, colour, surface.

use crate::level::Level;
use crate::surface::Mesh;

/// A named, coloured surface, LPS mm.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// `L3`, `sacrum`.
    pub name: String,
    /// Red, green, blue.
    pub colour: [u8; 3],
    /// The surface.
    pub mesh: Mesh,
}

/// The colour of a level: neighbours differ, and a level looks the same in every file.
#[must_use]
pub fn colour(level: Level) -> [u8; 3] {
    // Golden angle around the colour circle, so that neighbours lie far apart.
    let turn = (f64::from(level.number()) * 0.618_033_988_749_895).fract() * 6.0;
    let ramp = |shift: f64| ((turn + shift).rem_euclid(6.0) - 3.0).abs() - 1.0;
    [0.0, 4.0, 2.0].map(|shift| (255.0 * (0.42 + 0.5 * ramp(shift).clamp(0.0, 1.0))) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_can_be_told_apart() {
        for number in 1..28 {
            let [a, b] = [number, number + 1].map(|n| colour(Level::from_number(n).unwrap()));
            let apart: i32 = a.iter().zip(b).map(|(a, b)| (i32::from(*a) - i32::from(b)).abs()).sum();
            assert!(apart > 60, "{number}: {a:?} {b:?}");
        }
    }
}
