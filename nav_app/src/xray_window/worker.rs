//! Analyses corrections beside the window; of several asked for, only the newest matters.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use engine::xray::{Analyser, Findings, Pair, RunningNetworks, XrayCorrections, XraySettings};

/// What came of a question.
pub enum Answer {
    /// The findings with the corrections.
    Found(Box<Findings>),
    /// Why there are none.
    Refused(String),
}

/// The window's end of the two channels.
pub struct Worker {
    questions: Sender<XrayCorrections>,
    /// Behind a lock because Bevy shares its resources among threads.
    answers: std::sync::Mutex<Receiver<Answer>>,
    /// Questions without an answer yet.
    open: usize,
}

impl Worker {
    /// Starts the thread. It ends when the `Worker` is dropped, with what it found last.
    pub fn start(
        pair: Arc<Pair>,
        mut networks: Option<RunningNetworks>,
        settings: XraySettings,
    ) -> Result<(Self, JoinHandle<Option<Findings>>)> {
        let (questions, asked) = channel::<XrayCorrections>();
        let (answer, answers) = channel();
        let work = move || {
            let mut analyser = Analyser::new(&pair, networks.as_mut());
            let mut last = None;
            while let Ok(mut corrections) = asked.recv() {
                while let Ok(newer) = asked.try_recv() {
                    corrections = newer;
                    // The one passed over has no answer of its own.
                    let _gone = answer.send(Answer::Refused(String::new()));
                }
                let found = analyser.findings(&corrections, &settings, &mut |_, _| {});
                let told = match found {
                    Ok(findings) => {
                        last = Some(findings.clone());
                        Answer::Found(Box::new(findings))
                    }
                    Err(why) => Answer::Refused(why.to_string()),
                };
                // Nobody listens once the window is closed; the last answer counts all the same.
                let _closed = answer.send(told);
            }
            last
        };
        let thread = std::thread::Builder::new().name("xray".to_owned()).spawn(work).context("no thread to be had")?;
        Ok((Self { questions, answers: std::sync::Mutex::new(answers), open: 0 }, thread))
    }

    /// Asks for an analysis.
    pub fn ask(&mut self, corrections: XrayCorrections) {
        if self.questions.send(corrections).is_ok() {
            self.open += 1;
        }
    }

    /// The newest answer that came, if any.
    pub fn newest(&mut self) -> Option<Answer> {
        let answers = self.answers.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut newest = None;
        while let Ok(answer) = answers.try_recv() {
            self.open = self.open.saturating_sub(1);
            if !matches!(&answer, Answer::Refused(why) if why.is_empty()) {
                newest = Some(answer);
            }
        }
        newest
    }

    /// True while something is being analysed.
    pub const fn is_busy(&self) -> bool {
        self.open > 0
    }
}
