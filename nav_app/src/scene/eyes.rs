//! What the two eyes of a headset see, half a metre behind the spine.
//!
//! The slices hang beside the bone in the room: a head-mounted view must not
//! be relied on without them (510(k) K190929, K213034, K211254).

use bevy::asset::RenderAssetUsages;
use bevy::camera::RenderTarget;
use bevy::camera::visibility::RenderLayers;
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::prelude::*;
use bevy::render::render_resource::TextureFormat;
use bevy::ui::UiTargetCamera;

use super::camera::Eye3d;
use super::paint::Paint;
use super::plane::Plane;
use super::slice_view::{ScreenId, Screens};
use super::vertebrae::is_uncertain;
use super::widgets::text;
use super::{Content, alignment, layout, palette};

/// Distance between the pupils, m: the adult mean (Dodgson 2004,
/// doi:10.1117/12.529999).
const PUPIL_DISTANCE_M: f32 = 0.063;
/// Where the head is: half a metre behind the spine, a little above and left.
const HEAD: Vec3 = Vec3::new(-0.03, 0.05, 0.52);
/// What it looks at: between the spine and the panel.
const GAZE: Vec3 = Vec3::new(0.125, 0.0, 0.0);
const FIELD_OF_VIEW_DEG: f32 = 60.0;
/// Pixels along an eye picture's edges.
pub const SIZE: u32 = 1024;
/// Seen by the eyes only.
const EYES_ONLY: RenderLayers = RenderLayers::layer(1);
/// Where the panel hangs and how high it is, m.
const PANEL_AT: Vec3 = Vec3::new(0.235, 0.0, 0.03);
const PANEL_HEIGHT_M: f32 = 0.36;
/// Size of the panel's texture relative to the desktop's column; the eye sees
/// it about 560 pixels high, and textures here have no mipmaps.
const PANEL_SCALE: f32 = 0.62;
/// Cells of the texture that holds the level names.
const CELL: UVec2 = UVec2::new(120, 48);
const CELL_COLUMNS: u32 = 4;
/// Height of a level name in the room, m.
const NAME_HEIGHT_M: f32 = 0.011;
/// Between the middles of two signs, m: seen from above, nearer ones must not
/// cover those behind.
const SIGN_PITCH_M: f32 = 0.0145;
/// From the bone's side to the middle of its sign, m.
const SIGN_CLEARANCE_M: f32 = 0.022;
/// Bones at most this far above or below must not cover a sign, m.
const NEIGHBOURHOOD_M: f32 = 0.03;

/// Width and height of the panel, m.
pub const PANEL_SIZE: Vec2 = Vec2::new(PANEL_HEIGHT_M * layout::COLUMN / layout::HEIGHT, PANEL_HEIGHT_M);
/// Width of the notes' texture above the panel, pixels.
const NOTES_WIDTH: f32 = 1010.0;
/// Width of the alignment's table over the panel's: it stays in view of who looks at the spine.
const TABLE_SHARE: f32 = 0.78;
/// Between the panel and what hangs above or below it, m.
pub const BOARD_GAP_M: f32 = 0.006;

/// Marks the panel with the slices.
#[derive(Component)]
pub struct SlicePanel;

/// Where the panel hangs beside the spine, turned to the head.
#[must_use]
pub fn panel_place() -> Transform {
    Transform::from_translation(PANEL_AT).with_rotation(head().rotation)
}

fn head() -> Transform {
    Transform::from_translation(HEAD).looking_at(GAZE, Vec3::Y)
}

/// Marks the cameras of the eyes: 0 left, 1 right.
#[derive(Component)]
#[cfg_attr(not(feature = "xr"), expect(dead_code, reason = "only a headset tells its eyes apart"))]
pub struct Eye(pub usize);

/// The pictures of both eyes, left first.
#[derive(Resource, Clone)]
pub struct EyeImages(pub [Handle<Image>; 2]);

/// Puts eyes, panel and level names into the scene.
pub fn spawn(
    mut commands: Commands<'_, '_>,
    content: Res<'_, Content>,
    screens: Res<'_, Screens>,
    slices: Res<'_, super::ColumnScreens>,
    mut images: ResMut<'_, Assets<Image>>,
    mut meshes: ResMut<'_, Assets<Mesh>>,
    mut materials: ResMut<'_, Assets<Paint>>,
) {
    let head = head();
    let eyes = [(0, -0.5), (1, 0.5)].map(|(number, side)| {
        let image = images.add(Image::new_target_texture(SIZE, SIZE, TextureFormat::Rgba8UnormSrgb, None));
        let place = head.with_translation(HEAD + head.right() * (side * PUPIL_DISTANCE_M));
        commands.spawn((
            Eye(number),
            Eye3d,
            Camera3d::default(),
            Camera { order: -1, clear_color: palette::BACKGROUND.into(), ..default() },
            RenderTarget::Image(image.clone().into()),
            Projection::Perspective(PerspectiveProjection {
                fov: FIELD_OF_VIEW_DEG.to_radians(),
                near: 0.02,
                ..default()
            }),
            Tonemapping::None,
            Msaa::Sample4,
            RenderLayers::layer(0).union(&EYES_ONLY),
            place,
        ));
        image
    });
    commands.insert_resource(EyeImages(eyes));
    let panel = panel_image(&mut commands, &mut images, &content, &screens, &slices.0);
    let material = materials.add(Paint::board(panel));
    let rectangle = Mesh3d(meshes.add(Rectangle::from_size(PANEL_SIZE)));
    let panel = commands.spawn((SlicePanel, rectangle, MeshMaterial3d(material), panel_place(), EYES_ONLY)).id();
    // Upwards: the panel, notes, alignment.
    let notes = notes_image(&mut commands, &mut images, &content).map(|image| (image, 1.0));
    let table = alignment_image(&mut commands, &mut images, &content).map(|image| (image, TABLE_SHARE));
    let mut top = 0.5 * PANEL_SIZE.y;
    for ((image, pixels), share) in notes.into_iter().chain(table) {
        let size = share * PANEL_SIZE.x * Vec2::new(1.0, pixels.y / pixels.x);
        let above = top + BOARD_GAP_M + 0.5 * size.y;
        top = above + 0.5 * size.y;
        let board = board(&mut meshes, &mut materials, image, size, above);
        commands.spawn((board, ChildOf(panel)));
    }
    spawn_names(&mut commands, &content, head.rotation, &mut images, &mut meshes, &mut materials);
}

/// A camera that draws user interface into a new image.
pub fn interface_camera(
    commands: &mut Commands<'_, '_>,
    images: &mut Assets<Image>,
    size: UVec2,
    background: Color,
) -> (Entity, Handle<Image>) {
    let image = images.add(Image::new_target_texture(size.x, size.y, TextureFormat::Rgba8UnormSrgb, None));
    let camera = Camera { order: -3, clear_color: background.into(), ..default() };
    let target = RenderTarget::Image(image.clone().into());
    (commands.spawn((Camera2d, camera, target, Msaa::Off)).id(), image)
}

fn panel_image(
    commands: &mut Commands<'_, '_>,
    images: &mut Assets<Image>,
    content: &Content,
    screens: &Screens,
    slices: &[(Plane, ScreenId)],
) -> Handle<Image> {
    let size = (Vec2::new(layout::COLUMN, layout::HEIGHT) * PANEL_SCALE).as_uvec2();
    let (camera, image) = interface_camera(commands, images, size, palette::EDGE);
    let whole = Node { width: percent(100.0), height: percent(100.0), ..default() };
    commands
        .spawn((whole, UiTargetCamera(camera)))
        .with_children(|root| layout::spawn_column(root, content, screens, slices, PANEL_SCALE));
    image
}

/// A picture in front of all else, `above` the middle of the panel that it belongs to, m.
pub fn board(
    meshes: &mut Assets<Mesh>,
    materials: &mut Assets<Paint>,
    image: Handle<Image>,
    size: Vec2,
    above: f32,
) -> impl Bundle + use<> {
    let rectangle = Mesh3d(meshes.add(Rectangle::from_size(size)));
    let place = Transform::from_xyz(0.0, above, 0.0);
    (rectangle, MeshMaterial3d(materials.add(Paint::board(image))), place, EYES_ONLY)
}

/// What the desktop notes above the spine, and its size in pixels; `None`
/// where there is nothing to note.
fn notes_image(
    commands: &mut Commands<'_, '_>,
    images: &mut Assets<Image>,
    content: &Content,
) -> Option<(Handle<Image>, Vec2)> {
    let size = Vec2::new(NOTES_WIDTH, layout::notes_height(content)?);
    let (camera, image) = interface_camera(commands, images, size.as_uvec2(), palette::PANEL);
    let whole = Node { width: percent(100.0), height: percent(100.0), ..default() };
    commands.spawn((whole, UiTargetCamera(camera), layout::NotePlace));
    Some((image, size))
}

/// The table of the alignment, and its size in pixels; `None` where it is not followed.
fn alignment_image(
    commands: &mut Commands<'_, '_>,
    images: &mut Assets<Image>,
    content: &Content,
) -> Option<(Handle<Image>, Vec2)> {
    content.header.alignment.as_ref()?;
    let (camera, image) = interface_camera(commands, images, alignment::BOARD.as_uvec2(), palette::PANEL);
    let whole = Node { width: percent(100.0), height: percent(100.0), ..default() };
    let inner = Node { padding: UiRect::axes(px(12.0), px(8.0)), ..whole.clone() };
    let ground = BackgroundColor(palette::PANEL);
    commands.spawn((whole, UiTargetCamera(camera))).with_children(|root| alignment::spawn_table(root, inner, ground));
    Some((image, alignment::BOARD))
}

/// Level names as small signs beside the bones, turned to the head.
fn spawn_names(
    commands: &mut Commands<'_, '_>,
    content: &Content,
    facing: Quat,
    images: &mut Assets<Image>,
    meshes: &mut Assets<Mesh>,
    materials: &mut Assets<Paint>,
) {
    let vertebrae = &content.case.vertebrae;
    let rows = (vertebrae.len() as u32).div_ceil(CELL_COLUMNS).max(1);
    let size = CELL * UVec2::new(CELL_COLUMNS, rows);
    let (camera, image) = interface_camera(commands, images, size, palette::BACKGROUND);
    let material = materials.add(Paint::picture(image));
    let whole = Node { width: percent(100.0), height: percent(100.0), ..default() };
    commands.spawn((whole, UiTargetCamera(camera))).with_children(|root| {
        for (vertebra, cell) in vertebrae.iter().zip(cells()) {
            let words = format!("{}{}", vertebra.level, if is_uncertain(vertebra) { " ?" } else { "" });
            let node = Node {
                position_type: PositionType::Absolute,
                left: px((cell.x * CELL.x) as f32),
                top: px((cell.y * CELL.y) as f32),
                width: px(CELL.x as f32),
                height: px(CELL.y as f32),
                justify_content: JustifyContent::Center,
                align_items: AlignItems::Center,
                ..default()
            };
            root.spawn(node).with_children(|sign| {
                sign.spawn(text(words, 40.0, palette::bone(vertebra.level)));
            });
        }
    });
    for (at, cell) in sign_places(content).into_iter().zip(cells()) {
        let place = Transform::from_translation(at).with_rotation(facing);
        let uv = (
            cell.as_vec2() / UVec2::new(CELL_COLUMNS, rows).as_vec2(),
            Vec2::ONE / UVec2::new(CELL_COLUMNS, rows).as_vec2(),
        );
        commands.spawn((Mesh3d(meshes.add(sign_mesh(uv.0, uv.1))), MeshMaterial3d(material.clone()), place, EYES_ONLY));
    }
}

/// Left of each bone and clear of its neighbours; no sign covers another.
fn sign_places(content: &Content) -> Vec<Vec3> {
    let leftmost = |mesh: &engine::surface::Mesh| {
        let vertex = mesh.vertices.iter().max_by(|a, b| a[0].total_cmp(&b[0]));
        vertex.map_or_else(Vec3::default, |v| content.frame.point((*v).into()))
    };
    let sides: Vec<Vec3> = content.case.vertebrae.iter().map(|v| leftmost(&v.mesh)).collect();
    let mut from_the_top: Vec<usize> = (0..sides.len()).collect();
    from_the_top.sort_by(|a, b| sides[*b].y.total_cmp(&sides[*a].y));
    let mut places = sides.clone();
    let mut ceiling = f32::INFINITY;
    for i in from_the_top {
        let side = sides[i];
        let is_near = |other: &&Vec3| (other.y - side.y).abs() < NEIGHBOURHOOD_M;
        let outer = sides.iter().filter(is_near).map(|s| s.x).fold(side.x, f32::min);
        ceiling = side.y.min(ceiling - SIGN_PITCH_M);
        places[i] = Vec3::new(outer - SIGN_CLEARANCE_M, ceiling, side.z);
    }
    places
}

fn cells() -> impl Iterator<Item = UVec2> {
    (0..).map(|i| UVec2::new(i % CELL_COLUMNS, i / CELL_COLUMNS))
}

/// A sign that shows one cell of the texture; faces +z.
fn sign_mesh(corner: Vec2, extent: Vec2) -> Mesh {
    let half = 0.5 * Vec2::new(NAME_HEIGHT_M * CELL.x as f32 / CELL.y as f32, NAME_HEIGHT_M);
    let corners = [Vec2::new(0.0, 1.0), Vec2::ONE, Vec2::new(1.0, 0.0), Vec2::ZERO];
    let positions: Vec<Vec3> =
        corners.iter().map(|c| ((*c * 2.0 - 1.0) * half * Vec2::new(1.0, -1.0)).extend(0.0)).collect();
    let uvs: Vec<Vec2> = corners.iter().map(|c| corner + *c * extent).collect();
    Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::default())
        .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, positions)
        .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, vec![Vec3::Z; 4])
        .with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, uvs)
        .with_inserted_indices(Indices::U32(vec![0, 1, 2, 0, 2, 3]))
}
