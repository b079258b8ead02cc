//! What a user types while a session runs.
#![allow(clippy::print_stderr, reason = "an answer to what was typed belongs on stderr")]

use std::io::BufRead;
use std::path::Path;
use std::sync::Weak;
use std::thread;

use engine::io::numbers;
use engine::journal::Intent;
use engine::rt::LiveSession;
use engine::safety::Event;
use geom::{Ct, Point};

use crate::commands::alignment::AlignmentDoor;
use crate::failure::{Blame, Failure};

/// What may be typed.
const KNOWN: &str = "check NUMBER, check X Y Z, tools, end; with --alignment: level LEVEL FILE, levels FILE, alignment, and for a simulated \
                     patient bend LEVEL DEGREES [coronal]";

/// Landmarks of the CT, one a line.
pub fn read_landmarks(path: Option<&Path>) -> Result<Vec<Point<Ct>>, Failure> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let rows = numbers::read_rows::<3>(path, "x y z in the CT, mm").bad_input()?;
    Ok(rows.into_iter().map(Point::from).collect())
}

/// Passes on what is typed until the session is over or the input ends.
///
/// The thread may outlive the session, waiting for a line; it holds nothing of
/// it.
///
/// * `alignment` - takes what is said about the alignment.
pub fn listen(session: Weak<LiveSession>, landmarks: Vec<Point<Ct>>, alignment: Option<AlignmentDoor>) {
    let run = move || {
        for line in std::io::stdin().lock().lines() {
            let (Ok(line), Some(session)) = (line, session.upgrade()) else { return };
            let words: Vec<&str> = line.split_whitespace().collect();
            if let Some(taken) = alignment.as_ref().and_then(|door| door.take(&words)) {
                taken.unwrap_or_else(|what| eprintln!("{what}"));
                continue;
            }
            match understood(&line, &landmarks) {
                Ok(Some(intent)) if !session.tell(intent) => eprintln!("too much waits to be told; type it again"),
                Ok(_) => {}
                Err(what) => eprintln!("{what}"),
            }
        }
    };
    // Without the thread a session goes on; only nothing can be typed.
    if let Err(error) = thread::Builder::new().name("typed".into()).spawn(run) {
        tracing::warn!("nothing can be typed: {error}");
    }
}

/// What a line asks for; `None` for an empty one.
fn understood(line: &str, landmarks: &[Point<Ct>]) -> Result<Option<Intent>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [] => Ok(None),
        ["check", number] => {
            let place = number.parse::<usize>().ok().and_then(|n| landmarks.get(n.checked_sub(1)?));
            let unknown = || format!("there is no landmark {number:?}; --landmarks gave {}", landmarks.len());
            place.map(|place| Some(Intent::CheckLandmark(*place))).ok_or_else(unknown)
        }
        ["check", x, y, z] => {
            let number = |word: &str| word.parse::<f64>().ok().filter(|n| n.is_finite());
            let place = || Some(Point::new(number(x)?, number(y)?, number(z)?));
            let wrong = || format!("{line:?} holds no three numbers; a place in the CT is x y z in mm");
            place().map(|place| Some(Intent::CheckLandmark(place))).ok_or_else(wrong)
        }
        ["tools"] => Ok(Some(Intent::AcknowledgeTools)),
        ["end"] => Ok(Some(Intent::Event(Event::Stop))),
        _ => Err(format!("{line:?} is not understood; there are: {KNOWN}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_understood_or_refused_in_words() {
        let landmarks = [Point::new(1.0, 2.0, 3.0), Point::new(4.0, 5.0, 6.0)];
        let understood = |line| understood(line, &landmarks);
        assert_eq!(understood("check 2"), Ok(Some(Intent::CheckLandmark(landmarks[1]))));
        assert_eq!(understood(" check 1 2 3 "), Ok(Some(Intent::CheckLandmark(landmarks[0]))));
        assert_eq!(understood("tools"), Ok(Some(Intent::AcknowledgeTools)));
        assert_eq!(understood(""), Ok(None));
        assert!(understood("check 0").unwrap_err().contains("gave 2"));
        assert!(understood("check 1 2 NaN").unwrap_err().contains("x y z"));
        assert!(understood("chekc 1").unwrap_err().contains("check NUMBER"));
    }
}
