//! A picture that nobody sends any more must not look alive.

use super::super::frame::encode_snapshot;
use super::*;
use crate::track::{ToolId, ToolList};
use geom::Transform;

const OFFSET_MS: u64 = 50_000;

fn ms(ms: u64) -> Nanoseconds {
    Nanoseconds(ms * MILLISECOND_NS)
}

/// A snapshot published at `at_ms` of a pose measured 10 ms before.
fn snapshot(at_ms: u64) -> Snapshot {
    let view = ToolView {
        id: ToolId(1),
        state: ToolState::Live,
        reason: None,
        measured: ms(at_ms - 10),
        ct_from_tip: Some(Transform::identity()),
        bone_distance_mm: Some(1.0),
        ..ToolView::default()
    };
    Snapshot {
        published: ms(at_ms),
        session: SessionState::Navigating,
        reference: ToolState::Live,
        tools: ToolList::from_slice(&[view]).unwrap(),
        ..Snapshot::default()
    }
}

/// Sends snapshots every 10 ms from `from_ms` on, each `delay_ms` on its way;
/// the viewer's clock is another one.
fn send(link: &mut Link, session: u64, times_ms: std::ops::Range<u64>, delay_ms: u64) {
    for at_ms in times_ms.step_by(10) {
        let frame = encode_snapshot(session, at_ms / 10, &snapshot(at_ms));
        link.take(frame.as_slice(), ms(OFFSET_MS + at_ms + delay_ms)).unwrap();
    }
}

fn tool(view: &LinkView) -> (LinkState, ToolState, bool) {
    let tool = view.snapshot.unwrap().guided();
    (view.state, tool.state, tool.ct_from_tip.is_some())
}

#[test]
fn silence_makes_the_picture_stale_then_empty() {
    let mut link = Link::default();
    assert_eq!(link.view(ms(1)).state, LinkState::Waiting);
    assert_eq!(link.view(ms(1)).snapshot, None);
    send(&mut link, 1, 100..1000, 0);
    let at = |after_ms: u64| link.view(ms(OFFSET_MS + 990 + after_ms));
    assert_eq!(tool(&at(5)), (LinkState::Live, ToolState::Live, true));
    assert_eq!(at(5).snapshot.unwrap().session, SessionState::Navigating);
    // The pose was 10 ms old when it was sent.
    assert_eq!(tool(&at(90)), (LinkState::Live, ToolState::Stale, true));
    assert_eq!(tool(&at(100)), (LinkState::Stale, ToolState::Stale, true));
    assert_eq!(at(100).reason, Some(LinkReason::Silent));
    assert_eq!(at(100).snapshot.unwrap().session, SessionState::Degraded(DegradedReason::StreamFault));
    assert_eq!(tool(&at(490)), (LinkState::Stale, ToolState::Lost, false));
    assert_eq!(tool(&at(500)), (LinkState::Lost, ToolState::Lost, false));
    let lost = at(100_000).snapshot.unwrap();
    assert_eq!((lost.reference, lost.guided().bone_distance_mm), (ToolState::Lost, None));
}

#[test]
fn an_engine_that_dies_is_stale_at_once() {
    let mut link = Link::default();
    send(&mut link, 1, 100..1000, 0);
    link.engine_gone();
    let at = |after_ms: u64| link.view(ms(OFFSET_MS + 990 + after_ms));
    assert_eq!(tool(&at(1)), (LinkState::Stale, ToolState::Stale, true));
    assert_eq!(at(1).reason, Some(LinkReason::EngineGone));
    assert_eq!(tool(&at(500)), (LinkState::Lost, ToolState::Lost, false));
    // It is started anew: another session, its clock from the beginning.
    send(&mut link, 2, 100..200, 0);
    assert_eq!(tool(&link.view(ms(OFFSET_MS + 191))), (LinkState::Live, ToolState::Live, true));
    assert_eq!(link.counts().sessions, 2);
}

#[test]
fn a_viewer_that_was_asleep_does_not_take_old_pictures_for_new_ones() {
    let mut link = Link::default();
    send(&mut link, 1, 100..1000, 0);
    // What lay in the sockets for two seconds comes all at once.
    send(&mut link, 1, 1000..1500, 2000);
    let view = link.view(ms(OFFSET_MS + 1490 + 2000));
    assert_eq!(tool(&view), (LinkState::Lost, ToolState::Lost, false));
    assert_eq!(view.reason, Some(LinkReason::Late));
    send(&mut link, 1, 3500..3520, 0);
    assert_eq!(tool(&link.view(ms(OFFSET_MS + 3511))), (LinkState::Live, ToolState::Live, true));
    assert_eq!(link.counts().skipped, 200);
}

#[test]
fn two_engines_of_one_name_show_nothing() {
    let mut link = Link::default();
    send(&mut link, 1, 100..200, 0);
    send(&mut link, 2, 200..300, 0);
    send(&mut link, 1, 300..310, 0);
    let view = link.view(ms(OFFSET_MS + 301));
    assert_eq!((view.reason, tool(&view).2), (Some(LinkReason::TwoEngines), false));
}

#[test]
fn the_engine_s_own_doubts_are_kept() {
    let mut link = Link::default();
    let mut doubtful = snapshot(100);
    doubtful.tools.iter_mut().for_each(|tool| {
        *tool = ToolView {
            id: ToolId(1),
            state: ToolState::Frozen,
            reason: Some(ToolReason::Unchanging),
            ..ToolView::default()
        };
    });
    link.take(encode_snapshot(1, 1, &doubtful).as_slice(), ms(100)).unwrap();
    for after_ms in [0, 200, 1000] {
        let shown = link.view(ms(100 + after_ms)).snapshot.unwrap().guided();
        assert_eq!((shown.state, shown.reason), (ToolState::Frozen, Some(ToolReason::Unchanging)));
    }
}

#[test]
fn a_refused_frame_does_not_refresh_the_picture() {
    let mut link = Link::default();
    send(&mut link, 1, 100..200, 0);
    assert!(link.take(b"SPNSnonsense", ms(OFFSET_MS + 600)).is_err());
    let repeated = encode_snapshot(1, 19, &snapshot(190));
    link.take(repeated.as_slice(), ms(OFFSET_MS + 900)).unwrap();
    assert_eq!(link.view(ms(OFFSET_MS + 900)).state, LinkState::Lost);
    assert_eq!((link.counts().refused, link.counts().repeated), (1, 1));
}
