"""A viewer that is not ours, for zenoh_peer.sh: PyPI eclipse-zenoh.

    zenoh_peer.py watch ADDRESS [TLS_FOLDER NAME]   reads the stream as docs/stream.md says
    zenoh_peer.py outsider ADDRESS [TLS_FOLDER NAME] must see nothing for two seconds
    zenoh_peer.py lines FILE                         checks what `spinenav view --json` printed

It knows the schema from the document alone and shares no code with the engine."""

import hashlib
import json
import math
import struct
import sys
import threading
import time

import zenoh

PREFIX = "spinenav/1/engine"
HEAD = struct.Struct("<4sHHQQ")
SCHEMA = 1


def open_session(address, tls):
    config = {
        "mode": "client",
        "connect": {"endpoints": [address], "timeout_ms": 10000 if tls is None or tls[1] != "outsider" else 2000},
        "scouting": {"multicast": {"enabled": False}, "gossip": {"enabled": False}},
    }
    if tls:
        folder, name = tls
        config["transport"] = {"link": {"tls": {
            "root_ca_certificate": f"{folder}/ca.pem",
            "connect_certificate": f"{folder}/{name}.pem",
            "connect_private_key": f"{folder}/{name}.key",
            "enable_mtls": True,
        }}}
    return zenoh.open(zenoh.Config.from_json5(json.dumps(config)))


def ask(session, end, payload=None):
    for reply in session.get(f"{PREFIX}/{end}", payload=payload, timeout=5.0):
        if reply.ok:
            return bytes(reply.ok.payload)
        raise SystemExit(f"FAILED {end}: {bytes(reply.err.payload)}")
    return None


def asked(session, end, payload):
    return [reply for reply in session.get(f"{PREFIX}/{end}", payload=payload, timeout=2.0) if reply.ok]


def decode(frame, words):
    """Head and content of a snapshot; raises where the document is not kept."""
    magic, schema, kind, session, number = HEAD.unpack_from(frame)
    assert (magic, schema, kind) == (b"SPNS", SCHEMA, 1), (magic, schema, kind)
    content = frame[HEAD.size:]
    assert len(content) % 8 == 0
    word = struct.unpack(f"<{len(content) // 8}Q", content)
    state = word[4]
    tools = state >> 16 & 0xFF
    assert len(word) == 6 + 10 * tools, (len(word), tools)
    shown = {
        "session_number": session, "number": number, "sequence": word[0], "published_ns": word[3],
        "session": words["session_states"][state & 0xFF], "reference": words["tool_states"][state >> 8 & 0xFF],
        "alarms": [text for bit, text in enumerate(words["alarms"]) if state >> 32 >> bit & 1], "tools": [],
    }
    for index in range(tools):
        at = 6 + 10 * index
        first, pose = word[at], struct.unpack_from("<7d", content, 8 * (at + 2))
        distance, error = struct.unpack_from("<2f", content, 8 * (at + 9))
        tool = {
            "id": first & 0xFFFF, "state": words["tool_states"][first >> 16 & 0xFF],
            "level": first >> 32 & 0xFF, "measured_ns": word[at + 1],
            "pose": pose if first >> 40 & 1 else None,
            "bone_distance_mm": distance if first >> 42 & 1 else None,
            "predicted_tre_mm": error if first >> 43 & 1 else None,
        }
        if tool["pose"]:
            assert abs(math.hypot(*pose[:4]) - 1) < 1e-6 and all(map(math.isfinite, pose)), pose
            assert tool["state"] in ("live", "stale")
        shown["tools"].append(tool)
    return shown


def watch(address, tls):
    session = open_session(address, tls)
    description = json.loads(ask(session, "session") or sys.exit("FAILED: nobody describes the session"))
    assert description["schema"] == SCHEMA, description
    frames, gone = [], threading.Event()
    subscriber = session.declare_subscriber(f"{PREFIX}/snapshot", lambda s: frames.append(bytes(s.payload)))
    alive = session.liveliness().declare_subscriber(
        f"{PREFIX}/alive", lambda s: gone.set() if s.kind == zenoh.SampleKind.DELETE else None, history=True)
    until = time.time() + 20
    while len(frames) < 200 and time.time() < until:
        time.sleep(0.02)
    shown = [decode(frame, description["words"]) for frame in list(frames)]
    assert len(shown) >= 200, f"only {len(shown)} snapshots came"
    assert all(f"{s['session_number']:016x}" == description["session"] for s in shown)
    numbers = [s["number"] for s in shown]
    assert numbers == sorted(set(numbers)), "snapshots came out of order"
    assert all(len(s["tools"]) == len(description["tools"]) for s in shown)
    live = [s for s in shown if s["session"] == "navigating" and s["tools"][0]["state"] == "live"]
    assert len(live) > len(shown) // 2, f"{len(live)} of {len(shown)} are live"
    assert all(t["predicted_tre_mm"] > 0 for s in live for t in s["tools"] if t["pose"])
    level = description["levels"][0]
    stl = b"".join(ask(session, f"mesh/{level['number']}/{i}") for i in range(level["chunks"]))
    assert hashlib.sha256(stl).hexdigest() == level["stl_sha256"]
    assert len(stl) == 84 + 50 * struct.unpack_from("<I", stl, 80)[0]
    if tls is None or tls[1] == "console":
        # What is not signed, cut off, or no intent at all is refused with a reason.
        head = HEAD.pack(b"SPNS", SCHEMA, 2, int(description["session"], 16), 1)
        for bad in (b"", b"nonsense", head, head + struct.pack("<QB", 7, 6) + bytes(32), bytes(100000)):
            answer = json.loads(ask(session, "intent", bad))
            assert answer["accepted"] is False and answer["reason"], answer
    else:
        # An observer's question does not even arrive.
        assert not asked(session, "intent", b"nonsense"), "an observer was heard"
    print(json.dumps({"snapshots": len(shown), "bytes": len(frames[0]), "live": len(live), "surface_bytes": len(stl)}),
          flush=True)
    if len(sys.argv) > 3 and sys.argv[-1] == "until-gone":
        print("waits", flush=True)
        began = time.time()
        assert gone.wait(10), "the engine's end was not told"
        print(json.dumps({"gone": True}), flush=True)
    subscriber.undeclare()
    alive.undeclare()
    session.close()


def outsider(address, tls):
    """Sees nothing: the connection is refused, or nothing is let through."""
    try:
        session = open_session(address, tls)
    except zenoh.ZError:
        print("refused")
        return
    frames = []
    session.declare_subscriber(f"{PREFIX}/snapshot", frames.append)
    time.sleep(2)
    assert not frames, f"an outsider saw {len(frames)} snapshots"
    try:
        assert ask(session, "session") is None, "an outsider was answered"
    except SystemExit:
        pass
    print("saw nothing")


def lines(path):
    """Every line is an object; live ones carry a pose, others none that is live."""
    with open(path) as file:
        shown = [json.loads(line) for line in file]
    live = [line for line in shown if line["link"] == "live"]
    assert len(live) > 10, f"{len(live)} of {len(shown)} lines are live"
    for line in shown:
        if line["link"] in ("waiting", "lost"):
            assert all(tool["tip_mm"] is None for tool in line["tools"] or []), line
    guided = [line["tools"][0] for line in live if line["tools"][0]["state"] == "live"]
    assert guided and all(all(map(math.isfinite, tool["tip_mm"])) and tool["predicted_tre_mm"] > 0 for tool in guided)
    print(json.dumps({"lines": len(shown), "live": len(live)}))


if __name__ == "__main__":
    if sys.argv[1] == "lines":
        sys.exit(lines(sys.argv[2]))
    arguments = [a for a in sys.argv[2:] if a != "until-gone"]
    tls = tuple(arguments[1:3]) if len(arguments) >= 3 else None
    {"watch": watch, "outsider": outsider}[sys.argv[1]](arguments[0], tls)
