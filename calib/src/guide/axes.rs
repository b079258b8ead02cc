//! Where the axes of a room lead, in words for a person beside the patient.
//!
//! A tracker's axes mean nothing to whoever holds the tool. Where they are
//! known (three letters, as images have them), directions are told by the
//! patient; otherwise by the picture. [`super::PivotGuide`] uses it.

use std::str::FromStr;

/// Components below this share of a direction are not told.
const MIN_COMPONENT: f64 = 0.35;

/// The sides of the patient that +x, +y and +z lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomAxes([char; 3]);

/// The letter of a side, of the opposite one, and what it is called.
const SIDES: [(char, char, &str); 6] = [
    ('L', 'R', "left"),
    ('R', 'L', "right"),
    ('A', 'P', "front"),
    ('P', 'A', "back"),
    ('S', 'I', "head"),
    ('I', 'S', "feet"),
];

impl FromStr for RoomAxes {
    type Err = String;

    /// Reads three letters such as `LPS`: one of L and R (left, right), one of
    /// A and P (front, back), one of S and I (head, feet), in the order of the
    /// room's axes.
    fn from_str(text: &str) -> Result<Self, String> {
        let letters: Vec<char> = text.trim().to_ascii_uppercase().chars().collect();
        let pair = |letter: &char| SIDES.iter().position(|side| side.0 == *letter).map(|at| at / 2);
        let mut pairs: Vec<Option<usize>> = letters.iter().map(pair).collect();
        pairs.sort_unstable();
        if pairs != [Some(0), Some(1), Some(2)] {
            let form = "give three letters, one each of L R (left, right), A P (front, back), S I (head, feet)";
            return Err(format!("{text:?} does not say where x, y and z lead; {form}, such as LPS"));
        }
        letters.try_into().map(Self).map_err(|_| "three letters are needed".to_owned())
    }
}

impl RoomAxes {
    /// The sides that a direction of the room leads to, the nearest first; two
    /// at most.
    #[must_use]
    pub fn sides(&self, direction: [f64; 3]) -> Vec<&'static str> {
        let mut parts: Vec<(f64, &'static str)> = direction
            .iter()
            .zip(self.0)
            .filter_map(|(value, letter)| {
                let side = SIDES.iter().find(|side| side.0 == letter)?;
                let letter = if *value < 0.0 { side.1 } else { side.0 };
                Some((value.abs(), SIDES.iter().find(|side| side.0 == letter)?.2))
            })
            .filter(|part| part.0 > MIN_COMPONENT)
            .collect();
        parts.sort_by(|a, b| b.0.total_cmp(&a.0));
        parts.into_iter().take(2).map(|part| part.1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_told_by_the_patient() {
        let axes: RoomAxes = "lps".parse().unwrap();
        assert_eq!(axes.sides([0.0, 0.0, -1.0]), ["feet"]);
        assert_eq!(axes.sides([-0.8, 0.0, 0.6]), ["right", "head"]);
        let turned: RoomAxes = "IRA".parse().unwrap();
        assert_eq!(turned.sides([1.0, 0.1, 0.0]), ["feet"]);
        assert_eq!(turned.sides([0.0, 0.0, -1.0]), ["back"]);
        for wrong in ["", "LP", "LPL", "LRS", "XYZ", "LPSA", "nonsense"] {
            assert!(wrong.parse::<RoomAxes>().is_err_and(|e| e.contains("such as LPS")), "{wrong}");
        }
    }
}
