//! What stands on the screen: two pictures, the measures, what to do.

use bevy::asset::RenderAssetUsages;
use bevy::prelude::*;
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat};
use bevy::ui::{RelativeCursorPosition, UiScale};
use bevy::window::PrimaryWindow;
use engine::measure::{Measure, Parameter};
use engine::xray::name;

use super::Work;
use super::hands::HELP;
use super::picture;
use crate::scene::palette;
use crate::scene::widgets::{Area, at, chip, text};

/// Columns and rows of a picture on a screen 1080 pixels high.
pub const PICTURE: [f32; 2] = [600.0, 950.0];
const TOP: f32 = 64.0;
const GAP: f32 = 12.0;
/// Letters in a line of the numbers.
const WIDTH: usize = 44;
/// Left edge of the numbers.
const NUMBERS: f32 = 2.0 * (PICTURE[0] + GAP) + GAP;

/// A picture: 0 frontal, 1 lateral.
#[derive(Component, Clone, Copy)]
pub struct PictureNode(pub usize);

/// The list of keys.
#[derive(Component)]
pub struct Help;

/// The measures.
#[derive(Component)]
pub struct Numbers;

/// The line at the bottom.
#[derive(Component)]
pub struct Said;

/// A body's name on a picture.
#[derive(Component)]
pub struct Name;

/// The two textures.
#[derive(Resource)]
pub struct Textures([Handle<Image>; 2]);

/// Builds the screen.
pub fn spawn(mut commands: Commands<'_, '_>, mut images: ResMut<'_, Assets<Image>>) {
    let camera = commands.spawn((Camera2d, Msaa::Off, IsDefaultUiCamera)).id();
    let size = Extent3d { width: PICTURE[0] as u32, height: PICTURE[1] as u32, depth_or_array_layers: 1 };
    let usages = RenderAssetUsages::RENDER_WORLD | RenderAssetUsages::MAIN_WORLD;
    let (dimension, format) = (TextureDimension::D2, TextureFormat::Rgba8UnormSrgb);
    let textures = [0, 1].map(|_| images.add(Image::new_fill(size, dimension, &[0, 0, 0, 255], format, usages)));
    let whole = Node { width: percent(100.0), height: percent(100.0), ..default() };
    commands.spawn((whole, UiTargetCamera(camera))).with_children(|root| {
        let titles = ["Frontal", "Lateral"].into_iter().zip([["R", "L"], ["front", "back"]]);
        for (view, (title, sides)) in titles.enumerate() {
            let left = GAP + view as f32 * (PICTURE[0] + GAP);
            root.spawn((at(left, 14.0), text(title, 30.0, palette::TEXT)));
            let area = Area::new(left, TOP, PICTURE[0], PICTURE[1]);
            let image = ImageNode::new(textures[view].clone()).with_mode(NodeImageMode::Stretch);
            root.spawn((area.node(1.0), image, PictureNode(view), RelativeCursorPosition::default())).with_children(
                |picture| {
                    picture.spawn((at(8.0, 4.0), chip(), text(sides[0], 24.0, palette::TEXT)));
                    let mut right = at(0.0, 4.0);
                    (right.left, right.right) = (auto(), px(8.0));
                    picture.spawn((right, chip(), text(sides[1], 24.0, palette::TEXT)));
                },
            );
        }
        root.spawn((at(NUMBERS, 14.0), text("Sagittal balance", 30.0, palette::TEXT)));
        root.spawn((at(NUMBERS, TOP), text("", 24.0, palette::TEXT), Numbers));
        let mut line = at(GAP, 0.0);
        (line.top, line.bottom, line.padding) = (auto(), px(10.0), UiRect::axes(px(10.0), px(4.0)));
        root.spawn((line, BackgroundColor(palette::PANEL), text("", 22.0, palette::TEXT), Said));
        let mut place = at(40.0, 110.0);
        place.padding = UiRect::all(px(22.0));
        let help = (place, BackgroundColor(palette::PANEL), Help, Visibility::Hidden, GlobalZIndex(2));
        root.spawn(help).with_children(|help| {
            help.spawn(text(HELP, 22.0, palette::TEXT));
        });
    });
    commands.insert_resource(Textures(textures));
}

/// Keeps the design as high as the window.
pub fn fit(window: Single<'_, '_, &Window, With<PrimaryWindow>>, mut scale: ResMut<'_, UiScale>) {
    let full = (NUMBERS + 660.0, 1080.0);
    let fitting = (window.width() / full.0).min(window.height() / full.1).clamp(0.2, 8.0);
    if scale.0 != fitting {
        scale.0 = fitting;
    }
}

/// Draws both pictures and their names when something changed.
pub fn draw(
    mut commands: Commands<'_, '_>,
    textures: Res<'_, Textures>,
    nodes: Query<'_, '_, (Entity, &PictureNode)>,
    names: Query<'_, '_, Entity, With<Name>>,
    mut images: ResMut<'_, Assets<Image>>,
    mut work: ResMut<'_, Work>,
) {
    if !std::mem::take(&mut work.bypass_change_detection().is_dirty) {
        return;
    }
    names.iter().for_each(|name| commands.entity(name).despawn());
    let size = PICTURE.map(|n| n as usize);
    for (entity, PictureNode(view)) in &nodes {
        let view = *view;
        let plain = if view == 0 { &work.pair.frontal } else { &work.pair.lateral };
        let radiograph = if work.is_enhanced { &work.enhanced[view] } else { plain };
        let held = work.held.filter(|(of, _)| *of == view).map(|(_, handle)| handle);
        let (rgba, placed) = picture::draw(radiograph, &work.frames[view], size, &work.sheet.views[view], held);
        if let Some(mut image) = textures.0.get(view).and_then(|texture| images.get_mut(texture)) {
            image.data = Some(rgba);
        }
        for (level, [x, y]) in placed {
            let node = (at(x as f32 + 8.0, y as f32 - 11.0), chip(), Name);
            let label = commands.spawn((node, text(name(level), 18.0, palette::TEXT))).id();
            commands.entity(entity).add_child(label);
        }
    }
}

/// The line at the bottom.
type SaidLine<'w, 's> = Single<'w, 's, (&'static mut Text, &'static mut TextColor), (With<Said>, Without<Numbers>)>;

/// Writes the measures and the line at the bottom.
pub fn tell(
    work: Res<'_, Work>,
    mut numbers: Single<'_, '_, &mut Text, (With<Numbers>, Without<Said>)>,
    mut said: SaidLine<'_, '_>,
) {
    if !work.is_changed() {
        return;
    }
    let value = |(parameter, measure): &(Parameter, Measure)| value_line(parameter, measure);
    let mut lines: Vec<String> = work.findings.report.parameters.iter().flat_map(value).collect();
    lines.push(String::new());
    let notes = work.findings.notes.iter().flat_map(|note| wrapped(&format!("Note: {note}."), WIDTH));
    lines.extend(notes.take(14));
    lines.push(String::new());
    lines.extend(wrapped("Research use only: trained and tested on computed radiographs.", WIDTH));
    numbers.0 = lines.join("\n");
    let busy = if work.worker.is_busy() { "analysing...  " } else { "" };
    said.0.0 = format!("{busy}{}", work.said);
    said.1.0 = if work.is_alarm { palette::CAUTION } else { palette::TEXT };
}

/// A parameter with its standard deviation, or why it is not there.
fn value_line(parameter: &Parameter, measure: &Measure) -> Vec<String> {
    let (_, unit) = parameter.key.rsplit_once('_').unwrap_or(("", ""));
    match measure {
        Ok(v) => vec![format!("{}:  {:.1} {unit}  +- {:.1}", parameter.name, v.value, v.sd)],
        Err(why) => wrapped(&format!("{}:  -  {why}", parameter.name), WIDTH),
    }
}

/// A line broken between words, the rest indented.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start().len();
    let mut lines = vec![" ".repeat(indent)];
    for word in line.split_whitespace() {
        let Some(last) = lines.last_mut() else { break };
        if last.len() + word.len() >= width && !last.trim().is_empty() {
            lines.push(format!("{}{word}", " ".repeat(indent + 2)));
        } else {
            if !last.trim().is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}
