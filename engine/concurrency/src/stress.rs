//! Reader -> ring -> loop -> cell -> consumers, with the wake-ups between them,
//! as `engine::rt` runs them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;

use crate::latest::latest;
use crate::words::{WordReader, WordWriter, Words};

/// Packets of a run; Miri is about ten thousand times slower.
const PACKETS: u64 = if cfg!(miri) { 60 } else { 300_000 };

/// As wide as a snapshot, every word follows from the first.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Picture(u64);

const WORDS: usize = if cfg!(miri) { 8 } else { 96 };

impl Words for Picture {
    const LEN: usize = WORDS;
    fn write(&self, words: &mut WordWriter<'_>) {
        (0..WORDS as u64).for_each(|k| words.word(self.0.wrapping_mul(2 * k + 1)));
    }
    fn read(words: &mut WordReader<'_>) -> Option<Self> {
        let first = words.word()?;
        for k in 1..WORDS as u64 {
            assert_eq!(words.word(), Some(first.wrapping_mul(2 * k + 1)), "a torn value");
        }
        Some(Self(first))
    }
}

/// The whole path: no packet out of order, no picture torn or going back, the
/// last packet is seen by every consumer although nobody ever locks.
#[test]
fn a_packet_goes_from_reader_to_every_consumer() {
    let (mut packets, mut taken) = rtrb::RingBuffer::<[u64; 4]>::new(if cfg!(miri) { 4 } else { 256 });
    let (mut publisher, snapshots) = latest::<Picture>();
    let (is_stopping, dropped) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let (is_stopping, dropped) = (&is_stopping, &dropped);
        for _ in 0..if cfg!(miri) { 2 } else { 3 } {
            let reader = snapshots.clone();
            scope.spawn(move || {
                let mut last = 0;
                while last < PACKETS {
                    if let Some(Picture(number)) = reader.take() {
                        assert!(number > last, "{number} after {last}");
                        last = number;
                    }
                    thread::yield_now();
                }
            });
        }
        let navigation = scope.spawn(move || {
            let mut last = 0;
            while !is_stopping.load(Ordering::Acquire) || taken.slots() > 0 {
                while let Ok(packet) = taken.pop() {
                    assert!(
                        packet[0] > last && packet.iter().all(|word| *word == packet[0]),
                        "{packet:?} after {last}"
                    );
                    last = packet[0];
                    publisher.publish(&Picture(last));
                }
                thread::park_timeout(Duration::from_millis(1));
            }
            last
        });
        let wake = navigation.thread().clone();
        for number in 1..=PACKETS {
            // The last one must arrive; any other is dropped when the ring is full.
            while packets.push([number; 4]).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
                if number < PACKETS {
                    break;
                }
                thread::yield_now();
            }
            wake.unpark();
        }
        is_stopping.store(true, Ordering::Release);
        wake.unpark();
        assert_eq!(navigation.join().unwrap(), PACKETS);
    });
}

/// Intents from many threads through the bounded queue: each once, in the order
/// of its thread, refused when full.
#[test]
fn intents_of_many_threads_come_once_and_in_order() {
    let (threads, each) = if cfg!(miri) { (2, 20) } else { (4, 50_000) };
    let intents = ArrayQueue::<(usize, u64)>::new(16);
    thread::scope(|scope| {
        let intents = &intents;
        for who in 0..threads {
            scope.spawn(move || {
                for number in 1..=each {
                    while intents.push((who, number)).is_err() {
                        thread::yield_now();
                    }
                }
            });
        }
        let mut last = vec![0; threads];
        while last.iter().sum::<u64>() < each * threads as u64 {
            let Some((who, number)) = intents.pop() else {
                thread::yield_now();
                continue;
            };
            assert_eq!(number, last[who] + 1);
            last[who] = number;
        }
    });
}

/// A reader that stops in the middle of everything changes nothing for the
/// writer: the writer's work is the same with a thousand dead readers.
#[test]
fn dead_readers_cost_the_writer_nothing() {
    let (mut publisher, reader) = latest::<Picture>();
    let dead: Vec<_> = (0..if cfg!(miri) { 10 } else { 1000 }).map(|_| reader.clone()).collect();
    publisher.publish(&Picture(1));
    assert!(dead.iter().all(|reader| reader.read().is_some()));
    (2..=PACKETS).for_each(|number| publisher.publish(&Picture(number)));
    assert!(dead.iter().all(|reader| reader.take() == Some(Picture(PACKETS)) && reader.take().is_none()));
}
