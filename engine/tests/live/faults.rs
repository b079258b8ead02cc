//! Scripted faults: nothing stale is live, and each is found in time.
//!
//! `SPINENAV_POSES=10000000` runs ten million poses instead of one.

use engine::register::random::Random;
use engine::rt::{NavigationLoop, Snapshot};
use engine::safety::{Alarm, ToolLimits, ToolState};
use engine::track::{Missing, TrackerPacket};
use geom::nalgebra::Vector3;
use geom::{Nanoseconds, Transform};

use super::world::{MS, SECOND, delay, guidance, hide, packet, true_time};

const TOOLS: usize = 8;
/// The viewer's frame, ns.
const FRAME: u64 = 11_111_111;
/// Noise of the true time read off a position, and error of the clock map.
const TOLERANCE: u64 = 4 * MS;
const FAULT_BEGINS: u64 = 3 * SECOND;
const FAULT_ENDS: u64 = 4 * SECOND + 500 * MS;
const END: u64 = 7 * SECOND;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Nothing,
    Silence,
    Frozen,
    ReferenceFrozen,
    Repeated,
    SentTwice,
    PairsSwapped,
    SlowLink,
    Burst,
    ClockForward,
    ClockBack,
    Drift,
    Hidden(Missing),
    NotFinite,
    ReferenceHidden,
    RateDrop,
    Restart,
    OldBurst,
    Jump,
    ToolsSwapped,
}

const FAULTS: [Fault; 23] = [
    Fault::Nothing,
    Fault::Silence,
    Fault::Frozen,
    Fault::ReferenceFrozen,
    Fault::Repeated,
    Fault::SentTwice,
    Fault::PairsSwapped,
    Fault::SlowLink,
    Fault::Burst,
    Fault::ClockForward,
    Fault::ClockBack,
    Fault::Drift,
    Fault::Hidden(Missing::Occluded),
    Fault::Hidden(Missing::PartialMarkers),
    Fault::Hidden(Missing::OutOfVolume),
    Fault::Hidden(Missing::NotReported),
    Fault::NotFinite,
    Fault::ReferenceHidden,
    Fault::RateDrop,
    Fault::Restart,
    Fault::OldBurst,
    Fault::Jump,
    Fault::ToolsSwapped,
];

/// A packet with the true time of its sending and its delay.
struct Sent {
    packet: TrackerPacket,
    at: u64,
    delay: u64,
}

/// What a tracker with this fault sends, in the order it arrives.
fn stream(fault: Fault, rate_hz: u64, random: &mut Random) -> Vec<TrackerPacket> {
    let interval = SECOND / rate_hz;
    let phase = (random.uniform() * interval as f64) as u64;
    let step = (30.0 * MS as f64 * (1.0 + 1e5 * random.uniform().powi(4))) as u64;
    let mut sent: Vec<Sent> = Vec::new();
    let mut last_good: Option<TrackerPacket> = None;
    for k in 1.. {
        let at = phase + k * interval;
        if at > END {
            break;
        }
        let is_faulty = (FAULT_BEGINS..FAULT_ENDS).contains(&at);
        let mut new = Sent { packet: packet(k, at, TOOLS, random), at, delay: delay(random) };
        new.packet.source_time.0 += 1_000_000 * SECOND;
        let before = *last_good.get_or_insert(new.packet);
        match fault {
            Fault::ClockForward if at >= FAULT_BEGINS => new.packet.source_time.0 += step,
            Fault::ClockBack if at >= FAULT_BEGINS => new.packet.source_time.0 -= step.max(2 * interval),
            Fault::Drift => new.packet.source_time.0 += at / 10_000,
            Fault::Restart if is_faulty => continue,
            Fault::Restart if at >= FAULT_ENDS => {
                (new.packet.sequence, new.packet.source_time) =
                    (k - FAULT_ENDS / interval, Nanoseconds(at - FAULT_ENDS));
            }
            _ if !is_faulty => {}
            Fault::Silence => continue,
            Fault::Frozen => new.packet.tools = before.tools,
            Fault::ReferenceFrozen => new.packet.tracker_from_patient = before.tracker_from_patient,
            Fault::Repeated => new.packet = before,
            Fault::SentTwice => sent.push(Sent { packet: new.packet, at, delay: new.delay + 1 }),
            Fault::PairsSwapped if k % 2 == 1 => new.delay += interval + interval / 2,
            Fault::SlowLink => new.delay += at - FAULT_BEGINS,
            Fault::Burst => new.delay += FAULT_ENDS - at,
            Fault::Hidden(why) => hide(&mut new.packet, why),
            Fault::NotFinite => new.packet.tools.iter_mut().for_each(|slot| {
                slot.tracker_from_tool =
                    slot.tracker_from_tool.map(|pose| Transform::new(pose.rotation(), pose.translation() * f64::NAN));
            }),
            Fault::ReferenceHidden => new.packet.tracker_from_patient = Err(Missing::Occluded),
            Fault::RateDrop if k % 16 != 0 => continue,
            Fault::OldBurst if at < FAULT_BEGINS + 2 * interval => {
                let old: Vec<_> = sent.iter().rev().take(20).map(|s| s.packet).collect();
                sent.extend(old.into_iter().rev().map(|packet| Sent { packet, at, delay: 0 }));
            }
            Fault::Jump => new.packet.tools.iter_mut().for_each(|slot| {
                let away = Vector3::new(0.0, 250.0, 0.0);
                slot.tracker_from_tool =
                    slot.tracker_from_tool.map(|p| Transform::new(p.rotation(), p.translation() + away));
            }),
            Fault::ToolsSwapped => {
                let (a, b) = (new.packet.tools[0].tracker_from_tool, new.packet.tools[1].tracker_from_tool);
                for (slot, pose) in new.packet.tools.iter_mut().zip([b, a]) {
                    slot.tracker_from_tool = pose;
                }
            }
            _ => {}
        }
        if at < FAULT_BEGINS {
            last_good = Some(new.packet);
        }
        sent.push(new);
    }
    for s in &mut sent {
        s.packet.arrival_time = Nanoseconds(s.at + s.delay);
    }
    sent.sort_by_key(|s| s.packet.arrival_time.0);
    if fault != Fault::PairsSwapped && fault != Fault::OldBurst {
        // A TCP link keeps the order whatever it delays.
        sent.sort_by_key(|s| s.at);
        let mut latest = 0;
        for s in &mut sent {
            latest = latest.max(s.packet.arrival_time.0);
            s.packet.arrival_time = Nanoseconds(latest);
        }
    }
    sent.into_iter().map(|s| s.packet).collect()
}

/// True when the snapshot shows that the fault was found.
fn is_found(fault: Fault, snapshot: &Snapshot) -> bool {
    let none_live = snapshot.tools.iter().all(|tool| tool.state != ToolState::Live);
    match fault {
        Fault::Frozen | Fault::ReferenceFrozen | Fault::Jump | Fault::Silence | Fault::Burst => none_live,
        Fault::Repeated | Fault::SentTwice => snapshot.alarms.has(Alarm::Duplicated),
        Fault::PairsSwapped => snapshot.alarms.has(Alarm::Reordered),
        Fault::ClockForward => snapshot.alarms.has(Alarm::ClockForward),
        Fault::ClockBack => snapshot.alarms.has(Alarm::ClockBack),
        Fault::Hidden(_) | Fault::NotFinite | Fault::ReferenceHidden | Fault::SlowLink => none_live,
        Fault::OldBurst => snapshot.alarms.has(Alarm::Reordered) || snapshot.alarms.has(Alarm::Duplicated),
        Fault::ToolsSwapped => {
            snapshot.alarms.has(Alarm::ToolsSwapped)
                && snapshot.tools[..2].iter().all(|t| t.state == ToolState::Implausible)
        }
        Fault::RateDrop | Fault::Restart | Fault::Nothing | Fault::Drift => true,
    }
}

#[derive(Default)]
struct Tally {
    poses: u64,
    stale_as_live: u64,
    shown_too_long: u64,
    not_found: Vec<(Fault, u64)>,
    never_back: Vec<(Fault, u64)>,
}

fn run(fault: Fault, rate_hz: u64, random: &mut Random, tally: &mut Tally) {
    let packets = stream(fault, rate_hz, random);
    let mut navigation = NavigationLoop::new(guidance(TOOLS), ToolLimits::default());
    let mut arriving = packets.iter().peekable();
    let (mut found_at, mut is_live_at_end) = (None, false);
    let mut now = (random.uniform() * FRAME as f64) as u64;
    while now < END {
        while let Some(packet) = arriving.next_if(|p| p.arrival_time.0 <= now) {
            navigation.observe(packet);
        }
        let snapshot = navigation.snapshot(Nanoseconds(now));
        for tool in snapshot.tools.iter() {
            tally.poses += 1;
            let Some(pose) = &tool.ct_from_tip else { continue };
            let age = now as f64 - true_time(pose);
            let limit = if tool.state == ToolState::Live { 100 * MS } else { 500 * MS } + FRAME + TOLERANCE;
            if age > limit as f64 {
                if tool.state == ToolState::Live { tally.stale_as_live += 1 } else { tally.shown_too_long += 1 }
            }
        }
        if now > FAULT_BEGINS && found_at.is_none() && is_found(fault, &snapshot) {
            found_at = Some(now - FAULT_BEGINS);
        }
        is_live_at_end = snapshot.guided().state == ToolState::Live;
        now += FRAME;
    }
    // The first faulty packet is sent up to one interval after the begin.
    if found_at.is_none_or(|after| after > 250 * MS + SECOND / rate_hz + FRAME) {
        tally.not_found.push((fault, rate_hz));
    }
    if !is_live_at_end {
        tally.never_back.push((fault, rate_hz));
    }
}

#[test]
fn no_stale_pose_is_shown_as_live_and_every_fault_is_found() {
    let wanted = std::env::var("SPINENAV_POSES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let (mut random, mut tally) = (Random::new(20_261_121), Tally::default());
    let mut trials = 0;
    while tally.poses < wanted {
        for fault in FAULTS {
            for rate_hz in [20, 30, 60, 120, 250] {
                run(fault, rate_hz, &mut random, &mut tally);
                trials += 1;
            }
        }
    }
    println!("{} poses in {trials} trials: {} stale as live", tally.poses, tally.stale_as_live);
    assert_eq!(tally.stale_as_live, 0, "stale poses were shown as live");
    assert_eq!(tally.shown_too_long, 0, "poses older than half a second were shown");
    assert_eq!(tally.not_found, [], "not found in time");
    assert_eq!(tally.never_back, [], "not live again after the fault was over");
}
