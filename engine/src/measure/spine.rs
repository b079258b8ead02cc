//! Everything found in a label map that measures are made of.

use geom::nalgebra::Vector3;
use geom::{Ct, Point, Transform};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::body::{self, VoxelBox};
use super::correction::Corrections;
use super::fit::{self, Sphere};
use super::sacrum::{self, Sacrum};
use super::vertebra::{self, Endplate, Side, Start, Vertebra};
use crate::level::{Level, present};
use crate::surface::{self, Mesh, MeshSettings};
use crate::volume::LabelMap;

/// Label of the left femur, or of its head alone (`TotalSegmentator` v2's number).
pub const FEMUR_LEFT: u8 = 75;
/// Label of the right femur, or of its head alone.
pub const FEMUR_RIGHT: u8 = 76;
/// Label of the sacrum, whose motion is that of the pelvis.
pub(super) const PELVIS: u8 = 26;
/// Radii of adult femoral heads, mm, with room on both sides.
const HEAD_RADII_MM: [f64; 2] = [17.0, 32.0];
/// The head lies within this of the femur's upper end, mm: no knee is taken for it.
const HEAD_DEPTH_MM: f64 = 75.0;

/// The parts of a spine that measures are made of.
#[derive(Debug, Clone)]
pub struct Spine {
    /// From head to foot.
    pub vertebrae: Vec<Vertebra>,
    /// Levels that are in the map but could not be analysed, and why.
    pub unreadable: Vec<(Level, String)>,
    /// The sacrum, or why there is none.
    pub sacrum: Result<Sacrum, String>,
    /// Left and right femoral head, or why there is none.
    pub heads: [Result<Sphere, String>; 2],
    /// Endplates given by hand, also of levels that are not in the map.
    by_hand: Vec<(Level, Side, Endplate)>,
    /// Middle of C7 given by hand.
    c7_by_hand: Option<Vector3<f64>>,
}

/// Place of a level in the column; T13 stands between T12 and L1.
#[must_use]
pub fn order(level: Level) -> u8 {
    if level.number() == 28 { 2 * 19 + 1 } else { 2 * level.number() }
}

impl Spine {
    /// Analyses every vertebra, the sacrum and the femoral heads of `map`.
    ///
    /// Cost: 40 to 100 ms a vertebra and core.
    #[must_use]
    pub fn find(map: &LabelMap, corrections: &Corrections) -> Self {
        let boxes = body::boxes(map);
        let box_of = |label: u8| boxes.get(usize::from(label)).copied().flatten();
        let mut levels: Vec<Level> = present(&map.labels).into_iter().filter(|l| l.is_vertebra()).collect();
        levels.sort_by_key(|l| order(*l));
        let numbers: Vec<u8> = levels.iter().map(|l| l.number()).chain([26, FEMUR_LEFT, FEMUR_RIGHT]).collect();
        let meshes: Vec<Mesh> = surface::from_masks(map, &numbers, &MeshSettings::default())
            .into_par_iter()
            .map(|mesh| mesh.largest_component())
            .collect();
        let cores: Vec<Option<Vector3<f64>>> = levels
            .par_iter()
            .map(|level| box_of(level.number()).and_then(|b: VoxelBox| body::core(map, level.number(), b)))
            .collect();
        let grain_mm = map.grid.spacing_mm().into_iter().fold(0.0, f64::max);
        let is_cut = |p: &Vector3<f64>| is_at_border(map, p);
        let (mut vertebrae, mut unreadable) = (Vec::new(), Vec::new());
        let analysed: Vec<Result<Vertebra, String>> = levels
            .par_iter()
            .enumerate()
            .map(|(i, level)| {
                if level.number() == 1 {
                    return Err("the atlas has no body".to_owned());
                }
                let core = cores.get(i).copied().flatten().ok_or("its label is empty")?;
                let start = Start { level: *level, core, up: direction(&cores, i), grain_mm };
                let mesh = meshes.get(i).ok_or("it has no surface")?;
                vertebra::analyse(mesh, &start, &is_cut)
                    .ok_or_else(|| "no vertebral body was found in its label".to_owned())
            })
            .collect();
        for (level, result) in levels.iter().zip(analysed) {
            match result {
                Ok(vertebra) => vertebrae.push(vertebra),
                Err(why) => unreadable.push((*level, why)),
            }
        }
        let mesh_of = |label: u8| numbers.iter().position(|n| *n == label).and_then(|i| meshes.get(i));
        let sacrum = find_sacrum(mesh_of(26), &vertebrae, grain_mm, &is_cut);
        let heads = [(FEMUR_LEFT, "left"), (FEMUR_RIGHT, "right")].map(|(l, side)| head(mesh_of(l), side, grain_mm));
        let mut spine = Self { vertebrae, unreadable, sacrum, heads, by_hand: Vec::new(), c7_by_hand: None };
        spine.apply(corrections);
        spine
    }

    /// A spine whose parts were found elsewhere, as in radiographs; vertebrae from head to foot.
    #[must_use]
    pub const fn of_parts(
        vertebrae: Vec<Vertebra>,
        unreadable: Vec<(Level, String)>,
        sacrum: Result<Sacrum, String>,
        heads: [Result<Sphere, String>; 2],
    ) -> Self {
        Self { vertebrae, unreadable, sacrum, heads, by_hand: Vec::new(), c7_by_hand: None }
    }

    /// These landmarks with those that a person moved; levels are renamed in the map, before it is analysed.
    #[must_use]
    pub fn corrected(&self, corrections: &Corrections) -> Self {
        let mut spine = self.clone();
        spine.apply(corrections);
        spine
    }

    fn apply(&mut self, corrections: &Corrections) {
        for (level, side, plate) in corrections.endplates() {
            if let Some(vertebra) = self.vertebrae.iter_mut().find(|v| v.level == level) {
                let kept = if side == Side::Superior { &mut vertebra.superior } else { &mut vertebra.inferior };
                *kept = Ok(plate.clone());
            }
            self.by_hand.push((level, side, plate));
        }
        if let Some(plate) = corrections.sacral_plate() {
            let left = self.sacrum.as_ref().ok().and_then(|s| s.left);
            self.sacrum = Ok(Sacrum { plate, left });
        }
        for (head, given) in self.heads.iter_mut().zip(corrections.femoral_heads()) {
            if let Some(sphere) = given {
                *head = Ok(sphere);
            }
        }
        self.c7_by_hand = corrections.c7_centre();
    }

    /// The spine after each bone moved by itself; the pelvis (sacrum and femoral heads) moves as one.
    ///
    /// * `motion_of` - where the landmarks of a level go, in the axes of the CT.
    #[must_use]
    pub fn moved(&self, motion_of: &dyn Fn(Level) -> Transform<Ct, Ct>) -> Self {
        let plates = self.by_hand.iter().map(|(l, side, plate)| (*l, *side, plate.moved(&motion_of(*l))));
        let of_pelvis = Level::from_number(PELVIS).map_or_else(Transform::identity, motion_of);
        let head = |sphere: &Sphere| Sphere { centre: place(&of_pelvis, sphere.centre), ..*sphere };
        let of_c7 = Level::from_number(7).map_or_else(Transform::identity, motion_of);
        Self {
            vertebrae: self.vertebrae.iter().map(|v| v.moved(&motion_of(v.level))).collect(),
            unreadable: self.unreadable.clone(),
            sacrum: self.sacrum.as_ref().map(|s| s.moved(&of_pelvis)).map_err(Clone::clone),
            heads: self.heads.each_ref().map(|h| h.as_ref().map(head).map_err(Clone::clone)),
            by_hand: plates.collect(),
            c7_by_hand: self.c7_by_hand.map(|c| place(&of_c7, c)),
        }
    }

    /// SHA-256 over every landmark: two spines with one digest are measured alike.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        // Numbers are printed with all their digits.
        Sha256::digest(format!("{self:?}")).into()
    }

    /// The vertebra of a level.
    #[must_use]
    pub fn vertebra(&self, level: Level) -> Option<&Vertebra> {
        self.vertebrae.iter().find(|v| v.level == level)
    }

    /// The endplate of a level, by hand or fitted.
    ///
    /// # Errors
    /// Why it is not there, in words.
    pub fn endplate(&self, level: Level, side: Side) -> Result<&Endplate, String> {
        if let Some((.., plate)) = self.by_hand.iter().find(|(l, s, _)| (*l, *s) == (level, side)) {
            return Ok(plate);
        }
        if let Some(vertebra) = self.vertebra(level) {
            return vertebra.endplate(side).map_err(|why| format!("{level}: {why}"));
        }
        let unreadable = self.unreadable.iter().find(|(l, _)| *l == level);
        Err(unreadable.map_or_else(|| format!("{level} is not in view"), |(_, why)| format!("{level}: {why}")))
    }

    /// Middle of the body of C7.
    ///
    /// # Errors
    /// When C7 is not in view or is cut.
    pub fn c7_centre(&self) -> Result<Vector3<f64>, String> {
        if let Some(centre) = self.c7_by_hand {
            return Ok(centre);
        }
        let level = Level::from_number(7).ok_or("no such level")?;
        self.endplate(level, Side::Superior)?;
        self.endplate(level, Side::Inferior)?;
        self.vertebra(level).map(|v| v.centre).ok_or_else(|| "C7 is not in view".to_owned())
    }
}

/// A vertebral body's own axes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BodyAxes {
    /// Middle of the body, LPS mm.
    pub centre: Vector3<f64>,
    /// Unit, at right angles: to the head, to the front, to the left.
    pub up: Vector3<f64>,
    /// See `up`.
    pub anterior: Vector3<f64>,
    /// See `up`.
    pub left: Vector3<f64>,
    /// Half the depth of the body, front to back, mm.
    pub half_depth_mm: f64,
}

/// Axes of the vertebrae of `wanted`, and nothing else of the spine: what [`Spine::find`] says of them
/// without corrections. Levels without a body are left out.
///
/// Cost: 20 to 50 ms a vertebra and core.
#[must_use]
pub fn body_axes(map: &LabelMap, wanted: &[Level]) -> Vec<(Level, BodyAxes)> {
    let boxes = body::boxes(map);
    let box_of = |label: u8| boxes.get(usize::from(label)).copied().flatten();
    let mut levels: Vec<Level> = present(&map.labels).into_iter().filter(|l| l.is_vertebra()).collect();
    levels.sort_by_key(|l| order(*l));
    // The column's direction at a vertebra comes from both neighbours.
    let is_near = |i: usize| levels.iter().take(i + 2).skip(i.saturating_sub(1)).any(|l| wanted.contains(l));
    let core = |(i, level): (usize, &Level)| {
        let found = box_of(level.number()).filter(|_| is_near(i));
        found.and_then(|b: VoxelBox| body::core(map, level.number(), b))
    };
    let cores: Vec<Option<Vector3<f64>>> = levels.par_iter().enumerate().map(core).collect();
    let grain_mm = map.grid.spacing_mm().into_iter().fold(0.0, f64::max);
    let axes = |(i, level): (usize, &Level)| {
        let core = cores.get(i).copied().flatten().filter(|_| wanted.contains(level) && level.number() != 1)?;
        let mesh = surface::from_mask(map, level.number(), &MeshSettings::default()).largest_component();
        let frame = vertebra::axes(&mesh, &Start { level: *level, core, up: direction(&cores, i), grain_mm })?;
        let [centre, up, anterior, left] = [frame.centre, frame.up, frame.anterior, frame.left];
        Some((*level, BodyAxes { centre, up, anterior, left, half_depth_mm: frame.half_depth }))
    };
    levels.par_iter().enumerate().filter_map(axes).collect()
}

/// Where a place goes.
pub(super) fn place(motion: &Transform<Ct, Ct>, at: Vector3<f64>) -> Vector3<f64> {
    (*motion * Point::from_vector3(at)).vector3()
}

/// Direction of the column at vertebra `i`, to the head, from its neighbours' cores.
fn direction(cores: &[Option<Vector3<f64>>], i: usize) -> Vector3<f64> {
    let at = |j: Option<usize>| j.and_then(|j| cores.get(j).copied().flatten());
    let (above, here, below) = (at(i.checked_sub(1)), at(Some(i)), at(Some(i + 1)));
    let up = match (above, here, below) {
        (Some(above), _, Some(below)) => above - below,
        (Some(above), Some(here), None) => above - here,
        (None, Some(here), Some(below)) => here - below,
        _ => Vector3::z(),
    };
    // Labels in a wrong order must not turn a vertebra over.
    up.try_normalize(1e-6).filter(|u| u.z > 0.1).unwrap_or_else(Vector3::z)
}

/// True within a voxel of the outermost voxels' outer faces.
fn is_at_border(map: &LabelMap, p: &Vector3<f64>) -> bool {
    let voxel = map.grid.to_voxel(Point::from_vector3(*p)).to_array();
    voxel.iter().zip(map.grid.size()).any(|(v, size)| *v < 0.8 || *v > size as f64 - 1.8)
}

fn find_sacrum(
    mesh: Option<&Mesh>,
    vertebrae: &[Vertebra],
    grain_mm: f64,
    is_cut: &dyn Fn(&Vector3<f64>) -> bool,
) -> Result<Sacrum, String> {
    let mesh = mesh.filter(|m| !m.vertices.is_empty()).ok_or("the sacrum is not in view")?;
    let lowest = vertebrae.last().filter(|v| (23..=25).contains(&v.level.number()));
    let lowest = lowest.ok_or("the sacral plate is found from L5, which is not in view")?;
    sacrum::find(mesh, lowest, grain_mm, is_cut)
}

fn head(mesh: Option<&Mesh>, side: &str, grain_mm: f64) -> Result<Sphere, String> {
    let absent = || format!("the {side} femoral head is not in view (label {FEMUR_LEFT} left, {FEMUR_RIGHT} right)");
    let mesh = mesh.filter(|m| !m.vertices.is_empty()).ok_or_else(absent)?;
    let top = mesh.vertices.iter().map(|v| f64::from(v[2])).fold(f64::NEG_INFINITY, f64::max);
    let near: Vec<usize> =
        (0..mesh.vertices.len()).filter(|i| f64::from(mesh.vertices[*i][2]) > top - HEAD_DEPTH_MM).collect();
    let points: Vec<Vector3<f64>> = near.iter().map(|i| Vector3::from(mesh.vertices[*i]).cast()).collect();
    let normals: Vec<Vector3<f64>> =
        near.iter().filter_map(|i| mesh.normals.get(*i)).map(|n| Vector3::from(*n).cast()).collect();
    fit::sphere(&points, &normals, HEAD_RADII_MM, grain_mm)
        .ok_or_else(|| format!("no sphere of {HEAD_RADII_MM:?} mm fits the {side} femur's upper end"))
}
