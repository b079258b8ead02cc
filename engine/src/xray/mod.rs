//! Biplanar radiographs: a frontal and a lateral picture of a standing patient
//! to a simple 3-D spine and its sagittal balance.
//!
//! Promises boxes, outlines, corners and levels that a person can move
//! ([`XrayCorrections`]), a cuboid a vertebra with the distance by which the two
//! views miss each other, and the measures of [`crate::measure`] with
//! uncertainty, landmarks and reasons. Does not promise lengths without a
//! measured [`Geometry`], nor axial rotation. Called by `spinenav xray`;
//! `docs/xray.md` has the frames, figures and limits.
//!
//! | module | what it holds |
//! |---|---|
//! | `geometry`, `radiograph` | where the picture was taken from; its grey |
//! | `networks`, `detection`, `contour` | the two networks and what they are fed |
//! | `chain`, `pairing` | which boxes are which levels, in both views |
//! | `corners`, `endplate_line`, `tilt` | four sides of a mask; endplates of the picture itself, and against the column |
//! | `landmarks`, `corrections` | what a view shows, and what a person moved |
//! | `triangulate`, `cuboid`, `hips` | from two views to space |
//! | [`drr`] | radiographs of a CT, with what must be found on them |
//! | `analysis`, `findings`, `mesh` | all of it in a row, and what comes out |
//! | `score` | findings against a known truth |

mod analysis;
mod chain;
mod contour;
mod contrast;
pub mod corners;
mod corrections;
mod cuboid;
mod detection;
pub mod drr;
mod endplate_line;
mod findings;
mod geometry;
mod heights;
mod hips;
mod landmarks;
mod mesh;
mod networks;
mod pairing;
mod radiograph;
mod score;
#[cfg(test)]
mod tests;
mod tilt;
mod triangulate;

pub use analysis::{Analyser, Pair, Tell, XrayError, XraySettings, analyse};
pub use contour::{CROP, Crop, Mask};
pub use contrast::enhanced;
pub use corrections::{ViewCorrections, XrayCorrectionError, XrayCorrections};
pub use cuboid::{Cuboid, Faces, Views};
pub use detection::{CANVAS, Found, Kind};
pub use findings::Findings;
pub use geometry::{Beam, Geometry, GeometryError, Ray, View};
pub use landmarks::{Bounds, Corners, Placed, SeenHead, SeenVertebra, ViewLandmarks, level_of, name};
pub use mesh::{mesh, parts};
pub use networks::{
    CONTOUR, DETECTOR, ModelBytes, Networks, NetworksError, RadiographArchitecture, RadiographCard, RunningNetworks,
};
pub use radiograph::Radiograph;
pub use score::{Score, ViewScore, score};
