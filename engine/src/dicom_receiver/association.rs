//! One peer, from its first packet to its last.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use dicom_dictionary_std::uids;
use dicom_ul::association::Association;
use dicom_ul::association::server::{AccessControl, ServerAssociation, ServerAssociationOptions};
use dicom_ul::pdu::{
    AssociationRJServiceUserReason, PDataValue, PDataValueType, Pdu, PresentationContextResultReason, UserIdentity,
};

use super::Shared;
use super::command::{Command, MAX_COMMAND, Request};
use super::counts::Counter;
use super::incoming::Incoming;
use super::refusal::{Refusal, Status};
use super::shelf::Added;

/// Largest packet a peer may send, bytes.
const MAX_PDU: u32 = 1 << 16;
/// Encodings the reader of CT series decodes; no deflated data sets, whose size cannot be known before.
const TRANSFER_SYNTAXES: [&str; 8] = [
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::JPEG_LOSSLESS,
    uids::JPEG_LOSSLESS_SV1,
    uids::RLE_LOSSLESS,
    uids::JPEG2000_LOSSLESS,
    uids::JPEG2000,
    uids::JPEG_EXTENDED12_BIT,
];

/// Who may call.
struct Callers<'a> {
    allowed: &'a [String],
}

impl AccessControl for Callers<'_> {
    fn check_access(
        &self,
        this_title: &str,
        calling: &str,
        called: &str,
        _user: Option<&UserIdentity>,
    ) -> Result<(), AssociationRJServiceUserReason> {
        if called != this_title {
            return Err(AssociationRJServiceUserReason::CalledAETitleNotRecognized);
        }
        if !self.allowed.is_empty() && !self.allowed.iter().any(|title| title == calling) {
            return Err(AssociationRJServiceUserReason::CallingAETitleNotRecognized);
        }
        Ok(())
    }
}

/// Serves one peer; `id` is the association's number.
pub(super) fn serve(stream: TcpStream, id: u64, shared: &Arc<Shared>) {
    let settings = &shared.settings;
    let mut options = ServerAssociationOptions::new()
        .ae_access_control(Callers { allowed: &settings.allowed_titles })
        .ae_title(settings.ae_title.as_str())
        .with_abstract_syntax(uids::VERIFICATION)
        .with_abstract_syntax(uids::CT_IMAGE_STORAGE)
        .max_pdu_length(MAX_PDU)
        .read_timeout(settings.limits.silence)
        .write_timeout(settings.limits.silence);
    for syntax in TRANSFER_SYNTAXES {
        options = options.with_transfer_syntax(syntax);
    }
    #[cfg(feature = "tls")]
    let stream = match &shared.tls {
        Some(config) => super::tls::open(stream, config.clone(), settings.limits.silence),
        None => Ok(stream),
    };
    #[cfg(not(feature = "tls"))]
    let stream = std::io::Result::Ok(stream);
    let stream = match stream {
        Ok(stream) => stream,
        Err(error) => {
            shared.counts.count(Counter::Refused);
            return tracing::info!(%error, "a DICOM connection did not become one over TLS");
        }
    };
    let association = match options.establish(stream) {
        Ok(association) => association,
        Err(error) => {
            shared.counts.count(Counter::Refused);
            return tracing::info!(%error, "a DICOM association was refused");
        }
    };
    shared.counts.count(Counter::Associations);
    let end = Leaving { id, shared, is_released: false };
    let mut talk = Talk { association, id, shared, command: Vec::new(), pending: None, end };
    match talk.run() {
        Ok(()) => talk.end.is_released = true,
        Err(reason) => {
            shared.counts.count(Counter::Broken);
            tracing::warn!(reason, caller = talk.association.peer_ae_title(), "a DICOM association broke");
            let Talk { association, end, .. } = talk;
            let _gone = association.abort();
            drop(end);
        }
    }
}

/// Tells the shelf that a sender is gone, also when its thread panics.
struct Leaving<'a> {
    id: u64,
    shared: &'a Shared,
    is_released: bool,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.shared.shelf.left(self.id, self.is_released, self.shared.newest(), Instant::now());
    }
}

/// An object that is announced, and what became of it so far.
struct Pending {
    command: Command,
    context: u8,
    object: Result<Incoming, Refusal>,
}

struct Talk<'a> {
    association: ServerAssociation<TcpStream>,
    id: u64,
    shared: &'a Shared,
    /// Pieces of a command that is not whole yet.
    command: Vec<u8>,
    pending: Option<Pending>,
    end: Leaving<'a>,
}

impl Talk<'_> {
    /// Until the peer releases the association.
    fn run(&mut self) -> Result<(), String> {
        loop {
            match self.association.receive().map_err(|e| e.to_string())? {
                Pdu::PData { data } => data.into_iter().try_for_each(|value| self.take(&value))?,
                Pdu::ReleaseRQ if self.pending.is_none() => {
                    return self.association.send(&Pdu::ReleaseRP).map_err(|e| e.to_string());
                }
                Pdu::ReleaseRQ => return Err("the peer released the association inside an object".into()),
                Pdu::AbortRQ { .. } => return Err("the peer aborted".into()),
                _ => return Err("the peer sent a packet that has no place here".into()),
            }
        }
    }

    fn take(&mut self, value: &PDataValue) -> Result<(), String> {
        match value.value_type {
            PDataValueType::Command => {
                if self.pending.is_some() {
                    return Err("a command came inside an object".into());
                }
                if self.command.len() + value.data.len() > MAX_COMMAND {
                    return Err(format!("a command is longer than {MAX_COMMAND} bytes"));
                }
                self.command.extend(&value.data);
                if value.is_last {
                    let command = Command::parse(&std::mem::take(&mut self.command))?;
                    self.begin(command, value.presentation_context_id)?;
                }
                Ok(())
            }
            PDataValueType::Data => {
                let context = value.presentation_context_id;
                let Some(pending) = self.pending.as_mut().filter(|p| p.context == context) else {
                    return Err("data came that no command announced".into());
                };
                if let Ok(object) = &mut pending.object
                    && let Err(refusal) = object.write(&value.data)
                {
                    // Dropped here: what follows of it is read and forgotten.
                    pending.object = Err(refusal);
                }
                if value.is_last { self.end_of_object() } else { Ok(()) }
            }
        }
    }

    fn begin(&mut self, command: Command, context: u8) -> Result<(), String> {
        match command.request {
            Request::Echo => {
                self.shared.counts.count(Counter::Echoes);
                self.answer(&command, context, Status::Success, "")
            }
            Request::Store => {
                let object = self.open(&command, context);
                self.pending = Some(Pending { command, context, object });
                Ok(())
            }
            Request::Other(field) if command.has_data => {
                Err(format!("request {field:04x} is none that is served here"))
            }
            Request::Other(_) => self.answer(&command, context, Status::UnknownOperation, "only C-ECHO and C-STORE"),
        }
    }

    fn open(&self, command: &Command, context: u8) -> Result<Incoming, Refusal> {
        let accepted = |c: &&dicom_ul::pdu::PresentationContextNegotiated| {
            c.id == context && c.reason == PresentationContextResultReason::Acceptance
        };
        let found = self.association.presentation_contexts().iter().find(accepted);
        let Some(found) = found.filter(|c| c.abstract_syntax == command.sop_class) else {
            return Err(Refusal::new(Status::Mismatch, "the object's class was not agreed on"));
        };
        let shared = self.shared;
        let path = shared.shelf.receiving().join(format!("part-{}-{}", self.id, shared.next_object()));
        let limit = shared.settings.limits.object_bytes;
        let syntax = found.transfer_syntax.trim_end_matches(['\0', ' ']);
        Incoming::create(path, command, syntax, shared.quota.clone(), limit)
    }

    fn end_of_object(&mut self) -> Result<(), String> {
        let Some(Pending { command, context, object }) = self.pending.take() else { return Ok(()) };
        let caller = self.association.peer_ae_title();
        let kept = object.and_then(|mut object| {
            let content = object.finish(&command)?;
            self.shared.shelf.add(self.id, caller, content, object, Instant::now())
        });
        match kept {
            Ok(added) => {
                self.shared.counts.count(if added == Added::Kept { Counter::Stored } else { Counter::Duplicates });
                self.answer(&command, context, Status::Success, "")
            }
            Err(refusal) => {
                self.shared.counts.count(Counter::RefusedObjects);
                tracing::warn!(%refusal, caller, "a DICOM object was refused");
                self.answer(&command, context, refusal.status, &refusal.reason)
            }
        }
    }

    fn answer(&mut self, command: &Command, context: u8, status: Status, comment: &str) -> Result<(), String> {
        let data = command.answer(status, comment);
        let value =
            PDataValue { presentation_context_id: context, value_type: PDataValueType::Command, is_last: true, data };
        self.association.send(&Pdu::PData { data: vec![value] }).map_err(|e| e.to_string())
    }
}
