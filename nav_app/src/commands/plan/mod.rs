//! `plan`: pedicle screws, checked against the bone of a case.

mod page;
mod picture;
mod table;

pub use table::json;

use std::path::Path;

use engine::case::Case;
use engine::export::slicer;
use engine::io::{self, Limits};
use engine::level::Level;
use engine::plan::{
    Anatomy, Grade, Plan as ScrewPlan, PlannedVertebra, Screw, Side, SuggestSettings, assess, longest_within,
    read_lines, suggest,
};
use engine::volume::Volume;
use geom::{Ct, Point, Vector};
use serde::Deserialize;

use crate::assets;
use crate::cli::{Plan, PlanCase, PlanCheckArguments, PlanImportArguments, PlanSuggestArguments};
use crate::failure::{Blame, Failure};
use crate::report::Output;
use crate::scene_input::PlannedScrew;

/// A screw that leaves its pedicle by this grade is refused.
const REFUSED: Grade = Grade::C;

/// Suggestions begin at T1.
const FIRST: u8 = 8;

/// One direction of a registration's error, which is told for three.
const ONE_OF_THREE: f64 = 0.577_350_269;

/// Runs the command.
pub fn run(what: &Plan) -> Result<Output, Failure> {
    match what {
        Plan::Check(options) => check(options),
        Plan::Suggest(options) => suggested(options),
        Plan::Import(options) => import(options),
    }
}

/// The bone that is planned on, with the CT where there is one.
fn read(options: &PlanCase) -> Result<(Case, bool), Failure> {
    let Some(labels) = &options.labels else {
        let (ct, labels) = assets::demo_ct_and_labels().internal()?;
        return Ok((Case::from_labels(ct, labels), true));
    };
    let labels = super::read_case_labels(labels, "plan")?;
    let volume = match &options.ct {
        Some(path) => io::read_ct(path, &Limits::default()).bad_input()?.value,
        None => Volume { grid: labels.grid.clone(), hu: Vec::new() },
    };
    let case = Case::from_labels(volume, labels);
    if case.vertebrae.is_empty() {
        return Err(Failure::BadInput(anyhow::anyhow!(
            "the labels hold no vertebra (VerSe numbers 1 to 25, 28); segment the CT first"
        )));
    }
    Ok((case, options.ct.is_some()))
}

/// A plan checked against its case.
///
/// * `registration` - standard deviation of the registration at a place along a
///   direction, mm.
pub fn checked(path: &Path, case: &Case, registration: Option<Deviation<'_>>) -> Result<Vec<PlannedScrew>, Failure> {
    // A plan of other bone is refused before anything is measured.
    let plan = ScrewPlan::read(path).bad_input()?;
    plan.check_anatomy(&case.labels).bad_input()?;
    assessed(&plan, &anatomy(&plan, case), registration)
}

/// Standard deviation at a place along a direction, mm.
pub type Deviation<'a> = &'a dyn Fn(Point<Ct>, Vector<Ct>) -> f64;

/// What the screws of a plan are judged by.
fn anatomy(plan: &ScrewPlan, case: &Case) -> Anatomy {
    let levels: Vec<Level> = plan.screws.iter().map(|screw| screw.level).collect();
    Anatomy::for_levels(case, &levels)
}

fn assessed(
    plan: &ScrewPlan,
    anatomy: &Anatomy,
    registration: Option<Deviation<'_>>,
) -> Result<Vec<PlannedScrew>, Failure> {
    let one = |screw: &Screw| Ok(PlannedScrew { screw: *screw, found: assess(anatomy, screw, registration)? });
    plan.screws.iter().map(one).collect::<Result<_, engine::plan::PlanError>>().bad_input()
}

fn check(options: &PlanCheckArguments) -> Result<Output, Failure> {
    let (case, has_ct) = read(&options.case)?;
    // A plan of other bone is refused before anything is measured.
    let plan = ScrewPlan::read(&options.plan).bad_input()?;
    plan.check_anatomy(&case.labels).bad_input()?;
    let anatomy = anatomy(&plan, &case);
    let sd_mm = options.registration.as_deref().map(registration_sd).transpose()?;
    let same = move |_, _| sd_mm.unwrap_or(0.0);
    let screws = assessed(&plan, &anatomy, if sd_mm.is_some() { Some(&same) } else { None })?;
    let mut files = Vec::new();
    if let Some(folder) = &options.out {
        files = write_pictures(folder, &case, has_ct, &anatomy, &screws)?;
    }
    let is_refused = screws.iter().any(|s| s.found.grade >= REFUSED);
    let json = serde_json::json!({ "screws": screws.iter().map(json).collect::<Vec<_>>(), "files": files,
                       "registration_sd_mm": sd_mm, "refused": is_refused });
    Ok(Output { json, text: table::text(&screws, &files), is_refused })
}

/// The predicted error of a registration in one direction, mm.
fn registration_sd(path: &Path) -> Result<f64, Failure> {
    #[derive(Deserialize)]
    struct Registered {
        verdict: String,
        predicted_tre_mm: Option<f64>,
    }
    let text = io::read_text(path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display())).bad_input()?;
    let found: Registered = serde_json::from_str(&text)
        .map_err(|e| anyhow::anyhow!("{} is no registration: {e}", path.display()))
        .bad_input()?;
    let tre_mm = found.predicted_tre_mm.filter(|mm| mm.is_finite() && found.verdict != "reject");
    let none = || anyhow::anyhow!("{}: a rejected registration predicts no error; register again", path.display());
    Ok(tre_mm.ok_or_else(none).bad_input()? * ONE_OF_THREE)
}

fn write_pictures(
    folder: &Path,
    case: &Case,
    has_ct: bool,
    anatomy: &Anatomy,
    screws: &[PlannedScrew],
) -> Result<Vec<String>, Failure> {
    let described =
        |e: std::io::Error| anyhow::anyhow!("cannot write into {}: {e}; choose another --out", folder.display());
    std::fs::create_dir_all(folder).map_err(described).bad_input()?;
    let (mut files, mut shown) = (Vec::new(), Vec::new());
    for checked in screws {
        let vertebra = anatomy.vertebra_of(&checked.screw).bad_input()?;
        let name = checked.screw.name().replace(' ', "-");
        let mut pictures = Vec::new();
        for view in picture::View::BOTH {
            let drawn = picture::draw(case, has_ct, vertebra, checked, view);
            let file = folder.join(format!("{name}-{}.png", view.name()));
            drawn.write(&file)?;
            files.push(file.display().to_string());
            pictures.push(drawn);
        }
        let file = folder.join(format!("{name}.mrk.json"));
        let ends = [
            ("entry".to_owned(), checked.screw.entry.vector3()),
            ("target".to_owned(), checked.screw.target.vector3()),
        ];
        slicer::write_markups(&file, slicer::Shape::Line, &ends).bad_input()?;
        files.push(file.display().to_string());
        shown.push((checked, pictures));
    }
    let file = folder.join("plan.html");
    std::fs::write(&file, page::page(&shown)?).map_err(described).bad_input()?;
    files.push(file.display().to_string());
    Ok(files)
}

fn suggested(options: &PlanSuggestArguments) -> Result<Output, Failure> {
    let (case, _) = read(&options.case)?;
    let mut levels = options.levels.iter().map(|name| wanted(&case, name)).collect::<Result<Vec<Level>, _>>()?;
    if levels.is_empty() {
        levels = case.vertebrae.iter().map(|v| v.level).filter(|level| level.number() >= FIRST).collect();
    }
    let anatomy = Anatomy::for_levels(&case, &levels);
    let is_wanted = |v: &&PlannedVertebra| levels.contains(&v.level);
    let pedicles: Vec<(&PlannedVertebra, Side)> =
        anatomy.vertebrae.iter().filter(is_wanted).flat_map(|v| Side::BOTH.map(|side| (v, side))).collect();
    let found: Vec<_> = pedicles
        .iter()
        .map(|(v, side)| (v.level, *side, suggest(&anatomy, v, *side, &SuggestSettings::default())))
        .collect();
    let mut plan = ScrewPlan::on(&case.labels);
    let (mut screws, mut missing, mut widths) = (Vec::new(), Vec::new(), Vec::new());
    for (level, side, result) in found {
        match result {
            Ok(s) => {
                plan.screws.push(s.screw);
                widths.push(s.pedicle_width_mm);
                screws.push(PlannedScrew { screw: s.screw, found: s.assessment });
            }
            Err(why) => missing.push((format!("{level} {}", side.name()), why)),
        }
    }
    plan.write(&options.out).bad_input()?;
    let file = options.out.display().to_string();
    let mut json: Vec<_> = screws.iter().map(json).collect();
    for (screw, width) in json.iter_mut().zip(widths) {
        screw["pedicle_width_mm"] = serde_json::json!(width);
    }
    let without: Vec<_> =
        missing.iter().map(|(name, why)| serde_json::json!({ "pedicle": name, "reason": why })).collect();
    let mut text = table::text(&screws, std::slice::from_ref(&file));
    text.extend(missing.iter().map(|(name, why)| format!("\n  {name}: none, {why}")));
    text.push_str("\nSuggestions look at the bone's shape only. A surgeon plans; research use only.");
    Ok(Output {
        json: serde_json::json!({ "screws": json, "without": without, "files": [file] }),
        text,
        is_refused: false,
    })
}

fn wanted(case: &Case, name: &str) -> Result<Level, Failure> {
    let present = || case.vertebrae.iter().map(|v| v.level.to_string()).collect::<Vec<_>>().join(" ");
    Level::from_name(name.trim())
        .filter(|level| case.vertebra(*level).is_some())
        .ok_or_else(|| Failure::BadInput(anyhow::anyhow!("there is no {name:?} in the case; it holds {}", present())))
}

fn import(options: &PlanImportArguments) -> Result<Output, Failure> {
    // What is no file of lines is refused before anything is measured.
    let files = options.lines.iter().map(|path| Ok((path, read_lines(path).bad_input()?)));
    let files = files.collect::<Result<Vec<_>, Failure>>()?;
    let (case, _) = read(&options.case)?;
    let anatomy = Anatomy::of(&case);
    let mut plan = ScrewPlan::on(&case.labels);
    for (path, lines) in files {
        for [entry, target] in lines {
            let screw = placed(&anatomy, entry, target, options.diameter)
                .map_err(|why| anyhow::anyhow!("{}: {why}", path.display()));
            plan.screws.push(screw.bad_input()?);
        }
    }
    plan.check_numbers().bad_input()?;
    let again = assessed(&plan, &anatomy, None)?;
    plan.write(&options.out).bad_input()?;
    let file = options.out.display().to_string();
    let json = serde_json::json!({ "screws": again.iter().map(json).collect::<Vec<_>>(), "files": [file] });
    Ok(Output { json, text: table::text(&again, &[file]), is_refused: false })
}

/// A screw along a line: its vertebra is that in which most of it lies.
fn placed(anatomy: &Anatomy, entry: Point<Ct>, target: Point<Ct>, diameter_mm: f64) -> Result<Screw, String> {
    let apart = entry.distance(target);
    let length_mm = longest_within(apart + 0.5).ok_or(format!("a line of {apart:.1} mm is shorter than any screw"))?;
    let inside = |v: &PlannedVertebra| {
        (0..=20)
            .filter(|i| v.bone.signed_mm((entry + (target - entry) * (f64::from(*i) / 20.0)).vector3()) < 0.0)
            .count()
    };
    let vertebra = anatomy.vertebrae.iter().map(|v| (inside(v), v)).max_by_key(|(count, _)| *count);
    let (_, vertebra) = vertebra.filter(|(count, _)| *count > 0).ok_or("the line meets no vertebra of this case")?;
    let middle = vertebra.canal.as_ref().map_or(0.0, |c| c.middle_left_mm);
    let side = if vertebra.axes.local(entry.vector3())[0] > middle { Side::Left } else { Side::Right };
    Ok(Screw { level: vertebra.level, side, entry, target, diameter_mm, length_mm })
}
