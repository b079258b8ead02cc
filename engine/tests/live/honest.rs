//! Eight hours of an honest tracker: how often the engine cries wolf.

use engine::register::random::Random;
use engine::rt::{LoopSettings, NavigationLoop};
use engine::safety::{Alarm, Alarms, ToolState};
use engine::track::{Missing, ToolId, TrackerPacket};
use geom::nalgebra::Vector3;
use geom::{Nanoseconds, Tool, Tracker, Transform, Twist, Vector};

use super::world::{MS, SECOND, delay, guidance};

const HOURS: u64 = 8;
const RATE_HZ: u64 = 60;

/// Two instruments in hands, with noise, and a reference on the bone.
fn packet(sequence: u64, at: u64, random: &mut Random) -> TrackerPacket {
    let t = at as f64 * 1e-9;
    let mut packet = TrackerPacket::new(sequence, Nanoseconds(at), Nanoseconds(at));
    let mut noise = || Twist {
        rotation_rad: Vector3::from(random.normal3()) * 0.001,
        translation_mm: Vector3::from(random.normal3()) * 0.1,
    };
    packet.tracker_from_patient = Ok(Transform::exp(&noise()));
    for (id, phase) in [(1, 0.0), (2, 2.0)] {
        let hand = Vector::new(120.0 * (1.7 * t + phase).sin(), 60.0 * (2.3 * t).cos(), 100.0 * f64::from(id));
        let pose = Transform::<Tracker, Tool>::from_translation(hand) * Transform::<Tool, Tool>::exp(&noise());
        // A hand comes between for a second every minute.
        let is_hidden = (t + 20.0 * phase) % 60.0 > 59.0;
        packet = packet.with_tool(ToolId(id as u16), if is_hidden { Err(Missing::Occluded) } else { Ok(pose) });
    }
    packet
}

#[test]
fn eight_honest_hours_raise_at_most_one_false_alarm() {
    let mut random = Random::new(8);
    let settings = LoopSettings { check_every: Nanoseconds(0), ..LoopSettings::default() };
    let mut navigation = NavigationLoop::with_settings(guidance(2), settings);
    let (mut alarms_before, mut false_alarms, mut last_arrival) = (Alarms::default(), 0, 0);
    let (mut was_live, mut visible_for) = ([true; 2], [0; 2]);
    for k in 1..=HOURS * 3600 * RATE_HZ {
        let at = k * SECOND / RATE_HZ;
        // One packet in a thousand is lost, one is held up to 30 ms, one in ten
        // thousand comes twice; the tracker's clock gains 30 ppm.
        if random.uniform() < 1e-3 {
            continue;
        }
        let mut packet = packet(k, at, &mut random);
        packet.source_time = Nanoseconds(at + at / 33_333);
        let held = if random.uniform() < 1e-3 { (random.uniform() * 30.0 * MS as f64) as u64 } else { 0 };
        last_arrival = (at + delay(&mut random) + held).max(last_arrival + 1);
        packet.arrival_time = Nanoseconds(last_arrival);
        navigation.observe(&packet);
        if random.uniform() < 1e-4 {
            navigation.observe(&packet);
        }
        let snapshot = navigation.snapshot(Nanoseconds(last_arrival + MS));
        let expected = Alarms::default().with(Alarm::TrackerSilent);
        let is_new = |alarm: &Alarm| !alarms_before.has(*alarm) && !expected.has(*alarm);
        for alarm in snapshot.alarms.iter().filter(is_new) {
            println!("false alarm after {:.1} min: {alarm:?}", at as f64 / 60e9);
            false_alarms += 1;
        }
        alarms_before = snapshot.alarms;
        for (i, slot) in packet.tools.iter().enumerate() {
            visible_for[i] = if slot.tracker_from_tool.is_ok() { visible_for[i] + 1 } else { 0 };
            let is_live = snapshot.tools[i].state == ToolState::Live;
            if visible_for[i] > 3 && !is_live && was_live[i] {
                println!("tool {i} not live after {:.1} min: {:?}", at as f64 / 60e9, snapshot.tools[i].reason);
                false_alarms += 1;
            }
            was_live[i] = is_live || visible_for[i] <= 3;
        }
    }
    println!("{false_alarms} false alarms in {HOURS} hours");
    assert!(false_alarms <= 1, "{false_alarms} false alarms in {HOURS} simulated hours");
}
