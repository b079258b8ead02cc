//! Planned pedicle screws: what they are, whether they fit, how far the tool is from them.
//!
//! Promises for each screw how far it leaves the bone of its vertebra, where
//! and in which direction, its distance to the spinal canal, and how sure that
//! is. A plan belongs to one label map and is refused on another. It judges
//! geometry only: bone quality, facets, neighbouring screws, vessels and nerves
//! are not looked at. Called by `spinenav plan`, `navigate --plan` and the scene.
//!
//! | module | what it holds |
//! |---|---|
//! | `screw` | one screw, sizes, the Gertzbein-Robbins grade |
//! | `file`, `markups` | plans as JSON, trajectories from 3D Slicer |
//! | `bone_distance` | exact signed distance to a vertebra's surface |
//! | `canal` | the spinal canal at a vertebra |
//! | `anatomy` | vertebrae with their axes, surfaces and canals |
//! | `assess` | breach, grade, walls, canal, uncertainty |
//! | `suggest` | a screw through the narrowest part of a pedicle |
//! | `guide` | tool against plan, live |

mod anatomy;
mod assess;
mod bone_distance;
mod canal;
mod error;
mod file;
mod guide;
mod lattice;
mod markups;
mod screw;
mod suggest;

pub use anatomy::{Anatomy, Axes, PlannedVertebra};
pub use assess::{Assessment, Breach, Direction, PlannedScrew, assess};
pub use bone_distance::BoneDistance;
pub use canal::Canal;
pub use error::PlanError;
pub use file::{DIAMETER_RANGE_MM, FORMAT, MOST_SCREWS, Plan, labels_hash};
pub use guide::{ScrewGuidance, guide};
pub use markups::read_lines;
pub use screw::{DIAMETERS_MM, Grade, LENGTHS_MM, Screw, Side, longest_within, thickest_within};
pub use suggest::{SuggestSettings, Suggestion, suggest};
