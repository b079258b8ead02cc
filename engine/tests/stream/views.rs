//! What a viewer shows while the engine lives, stands still, dies and comes back.

use std::sync::atomic::Ordering;

use engine::safety::{SessionState, ToolState};
use engine::stream::wire::{EngineAddress, Relay};
use engine::stream::{LinkReason, LinkState};

use super::support::{
    ROLE, Running, TestEngine, connecting, free_port, listening, process_of, until, view_until, viewer,
};

/// The engine as a process of its own: not a test, it returns at once unless it
/// was started by one below.
#[test]
fn engine_process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let Some(port) = role.strip_prefix("engine ") else { return };
    let _engine = TestEngine::start(&listening(port.parse().unwrap()));
    println!("LISTENS");
    loop {
        std::thread::park();
    }
}

fn engine_process_on(port: u16) -> Running {
    Running::start(process_of("views::engine_process", &format!("engine {port}")), "LISTENS")
}

#[test]
fn a_viewer_sees_what_the_engine_shows() {
    let port = free_port();
    let engine = TestEngine::start(&listening(port));
    let viewer = viewer(port);
    let view = view_until(&viewer, "a live instrument", |view| {
        view.snapshot.is_some_and(|s| s.guided().state == ToolState::Live && s.session == SessionState::Navigating)
    });
    assert_eq!((view.state, view.session), (LinkState::Live, engine.wire.session()));
    let own = engine.live.reader().read().unwrap().1;
    let shown = view.snapshot.unwrap();
    assert_eq!(own.tools.len(), shown.tools.len());
    assert!(own.sequence >= shown.sequence);
    let description = viewer.describe().unwrap();
    assert_eq!(description.session, format!("{:016x}", view.session));
    let stl = viewer.surface(&description, description.levels[0].number).unwrap();
    assert_eq!(stl.len(), description.levels[0].stl_bytes);
    assert!(viewer.surface(&description, 3).is_err());
}

#[test]
fn the_alignment_is_told_when_it_is_another() {
    let port = free_port();
    let engine = TestEngine::start(&listening(port));
    let viewer = viewer(port);
    view_until(&viewer, "the engine", |view| view.snapshot.is_some());
    let first = viewer.alignment(0).unwrap().unwrap();
    assert_eq!(viewer.alignment(first.number).unwrap(), None);
    engine.told.fetch_add(1, Ordering::Relaxed);
    let second = viewer.alignment(first.number).unwrap().unwrap();
    assert_ne!(second.number, first.number);
}

#[test]
fn a_killed_engine_is_stale_then_lost_and_a_new_one_is_seen() {
    let port = free_port();
    let engine = engine_process_on(port);
    let viewer = viewer(port);
    let live = |view: &engine::stream::LinkView| {
        view.state == LinkState::Live && view.snapshot.is_some_and(|s| s.guided().state == ToolState::Live)
    };
    let first = view_until(&viewer, "the engine", live).session;
    until("twenty snapshots", || viewer.counts().snapshots > 20);
    engine.signal("KILL");
    let stale = view_until(&viewer, "that it is gone", |view| view.state != LinkState::Live);
    assert_ne!(stale.snapshot.unwrap().guided().state, ToolState::Live);
    // The closed connection says so; silence alone would be another reason.
    let lost = view_until(&viewer, "that it is lost", |view| {
        (view.state, view.reason) == (LinkState::Lost, Some(LinkReason::EngineGone))
    });
    assert_eq!(lost.snapshot.unwrap().guided().ct_from_tip, None);
    drop(engine);
    let _again = engine_process_on(port);
    assert_ne!(view_until(&viewer, "the next engine", live).session, first);
}

#[test]
fn an_engine_that_stands_still_is_never_a_live_picture() {
    let port = free_port();
    let engine = engine_process_on(port);
    let viewer = viewer(port);
    view_until(&viewer, "the engine", |view| view.state == LinkState::Live);
    engine.signal("STOP");
    let lost = view_until(&viewer, "that it is silent", |view| view.state == LinkState::Lost);
    assert_eq!(lost.snapshot.unwrap().guided().ct_from_tip, None);
    engine.signal("CONT");
    view_until(&viewer, "the engine again", |view| view.state == LinkState::Live);
}

#[test]
fn many_observers_watch_through_a_router() {
    let (port, routed) = (free_port(), free_port());
    let engine = TestEngine::start(&listening(port));
    let relay = Relay::open(&connecting(port), &EngineAddress { name: "relay".into(), ..listening(routed) }).unwrap();
    let observers: Vec<_> = (0..4).map(|_| viewer(routed)).collect();
    for observer in &observers {
        let view = view_until(observer, "the engine behind the router", |view| view.state == LinkState::Live);
        assert_eq!(view.session, engine.wire.session());
        assert_eq!(observer.describe().unwrap().levels.len(), 1);
    }
    assert!(relay.is_open());
    drop(engine);
    for observer in &observers {
        view_until(observer, "that the engine is gone", |view| view.state == LinkState::Lost);
    }
}

#[test]
fn an_engine_in_router_mode_serves_viewers_too() {
    let port = free_port();
    let _engine = TestEngine::start(&EngineAddress { is_router: true, ..listening(port) });
    let observers: Vec<_> = (0..3).map(|_| viewer(port)).collect();
    for observer in &observers {
        view_until(observer, "the engine", |view| view.state == LinkState::Live);
    }
}
