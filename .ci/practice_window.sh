#!/usr/bin/env bash
# A practice by mouse in a window on a screen that is not there: landmarks where their ring is seen, strokes, one
# taken back, registered, kept.
# $1 the program, $2 folder for pictures and what is kept. Needs a Vulkan device.
set -euo pipefail
cd "$(dirname "$0")/.."
source .ci/common.sh
program=$1
out=$2
mkdir -p "$out"
need_packages xvfb xdotool imagemagick python3
export DISPLAY=:${PRACTICE_DISPLAY:-97} XDG_CONFIG_HOME=$out/config WGPU_BACKEND=vulkan
screen= window=
trap 'kill $window $screen 2>/dev/null || true' EXIT
Xvfb "$DISPLAY" -screen 0 1920x1080x24 >/dev/null 2>&1 & screen=$!
"$program" rehearse --by-mouse --trainee trainee-1 --results "$out/trainees" --json >"$out/out.json" 2>"$out/err.log" & window=$!
for _ in $(seq 240); do xdotool search --name SpineNav >/dev/null 2>&1 && break; sleep 0.5; done
xdotool windowfocus "$(xdotool search --name SpineNav | head -1)"

# The middle of the white ring in the 3-D view, "x y"; fails where there is none.
ring() {
    import -window root "$out/look.png"
    convert "$out/look.png" -crop 1040x850+10+150 +repage -fuzz 5% -fill white -opaque '#edf2f7' \
        -fill black +opaque white -define connected-components:verbose=true \
        -define connected-components:area-threshold=150 -connected-components 8 null: 2>&1 | python3 -c '
import re, sys
found = re.findall(r"(\d+)x(\d+)\+(\d+)\+(\d+) \S+ \d+ \S*(?:255|gray\(255\)|white)", sys.stdin.read())
rings = [[int(n) for n in box] for box in found]
rings = [box for box in rings if min(box[:2]) > 40 and max(box[:2]) < 400]
if not rings: sys.exit(1)
w, h, x, y = max(rings)
print(10 + x + w // 2, 150 + y + h // 2)'
}
# until_ring: where it is, once the window has drawn it.
until_ring() {
    for _ in $(seq 60); do ring && return; sleep 1; done
    echo "no ring was seen" >&2; return 1
}
click() { xdotool mousemove "$1" "$2"; sleep 0.4; xdotool mousedown 1; sleep 0.4; xdotool mouseup 1; sleep 0.6; }
# From x y to x y in pixels, slowly enough for a processor that draws.
stroke() {
    xdotool mousemove "$1" "$2"; sleep 0.3
    xdotool mousedown 1; sleep 0.3
    for i in $(seq 12); do
        xdotool mousemove $(($1 + ($3 - $1) * i / 12)) $(($2 + ($4 - $2) * i / 12)); sleep 0.1
    done
    sleep 0.3; xdotool mouseup 1; sleep 0.4
}
last=
for number in 1 2 3 4; do
    # The next ring is elsewhere.
    for _ in $(seq 20); do at=$(until_ring); [ "$at" != "$last" ] && break; sleep 0.5; done
    last=$at
    if [ "$number" = 2 ]; then cp "$out/look.png" "$out/landmark.png"; fi
    # shellcheck disable=SC2086
    click $at
done
for _ in $(seq 20); do ring >/dev/null || break; sleep 1; done
import -window root "$out/begun.png"
# Over the laid open levels, which the view frames.
for y in 400 480 560 640 720; do stroke 400 "$y" 660 "$y"; done
stroke 530 330 530 800
stroke 470 380 590 760
until_ring >/dev/null
xdotool key BackSpace; sleep 3
import -window root "$out/touched.png"
xdotool key Return; sleep 6
import -window root "$out/score.png"
xdotool key Return
for _ in $(seq 60); do kill -0 "$window" 2>/dev/null || break; sleep 0.5; done
cat "$out/trainees/trainee-1.jsonl"
python3 - "$out/trainees/trainee-1.jsonl" <<'PY'
import json, sys
kept = [json.loads(line) for line in open(sys.argv[1])][-1]
assert kept["landmark_fre_mm"] is not None and kept["landmark_fre_mm"] < 5.0, kept
assert kept["strokes"] >= 3 and kept["points"] >= 20, kept
assert kept["verdict"] != "none" and kept["true_tre_mm"] < 5.0, kept
PY
echo "the practice was kept; pictures in $out"
