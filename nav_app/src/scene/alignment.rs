//! Alignment before, now and target, as a small table over the 3-D view.
//!
//! A value that nobody stands behind is "--"; what is reached and what is to go is said in words and signs, not by
//! colour alone. The numbers come from a thread beside the session ([`crate::shown_alignment`]); this never waits for
//! it.

use std::sync::Arc;

use bevy::prelude::*;
use engine::measure::follow::{Alignment, FollowedParameter};
use engine::safety::SessionState;

use super::layout::SpineView;
use super::picture::Picture;
use super::status;
use super::widgets::{self, text};
use super::{Content, palette};
use crate::shown_alignment::ShownAlignment;

/// Columns: short name, before, now, target, to go; and their widths, design pixels.
const COLUMNS: [(&str, f32); 5] = [("", 100.0), ("CT", 58.0), ("NOW", 124.0), ("TARGET", 108.0), ("TO GO", 88.0)];
/// Rows that are shown at most.
const ROWS: usize = 8;
/// What is written for a value nobody stands behind.
const MISSING: &str = "--";
/// Text of the table, design pixels.
const SIZE: f32 = 18.0;
/// What a board needs for it, with two lines of remarks, design pixels.
pub const BOARD: Vec2 = Vec2::new(502.0, 272.0);

/// The table.
#[derive(Component)]
pub struct Table;

/// A cell of the table: row and column.
#[derive(Component, Clone, Copy)]
pub struct Cell(usize, usize);

/// What must be known of the values, under the table.
#[derive(Component)]
pub struct Remark;

/// Adds the table where the alignment is followed.
pub fn plugin(app: &mut App) {
    app.add_systems(Update, (spawn, write).chain());
}

/// The newest that was shown, so that nothing is written anew without need.
#[derive(Default)]
pub struct Last(Option<(Arc<ShownAlignment>, bool)>);

fn spawn(mut commands: Commands<'_, '_>, content: Res<'_, Content>, views: Query<'_, '_, Entity, Added<SpineView>>) {
    if content.header.alignment.is_none() {
        return;
    }
    for view in &views {
        commands.entity(view).with_children(|view| {
            // On the right, beside the lowest levels, where neither their names nor alarms stand.
            let (mut place, chip) = widgets::note(0.0);
            (place.left, place.right) = (Val::Auto, px(15.0));
            (place.top, place.bottom) = (Val::Auto, px(status::RESERVED + 34.0));
            spawn_table(view, place, chip);
        });
    }
}

/// The table, in a node at `place`.
pub fn spawn_table(parent: &mut ChildSpawnerCommands<'_>, place: Node, ground: BackgroundColor) {
    let place = Node { flex_direction: FlexDirection::Column, row_gap: px(1.0), ..place };
    parent.spawn((place, ground, Table)).with_children(|table| {
        row(table, None);
        (0..ROWS).for_each(|number| row(table, Some(number)));
        let remark = table.spawn((text("", 15.0, palette::CAPTION), Remark)).id();
        let width = Node { max_width: px(COLUMNS.iter().map(|(_, width)| width).sum::<f32>()), ..default() };
        let layout = TextLayout::new(Justify::Left, LineBreak::WordBoundary);
        table.commands().entity(remark).insert((width, layout));
    });
}

fn row(table: &mut ChildSpawnerCommands<'_>, number: Option<usize>) {
    table.spawn(Node::default()).with_children(|line| {
        for (column, (caption, width)) in COLUMNS.into_iter().enumerate() {
            let node = Node {
                width: px(width),
                justify_content: if column == 0 { JustifyContent::FlexStart } else { JustifyContent::FlexEnd },
                ..default()
            };
            line.spawn(node).with_children(|cell| match number {
                None => drop(cell.spawn(text(caption, 15.0, palette::CAPTION))),
                Some(number) => drop(cell.spawn((text("", SIZE, palette::TEXT), Cell(number, column)))),
            });
        }
    });
}

type IsCell = (With<Cell>, Without<Remark>);
type IsRemark = (With<Remark>, Without<Cell>);

fn write(
    content: Res<'_, Content>,
    picture: Res<'_, Picture>,
    mut last: Local<'_, Last>,
    mut cells: Query<'_, '_, (&Cell, &mut Text, &mut TextColor), IsCell>,
    mut remarks: Query<'_, '_, &mut Text, IsRemark>,
    added: Query<'_, '_, (), Added<Cell>>,
) {
    let Some(shared) = &content.header.alignment else { return };
    let (newest, is_void) = (shared.newest(), is_void(picture.session) && !content.header.is_demonstration);
    let is_same = last.0.as_ref().is_some_and(|(kept, void)| Arc::ptr_eq(kept, &newest) && *void == is_void);
    if is_same && added.is_empty() {
        return;
    }
    let rows = rows(&newest.alignment);
    for (Cell(row, column), mut text, mut ink) in &mut cells {
        let (words, color) = rows.get(*row).map_or_else(Default::default, |row| cell(row, *column, is_void));
        if text.0 != words {
            text.0 = words;
        }
        ink.set_if_neq(TextColor(color));
    }
    let words = remark(&newest, is_void);
    for mut text in &mut remarks {
        if text.0 != words {
            text.0.clone_from(&words);
        }
    }
    last.0 = Some((newest, is_void));
}

/// True while nothing is registered: then nothing is known of now.
const fn is_void(session: Option<SessionState>) -> bool {
    matches!(session, None | Some(SessionState::NoImage | SessionState::Segmented | SessionState::Stopped))
}

/// The rows: those with a target first, then those with a value, as many as there is room.
fn rows(alignment: &Alignment) -> Vec<&FollowedParameter> {
    let with = |wanted: fn(&FollowedParameter) -> bool| alignment.parameters.iter().filter(move |row| wanted(row));
    let aimed = with(|row| row.target.is_some());
    let others = with(|row| row.target.is_none() && row.before.is_some() && row.key != "ll_l1_l5_deg");
    aimed.chain(others).take(ROWS).collect()
}

fn short(key: &str) -> &str {
    match key {
        "cobb_deg" => "Cobb",
        "tk_deg" => "TK T1-12",
        "tk_t4_t12_deg" => "TK T4-12",
        "ll_deg" => "LL L1-S1",
        "ll_l1_l5_deg" => "LL L1-5",
        "gll_deg" => "LL global",
        "pi_deg" => "PI",
        "pt_deg" => "PT",
        "ss_deg" => "SS",
        "pi_ll_deg" => "PI - LL",
        "sva_mm" => "SVA mm",
        other => other,
    }
}

fn cell(row: &FollowedParameter, column: usize, is_void: bool) -> (String, Color) {
    let ink = if row.is_doubtful { palette::CAUTION } else { palette::TEXT };
    let (now, to_go) = if is_void { (None, None) } else { (row.now, row.to_go) };
    let missing = || (MISSING.to_owned(), palette::CAPTION);
    match column {
        0 => (short(&row.key).to_owned(), palette::TEXT),
        1 => row.before.map_or_else(missing, |e| (format!("{:.1}", e.value), palette::CAPTION)),
        2 => now.map_or_else(missing, |e| (format!("{:.1} +-{:.1}", e.value, e.sd), ink)),
        3 => (row.target.map_or_else(String::new, |target| target.words()), palette::CAPTION),
        _ => match (row.target, to_go) {
            (None, _) => (String::new(), palette::CAPTION),
            (_, None) => missing(),
            (_, Some(0.0)) => ("reached".into(), palette::GOOD),
            (_, Some(rest)) => (format!("{rest:+.1} {}", if rest > 0.0 { '^' } else { 'v' }), palette::CAUTION),
        },
    }
}

/// Which levels are followed, what is assumed, and what was said last.
fn remark(shown: &ShownAlignment, is_void: bool) -> String {
    let alignment = &shown.alignment;
    let mut words = Vec::new();
    if is_void {
        words.push("Nothing is registered: there is no value now.".to_owned());
    } else if alignment.levels.is_empty() {
        words.push("No level registered again: all as in the CT.".to_owned());
    } else {
        let names: Vec<&str> = alignment.levels.iter().map(|level| level.level.as_str()).collect();
        words.push(format!("Followed: {}; others as in the CT.", names.join(", ")));
        if alignment.most_moved_mm() > 1.0 {
            let most = alignment.most_moved_mm();
            words.push(format!("Bone is drawn as in the CT: up to {most:.1} mm off now."));
        }
    }
    let refused = alignment.parameters.iter().filter(|row| row.before.is_some()).find_map(|row| row.reason.as_ref());
    words.extend(refused.map(|why| format!("Missing: {why}.")));
    if !shown.renamed.is_empty() {
        let pairs: Vec<String> = shown.renamed.iter().map(|(from, to)| format!("{from} is {to}")).collect();
        words.push(format!("Renamed by hand: {}.", pairs.join(", ")));
    }
    words.extend((!shown.said.is_empty()).then(|| shown.said.clone()));
    words.join(" ").chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use engine::measure::follow::{Estimate, Target};

    use super::*;

    fn row(now: Option<f64>) -> FollowedParameter {
        let estimate = |value| Estimate { value, sd: 1.0 };
        let target = Some(Target { low: Some(45.0), high: Some(60.0) });
        FollowedParameter {
            key: "ll_deg".into(),
            name: "lumbar lordosis".into(),
            before: Some(estimate(37.0)),
            now: now.map(estimate),
            registration_sd: None,
            target,
            to_go: now.and_then(|now| target.map(|t| t.to_go(now))),
            followed: vec!["L1".into()],
            assumed: Vec::new(),
            is_doubtful: false,
            reason: now.is_none().then(|| "the registration of L1 was rejected".into()),
        }
    }

    #[test]
    fn a_value_that_is_not_there_is_never_an_old_one() {
        let words = |row: &FollowedParameter, is_void| (0..5).map(|c| cell(row, c, is_void).0).collect::<Vec<_>>();
        assert_eq!(words(&row(Some(40.5)), false), ["LL L1-S1", "37.0", "40.5 +-1.0", "45 to 60", "+4.5 ^"]);
        assert_eq!(words(&row(Some(50.0)), false)[4], "reached");
        assert_eq!(words(&row(None), false)[2..], ["--", "45 to 60", "--"]);
        assert_eq!(words(&row(Some(50.0)), true)[2..], ["--", "45 to 60", "--"], "nothing is registered");
        let shown = ShownAlignment {
            alignment: Alignment { parameters: vec![row(None)], ..Alignment::default() },
            ..ShownAlignment::default()
        };
        assert!(remark(&shown, false).contains("L1 was rejected"));
    }
}
