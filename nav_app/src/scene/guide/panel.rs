//! Disc or map, instruction, numbers and verdict: sizes for two metres' distance, no
//! meaning by colour alone.

use bevy::prelude::*;
use bevy::ui::UiTargetCamera;
use calib::Verdict;

use super::super::palette;
use super::super::widgets::{self, Area, text};
use super::{DESIGN, DISC, Shown};
use crate::guide_view::{Detail, GuideView, Number, Picture};

/// Middle of the disc.
const MIDDLE: Vec2 = Vec2::new(497.0, 566.0);
/// Size of the name of a side.
const NAME: Vec2 = Vec2::new(176.0, 34.0);
/// Left edge and width of what stands beside the disc.
const COLUMN: (f32, f32) = (1000.0, 890.0);

/// Names on the disc or the map at most.
const MARKS: usize = 64;

/// A text that follows the view.
#[derive(Component, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Title,
    Advice,
    /// What a number is.
    Caption(usize),
    /// A number, and its unit.
    Number(usize),
    Unit(usize),
    Verdict,
    Reason,
    /// What a fact is, and the fact.
    Name(usize),
    Detail(usize),
    Time,
    /// A name on the disc or the map.
    Mark(usize),
    Legend,
    /// How the window ends.
    Farewell,
}

/// A place for a name on the disc or the map.
#[derive(Component)]
pub struct Mark(usize);

/// Coloured by the verdict.
#[derive(Component)]
pub struct VerdictBox;

/// Words on it.
#[derive(Component)]
pub struct OnVerdict;

/// Grows with the time.
#[derive(Component)]
pub struct TimeBar;

/// What a view says, computed once.
struct Words {
    numbers: [Number; 3],
    details: Vec<Detail>,
    picture: Picture,
}

impl Words {
    fn of(view: &GuideView) -> Self {
        Self { numbers: view.numbers(), details: view.details(), picture: view.picture() }
    }

    fn number(&self, at: usize, part: impl Fn(&Number) -> &str) -> String {
        self.numbers.get(at).map_or_else(String::new, |number| part(number).to_owned())
    }

    fn detail(&self, at: usize, part: impl Fn(&Detail) -> &str) -> String {
        self.details.get(at).map_or_else(String::new, |detail| part(detail).to_owned())
    }

    fn mark(&self, at: usize) -> String {
        match &self.picture {
            Picture::Disc(dial) => dial.names.get(at).cloned().unwrap_or_default(),
            Picture::Map(map) => map.spots.get(at).map_or_else(String::new, |_| format!("{}", at + 1)),
        }
    }

    fn place(&self, at: usize) -> Option<Vec2> {
        match &self.picture {
            Picture::Disc(dial) => (at < dial.names.len()).then(|| beside_disc(at, dial.names.len())),
            Picture::Map(map) => map.spots.get(at).map(|spot| on_map(spot.at)),
        }
    }
}

impl Field {
    fn words(self, view: &GuideView, words: &Words) -> String {
        let text = match self {
            Self::Title => view.title().to_uppercase(),
            Self::Advice => view.advice().to_owned(),
            Self::Caption(at) => words.number(at, |number| number.caption),
            Self::Number(at) => words.number(at, |number| &number.value),
            Self::Unit(at) => words.number(at, |number| number.unit),
            Self::Verdict => GuideView::verdict_word(view.verdict(), view.end.is_some()).to_owned(),
            Self::Reason => view.reason(),
            Self::Name(at) => words.detail(at, |detail| detail.name).to_uppercase(),
            Self::Detail(at) => words.detail(at, |detail| &detail.words),
            Self::Time => format!("{:.0} s of at most {:.0} s", view.elapsed_s, view.limit_s),
            Self::Mark(at) => words.mark(at),
            Self::Legend => match words.picture {
                Picture::Disc(_) => "FILLED: done   STRIPES: missing   TRIANGLE: next   RING: now".into(),
                Picture::Map(_) => "FILLED: touched   STRIPES: missing   CIRCLED: next   RING: tip".into(),
            },
            Self::Farewell if view.end.is_some() => "the window closes by itself".into(),
            Self::Farewell => "close the window to end the recording".into(),
        };
        // The default font has only ASCII.
        text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
    }
}

/// Where the name of a side is, outside the disc.
fn beside_disc(side: usize, sides: usize) -> Vec2 {
    let angle = std::f32::consts::TAU * side as f32 / sides as f32;
    let (sin, cos) = angle.sin_cos();
    let far = 0.5 * DISC as f32 + 22.0;
    // Beside the disc half the name is to be passed as well.
    let beside = 0.375 * NAME.x * (1.5 * cos).clamp(-1.0, 1.0);
    Vec2::new(MIDDLE.x + cos * far + beside, MIDDLE.y - sin * far)
}

/// Where the number of a point is: above it.
fn on_map([x, y]: [f64; 2]) -> Vec2 {
    let half = 0.5 * DISC as f32;
    MIDDLE + Vec2::new(half * x as f32, -half * y as f32 - 58.0)
}

/// Colour of the verdict's box, and of words on it. Until the end nothing is
/// alarming: something is missing.
fn verdict_colors(view: Option<&GuideView>) -> (Color, Color) {
    let verdict = view.and_then(GuideView::verdict);
    match (verdict, view.is_some_and(|v| v.end.is_some())) {
        (None, _) => (palette::EDGE, palette::TEXT),
        (Some(Verdict::Accept), _) => (palette::GOOD, palette::BACKGROUND),
        (Some(Verdict::Reject), true) => (palette::ALARM, palette::ON_ALARM),
        _ => (palette::CAUTION, palette::BACKGROUND),
    }
}

/// Writes what is shown.
pub fn write(
    shown: Res<'_, Shown>,
    mut fields: Query<'_, '_, (&Field, &mut Text)>,
    mut boxes: Query<'_, '_, &mut BackgroundColor, With<VerdictBox>>,
    mut inks: Query<'_, '_, &mut TextColor, With<OnVerdict>>,
    mut marks: Query<'_, '_, (&Mark, &mut Node), Without<TimeBar>>,
    mut bars: Query<'_, '_, &mut Node, With<TimeBar>>,
) {
    let (back, ink) = verdict_colors(shown.0.as_ref());
    boxes.iter_mut().for_each(|mut background| *background = BackgroundColor(back));
    inks.iter_mut().for_each(|mut color| *color = TextColor(ink));
    let Some(view) = &shown.0 else { return };
    let words = Words::of(view);
    for (field, mut text) in &mut fields {
        let words = field.words(view, &words);
        if text.0 != words {
            text.0 = words;
        }
    }
    for (mark, mut node) in &mut marks {
        if let Some(place) = words.place(mark.0) {
            (node.left, node.top) = (px(place.x - 0.5 * NAME.x), px(place.y - 0.5 * NAME.y));
        }
    }
    let share = (view.elapsed_s / view.limit_s.max(1e-3)).clamp(0.0, 1.0) as f32;
    bars.iter_mut().for_each(|mut bar| bar.width = percent(100.0 * share));
}

/// Puts everything before `camera`.
pub fn spawn(commands: &mut Commands<'_, '_>, camera: Entity, disc: Handle<Image>) {
    let whole = Area::new(0.0, 0.0, DESIGN.x, DESIGN.y).node(1.0);
    commands.spawn((whole, UiTargetCamera(camera))).with_children(|root| {
        root.spawn((text("", 32.0, palette::CAPTION), Field::Title, widgets::at(40.0, 28.0)));
        notice(root);
        let half = 0.5 * DISC as f32;
        let area = Area::new(MIDDLE.x - half, MIDDLE.y - half, DISC as f32, DISC as f32);
        root.spawn((area.node(1.0), ImageNode::new(disc).with_mode(NodeImageMode::Stretch)));
        (0..MARKS).for_each(|at| mark(root, at));
        root.spawn((text("", 24.0, palette::CAPTION), Field::Legend, widgets::at(60.0, 1022.0)));
        advice(root);
        numbers(root);
        verdict(root);
        for (at, y) in [812.0, 884.0].into_iter().enumerate() {
            root.spawn((text("", 22.0, palette::CAPTION), Field::Name(at), widgets::at(COLUMN.0, y)));
            root.spawn((text("", 34.0, palette::TEXT), Field::Detail(at), widgets::at(COLUMN.0, y + 22.0)));
        }
        let track = Area::new(COLUMN.0, 966.0, COLUMN.1, 16.0).node(1.0);
        root.spawn((track, BackgroundColor(palette::EDGE))).with_children(|track| {
            let bar = Node { width: percent(0.0), height: percent(100.0), ..default() };
            track.spawn((bar, BackgroundColor(palette::CAPTION), TimeBar));
        });
        root.spawn((text("", 26.0, palette::TEXT), Field::Time, widgets::at(COLUMN.0, 990.0)));
        root.spawn((text("", 24.0, palette::CAPTION), Field::Farewell, widgets::at(COLUMN.0, 1026.0)));
    });
}

fn notice(root: &mut ChildSpawnerCommands<'_>) {
    let mut node = Area::new(COLUMN.0 + COLUMN.1 - 290.0, 22.0, 290.0, 44.0).node(1.0);
    (node.justify_content, node.align_items) = (JustifyContent::Center, AlignItems::Center);
    node.border = UiRect::all(px(2.0));
    root.spawn((node, BorderColor::all(palette::CAUTION))).with_children(|notice| {
        notice.spawn(text("RESEARCH USE ONLY", 26.0, palette::CAUTION));
    });
}

/// A place for a name; [`write`] says where.
fn mark(root: &mut ChildSpawnerCommands<'_>, at: usize) {
    let mut node = Area::new(MIDDLE.x, MIDDLE.y, NAME.x, NAME.y).node(1.0);
    (node.justify_content, node.align_items) = (JustifyContent::Center, AlignItems::Center);
    root.spawn((node, Mark(at))).with_children(|place| {
        place.spawn((text("", 26.0, palette::TEXT), Field::Mark(at)));
    });
}

/// Text that goes on in the next line.
fn wrapped(parent: &mut ChildSpawnerCommands<'_>, size: f32, field: Field, ink: Color, width: f32) -> Entity {
    let node = Node { width: px(width), ..default() };
    let mut words = parent.spawn((text("", size, ink), node, field));
    words.insert(TextLayout::new(Justify::Left, LineBreak::WordBoundary));
    words.id()
}

fn advice(root: &mut ChildSpawnerCommands<'_>) {
    let mut node = Area::new(COLUMN.0, 96.0, COLUMN.1, 296.0).node(1.0);
    node.flex_direction = FlexDirection::Column;
    node.padding = UiRect::new(px(30.0), px(20.0), px(18.0), px(10.0));
    node.border = UiRect::left(px(10.0));
    node.row_gap = px(10.0);
    root.spawn((node, BackgroundColor(palette::PANEL), BorderColor::all(palette::TEXT))).with_children(|area| {
        area.spawn(text("DO NOW", 26.0, palette::CAPTION));
        wrapped(area, 56.0, Field::Advice, palette::TEXT, COLUMN.1 - 70.0);
    });
}

fn numbers(root: &mut ChildSpawnerCommands<'_>) {
    for (at, x) in [0.0, 330.0, 630.0].into_iter().enumerate() {
        let left = COLUMN.0 + x;
        root.spawn((text("", 24.0, palette::CAPTION), Field::Caption(at), widgets::at(left, 420.0)));
        let row = Node { align_items: AlignItems::FlexEnd, column_gap: px(10.0), ..widgets::at(left, 444.0) };
        root.spawn(row).with_children(|row| {
            row.spawn((text("--", 88.0, palette::TEXT), Field::Number(at)));
            let raised = Node { margin: UiRect::bottom(px(13.0)), ..default() };
            row.spawn((text("", 32.0, palette::CAPTION), Field::Unit(at), raised));
        });
    }
}

fn verdict(root: &mut ChildSpawnerCommands<'_>) {
    let mut node = Area::new(COLUMN.0, 572.0, COLUMN.1, 214.0).node(1.0);
    node.flex_direction = FlexDirection::Column;
    node.padding = UiRect::axes(px(30.0), px(16.0));
    node.row_gap = px(6.0);
    root.spawn((node, BackgroundColor(palette::EDGE), VerdictBox)).with_children(|area| {
        area.spawn((text("", 54.0, palette::TEXT), Field::Verdict, OnVerdict));
        let reason = wrapped(area, 32.0, Field::Reason, palette::TEXT, COLUMN.1 - 60.0);
        area.commands().entity(reason).insert(OnVerdict);
    });
}
