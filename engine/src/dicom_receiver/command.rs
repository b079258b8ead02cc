//! DIMSE command sets: what a peer asks, and what is answered.
//!
//! PS3.7, 6.3.1 and annex E: elements of group 0000 in implicit VR little
//! endian. Parsed by hand: a command has a dozen short elements, and nothing in
//! it may make this program reserve memory. Called by `association`.

use super::refusal::Status;

/// Longest command set that is listened to, bytes; real ones have about 200.
pub(super) const MAX_COMMAND: usize = 4096;
/// "No data set follows" (PS3.7, E.1).
const NO_DATA: u16 = 0x0101;
const C_STORE: u16 = 0x0001;
const C_ECHO: u16 = 0x0030;
/// Set in the answer to a request.
const RESPONSE: u16 = 0x8000;
/// Longest error comment, VR LO.
const MAX_COMMENT: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// "Are you there?"
    Echo,
    /// "Keep this object"; its data set follows.
    Store,
    /// Anything else, by its command field.
    Other(u16),
}

/// A request of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub request: Request,
    pub message_id: u16,
    pub sop_class: String,
    pub sop_instance: String,
    /// A data set follows.
    pub has_data: bool,
}

impl Command {
    /// From the bytes of a whole command set.
    ///
    /// # Errors
    /// What is missing or damaged, in words.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut rest = bytes;
        let mut command = Self {
            request: Request::Other(0),
            message_id: 0,
            sop_class: String::new(),
            sop_instance: String::new(),
            has_data: false,
        };
        let (mut has_field, mut has_id) = (false, false);
        while !rest.is_empty() {
            let (element, after) = element(rest)?;
            rest = after;
            match element.number {
                0x0002 => command.sop_class = uid(element.value)?,
                0x0100 => {
                    has_field = true;
                    command.request = match word(element.value)? {
                        C_STORE => Request::Store,
                        C_ECHO => Request::Echo,
                        other => Request::Other(other),
                    };
                }
                0x0110 => (has_id, command.message_id) = (true, word(element.value)?),
                0x0800 => command.has_data = word(element.value)? != NO_DATA,
                0x1000 => command.sop_instance = uid(element.value)?,
                _ => {}
            }
        }
        if !has_field || !has_id {
            return Err("the command set has no command field or no message id".into());
        }
        if command.request == Request::Store && (command.sop_instance.is_empty() || !command.has_data) {
            return Err("the C-STORE request names no object or brings none".into());
        }
        Ok(command)
    }

    /// The answer to this request, with at most 64 characters of `comment`.
    pub(super) fn answer(&self, status: Status, comment: &str) -> Vec<u8> {
        let field = match self.request {
            Request::Echo => C_ECHO,
            Request::Store => C_STORE,
            Request::Other(field) => field,
        };
        let mut elements = Vec::new();
        put_text(&mut elements, 0x0002, &self.sop_class, 0);
        put_word(&mut elements, 0x0100, field | RESPONSE);
        put_word(&mut elements, 0x0120, self.message_id);
        put_word(&mut elements, 0x0800, NO_DATA);
        put_word(&mut elements, 0x0900, status.code());
        let comment: String = comment.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(MAX_COMMENT).collect();
        put_text(&mut elements, 0x0902, &comment, b' ');
        put_text(&mut elements, 0x1000, &self.sop_instance, 0);
        let mut bytes = Vec::new();
        let length = u32::try_from(elements.len()).unwrap_or_default();
        put(&mut bytes, 0x0000, &length.to_le_bytes());
        bytes.extend(elements);
        bytes
    }
}

struct Element<'a> {
    number: u16,
    value: &'a [u8],
}

fn element(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), String> {
    let cut = || "the command set is cut off".to_owned();
    let (head, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
    let [g0, g1, n0, n1, l0, l1, l2, l3] = *head;
    if [g0, g1] != [0, 0] {
        return Err(format!("the command set holds an element of group {:04x}", u16::from_le_bytes([g0, g1])));
    }
    let length = usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).map_err(|_| cut())?;
    let value = rest.get(..length).ok_or_else(cut)?;
    Ok((Element { number: u16::from_le_bytes([n0, n1]), value }, rest.get(length..).unwrap_or_default()))
}

fn word(value: &[u8]) -> Result<u16, String> {
    value
        .try_into()
        .map(u16::from_le_bytes)
        .map_err(|_| format!("a number in the command set has {} bytes", value.len()))
}

/// A UID as PS3.5, 9.1 allows it; nothing else may come near a file or a log.
pub(super) fn uid(value: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(value).unwrap_or("?").trim_end_matches(['\0', ' ']);
    let is_uid = !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_uid { Ok(text.to_owned()) } else { Err("a UID is not made of at most 64 digits and dots".into()) }
}

fn put(bytes: &mut Vec<u8>, number: u16, value: &[u8]) {
    bytes.extend([0, 0]);
    bytes.extend(number.to_le_bytes());
    bytes.extend(u32::try_from(value.len()).unwrap_or_default().to_le_bytes());
    bytes.extend(value);
}

fn put_word(bytes: &mut Vec<u8>, number: u16, value: u16) {
    put(bytes, number, &value.to_le_bytes());
}

/// Text padded to an even length; nothing when it is empty.
fn put_text(bytes: &mut Vec<u8>, number: u16, text: &str, padding: u8) {
    let mut value = text.as_bytes().to_vec();
    if value.is_empty() {
        return;
    }
    if value.len() % 2 == 1 {
        value.push(padding);
    }
    put(bytes, number, &value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Vec<u8> {
        let mut bytes = Vec::new();
        put_text(&mut bytes, 0x0002, "1.2.840.10008.5.1.4.1.1.2", 0);
        put_word(&mut bytes, 0x0100, C_STORE);
        put_word(&mut bytes, 0x0110, 7);
        put_word(&mut bytes, 0x0700, 0);
        put_word(&mut bytes, 0x0800, 0);
        put_text(&mut bytes, 0x1000, "1.2.3", 0);
        bytes
    }

    #[test]
    fn a_store_request_is_understood_and_answered_by_its_number() {
        let command = Command::parse(&store()).unwrap();
        assert_eq!((command.request, command.message_id, command.has_data), (Request::Store, 7, true));
        assert_eq!((command.sop_class.as_str(), command.sop_instance.as_str()), ("1.2.840.10008.5.1.4.1.1.2", "1.2.3"));
        let answer = command.answer(Status::OutOfResources, "the disk is full\r\n");
        // Group length, then the elements it counts.
        let counted = u32::from_le_bytes([answer[8], answer[9], answer[10], answer[11]]) as usize;
        assert_eq!(counted, answer.len() - 12);
        let status = answer.windows(10).find(|w| w[..4] == [0, 0, 0, 9]).map(|w| u16::from_le_bytes([w[8], w[9]]));
        assert_eq!(status, Some(0xa700));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_refused_or_understood_but_never_a_panic() {
        let whole = store();
        for cut in 0..whole.len() {
            assert!(Command::parse(&whole[..cut]).is_err() || cut == 0, "cut at {cut}");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let _ = Command::parse(&damaged);
            }
        }
        assert!(Command::parse(&[]).is_err());
        assert!(uid(b"../../etc/passwd").is_err() && uid(b"1.2\0").is_ok() && uid(&[b'1'; 65]).is_err());
    }
}
