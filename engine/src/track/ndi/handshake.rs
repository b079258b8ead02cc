//! From a new connection to a stream of poses, one command after the other.
//!
//! INIT, PHSR for the ports, PINIT and PENA for those that are not ready, PHINF
//! for what they hold, TSTART, STREAM. A state machine, because the thread that
//! reads may not wait for an answer: a camera takes seconds to initialise.

use super::error::{NdiEnd, error_words};
use super::ports::{Port, Roles, ToolInfo, list};
use crate::track::tool_names::ToolNames;

/// Name of our stream.
pub(super) const STREAM_ID: &str = "SPNV";

/// Where the handshake stands: the command whose answer is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Initialise,
    Search,
    InitialisePort(usize),
    EnablePort(usize),
    AskPort(usize),
    Start,
    Stream,
    Tracking,
}

/// One handshake. Allocates; the stream after it does not.
#[derive(Debug)]
pub(super) struct Handshake {
    step: Step,
    command: String,
    ports: Vec<Port>,
    /// What the ports stand for.
    pub roles: Roles,
}

impl Handshake {
    /// At the beginning: the first command is to be sent.
    pub fn new() -> Self {
        Self { step: Step::Initialise, command: "INIT ".into(), ports: Vec::new(), roles: Roles::default() }
    }

    /// The bytes to be sent now.
    pub fn to_send(&self) -> Vec<u8> {
        format!("{}\r", self.command).into_bytes()
    }

    /// True once poses come.
    pub fn is_tracking(&self) -> bool {
        self.step == Step::Tracking
    }

    /// What is being done, in words.
    pub const fn doing(&self) -> &'static str {
        match self.step {
            Step::Initialise => "the tracker was to initialise itself",
            Step::Search | Step::InitialisePort(_) | Step::EnablePort(_) | Step::AskPort(_) => {
                "the tracker was asked for its tools"
            }
            Step::Start | Step::Stream => "tracking was to begin",
            Step::Tracking => "poses were to come",
        }
    }

    /// Takes in an answer; true when there is another command to be sent.
    ///
    /// # Errors
    /// A refusal, or an answer that does not fit.
    pub fn answer(&mut self, answer: &str, names: &ToolNames) -> Result<bool, NdiEnd> {
        if let Some(code) = answer.strip_prefix("ERROR") {
            let code = u8::from_str_radix(code.get(..2).unwrap_or_default(), 16).unwrap_or(u8::MAX);
            return Err(NdiEnd::Refused { command: self.command.clone(), code, words: error_words(code) });
        }
        let wrong = || NdiEnd::Answer { command: self.command.clone(), answer: answer.chars().take(40).collect() };
        // A warning is an okay with something to look at, such as a tool whose
        // definition has expired.
        let is_okay = answer == "OKAY" || answer.starts_with("WARNING");
        let next = match self.step {
            Step::Search => {
                self.ports = list(answer).ok_or_else(wrong)?;
                self.at_port(0)
            }
            Step::AskPort(index) => {
                let tool = ToolInfo::read(answer).ok_or_else(wrong)?;
                if let (Some(tool), Some(port)) = (tool, self.ports.get(index)) {
                    self.roles.add(port.handle, &tool, names)?;
                }
                self.at_port(index + 1)
            }
            _ if !is_okay => return Err(wrong()),
            Step::Initialise => Step::Search,
            Step::InitialisePort(index) => Step::EnablePort(index),
            Step::EnablePort(index) => Step::AskPort(index),
            Step::Start => Step::Stream,
            Step::Stream | Step::Tracking => Step::Tracking,
        };
        if next == Step::Start {
            self.roles.check()?;
        }
        self.step = next;
        self.command = self.next_command();
        Ok(next != Step::Tracking)
    }

    /// What the next port that holds something needs, or the step after the
    /// last one.
    fn at_port(&self, from: usize) -> Step {
        match self.ports.iter().enumerate().skip(from).find(|(_, port)| port.is_occupied()) {
            None => Step::Start,
            Some((index, port)) if !port.is_initialised() => Step::InitialisePort(index),
            Some((index, port)) if !port.is_enabled() => Step::EnablePort(index),
            Some((index, _)) => Step::AskPort(index),
        }
    }

    fn next_command(&self) -> String {
        let handle = |index: usize| self.ports.get(index).map_or(0, |port| port.handle);
        match self.step {
            Step::Initialise => "INIT ".into(),
            Step::Search => "PHSR 00".into(),
            Step::InitialisePort(index) => format!("PINIT {:02X}", handle(index)),
            // D: a tool that moves.
            Step::EnablePort(index) => format!("PENA {:02X}D", handle(index)),
            Step::AskPort(index) => format!("PHINF {:02X}0001", handle(index)),
            Step::Start => "TSTART ".into(),
            Step::Stream => format!("STREAM --cmd=\"BX2 --6d=tools\" --id={STREAM_ID}"),
            Step::Tracking => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::{ToolId, ToolNames};

    fn run(answers: &[&str]) -> (Vec<String>, Result<bool, NdiEnd>) {
        let names = ToolNames::new(Some("8700339"), &[("8700340", ToolId(1))]).unwrap();
        let mut handshake = Handshake::new();
        let (mut sent, mut result) = (vec![handshake.command.clone()], Ok(true));
        for answer in answers {
            result = handshake.answer(answer, &names);
            if !matches!(result, Ok(true)) {
                break;
            }
            sent.push(handshake.command.clone());
        }
        (sent, result)
    }

    #[test]
    fn each_port_is_made_ready_and_asked_what_it_holds() {
        let reference = "020000008700339     00131A2B3C431";
        let (sent, result) = run(&["OKAY", "0201001010A031", "WARNING05"]);
        assert!(result.is_err(), "an answer of another length: {sent:?}");
        let (sent, result) =
            run(&["OKAY", "0301001020000A031", "OKAY", "WARNING02", reference, "UNOCCUPIED", "OKAY", "OKAY"]);
        assert!(!result.unwrap());
        let expected = ["INIT ", "PHSR 00", "PINIT 01", "PENA 01D", "PHINF 010001", "PHINF 0A0001", "TSTART "];
        assert_eq!(sent[..7], expected);
        assert_eq!(sent[7], "STREAM --cmd=\"BX2 --6d=tools\" --id=SPNV");
    }

    #[test]
    fn refusals_and_strange_answers_say_what_was_asked_and_what_it_means() {
        let error = run(&["OKAY", "ERROR08"]).1.unwrap_err().to_string();
        assert!(error.contains("PHSR 00") && error.contains("not initialised"), "{error}");
        let error = run(&["HELLO"]).1.unwrap_err().to_string();
        assert!(error.contains("INIT") && error.contains("HELLO"), "{error}");
        let error = run(&["OKAY", "00"]).1.unwrap_err().to_string();
        assert!(error.contains("no tool of this session") && error.contains("none"), "{error}");
    }
}
