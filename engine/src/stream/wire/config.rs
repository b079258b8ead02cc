//! Zenoh's own configuration, made here and nowhere else.
//!
//! Nothing is found by multicast or gossip: who is to be heard is named. The
//! engine denies every message but those a viewer needs, whoever sends it.

use serde_json::{Value, json};
use zenoh::Config;

use super::WireError;
use super::address::{Access, EngineAddress, ViewerAddress, endpoint, prefix};
use crate::tls::Tls;

/// A connection that says nothing for so long is closed, ms.
const LEASE_MS: u64 = 2000;

/// How long a viewer tries before it says why it cannot, ms.
const CONNECT_MS: u64 = 1000;

/// Largest message either side takes, bytes: a piece of a surface or a
/// description, with room.
const MOST_MESSAGE_BYTES: usize = 512 * 1024;

/// What the engine opens.
///
/// # Errors
/// [`WireError`] for a wrong name or address.
pub fn of_engine(address: &EngineAddress) -> Result<Config, WireError> {
    let mode = if address.is_router { "router" } else { "peer" };
    let mut config = common(mode, address.tls.as_ref());
    config["listen"] = listen(&address.listen, address.tls.is_some())?;
    config["access_control"] = access_control(&[prefix(&address.name)?], &address.access);
    finish(&config)
}

/// What a viewer opens: it gives up after a second.
///
/// # Errors
/// [`WireError`] for a wrong name or address.
pub fn of_viewer(address: &ViewerAddress) -> Result<Config, WireError> {
    prefix(&address.name)?;
    let mut config = common("client", address.tls.as_ref());
    config["connect"] = connect(&address.connect, address.tls.is_some())?;
    // The viewer's own thread tries again: opening would otherwise not return
    // before there is an engine.
    config["connect"]["timeout_ms"] = json!(CONNECT_MS);
    config["connect"]["exit_on_failure"] = json!(true);
    finish(&config)
}

/// What a router between an engine and its observers opens.
///
/// # Errors
/// [`WireError`] for a wrong name or address.
pub fn of_relay(engine: &ViewerAddress, listeners: &EngineAddress) -> Result<Config, WireError> {
    let tls = listeners.tls.as_ref().or(engine.tls.as_ref());
    let mut config = common("router", tls);
    config["connect"] = connect(&engine.connect, tls.is_some())?;
    config["listen"] = listen(&listeners.listen, tls.is_some())?;
    finish(&config)
}

fn listen(endpoints: &[String], has_tls: bool) -> Result<Value, WireError> {
    let endpoints: Result<Vec<String>, WireError> = endpoints.iter().map(|text| endpoint(text, has_tls)).collect();
    Ok(json!({ "endpoints": endpoints?, "exit_on_failure": true }))
}

fn connect(endpoints: &[String], has_tls: bool) -> Result<Value, WireError> {
    let endpoints: Result<Vec<String>, WireError> = endpoints.iter().map(|text| endpoint(text, has_tls)).collect();
    Ok(json!({
        "endpoints": endpoints?,
        "timeout_ms": -1,
        "exit_on_failure": false,
        "retry": { "period_init_ms": 50, "period_max_ms": 500, "period_increase_factor": 1.5 },
    }))
}

fn common(mode: &str, tls: Option<&Tls>) -> Value {
    let mut config = json!({
        "mode": mode,
        "listen": { "endpoints": [] },
        "connect": { "endpoints": [] },
        "scouting": { "multicast": { "enabled": false }, "gossip": { "enabled": false } },
        "adminspace": { "enabled": false },
        "queries_default_timeout": 2000,
        "transport": {
            "unicast": { "open_timeout": 3000, "accept_timeout": 3000, "accept_pending": 16, "max_sessions": 128 },
            "link": {
                "protocols": ["tcp", "tls"],
                "tx": {
                    "lease": LEASE_MS,
                    "keep_alive": 4,
                    "queue": {
                        "congestion_control": {
                            // What a slow viewer cannot take is left out at once.
                            "drop": { "wait_before_drop": 300, "max_wait_before_drop_fragments": 0 },
                            "block": { "wait_before_close": 1_000_000 },
                        },
                    },
                },
                "rx": { "max_message_size": MOST_MESSAGE_BYTES },
            },
        },
    });
    if let Some(tls) = tls {
        config["transport"]["link"]["tls"] = json!({
            "root_ca_certificate": tls.authority,
            "listen_private_key": tls.key,
            "listen_certificate": tls.certificate,
            "connect_private_key": tls.key,
            "connect_certificate": tls.certificate,
            // Both sides show a certificate.
            "enable_mtls": true,
            "verify_name_on_connect": true,
            "close_link_on_expiration": true,
        });
    }
    config
}

/// Everything is denied but what a viewer needs; over TLS the certificate's
/// common name says who it is.
fn access_control(prefixes: &[String], access: &Access) -> Value {
    let keys = |ends: &[&str]| -> Vec<String> {
        prefixes.iter().flat_map(|prefix| ends.iter().map(move |end| format!("{prefix}/{end}"))).collect()
    };
    let seen = keys(&["snapshot", "alive", "session", "alignment", "mesh/*/*"]);
    let asked = keys(&["intent"]);
    let rule = |id: &str, flow: &str, messages: &[&str], keys: &[String]| json!({ "id": id, "flows": [flow], "permission": "allow", "messages": messages, "key_exprs": keys });
    let asking = ["declare_subscriber", "query", "declare_liveliness_subscriber", "liveliness_query"];
    let rules = [
        rule("see", "ingress", &asking, &seen),
        rule("show", "egress", &["put", "reply", "declare_queryable", "liveliness_token"], &seen),
        rule("ask", "ingress", &["query"], &asked),
        rule("answer", "egress", &["reply", "declare_queryable"], &asked),
    ];
    // On this machine the session's key decides who is more than an observer.
    let mut subjects = vec![json!({ "id": "this-machine", "link_protocols": ["tcp"] })];
    let mut policies = vec![json!({ "rules": ["see", "show", "ask", "answer"], "subjects": ["this-machine"] })];
    for (id, names, rules) in [
        ("observers", &access.observers, vec!["see", "show"]),
        ("operators", &access.operators, vec!["see", "show", "ask", "answer"]),
    ] {
        // Zenoh takes an empty list for everybody.
        if !names.is_empty() {
            subjects.push(json!({ "id": id, "link_protocols": ["tls"], "cert_common_names": names }));
            policies.push(json!({ "rules": rules, "subjects": [id] }));
        }
    }
    json!({ "enabled": true, "default_permission": "deny", "rules": rules, "subjects": subjects, "policies": policies })
}

fn finish(config: &Value) -> Result<Config, WireError> {
    Config::from_json5(&config.to_string()).map_err(WireError::zenoh("make Zenoh's configuration"))
}
