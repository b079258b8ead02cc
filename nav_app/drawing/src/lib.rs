//! Pixels and vertices that the scene computes on the processor.
//!
//! A crate of its own because it is optimised in every build, and `nav_app`,
//! which takes minutes to optimise, is not: unoptimised, lines on three slices
//! took a quarter of a frame. Knows neither Bevy nor graphics devices; never
//! fails, draws nothing where there is nothing. `nav_app`'s scene is its only
//! user.
//!
//! | module | what it holds |
//! |---|---|
//! | [`canvas`] | grey pictures and antialiased lines on them |
//! | [`contours`] | where bone surfaces cross a slice |
//! | [`coarse`] | surfaces of fewer triangles |
//! | [`disc`] | how far a tool was tilted to each side, or turned |
//! | [`occlusion`] | how much sky each vertex sees |
//! | [`pick`] | what lies under a pixel |
//! | [`touch_map`] | which points of a phantom were touched |

pub mod canvas;
pub mod coarse;
pub mod contours;
pub mod disc;
pub mod occlusion;
pub mod pick;
pub mod touch_map;
