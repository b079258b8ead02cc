//! Colours of planned screws by grade: the same in the scene and in pictures.
//! Never the only sign: lines are dashed and screws striped as well.

use engine::plan::Grade;

/// Blue, yellow, vermilion of Okabe and Ito's set, apart for every kind of
/// colour blindness, and apart from the instrument's green.
#[must_use]
pub const fn grade_rgb(grade: Grade) -> [u8; 3] {
    match grade {
        Grade::A => [86, 180, 233],
        Grade::B => [240, 228, 66],
        _ => [240, 90, 20],
    }
}
