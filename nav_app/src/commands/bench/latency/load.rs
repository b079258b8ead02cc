//! What else the machine does while latency is measured.

use std::io::{Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use engine::io::{self, Limits};
use engine::segment::Silent;

use crate::assets;
use crate::cli::{DeviceChoice, LatencyLoad};
use crate::commands;
use crate::failure::{Blame, Failure};

/// Bytes written before each flush.
const BLOCK: usize = 4 << 20;
/// Blocks after which the file begins again.
const BLOCKS: u64 = 64;

/// A load that runs until the measurement is over.
pub struct Load {
    rounds: Arc<AtomicU64>,
}

impl Load {
    /// Times it did its whole work.
    pub fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Relaxed)
    }
}

/// Starts a load. Its thread is left to itself at the end: a segmentation
/// cannot be cut short, and the program ends soon.
pub fn start(load: LatencyLoad, is_over: &Arc<AtomicBool>) -> Result<Load, Failure> {
    let rounds = Arc::new(AtomicU64::new(0));
    let (counting, over) = (rounds.clone(), is_over.clone());
    match load {
        LatencyLoad::None => {}
        LatencyLoad::Segment => {
            let method = commands::method("compact-spine", None)?;
            let device = commands::device(DeviceChoice::Cpu)?;
            let folder = std::env::temp_dir();
            let path = folder.join(format!("spinenav-latency-{}.nii.gz", std::process::id()));
            std::fs::write(&path, assets::DEMO_CT).internal()?;
            let ct = io::read_ct(&path, &Limits::default()).internal()?.value;
            std::fs::remove_file(&path).internal()?;
            let work = move || {
                while !over.load(Ordering::Acquire) {
                    if engine::segment::segment(ct.clone(), &method, device.as_ref(), &mut Silent).is_err() {
                        break;
                    }
                    counting.fetch_add(1, Ordering::Relaxed);
                }
            };
            thread::Builder::new().name("bench-load".into()).spawn(work).internal()?;
        }
        LatencyLoad::Disk => {
            let path = std::env::temp_dir().join(format!("spinenav-latency-{}.bin", std::process::id()));
            let mut file = std::fs::File::create(&path).internal()?;
            let work = move || {
                let block = vec![0x5a_u8; BLOCK];
                while !over.load(Ordering::Acquire) {
                    let round = counting.fetch_add(1, Ordering::Relaxed);
                    let is_written = file.write_all(&block).and_then(|()| file.sync_data());
                    let is_rewound = if round % BLOCKS == BLOCKS - 1 { file.rewind() } else { Ok(()) };
                    if is_written.and(is_rewound).is_err() {
                        break;
                    }
                }
                // Left over only when the system refuses; then it says so itself.
                let _ = std::fs::remove_file(&path);
            };
            thread::Builder::new().name("bench-load".into()).spawn(work).internal()?;
        }
    }
    Ok(Load { rounds })
}
