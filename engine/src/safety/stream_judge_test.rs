//! Streams out of order, each found within a quarter of a second at 15 Hz too.

use super::*;

/// Sends packets by their stamps in ms and numbers; returns what they were
/// worth and the judge.
fn send(judge: &mut StreamJudge, packets: &[(u64, u64, u64)]) -> Vec<Arrival> {
    let ms = |ms: u64| Nanoseconds(ms * MILLISECOND_NS);
    let packet = |&(sequence, source, arrival): &(u64, u64, u64)| TrackerPacket::new(sequence, ms(source), ms(arrival));
    packets.iter().map(|p| judge.take(&mut packet(p))).collect()
}

/// A judge after `seconds` of an honest stream with `interval` ms.
fn after(seconds: u64, interval: u64) -> (StreamJudge, u64) {
    let mut judge = StreamJudge::new(StreamLimits::default());
    let count = seconds * 1000 / interval;
    let packets: Vec<_> = (1..=count).map(|i| (i, 50_000 + i * interval, i * interval)).collect();
    assert!(send(&mut judge, &packets).iter().all(|a| *a == Arrival::Fresh));
    (judge, count)
}

fn alarms(judge: &StreamJudge, ms: u64) -> Vec<Alarm> {
    judge.alarms(Nanoseconds(ms * MILLISECOND_NS)).iter().collect()
}

#[test]
fn repeats_are_found_within_a_quarter_second_at_any_rate() {
    for interval in [4, 16, 66] {
        let (mut judge, n) = after(3, interval);
        let (source, now) = (50_000 + n * interval, n * interval);
        let packets: Vec<_> = (1..=250 / interval).map(|i| (n, source, now + i * interval)).collect();
        assert!(send(&mut judge, &packets).iter().all(|a| *a == Arrival::Duplicate));
        assert_eq!(alarms(&judge, now + 250), [Alarm::Duplicated], "{interval} ms");
    }
}

#[test]
fn disorder_is_found_and_late_packets_are_left_out() {
    for interval in [4, 16, 60] {
        let (mut judge, n) = after(3, interval);
        let pairs: Vec<_> = (0..4u64)
            .flat_map(|pair| [2 * pair + 2, 2 * pair + 1])
            .enumerate()
            .map(|(i, k)| (n + k, 50_000 + (n + k) * interval, (n + 1 + i as u64) * interval))
            .collect();
        let worth = send(&mut judge, &pairs);
        assert!(worth.chunks(2).all(|pair| pair == [Arrival::Fresh, Arrival::Late]));
        assert!(alarms(&judge, (n + 8) * interval).contains(&Alarm::Reordered), "{interval} ms");
    }
}

#[test]
fn a_clock_set_forward_is_seen_at_once_and_one_set_back_after_three_packets() {
    for interval in [4, 16, 66] {
        let (mut judge, n) = after(3, interval);
        send(&mut judge, &[(n + 1, 90_000 + n * interval, (n + 1) * interval)]);
        let now = (n + 1) * interval;
        assert_eq!(alarms(&judge, now), [Alarm::ClockForward]);
        assert!(judge.is_clock_untrusted(Nanoseconds(now * MILLISECOND_NS)));

        let (mut judge, n) = after(3, interval);
        let back: Vec<_> = (1..=3).map(|i| (n + i, 10_000 + (n + i) * interval, (n + i) * interval)).collect();
        assert_eq!(send(&mut judge, &back), [Arrival::Late, Arrival::Late, Arrival::Fresh]);
        assert!(alarms(&judge, (n + 3) * interval).contains(&Alarm::ClockBack));
    }
}

#[test]
fn a_clock_set_back_by_few_intervals_is_named_though_its_stamps_soon_pass_the_newest() {
    for interval in [16, 33, 50] {
        for step in [2 * interval, 2 * interval + interval / 2, 3 * interval] {
            let (mut judge, n) = after(3, interval);
            let packets: Vec<_> = (n + 1..n + 6).map(|i| (i, 50_000 + i * interval - step, i * interval)).collect();
            send(&mut judge, &packets);
            let found = alarms(&judge, (n + 5) * interval);
            assert!(found.contains(&Alarm::ClockBack), "{interval} ms back by {step}: {found:?}");
        }
    }
}

#[test]
fn a_packet_overtaken_on_a_link_numbered_by_arrival_is_no_clock_set_back() {
    for interval in [16, 33, 50] {
        let (mut judge, n) = after(3, interval);
        let stamps = [n + 2, n + 1, n + 3, n + 5, n + 4, n + 6];
        let packets: Vec<_> =
            (1u64..).zip(stamps).map(|(i, k)| (n + i, 50_000 + k * interval, (n + 1 + i) * interval)).collect();
        send(&mut judge, &packets);
        assert!(!alarms(&judge, (n + 7) * interval).contains(&Alarm::ClockBack), "{interval} ms");
    }
}

#[test]
fn a_tracker_that_starts_again_is_taken_up_again() {
    let (mut judge, n) = after(3, 16);
    let again: Vec<_> = (1..=20).map(|i| (i, i * 16, n * 16 + 2000 + i * 16)).collect();
    assert_eq!(send(&mut judge, &again).iter().filter(|a| **a == Arrival::Fresh).count(), 13);
    assert!(alarms(&judge, n * 16 + 2400).contains(&Alarm::ClockBack));
}

#[test]
fn an_old_burst_is_not_a_clock_set_back() {
    let (mut judge, n) = after(3, 16);
    let burst: Vec<_> = (0..6).map(|i| (n - 6 + i, 50_000 + (n - 6 + i) * 16, n * 16 + 1)).collect();
    assert!(send(&mut judge, &burst).iter().all(|a| *a == Arrival::Late));
    assert_eq!(judge.counts().clock_steps, 0);
}

#[test]
fn gaps_delay_rate_and_silence_are_named() {
    let (mut judge, n) = after(3, 16);
    let gaps: Vec<_> = (1..=3).map(|i| (n + 3 * i, 50_000 + (n + 3 * i) * 16, (n + 3 * i) * 16)).collect();
    send(&mut judge, &gaps);
    assert!(alarms(&judge, (n + 9) * 16).contains(&Alarm::PacketsMissing));

    let (mut judge, n) = after(3, 16);
    let delayed: Vec<_> = (1..=5).map(|i| (n + i, 50_000 + (n + i) * 16, (n + i) * 16 + 100)).collect();
    send(&mut judge, &delayed);
    assert_eq!(alarms(&judge, (n + 5) * 16 + 100), [Alarm::Delayed]);

    let (mut judge, n) = after(3, 16);
    let slow: Vec<_> = (1..=20).map(|i| (n + i, 50_000 + n * 16 + i * 64, n * 16 + i * 64)).collect();
    send(&mut judge, &slow);
    let now = n * 16 + 20 * 64;
    assert_eq!(alarms(&judge, now), [Alarm::RateLow]);
    assert!(alarms(&judge, now + 200).contains(&Alarm::TrackerSilent));
}
