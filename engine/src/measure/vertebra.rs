//! One vertebra: its axes, endplates, walls and rotation, from its surface.

use geom::nalgebra::Vector3;
use geom::{Ct, Transform};

use super::fit::{self, Plane, median};
use super::frame::{self, Frame};
use super::spine::place;
use super::symmetry;
use crate::level::Level;
use crate::surface::Mesh;

/// Share of the body's outline that the endplate's fit uses: beyond it the rim rounds off.
const INNER: f64 = 0.82;
/// Points of one wall lie within this, mm.
const WALL_MM: f64 = 4.0;
/// The corners of an endplate are those of the walls this far below it, mm.
const CORNER_MM: [f64; 2] = [1.5, 6.0];
/// Rounds in which axes, outline and plates settle.
const ROUNDS: usize = 5;
/// Largest half width and depth of a body that is believed, mm.
const LARGEST_MM: f64 = 40.0;

/// Which endplate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Towards the head.
    Superior,
    /// Towards the feet.
    Inferior,
}

/// Where a plane of an endplate came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Fitted to the label.
    Fitted,
    /// Given by hand.
    ByHand,
}

/// An endplate.
#[derive(Debug, Clone, PartialEq)]
pub struct Endplate {
    /// The plane; its normal points to the head, its centre lies on the body's axis.
    pub plane: Plane,
    /// Who placed it.
    pub origin: Origin,
    /// Its front and back end in the vertebra's middle plane, LPS mm.
    pub anterior: Vector3<f64>,
    /// See `anterior`.
    pub posterior: Vector3<f64>,
    /// Its left and right end.
    pub left: Vector3<f64>,
    /// See `left`.
    pub right: Vector3<f64>,
    /// How far the bone stands above the plane (towards the disc) at the front,
    /// in the middle and at the back, mm: endplates are hollow.
    pub relief_mm: [f64; 3],
}

impl Endplate {
    /// The endplate between four ends, each with a standard deviation of `sd_mm`:
    /// front, back, left and right, LPS mm.
    ///
    /// `None` when they span no plane or one that looks down.
    #[must_use]
    pub fn of_ends(ends: [Vector3<f64>; 4], sd_mm: f64, origin: Origin) -> Option<Self> {
        let [anterior, posterior, left, right] = ends;
        let (depth, width) = (anterior - posterior, left - right);
        let normal = depth.cross(&width).try_normalize(1.0).filter(|n| n.z > 0.0)?;
        let centre = ends.iter().sum::<Vector3<f64>>() / 4.0;
        // Two of the four points lie half the length off the middle.
        let spread = |v: Vector3<f64>| Some((v.try_normalize(1.0)?, v.norm() / 8f64.sqrt()));
        let plane = Plane::by_hand(centre, normal, [spread(depth)?, spread(width)?], ends.len(), sd_mm);
        Some(Self { plane, origin, anterior, posterior, left, right, relief_mm: [0.0; 3] })
    }

    /// The endplate of a bone that moved.
    #[must_use]
    pub(super) fn moved(&self, motion: &Transform<Ct, Ct>) -> Self {
        let at = |p: Vector3<f64>| place(motion, p);
        Self {
            plane: self.plane.turned(motion.rotation(), at(self.plane.centre)),
            origin: self.origin,
            anterior: at(self.anterior),
            posterior: at(self.posterior),
            left: at(self.left),
            right: at(self.right),
            relief_mm: self.relief_mm,
        }
    }
}

/// What was found of one vertebra.
#[derive(Debug, Clone, PartialEq)]
pub struct Vertebra {
    /// Its level.
    pub level: Level,
    /// Middle of the body, LPS mm.
    pub centre: Vector3<f64>,
    /// Unit axes of the vertebra: to the head, to the front, to the left.
    pub up: Vector3<f64>,
    /// See `up`.
    pub anterior: Vector3<f64>,
    /// See `up`.
    pub left: Vector3<f64>,
    /// Half the depth of the body, front to back, mm.
    pub half_depth_mm: f64,
    /// Half its width, mm.
    pub half_width_mm: f64,
    /// The endplates, or why there is none.
    pub superior: Result<Endplate, String>,
    /// See `superior`.
    pub inferior: Result<Endplate, String>,
    /// Standard deviation of the rotation, degrees; `None` when no plane of
    /// symmetry was found.
    pub rotation_sd_deg: Option<f64>,
}

impl Vertebra {
    /// The vertebra after a motion.
    #[must_use]
    pub(super) fn moved(&self, motion: &Transform<Ct, Ct>) -> Self {
        let turn = motion.rotation();
        let plate = |kept: &Result<Endplate, String>| kept.as_ref().map(|p| p.moved(motion)).map_err(Clone::clone);
        Self {
            centre: place(motion, self.centre),
            up: turn * self.up,
            anterior: turn * self.anterior,
            left: turn * self.left,
            superior: plate(&self.superior),
            inferior: plate(&self.inferior),
            ..*self
        }
    }

    /// The endplate of a side.
    ///
    /// # Errors
    /// Why it is not there.
    pub const fn endplate(&self, side: Side) -> Result<&Endplate, &String> {
        match side {
            Side::Superior => self.superior.as_ref(),
            Side::Inferior => self.inferior.as_ref(),
        }
    }
}

/// What the search starts from and needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub level: Level,
    /// Core of the body, LPS mm.
    pub core: Vector3<f64>,
    /// Direction of the column there, to the head.
    pub up: Vector3<f64>,
    /// Size of a voxel, mm.
    pub grain_mm: f64,
}

/// A surface point and its normal in the frame.
struct Local {
    at: [f64; 3],
    normal: [f64; 3],
    place: Vector3<f64>,
}

/// Finds axes, outline and endplates of the vertebra whose surface is `mesh`.
///
/// * `is_cut` - true where the scan ends: no endplate is read off there.
///
/// Cost: 30 to 60 ms, most of it the plane of symmetry.
pub(super) fn analyse(mesh: &Mesh, start: &Start, is_cut: &dyn Fn(&Vector3<f64>) -> bool) -> Option<Vertebra> {
    let points = frame::points_and_normals(mesh);
    let (frame, mirror) = settled(mesh, &points, start)?;
    let rotation_sd_deg = mirror.map(|m| rotation_sd_deg(mesh, &frame, &m));
    let locals = in_frame(&points, &frame);
    let found = |side| endplate(&locals, &frame, side, start.grain_mm, is_cut);
    let superior = if start.level.number() == 2 {
        Err("the axis has no upper endplate".to_owned())
    } else {
        found(Side::Superior)
    };
    Some(Vertebra {
        level: start.level,
        centre: frame.centre,
        up: frame.up,
        anterior: frame.anterior,
        left: frame.left,
        half_depth_mm: frame.half_depth,
        half_width_mm: frame.half_width,
        superior,
        inferior: found(Side::Inferior),
        rotation_sd_deg,
    })
}

/// Axes and outline alone, as [`analyse`] finds them.
pub(super) fn axes(mesh: &Mesh, start: &Start) -> Option<Frame> {
    settled(mesh, &frame::points_and_normals(mesh), start).map(|(frame, _)| frame)
}

/// Axes, outline and plane of symmetry, which settle together.
fn settled(
    mesh: &Mesh,
    points: &[(Vector3<f64>, Vector3<f64>)],
    start: &Start,
) -> Option<(Frame, Option<symmetry::Mirror>)> {
    let cervical = start.level.number() <= 7;
    let mut frame = Frame::at(start.core, if cervical { [7.0, 8.0, 6.5] } else { [12.0, 14.0, 10.0] });
    frame.turn(start.up, Vector3::x())?;
    let mut mirror = None;
    for round in 0..ROUNDS {
        let locals = in_frame(points, &frame);
        settle_outline(&mut frame, &locals)?;
        let locals = in_frame(points, &frame);
        let plates = [Side::Superior, Side::Inferior].map(|side| plate(&locals, &frame, side, start.grain_mm));
        settle_axis(&mut frame, &plates)?;
        if round == 1 {
            mirror = symmetry::mirror(mesh, frame.centre, frame.up, frame.left);
        }
        if let Some(found) = mirror {
            frame.turn(frame.up, found.left)?;
        }
    }
    Some((frame, mirror))
}

fn in_frame(points: &[(Vector3<f64>, Vector3<f64>)], frame: &Frame) -> Vec<Local> {
    let reach = LARGEST_MM + 10.0;
    points
        .iter()
        .filter(|(p, _)| (p - frame.centre).norm_squared() < reach * reach)
        .map(|(p, n)| Local {
            at: frame.local(p),
            normal: [n.dot(&frame.anterior), n.dot(&frame.left), n.dot(&frame.up)],
            place: *p,
        })
        .collect()
}

/// The distance of the nearest wall among `distances`: the median of those
/// within [`WALL_MM`] of the nearest tenth.
fn wall(mut distances: Vec<f64>) -> Option<f64> {
    if distances.len() < 5 {
        return None;
    }
    distances.sort_by(f64::total_cmp);
    let first = distances.get(distances.len() / 20)?;
    let near: Vec<f64> = distances.iter().copied().filter(|d| *d < first + WALL_MM).collect();
    Some(median(&mut near.clone()))
}

/// Distance of the wall along one axis (0 front, 1 left) and sign, from the
/// middle, between two heights.
fn wall_along(locals: &[Local], frame: &Frame, axis: usize, sign: f64, heights: [f64; 2]) -> Option<f64> {
    let width = if axis == 0 { 0.3 * frame.half_width } else { 0.45 * frame.half_depth };
    let chosen = locals.iter().filter(|p| {
        // A little in front of the middle, so that no pedicle is taken for the side of the body.
        let off = if axis == 1 { p.at[0] - 0.2 * frame.half_depth } else { p.at[1] };
        let is_near = off.abs() < width && (heights[0]..=heights[1]).contains(&p.at[2]);
        is_near && p.normal[axis] * sign > 0.7 && p.at[axis] * sign > 0.0
    });
    wall(chosen.map(|p| p.at[axis] * sign).collect()).filter(|d| *d < LARGEST_MM)
}

/// Moves the middle between the walls and sets the outline.
fn settle_outline(frame: &mut Frame, locals: &[Local]) -> Option<()> {
    let band = 0.45 * frame.half_height;
    let wall = |(axis, sign)| wall_along(locals, frame, axis, sign, [-band, band]);
    let walls = [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)].map(wall);
    let mut shift = Vector3::zeros();
    if let [Some(front), Some(back), ..] = walls {
        shift += frame.anterior * (front - back) / 2.0;
        frame.half_depth = ((front + back) / 2.0).clamp(4.0, LARGEST_MM);
    }
    if let [.., Some(left), Some(right)] = walls {
        shift += frame.left * (left - right) / 2.0;
        frame.half_width = ((left + right) / 2.0).clamp(4.0, LARGEST_MM);
    }
    frame.centre += shift;
    frame.centre.iter().all(|c| c.is_finite()).then_some(())
}

fn is_of_plate(p: &Local, frame: &Frame, sign: f64, reach: f64) -> bool {
    p.normal[2] * sign > 0.55 && p.at[2] * sign > 0.3 * frame.half_height && frame.radius(p.at[0], p.at[1]) < reach
}

fn plate(locals: &[Local], frame: &Frame, side: Side, grain_mm: f64) -> Option<Plane> {
    let sign = if side == Side::Superior { 1.0 } else { -1.0 };
    let points: Vec<Vector3<f64>> =
        locals.iter().filter(|p| is_of_plate(p, frame, sign, INNER)).map(|p| p.place).collect();
    fit::plane(&points, frame.up, grain_mm)
}

/// The axis between the plates' normals, the middle between the plates.
fn settle_axis(frame: &mut Frame, plates: &[Option<Plane>; 2]) -> Option<()> {
    let height = |plane: &Plane| plane.height_at(frame.centre, frame.up, Vector3::zeros());
    match plates {
        [Some(above), Some(below)] => {
            let (top, bottom) = (height(above)?, height(below)?);
            let half = (top - bottom) / 2.0;
            if half < 2.0 {
                return None;
            }
            frame.centre += frame.up * ((top + bottom) / 2.0);
            frame.half_height = half.min(LARGEST_MM);
            frame.turn(above.normal + below.normal, frame.left)
        }
        [Some(one), None] | [None, Some(one)] => frame.turn(one.normal + frame.up, frame.left),
        [None, None] => None,
    }
}

fn endplate(
    locals: &[Local],
    frame: &Frame,
    side: Side,
    grain_mm: f64,
    is_cut: &dyn Fn(&Vector3<f64>) -> bool,
) -> Result<Endplate, String> {
    let sign = if side == Side::Superior { 1.0 } else { -1.0 };
    let of_plate: Vec<&Local> = locals.iter().filter(|p| is_of_plate(p, frame, sign, INNER)).collect();
    let cut = of_plate.iter().filter(|p| is_cut(&p.place)).count();
    if 5 * cut > of_plate.len() {
        return Err("the scan ends in this endplate".to_owned());
    }
    let mut plane = plate(locals, frame, side, grain_mm).ok_or("no flat endplate was found in the label")?;
    let at = |s: f64, l: f64| {
        let aside = frame.anterior * s + frame.left * l;
        plane.height_at(frame.centre, frame.up, aside).map(|h| frame.centre + aside + frame.up * h)
    };
    // Its own corners: the walls of a wedged body do not run along its axis.
    let near = [frame.half_height - CORNER_MM[1], frame.half_height - CORNER_MM[0]];
    let near = if side == Side::Superior { near } else { [-near[1], -near[0]] };
    let corner = |sign: f64| {
        let own =
            wall_along(locals, frame, 0, sign, near).filter(|d| (d - frame.half_depth).abs() < 0.35 * frame.half_depth);
        sign * own.unwrap_or(frame.half_depth)
    };
    let ends = || {
        let w = frame.half_width;
        Some(([at(0.0, 0.0)?, at(corner(1.0), 0.0)?, at(corner(-1.0), 0.0)?], [at(0.0, w)?, at(0.0, -w)?]))
    };
    let ([middle, anterior, posterior], [left, right]) = ends().ok_or("its endplate stands upright")?;
    let relief_mm = [[0.45, 0.92], [-0.25, 0.25], [-0.92, -0.45]].map(|[low, high]| {
        let strip = locals.iter().filter(|p| {
            is_of_plate(p, frame, sign, 0.93)
                && p.at[1].abs() < 0.4 * frame.half_width
                && (low..=high).contains(&(p.at[0] / frame.half_depth))
        });
        let above = |p: &Local| sign * plane.normal.dot(&(p.place - plane.centre));
        median(&mut strip.map(above).filter(|h| h.abs() < 5.0).collect::<Vec<_>>())
    });
    plane.centre = middle;
    Ok(Endplate { plane, origin: Origin::Fitted, anterior, posterior, left, right, relief_mm })
}

/// How far the upper and the lower half of the surface disagree about the
/// rotation, as a standard deviation; at least what the misfit allows.
fn rotation_sd_deg(mesh: &Mesh, frame: &Frame, whole: &symmetry::Mirror) -> f64 {
    let half = |sign: f64| {
        let keep: Vec<usize> = (0..mesh.vertices.len())
            .filter(|i| {
                let p = Vector3::from(mesh.vertices[*i]).cast::<f64>();
                frame.local(&p)[2] * sign > 0.0
            })
            .collect();
        let part = Mesh {
            vertices: keep.iter().map(|i| mesh.vertices[*i]).collect(),
            normals: keep.iter().filter_map(|i| mesh.normals.get(*i)).copied().collect(),
            triangles: Vec::new(),
        };
        symmetry::angle_of_cloud(&part, frame.centre, whole)
    };
    let disagreement = match (half(1.0), half(-1.0)) {
        (Some(above), Some(below)) => (above - below).abs().to_degrees() / 2.0,
        _ => 3.0,
    };
    disagreement.hypot(0.3 + whole.misfit_mm)
}
