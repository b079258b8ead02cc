//! Colours of the vertebrae: the same in the scene, in slices and on pages.
//!
//! They alternate between warm-light and cool-dark, so that neighbours stay
//! apart for every kind of colour blindness.

use engine::level::Level;

/// Bone colours, walked along the spine. Lightness alternates; hues are taken
/// from Okabe and Ito's set, muted towards bone.
const BONES: [[u8; 3]; 6] = [
    [0xea, 0xdf, 0xc4],
    [0x86, 0x9f, 0xb6],
    [0xdf, 0xbd, 0x91],
    [0x83, 0xa6, 0x9a],
    [0xdc, 0xc5, 0xcc],
    [0x93, 0x93, 0xb5],
];

/// The colour of a level, in slices as in the 3-D view.
#[must_use]
pub fn bone_rgb(level: Level) -> [u8; 3] {
    // T13 (28) follows T12 (19), so that it differs from both neighbours.
    let step = if level.number() == 28 { 4 } else { usize::from(level.number()) };
    BONES[step % BONES.len()]
}
