//! Over TLS only those who were named see anything, and fewer may ask.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use engine::clock::SystemClock;
use engine::stream::wire::{Access, EngineAddress, Tls, ViewerAddress, ViewerWire, WireError};
use engine::stream::{LinkState, ViewerIntent};

use super::support::{Folder, TestEngine, free_port, view_until};

/// An authority `ca` and certificates for `names` that it signed.
fn certificates(folder: &Path, ca: &str, names: &[&str]) {
    let script = r#"
        set -eu; cd "$1"; ca=$2; shift 2
        curve="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        openssl req -x509 $curve -keyout $ca.key -out $ca.pem -days 2 -subj /CN=$ca \
            -addext keyUsage=critical,keyCertSign
        echo 'subjectAltName=IP:127.0.0.1,DNS:localhost' > $ca.ext
        for name in "$@"; do
            openssl req $curve -keyout $name.key -out $name.csr -subj /CN=$name
            openssl x509 -req -in $name.csr -CA $ca.pem -CAkey $ca.key -CAcreateserial -days 2 -extfile $ca.ext -out $name.pem
        done"#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(folder).arg(ca).args(names);
    let output = shell.output().unwrap();
    assert!(output.status.success(), "openssl is needed: {}", String::from_utf8_lossy(&output.stderr));
}

fn tls(folder: &Path, ca: &str, name: &str) -> Tls {
    let file = |name: &str, end: &str| folder.join(format!("{name}.{end}"));
    Tls { authority: file(ca, "pem"), certificate: file(name, "pem"), key: file(name, "key") }
}

fn viewer(port: u16, protocol: &str, tls: Option<Tls>) -> ViewerWire {
    let connect = vec![format!("{protocol}/127.0.0.1:{port}")];
    let address = ViewerAddress { connect, tls, ..ViewerAddress::default() };
    ViewerWire::open(&address, Arc::new(SystemClock::default()), None).unwrap()
}

#[test]
fn certificates_decide_who_sees_and_who_may_ask() {
    let folder = Folder::new("tls");
    certificates(&folder.0, "ca", &["engine", "observer", "console", "stranger"]);
    certificates(&folder.0, "other-ca", &["outsider"]);
    let port = free_port();
    let engine = TestEngine::start(&EngineAddress {
        listen: vec![format!("tls/127.0.0.1:{port}")],
        tls: Some(tls(&folder.0, "ca", "engine")),
        access: Access { observers: vec!["observer".into()], operators: vec!["console".into()] },
        ..EngineAddress::default()
    });
    let stranger = viewer(port, "tls", Some(tls(&folder.0, "ca", "stranger")));
    // Trusts the engine's authority, and shows a certificate of another one.
    let mut foreign = tls(&folder.0, "other-ca", "outsider");
    foreign.authority = folder.0.join("ca.pem");
    let outsider = viewer(port, "tls", Some(foreign));
    let unsecured = viewer(port, "tcp", None);
    let observer = viewer(port, "tls", Some(tls(&folder.0, "ca", "observer")));
    let console = viewer(port, "tls", Some(tls(&folder.0, "ca", "console")));
    for named in [&observer, &console] {
        view_until(named, "the engine over TLS", |view| view.state == LinkState::Live);
        assert_eq!(named.describe().unwrap().tools.len(), 3);
    }
    // The observer may not ask even with the right key.
    let denied = observer.send(ViewerIntent::WithdrawRegistration, &engine.key).unwrap_err();
    assert!(matches!(denied, WireError::Silent { .. } | WireError::Answer { .. }), "{denied}");
    console.send(ViewerIntent::AcknowledgeTools, &engine.key).unwrap();
    assert_eq!((engine.wire.intents().accepted, engine.wire.intents().refused), (1, 0));
    // By now they had as long as the others.
    std::thread::sleep(Duration::from_millis(500));
    for nobody in [&stranger, &outsider, &unsecured] {
        assert_eq!(nobody.counts().snapshots, 0);
        assert!(nobody.describe().is_err());
    }
}
