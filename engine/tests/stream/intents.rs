//! Intents over the wire: viewers with the key are heard, observers are not.

use engine::safety::SessionState;
use engine::stream::wire::WireError;
use engine::stream::{IntentKey, LinkState, ViewerIntent};

use super::support::{TestEngine, free_port, listening, until, view_until, viewer};

#[test]
fn a_viewer_with_the_key_is_heard_and_an_observer_is_not() {
    let port = free_port();
    let engine = TestEngine::start(&listening(port));
    let (viewer, observer) = (viewer(port), viewer(port));
    for watching in [&viewer, &observer] {
        view_until(watching, "the engine", |view| view.state == LinkState::Live);
    }
    let guess = IntentKey::new().unwrap();
    let refused = observer.send(ViewerIntent::Stop, &guess).unwrap_err();
    assert!(matches!(&refused, WireError::Refused(why) if why.contains("read-only")), "{refused}");
    viewer.send(ViewerIntent::AcknowledgeTools, &engine.key).unwrap();
    viewer.send(ViewerIntent::WithdrawRegistration, &engine.key).unwrap();
    for watching in [&viewer, &observer] {
        let view = view_until(watching, "that the registration is gone", |view| {
            view.snapshot.is_some_and(|s| s.session == SessionState::Segmented)
        });
        assert!(view.snapshot.unwrap().tools.iter().all(|tool| tool.ct_from_tip.is_none()));
    }
    let counts = engine.wire.intents();
    assert_eq!((counts.accepted, counts.refused), (2, 1));
}

/// An observer that publishes on the engine's own keys reaches nobody: the
/// engine lets nothing in but questions.
#[test]
fn an_observer_cannot_speak_for_the_engine() {
    use zenoh::Wait;
    let port = free_port();
    let engine = TestEngine::start(&EngineRouter::on(port));
    let viewer = viewer(port);
    let seen = view_until(&viewer, "the engine", |view| view.state == LinkState::Live).session;
    let config = format!(
        r#"{{mode: "client", connect: {{endpoints: ["tcp/127.0.0.1:{port}"]}}, scouting: {{multicast: {{enabled: false}}}}}}"#
    );
    let forger = zenoh::open(zenoh::Config::from_json5(&config).unwrap()).wait().unwrap();
    let forged = engine::stream::encode_snapshot(77, u64::MAX, &engine::rt::Snapshot::default());
    for _ in 0..200 {
        forger.put("spinenav/1/engine/snapshot", forged.as_slice()).wait().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let before = viewer.counts().snapshots;
    until("more snapshots", || viewer.counts().snapshots > before + 20);
    assert_eq!((viewer.view().session, viewer.counts().sessions), (seen, 1));
    drop(engine);
}

struct EngineRouter;

impl EngineRouter {
    /// In router mode, where messages of one viewer could reach another.
    fn on(port: u16) -> engine::stream::wire::EngineAddress {
        engine::stream::wire::EngineAddress { is_router: true, ..listening(port) }
    }
}
