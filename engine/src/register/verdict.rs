//! What a registration is worth, in words.

use std::fmt;

pub use geom::Verdict;

/// Why a registration is not simply accepted; prints as advice.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// Few points touch the bone.
    FewInliers {
        /// Points on the bone.
        found: usize,
        /// Points wanted.
        wanted: usize,
    },
    /// Many points lie off the bone.
    LowInlierShare {
        /// Share of points on the bone, 0 to 1.
        share: f64,
        /// Share wanted.
        wanted: f64,
    },
    /// The points on the bone scatter widely.
    HighResidual {
        /// RMS distance, mm.
        rms_mm: f64,
        /// Largest accepted, mm.
        limit_mm: f64,
    },
    /// The points leave a shift undecided.
    WeakDirection {
        /// Standard deviation along the least certain direction, mm.
        sigma_mm: f64,
        /// Largest accepted, mm.
        limit_mm: f64,
        /// The direction in the CT (LPS).
        direction: [f64; 3],
    },
    /// The points leave a turn undecided.
    WeakAxis {
        /// Standard deviation about the least certain axis, degrees.
        sigma_deg: f64,
        /// Largest accepted, degrees.
        limit_deg: f64,
        /// The axis in the CT (LPS).
        axis: [f64; 3],
    },
    /// The points lie close together or almost on a line.
    Clustered {
        /// RMS extent along the longest axis, mm.
        spread_mm: f64,
        /// RMS extent across it, mm.
        width_mm: f64,
    },
    /// Another pose fits nearly as well.
    Ambiguous {
        /// Misfit here over misfit there; 1 is a tie.
        ratio: f64,
        /// How far the other pose moves the points, mm.
        distance_mm: f64,
    },
    /// A small disturbance leads elsewhere.
    Unstable {
        /// Disturbed solutions that came back.
        returned: usize,
        /// Disturbed solutions tried.
        tried: usize,
    },
    /// The points fit nearly as well at another vertebra.
    NeighbourLevel {
        /// Misfit here over misfit there; above 1 the neighbour fits better.
        ratio: f64,
        /// Vertebrae along the spine from here to there.
        levels: i32,
    },
    /// Points left out of the solution lie further from the bone.
    HeldOut {
        /// Their RMS distance, mm.
        held_out_mm: f64,
        /// That of the others, mm.
        rms_mm: f64,
    },
    /// A vertebra fits better where the others do not: it moved against them
    /// since the CT.
    LevelMoved {
        /// Which of the touched levels, 1 for the lowest.
        place: usize,
        /// How far its points want to move (RMS), mm.
        distance_mm: f64,
        /// Largest accepted, mm.
        limit_mm: f64,
    },
    /// Many points are copies of each other.
    Repeated {
        /// Points that differ.
        distinct: usize,
        /// Points given.
        found: usize,
    },
    /// A landmark that was touched for checking is not where it should be.
    LandmarkOff {
        /// Index of the landmark.
        index: usize,
        /// How far off it is, mm.
        distance_mm: f64,
        /// Largest accepted, mm.
        limit_mm: f64,
    },
    /// Landmarks that were left out because they fit no other.
    OutlyingLandmarks {
        /// Their indices.
        indices: Vec<usize>,
    },
    /// The landmarks could be matched in another way nearly as well.
    AmbiguousLandmarks {
        /// Error of this way over that of the other; 1 is a tie.
        ratio: f64,
    },
    /// A vertebra moved more against its neighbour than a posture does.
    LargeMotion {
        /// Turn against the neighbour, degrees.
        turn_deg: f64,
        /// Shift against the neighbour, mm.
        shift_mm: f64,
    },
    /// Few landmark pairs.
    FewLandmarks {
        /// Pairs given.
        found: usize,
        /// Pairs wanted.
        wanted: usize,
    },
    /// The landmarks do not match well.
    HighFiducialError {
        /// Fiducial registration error, mm.
        fre_mm: f64,
        /// Largest accepted, mm.
        limit_mm: f64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewInliers { found, wanted } => {
                write!(f, "only {found} points touch the bone, {wanted} are wanted: sweep more of the exposed bone")
            }
            Self::LowInlierShare { share, wanted } => {
                let (share, wanted) = (share * 100.0, wanted * 100.0);
                write!(
                    f,
                    "{share:.0} % of the points touch the bone, {wanted:.0} % are wanted: clear the bone of soft tissue"
                )
            }
            Self::HighResidual { rms_mm, limit_mm } => {
                write!(
                    f,
                    "the points scatter {rms_mm:.2} mm about the bone, more than {limit_mm:.2} mm: check pointer and reference"
                )
            }
            Self::WeakDirection { sigma_mm, limit_mm, direction: [x, y, z] } => write!(
                f,
                "a shift along ({x:.1}, {y:.1}, {z:.1}) is known to {sigma_mm:.2} mm only, more than {limit_mm:.2} mm: touch faces across it"
            ),
            Self::WeakAxis { sigma_deg, limit_deg, axis: [x, y, z] } => write!(
                f,
                "a turn about ({x:.1}, {y:.1}, {z:.1}) is known to {sigma_deg:.2} deg only, more than {limit_deg:.2} deg: touch points further from it"
            ),
            Self::Clustered { spread_mm, width_mm } => {
                write!(f, "the points spread only {spread_mm:.1} by {width_mm:.1} mm: touch bone further apart")
            }
            Self::Ambiguous { ratio, distance_mm } => {
                let percent = ratio * 100.0;
                write!(
                    f,
                    "a pose {distance_mm:.0} mm away fits nearly as well (misfit {percent:.0} %): touch more distinct bone"
                )
            }
            Self::Unstable { returned, tried } => {
                write!(f, "only {returned} of {tried} disturbed solutions came back: touch more bone")
            }
            Self::NeighbourLevel { ratio, levels } => {
                let percent = ratio * 100.0;
                write!(
                    f,
                    "the points also fit {levels:+} levels along the spine (misfit {percent:.0} %): count the levels again"
                )
            }
            Self::HeldOut { held_out_mm, rms_mm } => write!(
                f,
                "points left out of the solution lie {held_out_mm:.2} mm from the bone, the others {rms_mm:.2} mm: touch more bone"
            ),
            Self::LevelMoved { place, distance_mm, limit_mm } => write!(
                f,
                "touched vertebra {place} from the lowest fits better {distance_mm:.1} mm away (at most {limit_mm:.1} mm): it moved since the CT; register each by itself (articulated)"
            ),
            Self::Repeated { distinct, found } => {
                write!(f, "only {distinct} of {found} points differ: keep the pointer moving over the bone")
            }
            Self::LandmarkOff { index, distance_mm, limit_mm } => write!(
                f,
                "checked landmark {index} is {distance_mm:.1} mm off, more than {limit_mm:.1} mm: touch it again, then register again"
            ),
            Self::OutlyingLandmarks { indices } => {
                write!(f, "landmarks {indices:?} fit no others and were left out: touch them again")
            }
            Self::AmbiguousLandmarks { ratio } => write!(
                f,
                "the landmarks match in another order nearly as well (error {:.0} %): add one off the symmetry",
                ratio * 100.0
            ),
            Self::LargeMotion { turn_deg, shift_mm } => write!(
                f,
                "the vertebra would have moved {turn_deg:.1} deg and {shift_mm:.1} mm against its neighbour: touch more of it"
            ),
            Self::FewLandmarks { found, wanted } => {
                write!(f, "{found} landmarks, {wanted} are wanted: add landmarks spread over the bone")
            }
            Self::HighFiducialError { fre_mm, limit_mm } => {
                write!(
                    f,
                    "the landmarks match to {fre_mm:.2} mm only, more than {limit_mm:.2} mm: touch the worst one again"
                )
            }
        }
    }
}
