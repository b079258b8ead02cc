//! A fuzzer for stable Rust over the doors for files: good and bad files
//! changed, cut, joined and mixed with noise.
//!
//! 250 files a door by default; `SPINENAV_FUZZ_EXECUTIONS` asks for more (of all
//! twelve doors together), `SPINENAV_FUZZ_SEED` for others, `SPINENAV_FUZZ_DOOR`
//! for one door (then all executions are its own) and `SPINENAV_FUZZ_SECONDS` for an
//! end of each after that much processor time. Doors that open files read them
//! from a folder for temporary files: with `TMPDIR=/dev/shm` none touches a disk.
//! What must hold: no panic, at most 256 MB of memory for a file (what the reading
//! thread asks for), no file that takes longer than a second is looked
//! for by the time printed (of the wall), and what a writer wrote comes back the same.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use engine::io::{self, Limits};

use crate::bad_files::{Door, collection, folder_for, refusal};
use crate::phantom::{Folder, Nifti, Storage};

/// Most memory that a file may take, bytes.
const MOST_BYTES: u64 = 256 << 20;

/// xorshift64*, Vigna 2016, doi:10.1145/2845077.
pub struct Random(u64);

impl Random {
    /// The sequence that was asked for.
    pub fn seeded() -> Self {
        Self(number("SPINENAV_FUZZ_SEED", 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n.max(1)
    }
}

pub fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Executions of one driver: their number, or the processor time for them, is the end.
pub struct Share {
    wanted: u64,
    done: u64,
    since: Duration,
    most: Duration,
}

/// Processor time of this thread, where the system tells it; of a busy machine the
/// wall clock says nothing.
fn processor_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

impl Share {
    pub fn of(wanted: u64) -> Self {
        let most = Duration::from_secs(number("SPINENAV_FUZZ_SECONDS", 86_400));
        Self { wanted, done: 0, since: processor_time(), most }
    }

    /// Counts the next one.
    pub fn goes_on(&mut self) -> bool {
        // Asking for the time costs as much as an execution.
        let is_late = self.done.is_multiple_of(256) && self.took() > self.most;
        let goes_on = self.done < self.wanted && !is_late;
        self.done += u64::from(goes_on);
        goes_on
    }

    pub fn done(&self) -> u64 {
        self.done
    }

    fn took(&self) -> Duration {
        processor_time().saturating_sub(self.since)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took().as_secs_f64();
        let rate = self.done as f64 / seconds.max(1e-6);
        write!(f, "{} executions in {seconds:.1} s of this thread, {rate:.0} a second", self.done)
    }
}

/// Seeds a door: its bad files, and good ones where a change may slip through.
fn seeds() -> BTreeMap<Door, Vec<Vec<u8>>> {
    let mut seeds: BTreeMap<Door, Vec<Vec<u8>>> = BTreeMap::new();
    // Long ones only cost time.
    collection()
        .into_iter()
        .filter(|b| b.bytes.len() < 20_000)
        .for_each(|b| seeds.entry(b.door).or_default().push(b.bytes));
    let good = Nifti::of(&Storage::RAS).with_sform(&Storage::RAS.ras_affine()).bytes();
    let folder = Folder::new();
    let slice = crate::dicom::series(&crate::dicom::AXIAL)[1].write(folder.path());
    let slice = std::fs::read(slice).unwrap();
    let (png, tiff) = (crate::picture::ramp_png(), crate::picture::ramp_tiff());
    let pictures = [(Door::Picture, &png), (Door::Picture, &tiff)];
    for (door, bytes) in
        [(Door::Ct, &good), (Door::Labels, &good), (Door::DicomSlice, &slice)].into_iter().chain(pictures)
    {
        seeds.entry(door).or_default().extend(std::iter::repeat_n(bytes.clone(), 20));
    }
    seeds
}

/// One of the seeds, changed.
pub fn mutate(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            bytes.push(random.next() as u8);
        }
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, random.next() as u8),
            4 => {
                let other = &seeds[random.below(seeds.len())];
                let to = random.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[to..]);
            }
            5 => {
                let values = [0u32, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, 0x7fc0_0000, 0x7f80_0000, 0x0001_0000];
                let value = values[random.below(values.len())];
                let value = if random.below(2) == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
                bytes.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = from);
            }
            6 => {
                let end = (at + random.below(40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                let end = (at + random.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes
}

#[test]
fn changed_files_are_read_or_refused_and_never_a_panic() {
    let mut seeds = seeds();
    let mut executions = number("SPINENAV_FUZZ_EXECUTIONS", 3_000) / 12;
    if let Ok(only) = std::env::var("SPINENAV_FUZZ_DOOR") {
        seeds.retain(|door, _| format!("{door:?}").eq_ignore_ascii_case(&only));
        executions *= 12;
    }
    let mut random = Random::seeded();
    for (door, seeds) in &seeds {
        let folder = folder_for(*door);
        let (mut refused, mut slowest, mut largest) = (0u64, Duration::ZERO, 0);
        let mut share = Share::of(executions);
        while share.goes_on() {
            let bytes = mutate(seeds, &mut random);
            let one = Instant::now();
            let mut caught = None;
            let memory = allocation_counter::measure(|| {
                caught = std::panic::catch_unwind(|| refusal(*door, &bytes, &folder)).ok();
            });
            slowest = slowest.max(one.elapsed());
            largest = largest.max(memory.bytes_max);
            let Some(said) = caught.filter(|_| memory.bytes_max <= MOST_BYTES) else {
                let kept = std::env::temp_dir().join(format!("spinenav-fuzz-{door:?}.bin"));
                std::fs::write(&kept, &bytes).unwrap();
                let took = memory.bytes_max;
                panic!("{door:?} panicked, or took {took} bytes; the file is kept as {}", kept.display());
            };
            refused += u64::from(said.is_some());
        }
        let largest = largest.div_ceil(1024);
        println!("{door:?}: {share}, {refused} refused, slowest {slowest:?}, at most {largest} KiB for a file");
        // A fuzzer that reaches nothing finds nothing.
        assert!(refused > share.done() / 20, "{door:?} takes everything");
    }
}

#[test]
fn what_a_writer_wrote_comes_back_the_same() {
    let folder = Folder::new();
    let mut random = Random(77);
    for _ in 0..40 {
        let size = [0; 3].map(|_| 1 + random.below(9));
        let spacing = [0; 3].map(|_| 0.1 + random.below(40) as f64 / 10.0);
        let origin = [0; 3].map(|_| random.below(4000) as f64 / 8.0 - 250.0);
        let grid = engine::volume::Grid::axis_aligned(size, spacing, origin.into()).unwrap();
        let labels = (0..grid.len()).map(|_| random.next() as u8).collect();
        let map = engine::volume::LabelMap { grid: grid.clone(), labels };
        let path = folder.path().join("labels.nii.gz");
        io::nifti::write_labels(&path, &map).unwrap();
        let back = io::read_labels(&path, &Limits::default()).unwrap().value;
        assert_eq!((back.labels, back.grid.size()), (map.labels.clone(), size));
        let path = folder.path().join("labels.seg.nrrd");
        engine::export::nrrd::write_segmentation(&path, &map).unwrap();
        let back = io::read_labels(&path, &Limits::default()).unwrap().value;
        assert_eq!((back.labels, back.grid.size()), (map.labels, size));
    }
}
