//! Where engine and viewers may meet, and that Zenoh takes our configuration.

use engine::stream::wire::address::{endpoint, prefix};
use engine::stream::wire::config::{of_engine, of_relay, of_viewer};
use engine::stream::wire::{Access, EngineAddress, Tls, ViewerAddress};
use serde_json::{Value, json};

#[test]
fn without_certificates_everything_stays_on_this_machine() {
    for fine in ["tcp/127.0.0.1:7447", "tcp/localhost:1", "tcp/[::1]:65535", "tcp/127.3.2.1:0"] {
        assert!(endpoint(fine, false).unwrap().starts_with(fine));
    }
    for wrong in [
        "tcp/0.0.0.0:7447",
        "tcp/[::]:7447",
        "tcp/192.168.1.2:7447",
        "tcp/engine.example:7447",
        "tls/127.0.0.1:7447",
        "udp/127.0.0.1:7447",
        "tcp/127.0.0.1",
        "tcp/127.0.0.1:70000",
        "127.0.0.1:7447",
        "tcp/127.0.0.1:1#iface=eth0",
        "tcp/127.0.0.1?x:1",
        "",
    ] {
        let message = endpoint(wrong, false).unwrap_err().to_string();
        assert!(message.contains("give tcp/127.0.0.1:7447"), "{message}");
    }
    assert!(endpoint("tls/0.0.0.0:7447", true).is_ok());
    assert!(endpoint("tcp/0.0.0.0:7447", true).is_err());
}

#[test]
fn a_name_cannot_reach_into_other_keys() {
    assert_eq!(prefix("theatre-2").unwrap(), "spinenav/1/theatre-2");
    for wrong in ["", "*", "a/b", "A", "a b", "$", &"a".repeat(33)] {
        assert!(prefix(wrong).is_err(), "{wrong:?}");
    }
}

fn remote(access: Access) -> EngineAddress {
    EngineAddress {
        listen: vec!["tcp/127.0.0.1:0".into(), "tls/0.0.0.0:0".into()],
        is_router: true,
        tls: Some(Tls { authority: "ca.pem".into(), certificate: "own.pem".into(), key: "own.key".into() }),
        access,
        ..EngineAddress::default()
    }
}

fn control(address: &EngineAddress) -> Value {
    serde_json::from_str(&of_engine(address).unwrap().get_json("access_control").unwrap()).unwrap()
}

#[test]
fn zenoh_takes_our_configuration_and_finds_nobody_by_itself() {
    let access = Access { observers: vec!["room-2".into()], operators: vec!["console".into()] };
    for address in [EngineAddress::default(), remote(access.clone())] {
        let config = of_engine(&address).unwrap();
        assert_eq!(config.get_json("scouting/multicast/enabled").unwrap(), "false");
        let control = control(&address);
        assert_eq!((&control["enabled"], &control["default_permission"]), (&json!(true), &json!("deny")));
    }
    of_viewer(&ViewerAddress::default()).unwrap();
    of_relay(&ViewerAddress::default(), &remote(access)).unwrap();
}

#[test]
fn nobody_is_let_in_over_tls_without_being_named() {
    let control = control(&remote(Access::default()));
    let subjects = control["subjects"].as_array().unwrap();
    assert_eq!(subjects.len(), 1);
    assert_eq!(subjects[0]["link_protocols"], json!(["tcp"]));
}
