//! `replay`: a recorded session read again, and run again to the last bit.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use engine::case::Case;
use engine::journal::{
    AlignmentReplay, ReadLimits, Reader, RecordedRegistration, SessionStart, Verification, case_hash, verify,
    verify_alignment,
};
use engine::measure::Corrections;
use engine::rt::{Guidance, LoopSettings, NavigationLoop};
use engine::stream::description::hexadecimal;
use serde_json::json;

use super::alignment;
use super::navigate::{read_case, renamed};
use crate::cli::ReplayArguments;
use crate::failure::{Blame, Failure};
use crate::report::Output;

/// Runs the command.
pub fn run(options: &ReplayArguments) -> Result<Output, Failure> {
    match (&options.case, options.verify) {
        (Some(case), true) => {
            let renamed = renamed(options.corrections.as_deref())?;
            let found = run_again(&options.journal, &read_case(case, None, &renamed, "replay --verify")?)?;
            let alignment = measure_again(options, case)?;
            let (mut json, mut text) = (verified_json(&found), verified_text(&found));
            json["alignments"] = json!({
                "found": alignment.found, "exact": alignment.exact, "difference": alignment.difference,
            });
            if alignment.found > 0 {
                let difference = alignment.difference.as_ref().map_or_else(String::new, |why| format!("; {why}"));
                text += &format!("\n{} of {} alignments to the last bit{difference}", alignment.exact, alignment.found);
            }
            let is_exact = found.is_exact() && alignment.exact == alignment.found;
            Ok(Output { json, text, is_refused: !is_exact })
        }
        (None, true) => Err(Failure::WrongUse(anyhow::anyhow!(
            "--verify runs the session again on its case: give the folder written by `segment` with --case"
        ))),
        (_, false) => contents(&options.journal),
    }
}

fn run_again(journal: &Path, case: &Case) -> Result<Verification, Failure> {
    let (hash, settings) = (case_hash(case), LoopSettings::default());
    let mut make_loop = |start: &SessionStart, registration: Option<&RecordedRegistration>| {
        start.check(&hash, &settings)?;
        let registration = registration.ok_or("it has no registration before its first packet")?;
        let guidance = Guidance::from_recorded(
            case,
            registration.patient_from_ct,
            &registration.covariance,
            registration.verdict,
            &start.tools,
            start.errors,
        );
        Ok(NavigationLoop::with_settings(Arc::new(guidance), settings))
    };
    verify(journal, ReadLimits::default(), &mut make_loop).bad_input()
}

/// Every alignment of the journal computed again.
fn measure_again(options: &ReplayArguments, case: &Path) -> Result<AlignmentReplay, Failure> {
    // Read only where there is an alignment.
    let mut labels = None;
    let mut spine_of = |corrections: &Corrections| {
        let read = match labels.take() {
            Some(read) => read,
            None => alignment::labels_of(case, options.femora.as_deref()).map_err(|failure| failure.to_string())?,
        };
        alignment::find(labels.insert(read), corrections)
    };
    verify_alignment(&options.journal, ReadLimits::default(), &mut spine_of).bad_input()
}

fn verified_json(found: &Verification) -> serde_json::Value {
    json!({
        "records": found.records,
        "sessions": found.sessions,
        "packets": found.packets,
        "snapshots": found.snapshots,
        "lost": found.lost,
        "hash": hexadecimal(&found.output),
        "recorded_hash": hexadecimal(&found.recorded_output),
        "is_exact": found.is_exact(),
        "divergence": found.divergence.as_ref().map(|d| json!({
            "record": d.sequence, "field": d.field, "recorded": d.recorded, "replayed": d.replayed,
        })),
        "end": format!("{:?}", found.end),
    })
}

fn verified_text(found: &Verification) -> String {
    let what = match &found.divergence {
        None if found.is_exact() => "every snapshot came out bit for bit as recorded".to_owned(),
        None => "the snapshots differ in number from those recorded".to_owned(),
        Some(d) => {
            format!("record {} differs first, in {}: {} recorded, {} now", d.sequence, d.field, d.recorded, d.replayed)
        }
    };
    format!(
        "{} sessions, {} packets, {} snapshots: {what}\nhash {}\n{} records, {} lost, end {:?}",
        found.sessions,
        found.packets,
        found.snapshots,
        hexadecimal(&found.output),
        found.records,
        found.lost,
        found.end
    )
}

/// What the journal holds, every checksum tested.
fn contents(journal: &Path) -> Result<Output, Failure> {
    let mut reader = Reader::open(journal, ReadLimits::default()).bad_input()?;
    let (mut kinds, mut records) = (BTreeMap::<String, u64>::new(), 0u64);
    for record in reader.by_ref() {
        let record = record.bad_input()?;
        *kinds.entry(format!("{:?}", record.kind)).or_default() += 1;
        records += 1;
    }
    let hash = hexadecimal(reader.hash().as_ref());
    let end = reader.end().map_or_else(String::new, |end| format!("{end:?}"));
    let list: Vec<String> = kinds.iter().map(|(kind, count)| format!("  {kind:20} {count}")).collect();
    Ok(Output {
        json: json!({ "records": records, "kinds": kinds, "hash": hash, "end": end }),
        text: format!("{records} records, undamaged, end {end}\n{}\nhash {hash}", list.join("\n")),
        is_refused: false,
    })
}
