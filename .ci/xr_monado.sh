#!/usr/bin/env bash
# The scene in a headset that is not there: Monado's service with its null compositor, its remote driver
# (a scripted head and hands) and its simulated one; the service killed and started again in the middle of
# a session; another program that takes the headset and gives it back.
# $1 cache folder, $2 folder for pictures and reports (default: temporary);
# XR_FRAMES frames of the long runs (default 500); XR_PROGRAM a program built with feature xr, instead of building one;
# XR_PARTS some of: none remote killed taken still hands buttons practice guided slices simulated (default all).
set -euo pipefail
cd "$(dirname "$0")/.."
source .ci/common.sh
cache=$1
out=${2:-$(mktemp -d)}
frames=${XR_FRAMES:-500}
prefix=${XR_PREFIX:-$cache/trixie}
started=$SECONDS
say() { printf -- '-- %s (%s s)\n' "$1" "$((SECONDS - started))"; }

need_packages patchelf procps python3
bash .ci/xr_prefix.sh "$prefix"
program=${XR_PROGRAM:-}
if [ -z "$program" ]; then
    cargo build --features xr
    program=${CARGO_TARGET_DIR:-target}/debug/spinenav
fi
wants() { [ -z "${XR_PARTS:-}" ] || [[ " $XR_PARTS " == *" $1 "* ]]; }

# The program and the runtime need one and the same C library: the prefix's.
lib=$prefix/usr/lib/x86_64-linux-gnu
libraries=$lib:$prefix/usr/lib:$lib/blas:$lib/lapack:$lib/pulseaudio
loader=$prefix/usr/lib64/ld-linux-x86-64.so.2
mkdir -p "$out"
viewer=$out/spinenav-xr
cp "$program" "$viewer"
patchelf --set-interpreter "$loader" "$viewer"
ln -sf libopenxr_loader.so.1 "$lib/libopenxr_loader.so"
cat > "$out/runtime.json" <<JSON
{ "file_format_version": "1.0.0", "runtime": { "name": "Monado", "library_path": "$lib/libopenxr_monado.so" } }
JSON
export XDG_RUNTIME_DIR=$out/run VK_DRIVER_FILES=$prefix/usr/share/vulkan/icd.d/lvp_icd.json WGPU_BACKEND=vulkan
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
service= motion= drawing=
stop() { if [ -n "$1" ]; then kill -9 "$1" 2>/dev/null || true; wait "$1" 2>/dev/null || true; fi; }
trap 'pkill -9 -f "^$viewer " || true; stop "$drawing"; stop "$motion"; stop "$service"; rm -f "$viewer"' EXIT

start_service() {
    rm -f "$XDG_RUNTIME_DIR/monado_comp_ipc"
    local simulated=; [ "$1" = simulated ] && simulated=1
    XRT_NO_STDIN=1 XRT_COMPOSITOR_NULL=1 P_OVERRIDE_ACTIVE_CONFIG=$1 ${simulated:+env SIMULATED_ENABLE=1} \
        "$loader" --library-path "$libraries" "$prefix/usr/bin/monado-service" </dev/null >"$out/monado-$1.log" 2>&1 &
    service=$!
    for _ in $(seq 300); do
        [ -S "$XDG_RUNTIME_DIR/monado_comp_ipc" ] && return
        kill -0 "$service" 2>/dev/null || { tail -20 "$out/monado-$1.log"; return 1; }
        sleep 0.1
    done
    echo "Monado does not come up"; return 1
}

# show NAME COMMAND FRAMES OPTIONS...: draws; pictures in NAME, report in NAME.json, words in NAME.log.
show() {
    timeout 900 env LD_LIBRARY_PATH="$libraries" XR_RUNTIME_JSON="$out/runtime.json" \
        "$viewer" "$2" --xr --frames "$3" --out "$out/$1" --json "${@:4}" >"$out/$1.json" 2>"$out/$1.log" </dev/null
}

# How many times slower than at 60 ms a frame the hands are: a slow machine sees few frames.
pace() {
    python3 - "$out/remote.json" "$out/still.json" <<'PY'
import json, sys
for path in sys.argv[1:]:
    try:
        print(max(1.0, json.load(open(path))["session"]["frame_interval"]["p50_ms"] / 60.0))
        break
    except (OSError, ValueError):
        pass
else:
    print(1.0)
PY
}

# until_told PATTERN NAME: NAME's log says so; fails when NAME has ended or takes too long.
until_told() {
    for _ in $(seq 1800); do
        if grep -q "$1" "$out/$2.log" 2>/dev/null; then return; fi
        kill -0 "$drawing" 2>/dev/null || break
        sleep 0.1
    done
    echo "$2 never said: $1"; cat "$out/$2.log"; return 1
}

# session NAME DRIVER MOTION COMMAND FRAMES OPTIONS...: a session from the runtime's start to its end. The hands
# of MOTION begin when the scene is seen; then $meanwhile is called, where it names a function.
meanwhile=
session() {
    local name=$1 driver=$2
    start_service "$driver"
    rm -f "$out/go"
    python3 .ci/xr_motion.py "$3" "$out/go" "$(pace)" "$out/$name.log" & motion=$!
    show "$name" "${@:4}" & drawing=$!
    until_told focused "$name"
    touch "$out/go"
    if [ -n "$meanwhile" ]; then "$meanwhile"; fi
    wait "$drawing" || { cat "$out/$name.log"; return 1; }
    drawing=
    if grep -q panicked "$out/$name.log"; then cat "$out/$name.log"; return 1; fi
    stop "$motion"; motion=
    stop "$service"; service=
}
# judged REPORT FRAMES KIND [FOLDER]: as xr_check.py says.
judged() { python3 .ci/xr_check.py "$out/$1" "${@:2}"; }

if wants none; then
    say "no runtime: a sentence and status 3"
    status=0
    timeout 60 env LD_LIBRARY_PATH="$libraries" XR_RUNTIME_JSON="$out/nothing.json" "$viewer" scene --xr >"$out/none.log" 2>&1 || status=$?
    [ "$status" = 3 ] || { cat "$out/none.log"; echo "status $status instead of 3"; exit 1; }
    cat "$out/none.log"
fi

if wants remote; then
    say "remote driver, $frames frames, scripted head"
    session remote remote sway scene "$frames"
    judged remote.json "$frames" remote
fi

if wants killed; then
    say "the runtime is killed in the middle of a session and comes back"
    kill_service() {
        sleep 1
        stop "$service"
        local killed=$SECONDS
        until_told "lost\|no OpenXR runtime" killed
        grep -m1 "lost\|no OpenXR runtime" "$out/killed.log"
        echo "told within $((SECONDS - killed + 1)) s"
        start_service remote
    }
    meanwhile=kill_service
    session killed remote sway scene "$frames"
    meanwhile=
    judged killed.json "$frames" killed
fi

if wants taken; then
    say "another program takes the headset and gives it back"
    take_it() { show other scene 10; }
    meanwhile=take_it
    session taken remote sway scene "$frames"
    meanwhile=
    judged taken.json "$frames" taken
fi

if wants still; then
    say "both eyes see what they saw before"
    session still remote still scene 20
    judged still.json 20 still
fi

assets=nav_app/assets/lidc-idri-0001-spine
guided_case=(--case "$assets-labels.nii.gz" --ct "$assets-ct.nii.gz" --tracker sim://)
if wants hands; then
    say "a hand takes the scene, moves it, lets go and is gone"
    session grab remote grab scene 140
    judged grab.json 140 grab "$out/still"

    say "two hands size the scene"
    session size remote size scene 120
    judged size.json 120 size
fi

if wants buttons; then
    say "buttons: the slices' window, the look of the CT, the cut"
    session buttons remote buttons scene 150
    judged buttons.json 150 buttons
fi

if wants practice; then
    say "a practice by hand; its drawing process is killed at the third landmark and goes on there"
    kill_drawing() {
        until_told "practice: .*number=3" practice
        pkill -9 -f "^$viewer rehearse .*--worker"
    }
    meanwhile=kill_drawing
    rm -rf "$out/trainees"
    session practice remote practice rehearse 0 --resolution 2 --verbose --trainee trainee-1 --results "$out/trainees"
    meanwhile=
    # Paced by what is asked for, not by frames: a slow machine draws few.
    judged practice.json 10 practice
    [ "$(wc -l < "$out/trainees/trainee-1.jsonl")" = 1 ]
fi

if wants guided; then
    say "a guided session"
    session guided remote sway navigate 30 "${guided_case[@]}" --alignment "$out/alignment.json"
    grep -q "30 frames drawn; started 1 times" "$out/guided.log"
    grep -q "session navigating" "$out/guided.log"

    say "in guidance a grab moves nothing; screws and residuals are shown"
    "$program" plan suggest --case "$assets-labels.nii.gz" --levels T11,T12 --out "$out/plan.json" >/dev/null
    session grab-guided remote grab navigate 140 "${guided_case[@]}" --plan "$out/plan.json" --residuals
    judged grab-guided/headset.json 140 refused
fi

if wants slices; then
    say "slices that are pulled away stay within reach"
    session panel remote panel navigate 140 "${guided_case[@]}"
    judged panel/headset.json 140 panel
fi

if wants simulated; then
    say "simulated driver, the CT itself"
    session simulated simulated sway scene 60 --volume bone
    judged simulated.json 60 simulated
fi

say "done; pictures in $out"
