//! A tracker behind OpenIGTLink as a [`Source`].

use std::sync::Arc;

use geom::Nanoseconds;

use super::client::{Client, ClientSettings, LinkEnd, LinkState};
use super::counts::Counts;
use super::gather::Gather;
use crate::clock::{Clock, MILLISECOND_NS};
use crate::track::Source;
use crate::track::packet::TrackerPacket;
use crate::track::tool_names::ToolNames;

/// Connection and names.
#[derive(Debug, Clone)]
pub struct IgtlSourceSettings {
    /// The connection.
    pub client: ClientSettings,
    /// Names of TDATA elements, or of TRANSFORM and POSITION devices.
    pub names: ToolNames,
    /// TRANSFORMs whose stamps differ by no more are one packet. Default 1 ms.
    pub same_instant: Nanoseconds,
    /// A packet of TRANSFORMs goes out after this long even if a tool is
    /// missing. Default 5 ms.
    pub patience: Nanoseconds,
}

impl IgtlSourceSettings {
    /// Asks `address` for TDATA, and takes TRANSFORMs as well.
    #[must_use]
    pub fn new(address: impl Into<String>, names: ToolNames) -> Self {
        let (same_instant, patience) = (Nanoseconds(MILLISECOND_NS), Nanoseconds(5 * MILLISECOND_NS));
        Self { client: ClientSettings::new(address), names, same_instant, patience }
    }
}

/// Reads a tracker on the reader's own thread and connects again by itself.
///
/// `source_time` is the sender's stamp, `arrival_time` ours; a sender without
/// stamps (counted) gets the arrival for both. After a stall at most the
/// newest 32 packets are handed over, the others are counted as replaced.
pub struct IgtlSource {
    description: String,
    client: Client,
    gather: Gather,
    clock: Arc<dyn Clock>,
    next_due: Nanoseconds,
}

impl IgtlSource {
    /// Starts connecting.
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(settings: IgtlSourceSettings, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let description = format!("OpenIGTLink tracker at {}", settings.client.address);
        let gather = Gather::new(settings.names, settings.same_instant, settings.patience);
        let client = Client::start(settings.client, clock.clone())?;
        Ok(Self { description, client, gather, clock, next_due: Nanoseconds(0) })
    }

    /// What came, was skipped and was refused so far.
    #[must_use]
    pub fn counts(&self) -> &Arc<Counts> {
        self.client.counts()
    }

    /// Why the last connection ended.
    #[must_use]
    pub const fn last_end(&self) -> Option<&LinkEnd> {
        self.client.last_end()
    }
}

impl Source for IgtlSource {
    fn description(&self) -> String {
        self.description.clone()
    }

    /// Waits for bytes up to [`ClientSettings::wait`] when nothing is at hand.
    fn poll(&mut self, now: Nanoseconds) -> Option<TrackerPacket> {
        let counts = self.client.counts().clone();
        if !self.gather.has_packet() {
            let gather = &mut self.gather;
            let state = self.client.receive(|arrived| gather.take(arrived, &counts));
            if state == LinkState::Connecting {
                self.gather.forget_open();
            }
        }
        // The wait is inside `receive`: the next call may come at once.
        self.next_due = now;
        self.gather.next(self.clock.now(), &counts)
    }

    fn next_due(&self) -> Nanoseconds {
        self.next_due
    }
}
