#!/usr/bin/env bash
# The scene in a headset that is not there: Monado's service with its null
# compositor, its remote driver (a scripted head) and its simulated one, and
# the service killed and started again in the middle of a session.
# $1 cache folder, $2 folder for pictures and reports (default: temporary);
# XR_FRAMES frames a run (default 500); XR_PROGRAM a program built with feature xr, instead of building one;
# XR_PARTS some of: none remote killed still hands guided slices simulated (default all).
set -euo pipefail
cd "$(dirname "$0")/.."
cache=$1
out=${2:-$(mktemp -d)}
frames=${XR_FRAMES:-500}
prefix=${XR_PREFIX:-$cache/trixie}
started=$SECONDS
say() { printf -- '-- %s (%s s)\n' "$1" "$((SECONDS - started))"; }

if ! command -v patchelf >/dev/null; then
    sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
    DEBIAN_FRONTEND=noninteractive $sudo apt-get -o DPkg::Lock::Timeout=600 install -y -qq --no-install-recommends patchelf
fi
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
trap 'stop "$drawing"; stop "$motion"; stop "$service"; rm -f "$viewer"' EXIT

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
# command, kind, frames, other options: draws.
show() {
    timeout 900 env LD_LIBRARY_PATH="$libraries" XR_RUNTIME_JSON="$out/runtime.json" \
        "$viewer" "$1" --xr --frames "$3" --out "$out/$2" --json "${@:4}" >"$out/$2.json" 2>"$out/$2.log" </dev/null
}
draw() { show scene "$@"; }

if wants none; then
    say "no runtime: a sentence and status 3"
    status=0
    timeout 60 env LD_LIBRARY_PATH="$libraries" XR_RUNTIME_JSON="$out/nothing.json" "$viewer" scene --xr >"$out/none.log" 2>&1 || status=$?
    [ "$status" = 3 ] || { cat "$out/none.log"; echo "status $status instead of 3"; exit 1; }
    cat "$out/none.log"
fi

if wants remote; then
    say "remote driver, $frames frames, scripted head"
    start_service remote
    python3 .ci/xr_motion.py & motion=$!
    draw remote "$frames"
    python3 .ci/xr_check.py "$out/remote.json" "$frames" remote
    stop "$motion"; motion=
    stop "$service"
fi

if wants killed; then
    say "the runtime is killed in the middle of a session and comes back"
    start_service remote
    python3 .ci/xr_motion.py & motion=$!
    draw killed "$frames" & drawing=$!
    for _ in $(seq 600); do grep -q focused "$out/killed.log" 2>/dev/null && break; sleep 0.2; done
    grep -q focused "$out/killed.log"
    sleep 1
    stop "$service"
    killed=$SECONDS
    for _ in $(seq 100); do grep -q "lost\|no OpenXR runtime" "$out/killed.log" && break; sleep 0.1; done
    grep -m1 "lost\|no OpenXR runtime" "$out/killed.log"
    echo "told within $((SECONDS - killed + 1)) s"
    if grep -q "panicked" "$out/killed.log"; then cat "$out/killed.log"; exit 1; fi
    start_service remote
    wait "$drawing"; drawing=
    python3 .ci/xr_check.py "$out/killed.json" "$frames" killed
    stop "$motion"; motion=
    stop "$service"
fi

if wants still; then
    say "both eyes see what they saw before"
    start_service remote
    python3 .ci/xr_motion.py still & motion=$!
    draw still 20
    python3 .ci/xr_check.py "$out/still.json" 20 still
    stop "$motion"; motion=
    stop "$service"
fi

# kind, command, frames, other options: hands begin when the scene is seen.
with_hands() {
    local kind=$1 command=$2 count=$3
    shift 3
    start_service remote
    rm -f "$out/go"
    # A slow machine sees few frames: the hands take their time.
    local pace
    pace=$(python3 -c 'import json, sys
try: print(max(1.0, json.load(open(sys.argv[1]))["session"]["frame_interval"]["p50_ms"] / 60.0))
except (OSError, ValueError): print(1.0)' "$out/still.json")
    python3 .ci/xr_motion.py "${kind%%-*}" "$out/go" "$pace" & motion=$!
    show "$command" "$kind" "$count" "$@" & drawing=$!
    for _ in $(seq 900); do grep -q focused "$out/$kind.log" 2>/dev/null && break; sleep 0.2; done
    touch "$out/go"
    wait "$drawing"; drawing=
    stop "$motion"; motion=
    stop "$service"
}

assets=nav_app/assets/lidc-idri-0001-spine
guided_case=(--case "$assets-labels.nii.gz" --ct "$assets-ct.nii.gz" --tracker sim://)
if wants hands; then
    say "a hand takes the scene, moves it, lets go and is gone"
    with_hands grab scene 140
    python3 .ci/xr_check.py "$out/grab.json" 140 grab "$out/still"

    say "two hands size the scene"
    with_hands size scene 120
    python3 .ci/xr_check.py "$out/size.json" 120 size
fi

if wants guided; then
    say "a guided session"
    start_service remote
    python3 .ci/xr_motion.py & motion=$!
    show navigate guided 30 "${guided_case[@]}"
    grep -q "30 frames drawn; started 1 times" "$out/guided.log"
    grep -q "session navigating" "$out/guided.log"
    stop "$motion"; motion=
    stop "$service"

    say "in guidance a grab moves nothing; screws and residuals are shown"
    "$program" plan suggest --case "$assets-labels.nii.gz" --out "$out/plan.json" >/dev/null
    with_hands grab-guided navigate 140 "${guided_case[@]}" --plan "$out/plan.json" --residuals
    python3 .ci/xr_check.py "$out/grab-guided/headset.json" 140 refused

fi

if wants slices; then
    say "slices that are pulled away stay within reach"
    with_hands panel navigate 140 "${guided_case[@]}"
    python3 .ci/xr_check.py "$out/panel/headset.json" 140 panel
fi

if wants simulated; then
    say "simulated driver, the CT itself"
    start_service simulated
    draw simulated 60 --volume bone
    python3 .ci/xr_check.py "$out/simulated.json" 60 simulated
fi

say "done; pictures in $out"
