#!/usr/bin/env bash
# A practice by mouse in a window on a screen that is not there: strokes, one taken back, registered, kept.
# $1 the program, $2 folder for pictures and what is kept. Needs Xvfb, xdotool, ImageMagick and a Vulkan device.
set -euo pipefail
program=$1
out=$2
mkdir -p "$out"
export DISPLAY=:${PRACTICE_DISPLAY:-97} XDG_CONFIG_HOME=$out/config WGPU_BACKEND=vulkan
Xvfb "$DISPLAY" -screen 0 1920x1080x24 >/dev/null 2>&1 & screen=$!
"$program" rehearse --by-mouse --trainee trainee-1 --results "$out/trainees" --json >"$out/out.json" 2>"$out/err.log" & window=$!
trap 'kill "$window" "$screen" 2>/dev/null || true' EXIT
for _ in $(seq 240); do xdotool search --name SpineNav >/dev/null 2>&1 && break; sleep 0.5; done
xdotool windowfocus "$(xdotool search --name SpineNav | head -1)"
sleep "${PRACTICE_WAIT:-15}"

# From x y to x y in pixels, slowly enough for a processor that draws.
stroke() {
    xdotool mousemove "$1" "$2"; sleep 0.4
    xdotool mousedown 1; sleep 0.4
    for i in $(seq 20); do
        xdotool mousemove $(($1 + ($3 - $1) * i / 20)) $(($2 + ($4 - $2) * i / 20)); sleep 0.1
    done
    sleep 0.4; xdotool mouseup 1; sleep 0.6
}
import -window root "$out/begun.png"
# Over the laid open levels, which the view frames.
for y in 420 520 620 720 820; do stroke 430 "$y" 700 "$y"; done
stroke 560 350 560 900
stroke 500 400 640 860
sleep 3
xdotool key BackSpace; sleep 6
import -window root "$out/touched.png"
xdotool key Return; sleep 10
import -window root "$out/score.png"
xdotool key Return
for _ in $(seq 60); do kill -0 "$window" 2>/dev/null || break; sleep 0.5; done
cat "$out/trainees/trainee-1.jsonl"
python3 - "$out/trainees/trainee-1.jsonl" <<'PY'
import json, sys
kept = [json.loads(line) for line in open(sys.argv[1])][-1]
assert kept["strokes"] >= 3 and kept["points"] >= 20, kept
assert kept["verdict"] != "none" and kept["true_tre_mm"] < 5.0, kept
PY
echo "the practice was kept; pictures in $out"
