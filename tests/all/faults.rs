//! Every named fault, and every pair of the likeliest, judged by five
//! invariants against a known truth.

use engine::fault::{FaultScript, Injection, Outcome, Place, list, run, run_slow};
use geom::Nanoseconds;

use crate::journal::Folder;

const S: u64 = 1_000_000_000;

/// Faults that may break an invariant, and which.
const NOT_YET: &[(&str, &str)] = &[
    // Judged by the worst of eight sweeps. Only the patient's identity would
    // tell, and none is kept here.
    ("image twin-patient", "live while wrong, no reason"),
];

/// The likeliest faults of a tracker in an operating room.
const LIKELIEST: [&str; 12] = [
    "tracker unplug",
    "tracker half-open",
    "tracker slow-link",
    "tracker burst",
    "tracker duplicate",
    "tracker reorder",
    "tracker packet-loss",
    "tracker freeze",
    "tracker occlude",
    "tracker partial-markers",
    "tracker clock-forward",
    "tracker restart",
];

fn session(injections: Vec<Injection>) -> Outcome {
    let folder = Folder::new("fault");
    run(&FaultScript { injections }, Nanoseconds(8 * S), 1, folder.path())
}

/// The fault from 4.0 to 5.5 s of a session of 8 s; to its end where it stays.
/// The watch over the reference needs the first 3 s.
fn trial(name: &str) -> Injection {
    let fault = list().iter().find(|f| f.full_name() == name).unwrap();
    let stays = fault.place == Place::Reference && ["bump", "slip", "swap"].contains(&fault.name);
    Injection::new(fault, Nanoseconds(4 * S), (!stays).then_some(Nanoseconds(3 * S / 2)))
}

/// What is wrong with an outcome, in words; `None` when nothing is.
fn broken(outcome: &Outcome) -> Option<String> {
    let i = outcome.invariants;
    let held = [
        (i.no_panic, "panic"),
        (i.deadline_kept, "deadline"),
        (i.not_live, "live while wrong"),
        (i.reason_shown, "no reason"),
        (i.journalled, "not journalled"),
    ];
    let broken: Vec<&str> = held.into_iter().filter(|(holds, _)| !holds).map(|(_, name)| name).collect();
    if broken.is_empty() && outcome.problem.is_none() { None } else { Some(broken.join(", ")) }
}

#[test]
fn the_catalogue_covers_what_was_promised() {
    let names: Vec<String> = list().iter().map(|f| f.full_name()).collect();
    assert!(names.len() >= 40, "{} faults", names.len());
    assert!(names.iter().enumerate().all(|(i, name)| !names[..i].contains(name)), "a name stands twice");
    assert!(Place::ALL.iter().all(|place| list().iter().any(|f| f.place == *place)));
    assert!(list().iter().all(|f| !f.signs.is_empty() && !f.what.is_empty()));
}

#[test]
fn every_fault_is_survived_shown_and_journalled() {
    let mut wrong = Vec::new();
    for fault in list() {
        let name = fault.full_name();
        let folder = Folder::new("fault");
        let outcome = match fault.place {
            Place::Tracker | Place::Reference | Place::Host => session(vec![trial(&name)]),
            _ => run_slow(&trial(&name), folder.path()),
        };
        let found = broken(&outcome);
        println!(
            "{name:32} {:28} detected {:>7} wrong {:>6} ms back {:>7}  {} {}",
            found.as_deref().unwrap_or("holds"),
            outcome.detected_ms.map_or("-".into(), |ms| format!("{ms:.0} ms")),
            outcome.wrong_live_ms,
            outcome.recovered_ms.map_or("-".into(), |ms| format!("{ms:.0} ms")),
            outcome.seen.join(" | "),
            outcome.problem.as_deref().unwrap_or_default(),
        );
        let allowed = NOT_YET.iter().find(|(known, _)| *known == name).map_or("", |(_, why)| *why);
        let is_known = |broken: &str| broken.split(", ").all(|b| !b.is_empty() && allowed.split(", ").any(|a| a == b));
        if found.as_deref().is_some_and(|broken| !is_known(broken)) {
            wrong.push(format!("{name}: {} where only {allowed:?} is known", said(&found)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn said(broken: &Option<String>) -> &str {
    broken.as_deref().unwrap_or("nothing broken")
}

#[test]
fn every_pair_of_the_likeliest_tracker_faults_is_survived() {
    let mut wrong = Vec::new();
    for (index, first) in LIKELIEST.iter().enumerate() {
        for second in &LIKELIEST[index + 1..] {
            let mut later = trial(second);
            // Overlapping, neither beginning nor ending together.
            later.at = Nanoseconds(later.at.0 + S / 2);
            let outcome = session(vec![trial(first), later]);
            let found = broken(&outcome);
            if found.is_some() {
                wrong.push(format!("{first} + {second}: {} ({:?})", said(&found), outcome.problem));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of 66 pairs\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_same_script_gives_the_same_session() {
    let script = FaultScript::parse("at 1 s for 1 s tracker packet-loss 60 %\nat 1.5 s tracker jump").unwrap();
    let run = || {
        let folder = Folder::new("same");
        run(&script, Nanoseconds(3 * S), 5, folder.path())
    };
    assert_eq!(run(), run());
}
