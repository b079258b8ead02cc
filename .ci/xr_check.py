"""Judges what a headset session reported and drew: python3 xr_check.py JSON FRAMES KIND.

KIND is `remote` (the head follows xr_motion.py), `simulated`, `killed` (the runtime was killed and
came back), `taken` (another program had the headset for a while), `still` (the head stands still, and both eyes see what they saw before:
.ci/golden/eye_left.png and eye_right.png; GOLDEN=write puts them there), or what the hands of
xr_motion.py do: `grab` (compared with the pictures of a fourth argument, a folder), `size`, `refused`
(a grab in guidance), `panel` (the slices pulled away), `buttons` (window, look of the CT, cut) or `practice`
(landmarks and bone touched, registered, kept, by one process after another that was killed)."""

import json
import os
import pathlib
import shutil
import struct
import sys
import zlib

import xr_motion

GOLDEN = pathlib.Path(__file__).parent / "golden"


def read_png(path):
    """Rows of bytes of an 8-bit RGB picture."""
    data = open(path, "rb").read()
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height = struct.unpack(">II", data[at + 8:at + 16])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += length + 12
    raw, stride, rows = zlib.decompress(packed), width * 3, []
    before = bytes(stride)
    for y in range(height):
        start = y * (stride + 1)
        kind, row = raw[start], bytearray(raw[start + 1:start + 1 + stride])
        for x in range(stride):
            a = row[x - 3] if x >= 3 else 0
            b, c = before[x], before[x - 3] if x >= 3 else 0
            if kind == 1:
                row[x] = (row[x] + a) & 255
            elif kind == 2:
                row[x] = (row[x] + b) & 255
            elif kind == 3:
                row[x] = (row[x] + (a + b) // 2) & 255
            elif kind == 4:
                p = a + b - c
                distances = (abs(p - a), abs(p - b), abs(p - c))
                row[x] = (row[x] + (a, b, c)[distances.index(min(distances))]) & 255
        rows.append(bytes(row))
        before = rows[-1]
    return width, rows


def bright_columns(path):
    """Mean column of what is clearly brighter than the background."""
    width, rows = read_png(path)
    columns = [x // 3 for row in rows for x in range(1, len(row), 3) if row[x] > 90]
    assert len(columns) > 200, f"{path} shows next to nothing"
    return sum(columns) / len(columns) / width


def bone_middle(path):
    """Mean place, as shares of width and height, of what has the colours of the levels left of the slices."""
    width, rows = read_png(path)
    places = [(x // 3, y) for y, row in enumerate(rows) for x in range(0, len(row) * 6 // 10, 3)
              if max(row[x:x + 3]) - min(row[x:x + 3]) > 40]
    assert len(places) > 200, f"{path} shows next to no bone"
    return [sum(axis) / len(places) / size for axis, size in zip(zip(*places), (width, len(rows)))]


def compare(path):
    """Drivers round differently, edges move by a part of a pixel: few may differ much, most hardly."""
    golden = GOLDEN / pathlib.Path(path).name
    if os.environ.get("GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        shutil.copyfile(path, golden)
    (width, now), (golden_width, before) = read_png(path), read_png(golden)
    assert (width, len(now)) == (golden_width, len(before)), f"{path} has another size than {golden}"
    apart = [abs(a - b) for rows in zip(now, before) for a, b in zip(*rows)]
    mean, much = sum(apart) / len(apart), sum(d > 40 for d in apart) / len(apart)
    assert mean < 1.5 and much < 0.01, f"{path} differs from {golden}: {mean:.2f} on average, {much:.2%} by more than 40"
    return mean, much


def check_hands(kind, session):
    """What the scripted hands of xr_motion.py did to the scene."""
    hands = session["hands"]
    moved, scale = hands["scene_moved_m"], hands["scene_scale"]
    assert min(hands["seen_frames"]) > 3, hands
    if kind != "size":
        # The right hand goes out of sight before the end.
        assert hands["seen_frames"][1] < hands["seen_frames"][0], hands
    if kind == "grab":
        assert hands["grabs"] == 1 and hands["mode"] == "preview", hands
        assert all(abs(a - b) < 0.01 for a, b in zip(moved, xr_motion.MOVED)) and abs(scale - 1.0) < 1e-3, hands
        # Up on screen is up in the room: what was moved up and to the left is seen there.
        for image in session["images"]:
            before = pathlib.Path(sys.argv[4]) / pathlib.Path(image).name
            shifts = [b - a for a, b in zip(bone_middle(before), bone_middle(image))]
            print(f"{pathlib.Path(image).name}: bone moved by {shifts[0]:+.3f} of the width, {shifts[1]:+.3f} of the height")
            assert shifts[0] < -0.03 and shifts[1] < -0.01, shifts
    if kind == "size":
        assert hands["grabs"] == 2 and abs(scale - xr_motion.SIZED) < 0.05, hands
    if kind in ("refused", "panel"):
        assert hands["mode"] == "guidance" and hands["grabs"] == 0, hands
        assert all(abs(m) < 1e-4 for m in moved) and abs(scale - 1.0) < 1e-4, hands
        assert hands["grabs_refused" if kind == "refused" else "panel_grabs"] == 1, hands
    if kind == "buttons":
        chosen = session["chosen"]
        # The scene's own are bone: 400 and 1800 HU, and the CT is hidden.
        assert chosen["window_width_hu"] > 1850.0 and chosen["window_centre_hu"] != 400.0, chosen
        assert chosen["is_ct_shown"] and chosen["preset"] not in ("bone", ""), chosen
        assert hands["is_cut"] and hands["grabs"] == hands["panel_grabs"] == 0, hands
        print(f"{kind}: chosen {chosen}")
    print(f"{kind}: hands {hands}")


def main():
    path, frames, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    told = json.load(open(path))
    attempt = told.get("attempt")
    told = told["headset"] if isinstance(told.get("headset"), dict) else told
    # A session's own report has no word about the processes that drew.
    session, processes = told.get("session", told), told.get("processes", {"starts": 1})
    assert session["frames_drawn"] >= frames, session
    states = session["states"]
    assert "focused" in states, states
    assert abs(session["pupils_mm"] - 63.0) < 5.0, session["pupils_mm"]
    if kind in ("practice", "killed"):
        assert processes["starts"] >= 2 and processes["deaths"] + processes["hangs"] >= 1, processes
    else:
        assert processes["starts"] == 1, processes
    if kind == "taken":
        # Without focus or unseen in between, in the same process, and shown again at the end.
        first, last = states.index("focused"), len(states) - 1
        assert states[last] == "focused" and {"visible", "hidden", "asleep"} & set(states[first:last]), states
    if kind in ("remote", "taken"):
        low, high = session["head_low_m"][0], session["head_high_m"][0]
        assert abs(high - low - 0.2) < 0.03, (low, high)
    if kind == "still":
        for image in session["images"]:
            print("%s: differs from the golden one by %.3f on average, %.3f %% of it by more than 40" % (
                pathlib.Path(image).name, *(f * s for f, s in zip(compare(image), (1, 100)))))
    if kind in ("grab", "size", "refused", "panel", "buttons"):
        check_hands(kind, session)
    if kind == "practice":
        assert attempt["landmark_fre_mm"] < 5.0 and attempt["strokes"] >= 3 and attempt["points"] >= 20, attempt
        assert attempt["verdict"] != "none" and attempt["true_tre_mm"] < 5.0, attempt
        print(f"{kind}: kept {attempt}")
    left, right = (bright_columns(image) for image in session["images"])
    # What is before both eyes lies farther right for the left one.
    assert left > right, (left, right)
    interval = session["frame_interval"]
    print(f"{kind}: {session['frames_drawn']} frames on {session['headset']}, states {' '.join(states)}, "
          f"processes {processes}, frame interval p50 {interval['p50_ms']:.1f} p99 {interval['p99_ms']:.1f} ms, "
          f"locate to submit p50 {session['locate_to_submit']['p50_ms']:.1f} ms, eyes {left:.3f} {right:.3f}")


if __name__ == "__main__":
    main()
