//! `rehearse --practice`: one person's strokes on a virtual patient, scored
//! against the truth, kept per trainee.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use engine::register::Verdict;
use engine::rehearsal::{PracticeScript, Practised, Standing, practise};
use engine::volume::LabelMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chart;
use crate::cli::RehearseArguments;
use crate::failure::{Blame, Failure};
use crate::page::write_report;
use crate::report::Output;

/// Longest name of a trainee.
const NAME_LENGTH: usize = 40;

/// One practice as a line of a trainee's file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// From 1.
    pub attempt: usize,
    /// Name of the case.
    pub case: String,
    /// Seed of the patient.
    pub seed: u64,
    /// Levels that were laid open.
    pub levels: Vec<String>,
    /// RMS distance of the touched landmarks from the marked ones, mm, where landmarks were touched.
    #[serde(default)]
    pub landmark_fre_mm: Option<f64>,
    /// Strokes made.
    pub strokes: usize,
    /// Points touched.
    pub points: usize,
    /// `accept`, `doubtful`, `reject`, or `none`.
    pub verdict: String,
    /// What was predicted and what was true, mm.
    pub predicted_tre_mm: Option<f64>,
    /// See `predicted_tre_mm`.
    pub true_tre_mm: Option<f64>,
    /// Accepted and true within 2 mm.
    pub is_good: bool,
}

/// Runs a practice.
pub fn run(options: &RehearseArguments, path: &Path, (case, labels): (String, LabelMap)) -> Result<Output, Failure> {
    let script = read_script(path)?;
    options.trainee.as_deref().map(checked_name).transpose()?;
    let named = |e: &dyn std::fmt::Display| anyhow::anyhow!("{}: {e}", path.display());
    let practised = practise(&labels, &script).map_err(|e| named(&e)).bad_input()?;
    let attempt = attempt(&practised, case, script.seed);
    conclude(options, &practised, attempt, labels)
}

/// Strokes, or who is operated on, from a file.
pub fn read_script(path: &Path) -> Result<PracticeScript, Failure> {
    let named = |e: &dyn std::fmt::Display| anyhow::anyhow!("{}: {e}", path.display());
    let text = engine::io::read_text(path).map_err(|e| named(&e)).bad_input()?;
    PracticeScript::from_json(&text).map_err(|e| named(&e)).bad_input()
}

/// Keeps a practice that is over, draws it, tells it.
pub fn conclude(
    options: &RehearseArguments,
    practised: &Practised,
    mut attempt: Attempt,
    labels: LabelMap,
) -> Result<Output, Failure> {
    let trainee = options.trainee.as_deref().map(checked_name).transpose()?;
    let mut files: Vec<String> = Vec::new();
    if let Some(trainee) = trainee {
        let all = keep(&options.results, trainee, &mut attempt)?;
        let page = options.results.join(format!("{trainee}.html"));
        write_report(&page, &chart::page(trainee, &all))?;
        files.extend([lines_file(&options.results, trainee), page].map(|f| f.display().to_string()));
    }
    if let Some(folder) = &options.out {
        files.extend(pictures(practised, labels, folder)?);
    }
    let json = json!({
        "attempt": attempt,
        "standings": practised.standings.iter().map(standing_json).collect::<Vec<_>>(),
        "files": files,
    });
    Ok(Output { json, text: words(practised, &attempt, &files), is_refused: false })
}

/// A name that is a file's and no path.
pub fn checked_name(name: &str) -> Result<&str, Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=NAME_LENGTH).contains(&name.len()) && name.chars().all(is_plain) {
        return Ok(name);
    }
    let what = "--trainee: letters, digits, - and _ only, at most 40; use a pseudonym, no person's name";
    Err(Failure::WrongUse(anyhow::anyhow!(what)))
}

fn lines_file(folder: &Path, trainee: &str) -> PathBuf {
    folder.join(format!("{trainee}.jsonl"))
}

/// Adds the attempt to the trainee's file; all attempts so far, this one last.
fn keep(folder: &Path, trainee: &str, attempt: &mut Attempt) -> Result<Vec<Attempt>, Failure> {
    let path = lines_file(folder, trainee);
    let named = |e: &dyn std::fmt::Display| anyhow::anyhow!("{}: {e}", path.display());
    std::fs::create_dir_all(folder).map_err(|e| named(&e)).bad_input()?;
    let before =
        if path.exists() { engine::io::read_text(&path).map_err(|e| named(&e)).bad_input()? } else { String::new() };
    let line = |(number, line): (usize, &str)| {
        let wrong = |e| named(&format!("line {}: {e}; mend it or choose another --results", number + 1));
        serde_json::from_str::<Attempt>(line).map_err(wrong)
    };
    let mut all = before.lines().enumerate().map(line).collect::<Result<Vec<_>, _>>().bad_input()?;
    attempt.attempt = all.len() + 1;
    let text = serde_json::to_string(attempt).internal()?;
    let mut file =
        std::fs::OpenOptions::new().append(true).create(true).open(&path).map_err(|e| named(&e)).bad_input()?;
    writeln!(file, "{text}").map_err(|e| named(&e)).bad_input()?;
    all.push(attempt.clone());
    Ok(all)
}

/// A verdict as files have it.
pub const fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Doubtful => "doubtful",
        Verdict::Reject => "reject",
    }
}

/// The line of a practice.
pub fn attempt(practised: &Practised, case: String, seed: u64) -> Attempt {
    Attempt {
        attempt: 1,
        case,
        seed,
        levels: practised.levels.iter().map(ToString::to_string).collect(),
        landmark_fre_mm: None,
        strokes: practised.standings.len(),
        points: practised.points.len(),
        verdict: practised.registration().map_or("none", |r| verdict_word(r.verdict())).into(),
        predicted_tre_mm: practised.predicted_tre_mm,
        true_tre_mm: practised.true_tre_mm,
        is_good: practised.is_good(),
    }
}

fn standing_json(standing: &Standing) -> Value {
    let registration = standing.registration.as_ref();
    json!({
        "stroke": standing.stroke,
        "points": standing.points,
        "verdict": registration.map_or("none", |r| verdict_word(r.verdict())),
        "why": registration.map_or_else(|why| vec![why.clone()], |r| r.reasons().iter().map(ToString::to_string).collect()),
        "rms_mm": registration.ok().map(|r| r.rms_mm()),
        "hints": standing.hints.iter().map(|h| json!({
            "level": h.level.to_string(), "part": h.part, "at_ct_mm": h.at.to_array(), "points": h.points,
            "predicted_tre_before_mm": h.before_mm, "predicted_tre_after_mm": h.after_mm,
        })).collect::<Vec<_>>(),
    })
}

fn words(practised: &Practised, attempt: &Attempt, files: &[String]) -> String {
    let mut lines = vec![format!(
        "Practice on {}: {}. Virtual patient; research use only.",
        attempt.case,
        attempt.levels.join(" ")
    )];
    for (number, s) in (1..).zip(&practised.standings) {
        let state = s.registration.as_ref().map_or_else(
            |why| format!("no registration: {why}"),
            |r| format!("{}, RMS {:.2} mm", r.verdict(), r.rms_mm()),
        );
        let stroke = &s.stroke;
        lines.push(format!("  {number}. {} points on {} {}: {state}", stroke.points, stroke.level, stroke.part));
        if let Some(h) = s.hints.first() {
            let (before, after) = (h.before_mm, h.after_mm);
            lines.push(format!(
                "     take points here: {} {} (predicted error {before:.2} -> {after:.2} mm)",
                h.level, h.part
            ));
        }
    }
    let mm = |value: Option<f64>| value.map_or("-".into(), |mm| format!("{mm:.2} mm"));
    lines.push(format!(
        "  Score: {} with {} points, predicted {}, TRUE ERROR {}: {}",
        attempt.verdict,
        attempt.points,
        mm(attempt.predicted_tre_mm),
        mm(attempt.true_tre_mm),
        if attempt.is_good { "good" } else { "not good enough" }
    ));
    lines.extend(files.iter().map(|file| format!("  Written: {file}")));
    lines.join("\n")
}

/// The bone with what was touched, and where to go on.
#[cfg(feature = "scene")]
fn pictures(practised: &Practised, labels: LabelMap, folder: &Path) -> Result<Vec<String>, Failure> {
    use super::pointer::Resting;
    use crate::scene::{SceneHeader, SceneInput, render_headless};
    use crate::scene_input::{Hint, Touched};
    use engine::case::Case;
    use engine::volume::Volume;

    let volume = Volume { hu: vec![-1000.0; labels.grid.len()], grid: labels.grid.clone() };
    let case = Arc::new(Case::from_labels(volume, labels));
    let hints = practised.standings.last().map_or(&[][..], |s| &s.hints);
    let registration = practised.registration();
    let header = SceneHeader {
        verdict: registration.map(|r| r.verdict()),
        rms_mm: registration.map(|r| r.rms_mm()),
        centre_tre_mm: practised.predicted_tre_mm,
        ct_name: "practice".into(),
        device: "virtual patient, no tracker".into(),
        is_demonstration: true,
        touched: registration.map(|r| Arc::new(Touched::new(r, &practised.points))),
        hints: hints
            .iter()
            .map(|h| Hint {
                at: h.at,
                words: format!("{} {}", h.level, h.part),
                before_mm: h.before_mm,
                after_mm: h.after_mm,
            })
            .collect(),
        ..SceneHeader::default()
    };
    let snapshots = Box::new(Resting::on(practised));
    let images = render_headless(SceneInput { case, snapshots, header }, folder, &mut |_| {}).internal()?;
    Ok(images.iter().map(|path| path.display().to_string()).collect())
}

#[cfg(not(feature = "scene"))]
fn pictures(_: &Practised, _: LabelMap, _: &Path) -> Result<Vec<String>, Failure> {
    Err(Failure::WrongUse(anyhow::anyhow!("this program was built without the scene; leave --out away")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_counted_and_a_damaged_line_is_named() {
        let folder = std::env::temp_dir().join(format!("spinenav-practice-{}", std::process::id()));
        let mut one = Attempt {
            attempt: 1,
            case: "a <case>".into(),
            seed: 1,
            levels: vec!["L3".into()],
            landmark_fre_mm: Some(1.2),
            strokes: 2,
            points: 60,
            verdict: "accept".into(),
            predicted_tre_mm: Some(0.6),
            true_tre_mm: Some(0.9),
            is_good: true,
        };
        assert_eq!(keep(&folder, "anna", &mut one).unwrap().len(), 1);
        let all = keep(&folder, "anna", &mut one).unwrap();
        assert_eq!(all.iter().map(|a| a.attempt).collect::<Vec<_>>(), [1, 2]);
        assert!(chart::page("anna", &all).contains("a &lt;case&gt;"));
        std::fs::write(lines_file(&folder, "anna"), "{\n").unwrap();
        assert!(keep(&folder, "anna", &mut one).unwrap_err().to_string().contains("line 1"));
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(checked_name("../x").is_err() && checked_name("").is_err() && checked_name("anna-2").is_ok());
    }
}
