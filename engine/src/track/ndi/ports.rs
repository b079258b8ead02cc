//! Which port of the tracker holds which tool of the session.

use super::error::NdiEnd;
use crate::track::tool_names::{Role, ToolNames};

/// Ports a tracker can have.
const MOST_PORTS: usize = 255;

/// A port as the tracker lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Port {
    pub handle: u8,
    pub status: u16,
}

impl Port {
    /// Status bits of the API guide.
    pub const fn is_occupied(self) -> bool {
        self.status & 0x01 != 0
    }

    pub const fn is_initialised(self) -> bool {
        self.status & 0x10 != 0
    }

    pub const fn is_enabled(self) -> bool {
        self.status & 0x20 != 0
    }
}

/// The ports in the answer to `PHSR 00`: two hexadecimal digits for their
/// number, then two for the handle and three for the status of each.
pub(super) fn list(answer: &str) -> Option<Vec<Port>> {
    let hex = |from: usize, count: usize| u16::from_str_radix(answer.get(from..from + count)?, 16).ok();
    let count = usize::from(hex(0, 2)?);
    if count > MOST_PORTS || answer.len() != 2 + 5 * count {
        return None;
    }
    let port = |i| Some(Port { handle: u8::try_from(hex(2 + 5 * i, 2)?).ok()?, status: hex(4 + 5 * i, 3)? });
    (0..count).map(port).collect()
}

/// What a tool says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolInfo {
    /// Part number.
    pub id: String,
    /// Serial number, hexadecimal.
    pub serial: String,
}

impl ToolInfo {
    /// From the answer to `PHINF HH0001`: type (8), maker (12), revision (3),
    /// serial number (8), status (2). `None` for an empty port.
    pub fn read(answer: &str) -> Option<Option<Self>> {
        if answer.starts_with("UNOCCUPIED") {
            return Some(None);
        }
        let part = |from: usize, count: usize| answer.get(from..from + count).map(|text| text.trim().to_owned());
        part(31, 2)?;
        Some(Some(Self { id: part(8, 12)?, serial: part(23, 8)? }))
    }

    /// The names it answers to: `ID/SERIAL`, then `ID`.
    fn names(&self) -> [String; 2] {
        [format!("{}/{}", self.id, self.serial), self.id.clone()]
    }
}

/// The session's tools by port handle.
#[derive(Debug, Default)]
pub(super) struct Roles {
    roles: Vec<(u8, Role, String)>,
    found: Vec<String>,
}

impl Roles {
    /// Takes in what a port holds.
    ///
    /// # Errors
    /// [`NdiEnd::Ambiguous`] when another port answers to the same name: the
    /// two must not be taken for each other.
    pub fn add(&mut self, handle: u8, tool: &ToolInfo, names: &ToolNames) -> Result<(), NdiEnd> {
        let known = tool.names();
        self.found.push(known[0].clone());
        let Some((name, role)) = known.iter().find_map(|name| Some((name, names.role(name.as_bytes())?))) else {
            return Ok(());
        };
        if let Some((first, ..)) = self.roles.iter().find(|(_, other, _)| *other == role) {
            return Err(NdiEnd::Ambiguous { name: name.clone(), first: *first, second: handle });
        }
        self.roles.push((handle, role, name.clone()));
        Ok(())
    }

    /// Whether there is anything to follow.
    ///
    /// # Errors
    /// [`NdiEnd::NoTool`] with what the tracker has.
    pub fn check(&self) -> Result<(), NdiEnd> {
        let found = if self.found.is_empty() { "none".into() } else { self.found.join(", ") };
        if self.roles.is_empty() { Err(NdiEnd::NoTool { found }) } else { Ok(()) }
    }

    /// What a port stands for.
    pub fn role(&self, handle: u16) -> Option<Role> {
        self.roles.iter().find(|(port, ..)| u16::from(*port) == handle).map(|(_, role, _)| *role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::ToolId;

    fn tool(id: &str, serial: &str) -> ToolInfo {
        let answer = format!("02000000{id:12}001{serial:8}31");
        ToolInfo::read(&answer).unwrap().unwrap()
    }

    #[test]
    fn ports_and_tools_are_read_as_the_guide_lays_them_out() {
        let ports = list("02010310A01F").unwrap();
        assert_eq!(ports, [Port { handle: 1, status: 0x031 }, Port { handle: 0x0a, status: 0x01f }]);
        assert!(ports[0].is_initialised() && ports[0].is_enabled() && !ports[1].is_enabled());
        assert_eq!(list("00"), Some(Vec::new()));
        for wrong in ["", "0", "0201031", "02010310A01F0", "zz", "01é1031"] {
            assert_eq!(list(wrong), None, "{wrong}");
        }
        assert_eq!(tool("8700339", "31A2B3C4").names(), ["8700339/31A2B3C4", "8700339"]);
        assert_eq!(ToolInfo::read("UNOCCUPIED"), Some(None));
        assert_eq!(ToolInfo::read("02000000"), None);
    }

    #[test]
    fn two_tools_of_one_name_are_refused_and_told_apart_by_their_serial_numbers() {
        let names = |reference| ToolNames::new(Some(reference), &[("8700340", ToolId(1))]).unwrap();
        let mut roles = Roles::default();
        roles.add(1, &tool("8700339", "A"), &names("8700339")).unwrap();
        let error = roles.add(2, &tool("8700339", "B"), &names("8700339")).unwrap_err().to_string();
        assert!(error.contains("01 and 02") && error.contains("8700339/SERIAL"), "{error}");
        let mut roles = Roles::default();
        roles.add(1, &tool("8700339", "A"), &names("8700339/B")).unwrap();
        assert!(roles.check().unwrap_err().to_string().contains("8700339/A"));
        roles.add(2, &tool("8700339", "B"), &names("8700339/B")).unwrap();
        assert_eq!((roles.role(1), roles.role(2)), (None, Some(Role::Reference)));
    }
}
