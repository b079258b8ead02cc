//! The way from an image to guidance: what is done, what is missing.

use engine::safety::SessionState;

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Done.
    Done,
    /// This is what has to be done now, in a few words.
    Missing(&'static str),
    /// Not yet its turn.
    Later,
}

/// The steps, in their order.
pub const STEPS: [&str; 5] = ["IMAGE", "SEGMENTATION", "REGISTRATION", "CHECK", "NAVIGATE"];

/// How far each of [`STEPS`] is.
///
/// * `has_bone` - whether the case holds a vertebra.
/// * `nobody` - what is shown where there is no patient: then nothing was
///   registered, whatever state is demonstrated.
#[must_use]
pub fn progress(session: Option<SessionState>, has_bone: bool, nobody: Option<&'static str>) -> [Progress; 5] {
    use Progress::{Done, Later, Missing};
    if let Some(words) = nobody.filter(|_| has_bone) {
        return [Done, Done, Missing(words), Later, Later];
    }
    let Some(session) = session else {
        return [Missing("no word from the engine"), Later, Later, Later, Later];
    };
    let bone = if has_bone { Done } else { Missing("no vertebra found: segment again") };
    match session {
        SessionState::NoImage => [Missing("open a CT"), Later, Later, Later, Later],
        SessionState::Segmented if has_bone => [Done, bone, Missing("touch points on the bone"), Later, Later],
        SessionState::Segmented => [Done, bone, Later, Later, Later],
        SessionState::Registered(_) => [Done, bone, Done, Done, Missing("show the tool to the tracker")],
        SessionState::Navigating => [Done, bone, Done, Done, Done],
        SessionState::Degraded(reason) if reason.needs_check() => {
            [Done, bone, Done, Missing("touch a landmark to check"), Later]
        }
        SessionState::Degraded(reason) => [Done, bone, Done, Done, Missing(reason.words())],
        SessionState::Stopped => [Done, bone, Later, Later, Missing("session over: start a new one")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::register::Verdict;
    use engine::safety::DegradedReason;

    #[test]
    fn at_most_one_thing_is_asked_for_and_nothing_after_it_is_done() {
        let mut states = vec![
            None,
            Some(SessionState::NoImage),
            Some(SessionState::Segmented),
            Some(SessionState::Registered(Verdict::Accept)),
            Some(SessionState::Navigating),
            Some(SessionState::Stopped),
        ];
        states.extend(DegradedReason::ALL.map(|reason| Some(SessionState::Degraded(reason))));
        for state in states {
            let steps = progress(state, true, None);
            let asked = steps.iter().position(|step| matches!(step, Progress::Missing(_)));
            assert_eq!(asked.is_none(), state == Some(SessionState::Navigating), "{state:?}");
            let count = steps.iter().filter(|step| matches!(step, Progress::Missing(_))).count();
            assert!(count <= 1, "{state:?}");
            if let Some(asked) = asked {
                assert!(steps[asked + 1..].iter().all(|step| *step == Progress::Later), "{state:?}");
            }
        }
    }

    #[test]
    fn a_doubtful_registration_asks_for_a_check_and_not_for_guidance() {
        let steps = progress(Some(SessionState::Degraded(DegradedReason::Doubtful)), true, None);
        assert_eq!(steps[3], Progress::Missing("touch a landmark to check"));
    }

    #[test]
    fn a_demonstration_is_never_a_registered_patient() {
        for state in [SessionState::Navigating, SessionState::Registered(Verdict::Accept)] {
            let steps = progress(Some(state), true, Some("demonstration"));
            assert!(matches!(steps[2], Progress::Missing(_)) && steps[3..] == [Progress::Later; 2], "{state:?}");
        }
    }
}
