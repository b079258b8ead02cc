//! After a restart nothing is registered until a landmark check passes, and a
//! session that registers again replays to the last bit. With real journals.

use std::sync::Arc;

use geom::{Ct, Patient, Point, Tip, Tool, Tracker, Transform, Vector};

use super::*;
use crate::clock::MILLISECOND_NS;
use crate::fault::phantom::{case, patient_from_ct, registration, tools};
use crate::register::Verdict;
use crate::rt::{Guidance, LoopSettings, NavigationLoop, Snapshot, TrackerErrors};
use crate::safety::{DegradedReason, Event, SessionState, ToolState};
use crate::track::{ToolList, TrackerPacket};

/// A session with a recorder, by hand: the tip is where the test wants it.
struct Theatre {
    journal: Journal,
    recorder: Recorder,
    navigation: NavigationLoop,
    ms: u64,
    sequence: u64,
}

impl Theatre {
    fn new(folder: &Folder, registration: &RecordedRegistration) -> Self {
        let list = ToolList::from_slice(&tools()).unwrap();
        let hash = case_hash(&case().unwrap());
        let start = SessionStart::new(hash, &LoopSettings::default(), TrackerErrors::default(), list);
        let settings = JournalSettings { queue_records: 16_384, ..JournalSettings::default() };
        let journal = Journal::open(&folder.0, Nanoseconds(0), &start.payload(), &settings).unwrap();
        let recorder = Recorder::new(journal.handle());
        recorder.registration(registration.clone(), Nanoseconds(0));
        let navigation = NavigationLoop::with_settings(guidance(registration), LoopSettings::default());
        Self { journal, recorder, navigation, ms: 0, sequence: 0 }
    }

    fn now(&self) -> Nanoseconds {
        Nanoseconds(self.ms * MILLISECOND_NS)
    }

    fn tell(&mut self, intent: Intent) {
        self.recorder.intent(intent, self.now());
        let now = self.now();
        tell(&mut self.navigation, intent, now);
    }

    /// Holds the first instrument at a place of the CT for half a second.
    fn hold(&mut self, place: Point<Ct>) -> Snapshot {
        let mut shown = Snapshot::default();
        for _ in 0..30 {
            (self.ms, self.sequence) = (self.ms + 17, self.sequence + 1);
            let wobble = 1e-3 * (self.sequence % 2) as f64;
            let tracker_from_patient =
                Transform::<Tracker, Patient>::from_translation(Vector::new(wobble, 0.0, 1500.0));
            let ct_from_tip = Transform::<Ct, Tip>::from_translation(place - Point::new(wobble, 0.0, 0.0));
            let tool: Transform<Tracker, Tool> =
                tracker_from_patient * patient_from_ct() * ct_from_tip * tools()[0].tool_from_tip.inverse();
            let mut packet =
                TrackerPacket::new(self.sequence, self.now(), self.now()).with_tool(tools()[0].id, Ok(tool));
            packet.tracker_from_patient = Ok(tracker_from_patient);
            self.recorder.packet(&packet, self.now());
            self.navigation.observe(&packet);
            shown = self.navigation.snapshot(self.now());
            self.recorder.snapshot(&shown, self.now());
        }
        shown
    }

    /// Touches a landmark that is planned `off_mm` from where it really is.
    fn check(&mut self, place: [f64; 3], off_mm: f64) -> Snapshot {
        self.hold(Point::from(place));
        self.tell(Intent::CheckLandmark(Point::from(place) + Vector::new(off_mm, 0.0, 0.0)));
        self.hold(Point::from(place))
    }

    fn finish(self) {
        drop(self.recorder);
        assert_eq!(self.journal.finish().lost, 0);
    }
}

fn guidance(registration: &RecordedRegistration) -> Arc<Guidance> {
    let (pose, covariance) = (registration.patient_from_ct, &registration.covariance);
    let errors = TrackerErrors::default();
    Arc::new(Guidance::from_recorded(&case().unwrap(), pose, covariance, registration.verdict, &tools(), errors))
}

fn verified(folder: &Folder) -> Verification {
    let hash = case_hash(&case().unwrap());
    let mut make = |start: &SessionStart, registration: Option<&RecordedRegistration>| {
        start.check(&hash, &LoopSettings::default())?;
        Ok(NavigationLoop::with_settings(guidance(registration.unwrap()), LoopSettings::default()))
    };
    let found = verify(&folder.0, ReadLimits::default(), &mut make).unwrap();
    assert!(found.is_exact(), "{:?}", found.divergence);
    found
}

fn is_shown(snapshot: &Snapshot) -> bool {
    snapshot.tools.iter().any(|tool| tool.ct_from_tip.is_some())
}

#[test]
fn after_a_restart_nothing_is_registered_until_a_landmark_check_passes() {
    let folder = Folder::new();
    let mut before = Theatre::new(&folder, &RecordedRegistration::from(&registration().unwrap()));
    assert!(is_shown(&before.hold(Point::new(0.0, 30.0, 0.0))));
    before.finish();
    // The program dies in the middle of a record.
    let path = segment_path(&folder.0, 1);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 40]).unwrap();

    let (start, restored) = last_registration(&folder.0, ReadLimits::default()).unwrap().unwrap();
    assert_eq!(start.case_hash, case_hash(&case().unwrap()));
    let mut after = Theatre::new(&folder, &restored);
    after.tell(Intent::Event(Event::Restored(restored.verdict)));
    let shown = after.hold(Point::new(0.0, 30.0, 0.0));
    assert_eq!((shown.session, shown.guided().state), (SessionState::Segmented, ToolState::Live));
    assert!(!is_shown(&shown));
    let prompt = shown.check_prompt(LoopSettings::default().check).unwrap().to_string();
    assert!(prompt.contains("started again") && prompt.contains("3 landmarks"), "{prompt}");
    for place in [[0.0, 30.0, 0.0], [10.0, 30.0, 0.0], [30.0, 30.0, 0.0]] {
        assert!(!is_shown(&after.check(place, 0.5)), "two landmarks apart are not three");
    }
    let shown = after.check([0.0, 30.0, 30.0], 0.5);
    assert_eq!(shown.session, SessionState::Navigating);
    assert!(is_shown(&shown));
    after.finish();
    let found = verified(&folder);
    assert_eq!((found.sessions, found.lost), (2, 0));
}

#[test]
fn a_check_that_fails_after_a_restart_leaves_nothing_registered() {
    let folder = Folder::new();
    let restored = RecordedRegistration::from(&registration().unwrap());
    let mut theatre = Theatre::new(&folder, &restored);
    theatre.tell(Intent::Event(Event::Restored(restored.verdict)));
    let shown = theatre.check([0.0, 30.0, 0.0], 5.0);
    assert_eq!((shown.session, shown.check.needed), (SessionState::Segmented, 0));
    // Registered anew, and still to be checked: something had moved.
    theatre.recorder.next_registration(&restored, theatre.now());
    theatre.navigation.replace_guidance(guidance(&restored), theatre.now());
    let shown = theatre.hold(Point::new(0.0, 30.0, 0.0));
    assert_eq!((shown.session, is_shown(&shown)), (SessionState::Degraded(DegradedReason::Moved), false));
    theatre.finish();
    verified(&folder);
}

#[test]
fn a_session_that_registers_again_replays_bit_for_bit() {
    let folder = Folder::new();
    let first = RecordedRegistration::from(&registration().unwrap());
    let shift = Transform::<Patient, Patient>::from_translation(Vector::new(0.0, 1.0, 0.0));
    let second = RecordedRegistration { patient_from_ct: shift * first.patient_from_ct, ..first.clone() };
    let doubtful = RecordedRegistration { verdict: Verdict::Doubtful, ..first.clone() };
    let mut theatre = Theatre::new(&folder, &first);
    // Once before the first packet, then in the middle: what the loop has
    // learnt about the stream stays.
    for (registration, expected) in [(&second, true), (&doubtful, false), (&first, true)] {
        theatre.recorder.next_registration(registration, theatre.now());
        theatre.navigation.replace_guidance(guidance(registration), theatre.now());
        assert_eq!(is_shown(&theatre.hold(Point::new(0.0, 30.0, 0.0))), expected);
    }
    let counts = theatre.navigation.counts();
    assert_eq!((counts.fresh, counts.clock_steps), (90, 0));
    theatre.finish();
    let found = verified(&folder);
    assert_eq!((found.sessions, found.packets, found.snapshots), (1, 90, 90));
    let read_back = last_registration(&folder.0, ReadLimits::default()).unwrap().unwrap().1;
    assert_eq!(read_back, first);
}
