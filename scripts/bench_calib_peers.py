#!/usr/bin/env python3
"""Runs other calibrations on recordings that `spinenav bench calibrate` made.

Reads one JSON object on standard input:

    {"kind": "pivot", "trials": [{"poses": [[16]...], "tip": [3], "divot": [3]}]}
    {"kind": "hand-eye", "trials": [{"base_from_hand": [[16]...], "eye_from_world": [[16]...], "hand_from_eye": [16]}]}

and writes one a method: its errors (mm, degrees; null where it failed) and the
CPU time of each trial in ms, or why it cannot run here. Matrices are row by row.
"""

import contextlib
import io
import json
import random
import sys
import time

import numpy as np

# scikit-surgerycalibration's RANSAC takes about a second a recording.
RANSAC = (20, 1.0, 0.25)


def say(**answer):
    print(json.dumps(answer), flush=True)


def run(method, trials, solve):
    """`solve(trial)` gives position error (mm) and rotation error (degrees or None)."""
    mm, deg, cpu_ms = [], [], []
    for trial in trials:
        begun = time.process_time()
        try:
            error_mm, error_deg, spent = solve(trial)
            mm.append(float(error_mm) if np.isfinite(error_mm) else None)
            if error_deg is not None:
                deg.append(float(error_deg) if np.isfinite(error_deg) else None)
        except Exception:  # a method that fails on a recording is counted, not fatal
            mm.append(None)
            spent = time.process_time() - begun
        cpu_ms.append(1e3 * spent)
    say(method=method, mm=mm, deg=deg, cpu_ms=cpu_ms)


def timed(work):
    """Runs quietly: a library's own words must not stand among the answers."""
    begun = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        result = work()
    return result, time.process_time() - begun


def pivot(trials):
    try:
        import importlib.metadata as metadata

        import sksurgerycalibration.algorithms.pivot as library

        name = "scikit-surgery " + metadata.version("scikit-surgerycalibration")
    except ImportError as error:
        say(method="scikit-surgerycalibration", cannot_run=str(error))
        return

    for trial in trials:
        trial["poses"] = np.array(trial["poses"]).reshape(-1, 4, 4)
        trial["tip"], trial["divot"] = np.array(trial["tip"]), np.array(trial["divot"])

    def error(trial, found):
        return np.linalg.norm(np.ravel(found)[:3] - trial["tip"])

    def algebraic(trial):
        (found, _, _), spent = timed(lambda: library.pivot_calibration(trial["poses"], {"method": "aos"}))
        return error(trial, found), None, spent

    def sphere(trial):
        guess = np.append(trial["divot"], np.linalg.norm(trial["tip"]))
        settings = {"method": "sphere_fitting", "init_parameters": guess}
        (found, _, _), spent = timed(lambda: library.pivot_calibration(trial["poses"], settings))
        return error(trial, found), None, spent

    def ransac(trial):
        random.seed(1)
        (found, _, _), spent = timed(lambda: library.pivot_calibration_with_ransac(trial["poses"], *RANSAC))
        return error(trial, found), None, spent

    run(name + " AOS", trials, algebraic)
    run(name + " sphere", trials, sphere)
    run(name + " RANSAC", trials, ransac)


def hand_eye(trials):
    try:
        import cv2
    except ImportError as error:
        say(method="OpenCV", cannot_run=str(error))
        return
    if not hasattr(cv2, "calibrateHandEye"):
        say(method="OpenCV " + cv2.__version__, cannot_run="this build has no calibrateHandEye")
        return

    for trial in trials:
        for key in ("base_from_hand", "eye_from_world"):
            trial[key] = np.array(trial[key]).reshape(-1, 4, 4)
        trial["hand_from_eye"] = np.array(trial["hand_from_eye"]).reshape(4, 4)

    def errors(trial, rotation, translation):
        truth = trial["hand_from_eye"]
        turn = np.clip((np.trace(rotation @ truth[:3, :3].T) - 1.0) / 2.0, -1.0, 1.0)
        return np.linalg.norm(np.ravel(translation) - truth[:3, 3]), np.degrees(np.arccos(turn))

    def with_method(method):
        def solve(trial):
            a, b = trial["base_from_hand"], trial["eye_from_world"]
            lists = [list(m) for m in (a[:, :3, :3], a[:, :3, 3:], b[:, :3, :3], b[:, :3, 3:])]
            (rotation, translation), spent = timed(lambda: cv2.calibrateHandEye(*lists, method=method))
            return (*errors(trial, rotation, translation), spent)

        return solve

    def robot_world(method):
        def solve(trial):
            # A X = Z B: OpenCV wants world-to-camera and base-to-gripper.
            a = trial["eye_from_world"]
            b = np.linalg.inv(trial["base_from_hand"])
            lists = [list(m) for m in (a[:, :3, :3], a[:, :3, 3:], b[:, :3, :3], b[:, :3, 3:])]
            found, spent = timed(lambda: cv2.calibrateRobotWorldHandEye(*lists, method=method))
            gripper_to_camera = np.eye(4)
            gripper_to_camera[:3, :3], gripper_to_camera[:3, 3] = found[2], np.ravel(found[3])
            hand_from_eye = np.linalg.inv(gripper_to_camera)
            return (*errors(trial, hand_from_eye[:3, :3], hand_from_eye[:3, 3]), spent)

        return solve

    version = "OpenCV " + cv2.__version__
    for method in ("TSAI", "PARK", "HORAUD", "ANDREFF", "DANIILIDIS"):
        run(f"{version} {method.title()}", trials, with_method(getattr(cv2, "CALIB_HAND_EYE_" + method)))
    if hasattr(cv2, "calibrateRobotWorldHandEye"):
        for method in ("SHAH", "LI"):
            run(f"{version} {method.title()}", trials, robot_world(getattr(cv2, "CALIB_ROBOT_WORLD_HAND_EYE_" + method)))


def main():
    data = json.load(sys.stdin)
    kinds = {"pivot": pivot, "hand-eye": hand_eye}
    if data.get("kind") not in kinds:
        sys.exit(f"unknown kind {data.get('kind')!r}")
    kinds[data["kind"]](data["trials"])


if __name__ == "__main__":
    main()
