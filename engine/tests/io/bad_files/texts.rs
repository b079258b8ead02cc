//! Points, matrices, corrections and rehearsals: what people type.

use super::{Bad, Door};

const POINTS: &[(&str, &str)] = &[
    ("of nothing", ""),
    ("of comments", "# nothing\n#\n"),
    ("with two numbers", "1 2 3\n4 5\n"),
    ("with four numbers", "1 2 3\n4 5 6 7\n"),
    ("with a word", "1 2 3\n4 five 6\n"),
    ("with a NaN", "1 2 nan\n"),
    ("with an infinity", "1 2 inf\n"),
    ("with an overflow", "1 2 1e999\n"),
    ("with a decimal comma and a point", "1.5.2 2 3\n"),
    ("in hexadecimal", "0x10 2 3\n"),
    ("of a picture", "\u{fffd}PNG\u{1}\n"),
    ("with a digit that is blank", "8_.5 2 3\n"),
];

const MATRICES: &[(&str, &str)] = &[
    ("of nothing", ""),
    ("of fifteen numbers", "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0"),
    ("of seventeen numbers", "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 1"),
    ("with a NaN", "nan 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"),
    ("of words", "the identity"),
];

const CORRECTIONS: &[(&str, &str)] = &[
    ("of nothing", ""),
    ("that is a list of numbers", "[1, 2]"),
    ("with a typing error", "{\"landmark\": {}}"),
    ("of an unknown landmark", "{\"landmarks\": {\"nose\": [[0,0,0]]}}"),
    ("of an unknown level", "{\"landmarks\": {\"L9-superior\": [[0,0,0],[1,0,0],[0,1,0]]}}"),
    ("with points on a line", "{\"landmarks\": {\"sacral-plate\": [[0,0,0],[1,0,0],[2,0,0]]}}"),
    ("with one point", "{\"landmarks\": {\"sacral-plate\": [[0,0,0]]}}"),
    ("with two points of C7", "{\"landmarks\": {\"C7-centre\": [[0,0,0],[1,0,0]]}}"),
    ("far away", "{\"landmarks\": {\"C7-centre\": [[1e9,0,0]]}}"),
    ("with two coordinates", "{\"landmarks\": {\"C7-centre\": [[0,0]]}}"),
    ("with text for a number", "{\"landmarks\": {\"C7-centre\": [[\"0\",0,0]]}}"),
    ("with a flat head", "{\"landmarks\": {\"femoral-head-left\": [[0,0,0],[1,0,0],[0,1,0],[1,1,0]]}}"),
    ("with a huge head", "{\"landmarks\": {\"femoral-head-left\": [[500,0,0],[-500,0,0],[0,500,0],[0,0,500]]}}"),
    ("cut off", "{\"landmarks\": {\"C7-centre\": [[0,0,"),
];

const SCRIPTS: &[(&str, &str)] = &[
    ("of nothing", ""),
    ("that is a number", "7"),
    ("with an unknown key", "{\"trial\": 3}"),
    ("of no trials", "{\"trials\": 0}"),
    ("of 10^9 trials", "{\"trials\": 1000000000}"),
    ("of negative trials", "{\"trials\": -1}"),
    ("of two points", "{\"points\": 2}"),
    ("of negative noise", "{\"noise_mm\": -1}"),
    ("of endless noise", "{\"noise_mm\": 1e400}"),
    ("of all outliers", "{\"outlier_share\": 1}"),
    ("missing more than all", "{\"missed_share\": [0.9, 1.5]}"),
    ("with shares turned round", "{\"missed_share\": [0.5, 0.1]}"),
    ("of no width", "{\"half_width_mm\": 0}"),
    ("turned too far", "{\"start_deg\": 200}"),
    ("of an unknown level", "{\"levels\": [\"Q1\"]}"),
    ("of an unknown fault", "{\"faults\": [\"at 1 s tracker sings\"]}"),
    ("of a fault without time", "{\"faults\": [\"tracker freeze\"]}"),
];

pub fn files() -> Vec<Bad> {
    let mut all = Vec::new();
    let mut add = |door, what: &str, list: &[(&str, &str)], said: &'static [&'static str]| {
        all.extend(list.iter().map(|(name, text)| Bad::new(door, format!("{what} {name}"), *text, said)));
    };
    add(Door::Points, "points", POINTS, &["finite number", "numbers where 3", "holds no numbers", "UTF-8"]);
    add(Door::Matrix, "matrix", MATRICES, &["4x4 matrix has 16", "finite number"]);
    add(Door::Corrections, "corrections", CORRECTIONS, &["landmark", "correction", "line", "expected"]);
    add(Door::Script, "rehearsal", SCRIPTS, &["script"]);
    for (door, name) in [(Door::Corrections, "corrections"), (Door::Script, "rehearsal")] {
        all.push(Bad::new(
            door,
            format!("{name} nested deep"),
            "[".repeat(200_000),
            &["recursion", "expected", "script", "line", "map"],
        ));
    }
    all.push(Bad::new(Door::Points, "points that are no text", vec![0xffu8, 0xfe, 0, 1], &["UTF-8"]));
    all
}
