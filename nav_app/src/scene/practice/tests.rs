//! Wishes in their order, whatever runs beside the picture.

use super::*;
use bevy::tasks::TaskPool;

/// Counts, refuses places below, asks for some landmarks first, and is good with three points.
#[derive(Default)]
struct Counting(Vec<usize>, bool, [usize; 2], Vec<Wish>);

impl Counting {
    fn counts(&self) -> (usize, usize) {
        (self.0.iter().sum(), self.0.len())
    }
}

impl Practising for Counting {
    fn earlier(&self) -> Vec<Wish> {
        self.3.clone()
    }

    fn note(&mut self, wish: Wish) {
        self.3.push(wish);
    }

    fn levels(&self) -> Vec<Level> {
        Vec::new()
    }

    fn landmark(&self) -> Option<NextLandmark> {
        let [found, count] = self.2;
        let (words, at) = ("L3 spinous process".into(), Point::new(0.0, 0.0, 0.0));
        (found < count).then_some(NextLandmark { number: found + 1, count, words, at })
    }

    fn landmark_fre_mm(&self) -> Option<f64> {
        (self.2[0] == self.2[1]).then_some(0.5)
    }

    fn touch(&mut self, place: Point<Ct>) -> Result<(), String> {
        if place.to_array()[2] < 0.0 {
            return Err("covered".into());
        }
        if self.2[0] < self.2[1] {
            self.2[0] += 1;
            return Ok(());
        }
        if !std::mem::replace(&mut self.1, true) {
            self.0.push(0);
        }
        *self.0.last_mut().unwrap() += 1;
        Ok(())
    }

    fn lift(&mut self) -> Option<Hint> {
        self.1 = false;
        None
    }

    fn undo(&mut self) -> usize {
        if self.0.pop().is_none() {
            self.2[0] -= 1;
        }
        self.0.iter().sum()
    }

    fn register(&mut self) -> Score {
        let points = self.counts().0;
        let (words, is_good) = (format!("{points} points"), points == 3);
        Score { words, is_good, verdict: None, rms_mm: None, centre_tre_mm: None }
    }
}

fn settle(practice: &mut Practice) {
    for _ in 0..2000 {
        practice.take_answer();
        practice.go_on();
        if practice.task.is_none() && (practice.wishes.is_empty() || practice.score.is_some()) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("nothing came of it");
}

#[test]
fn what_is_asked_during_a_registration_is_done_after_it_in_order() {
    AsyncComputeTaskPool::get_or_init(TaskPool::default);
    let behind = Arc::new(Mutex::new(Counting::default()));
    let mut practice = Practice::new(behind.clone());
    let at = |z: f64| Wish::Touch(Point::new(0.0, 0.0, z));
    let all = [at(1.0), at(2.0), Wish::Lift, at(3.0), at(4.0), Wish::Lift, Wish::Undo, at(-1.0), at(5.0)];
    all.into_iter().for_each(|wish| practice.ask(wish));
    settle(&mut practice);
    assert_eq!(behind.lock().unwrap().counts(), (3, 2));
    assert_eq!(practice.strokes.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(practice.refusal, None, "a touch that succeeds takes the reason away");
    practice.ask(at(-1.0));
    settle(&mut practice);
    assert_eq!((practice.refusal.as_deref(), practice.points()), (Some("covered"), 3));
    practice.ask(Wish::Register);
    settle(&mut practice);
    assert!(practice.score.as_ref().is_some_and(|s| s.words == "3 points" && s.is_good), "{:?}", practice.score);
    practice.ask(at(9.0));
    settle(&mut practice);
    assert_eq!(practice.points(), 3, "after the score nothing is touched any more");
}

#[test]
fn landmarks_come_before_the_bone_and_nothing_is_registered_without_both() {
    AsyncComputeTaskPool::get_or_init(TaskPool::default);
    let behind = Arc::new(Mutex::new(Counting(Vec::new(), false, [0, 2], Vec::new())));
    let mut practice = Practice::new(behind.clone());
    let at = |z: f64| Wish::Touch(Point::new(0.0, 0.0, z));
    let number = |practice: &Practice| practice.landmark.as_ref().map(|l| l.number);
    assert_eq!(number(&practice), Some(1));
    [at(1.0), Wish::Lift, Wish::Register].into_iter().for_each(|wish| practice.ask(wish));
    settle(&mut practice);
    assert_eq!((number(&practice), practice.landmarks.len(), practice.points()), (Some(2), 1, 0));
    assert!(practice.score.is_none() && practice.refusal.as_deref().is_some_and(|w| w.contains("landmarks first")));
    [Wish::Undo, at(1.0), at(2.0), Wish::Lift].into_iter().for_each(|wish| practice.ask(wish));
    settle(&mut practice);
    assert_eq!((number(&practice), practice.landmarks.len(), practice.landmark_fre_mm), (None, 2, Some(0.5)));
    [at(3.0), at(4.0), Wish::Lift, Wish::Undo].into_iter().for_each(|wish| practice.ask(wish));
    settle(&mut practice);
    assert_eq!((practice.points(), practice.landmarks.len()), (0, 2), "a stroke goes before a landmark does");
}

#[test]
fn a_practice_that_was_lost_goes_on_where_it_was_and_notes_nothing_twice() {
    AsyncComputeTaskPool::get_or_init(TaskPool::default);
    let behind = |noted| Arc::new(Mutex::new(Counting(Vec::new(), false, [0, 2], noted)));
    let at = |z: f64| Wish::Touch(Point::new(0.0, 0.0, z));
    let all = [at(1.0), Wish::Lift, at(-1.0), at(2.0), Wish::Lift, at(3.0), at(4.0), Wish::Lift, at(5.0), Wish::Undo];
    let first = behind(Vec::new());
    let mut practice = Practice::new(first.clone());
    all.into_iter().for_each(|wish| practice.ask(wish));
    settle(&mut practice);
    let noted = first.lock().unwrap().3.clone();
    assert_eq!(noted, all, "all of them, in order, and also what was refused");
    let second = behind(noted.clone());
    let mut again = Practice::new(second.clone());
    settle(&mut again);
    assert_eq!((&again.landmarks, &again.strokes), (&practice.landmarks, &practice.strokes));
    assert_eq!((again.landmarks.len(), again.points(), again.landmark.is_none()), (2, 2, true));
    assert_eq!(second.lock().unwrap().3, noted, "what was noted before is not noted again");
    again.ask(at(6.0));
    settle(&mut again);
    assert_eq!((again.points(), second.lock().unwrap().3.len()), (3, all.len() + 1));
}
