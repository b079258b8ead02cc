//! The CT itself in the 3-D view, cast ray by ray.
//!
//! Nothing is prepared before it is asked for; preparing runs in the background.
//! A preset changes two small textures, a cut a few numbers, the HU stay where
//! they are.
//!
//! | module | what it holds |
//! |---|---|
//! | [`transfer`] | which HU are seen, in what colour |
//! | [`texture`] | HU, empty blocks and colours as textures |
//! | [`clip`] | box and plane that cut |
//! | [`material`] | the rays |
//! | [`count`] | how much work they are |

pub mod clip;
pub mod count;
pub mod material;
pub mod texture;
pub mod transfer;

use anyhow::{Result, ensure};
use bevy::core_pipeline::prepass::DepthPrepass;
use bevy::prelude::*;
use bevy::tasks::{AsyncComputeTaskPool, Task, block_on, poll_once};
use engine::volume::{BLOCK, BlockRanges, Grid};
use serde::{Deserialize, Serialize};

use super::camera::Eye3d;
use super::picture::Picture;
use super::quality::Quality;
use super::vertebrae::BoneSurface;
use super::{Content, units};
use clip::{ClipBox, HandCut, ToolCut};
use material::{March, VolumeMaterial};
use transfer::{HIGHEST_HU, LOWEST_HU, Preset, VisibleRanges};

/// Left free before surfaces where they are drawn, mm: the surface and the
/// volume's own bone edge lie within this of each other and would mottle.
const BEFORE_SURFACES_MM: f32 = 1.5;
/// Shortest and longest step at full quality, mm.
const STEP_MM: (f32, f32) = (0.35, 0.8);

/// What the user wants to see of the CT.
#[derive(Resource, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VolumeSettings {
    /// True when the CT is drawn.
    pub is_shown: bool,
    /// True when the vertebrae's surfaces are drawn.
    pub has_surfaces: bool,
    /// Which HU, in what colour.
    pub preset: Preset,
    /// The box that is kept.
    pub clip_box: ClipBox,
    /// The plane at the tool.
    pub cut: ToolCut,
}

impl Default for VolumeSettings {
    /// Surfaces alone; the CT, when it is shown, around the spine, for table and
    /// arms hide it.
    fn default() -> Self {
        Self {
            is_shown: false,
            has_surfaces: true,
            preset: Preset::Bone,
            clip_box: ClipBox::Spine,
            cut: ToolCut::Nothing,
        }
    }
}

impl VolumeSettings {
    /// Shows the CT with the preset after this one; the user's own, where there is one, is the last.
    pub fn show_next_preset(&mut self, own: Option<&Preset>) {
        self.preset = match (&self.preset, own) {
            (Preset::Bone, _) => Preset::BoneAndSkin,
            (Preset::BoneAndSkin, _) => Preset::Angiography,
            (Preset::Angiography, Some(own)) => own.clone(),
            _ => Preset::Bone,
        };
        self.is_shown = true;
    }

    /// Refuses what cannot be drawn: a box without inside, a curve that is none.
    ///
    /// # Errors
    /// The message says which value.
    pub fn check(&self) -> Result<()> {
        if let ClipBox::Corners(low, high) = &self.clip_box {
            let is_open = low.iter().zip(high).all(|(low, high)| low.is_finite() && high.is_finite() && low < high);
            ensure!(is_open, "a box has its lower corner first and below the upper one; found {low:?} and {high:?}");
        }
        self.preset.check()
    }
}

/// What is made in the background.
type Prepared = (Vec<u8>, BlockRanges);

/// The volume on the device.
#[derive(Resource, Default)]
pub struct Volume {
    task: Option<Task<Prepared>>,
    parts: Option<Parts>,
}

struct Parts {
    ranges: BlockRanges,
    material: Handle<VolumeMaterial>,
    preset: Preset,
}

impl Volume {
    /// True when what is wanted is there.
    #[must_use]
    pub const fn is_ready(&self, settings: &VolumeSettings) -> bool {
        !settings.is_shown || self.parts.is_some()
    }
}

/// Marks the volume's box.
#[derive(Component)]
pub struct VolumeHull;

/// Adds the volume to the scene.
pub fn plugin(app: &mut App) {
    material::plugin(app);
    app.init_resource::<VolumeSettings>()
        .init_resource::<Volume>()
        .init_resource::<HandCut>()
        .add_systems(Update, (prepare, choose_colors, show, march).chain());
}

/// Makes textures when the volume is wanted for the first time.
fn prepare(
    settings: Res<'_, VolumeSettings>,
    content: Res<'_, Content>,
    mut volume: ResMut<'_, Volume>,
    mut commands: Commands<'_, '_>,
    mut images: ResMut<'_, Assets<Image>>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<VolumeMaterial>>,
) {
    if !settings.is_shown || volume.parts.is_some() {
        return;
    }
    let Volume { task, parts } = &mut *volume;
    let running = task.get_or_insert_with(|| {
        let case = content.case.clone();
        AsyncComputeTaskPool::get().spawn(async move { (case.ct.half_floats(), case.ct.block_ranges()) })
    });
    if !running.is_finished() {
        return;
    }
    let Some((halves, ranges)) = task.take().and_then(|task| block_on(poll_once(task))) else { return };
    let grid = &content.case.ct.grid;
    let scene_from_texture = texture::scene_from_texture(grid, &content.frame);
    let [x, y, z] = grid.size().map(|n| n as f32);
    let (distances, colors) = tables(&settings.preset, &ranges, &mut images);
    let material = materials.add(VolumeMaterial {
        march: March {
            texture_from_world: scene_from_texture.inverse(),
            voxels: Vec4::new(x, y, z, BLOCK as f32),
            keep_low: Vec4::NEG_INFINITY,
            keep_high: Vec4::INFINITY,
            plane: Vec4::ZERO,
            ray: Vec4::ONE,
            haste: Vec4::ZERO,
        },
        hounsfield: images.add(texture::hounsfield(grid.size(), halves)),
        distances,
        colors,
    });
    let mesh = meshes.add(texture::hull(&scene_from_texture));
    commands.spawn((VolumeHull, Mesh3d(mesh), MeshMaterial3d(material.clone())));
    *parts = Some(Parts { ranges, material, preset: settings.preset.clone() });
}

fn tables(preset: &Preset, ranges: &BlockRanges, images: &mut Assets<Image>) -> (Handle<Image>, Handle<Image>) {
    let table = preset.table();
    let visible = VisibleRanges::new(&table);
    let distances = ranges.distances(&|range| visible.of(range));
    (images.add(texture::distances(ranges.size(), distances)), images.add(texture::colors(table)))
}

/// Follows the preset.
fn choose_colors(
    settings: Res<'_, VolumeSettings>,
    mut volume: ResMut<'_, Volume>,
    mut images: ResMut<'_, Assets<Image>>,
    mut materials: ResMut<'_, Assets<VolumeMaterial>>,
) {
    // Looked at first without writing: a change is what makes the view be drawn.
    if volume.parts.as_ref().is_none_or(|parts| parts.preset == settings.preset) {
        return;
    }
    let Some(parts) = volume.parts.as_mut() else { return };
    let Some(mut material) = materials.get_mut(&parts.material) else { return };
    (material.distances, material.colors) = tables(&settings.preset, &parts.ranges, &mut images);
    parts.preset = settings.preset.clone();
}

/// Shows and hides volume and surfaces; gives the cameras the depth that the
/// volume's rays end at only while they need it.
fn show(
    settings: Res<'_, VolumeSettings>,
    mut commands: Commands<'_, '_>,
    mut hulls: Query<'_, '_, &mut Visibility, (With<VolumeHull>, Without<BoneSurface>)>,
    mut bones: Query<'_, '_, &mut Visibility, (With<BoneSurface>, Without<VolumeHull>)>,
    cameras: Query<'_, '_, (Entity, Has<DepthPrepass>), With<Eye3d>>,
) {
    let seen = |is_seen: bool| if is_seen { Visibility::Inherited } else { Visibility::Hidden };
    for mut visibility in &mut hulls {
        visibility.set_if_neq(seen(settings.is_shown));
    }
    for mut visibility in &mut bones {
        visibility.set_if_neq(seen(settings.has_surfaces));
    }
    for (camera, has_depth) in &cameras {
        match (settings.is_shown, has_depth) {
            (true, false) => drop(commands.entity(camera).insert(DepthPrepass)),
            (false, true) => drop(commands.entity(camera).remove::<DepthPrepass>()),
            _ => {}
        }
    }
}

/// Step of a whole picture's rays, mm.
fn step_mm(grid: &Grid) -> f32 {
    let [x, y, z] = grid.spacing_mm();
    (x.min(y).min(z) as f32 * 0.8).clamp(STEP_MM.0, STEP_MM.1)
}

/// Writes the rays' numbers when one of them changed.
pub fn march(
    settings: Res<'_, VolumeSettings>,
    content: Res<'_, Content>,
    picture: Res<'_, Picture>,
    quality: Res<'_, Quality>,
    hand: Res<'_, HandCut>,
    volume: Res<'_, Volume>,
    cameras: Query<'_, '_, &GlobalTransform, With<Eye3d>>,
    mut materials: ResMut<'_, Assets<VolumeMaterial>>,
) {
    let Some(parts) = volume.parts.as_ref().filter(|_| settings.is_shown) else { return };
    let Some(before) = materials.get(&parts.material).map(|material| material.march) else { return };
    let (low, high) = settings.clip_box.corners(&content.case, &content.frame);
    let step_mm = step_mm(&content.case.ct.grid) * quality.step;
    let free_mm = if settings.has_surfaces { BEFORE_SURFACES_MM } else { 0.0 };
    let eye = cameras.iter().next().map(GlobalTransform::translation);
    let now = March {
        keep_low: low.extend(0.0),
        keep_high: high.extend(0.0),
        plane: hand.0.unwrap_or_else(|| settings.cut.plane(picture.ct_from_tip.as_ref(), eye, &content.frame)),
        haste: Vec4::X * f32::from(u8::from(quality.step > 1.0)),
        ray: Vec4::new(step_mm * units::M_PER_MM, free_mm * units::M_PER_MM, LOWEST_HU, 1.0 / (HIGHEST_HU - LOWEST_HU)),
        ..before
    };
    if now != before
        && let Some(mut material) = materials.get_mut(&parts.material)
    {
        material.march = now;
    }
}
