#!/usr/bin/env python3
"""Other registrations on the cases of `spinenav bench register`.

    python scripts/bench_register_peers.py DIR POINTS METHOD [--threads N] [--limit N]

DIR holds `target.bin` and `cases_POINTS.bin`, which `spinenav bench register`
writes and reads. Prints one JSON object a line: first the method with its
version, then one object a case with its number, error (TRE, mm) and CPU time
of solving (ms); making normals, covariances and trees beforehand is not
counted, which favours these methods.

All start from the identity and narrow their search in three stages, the best
setting found for each of them.
"""

import argparse
import json
import os
import struct
import sys
import time
from pathlib import Path

STAGES = ((20.0, 30), (8.0, 30), (3.0, 30))  # largest distance of a pair in mm, iterations
ROTATION_RAD, TRANSLATION_MM = 1e-4, 1e-2  # a step below both ends a stage
TARGET_MAGIC, CASES_MAGIC = 0x54475431, 0x43415331


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("points", type=int)
    parser.add_argument("method", choices=sorted(METHODS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=int, default=None, help="only the first cases of each displacement")
    return parser.parse_args()


def read_target(folder: Path):
    """Points and outward normals, mm."""
    import numpy

    data = (folder / "target.bin").read_bytes()
    magic, count = struct.unpack_from("<II", data)
    if magic != TARGET_MAGIC:
        sys.exit(f"{folder / 'target.bin'} is not a target file")
    rows = numpy.frombuffer(data, "<f4", 6 * count, 8).reshape(-1, 6).astype(float)
    return rows[:, :3], rows[:, 3:]


def read_cases(folder: Path, points: int, limit):
    """`(number, true source-to-CT matrix, source points, targets in the CT)`."""
    import numpy

    path = folder / f"cases_{points}.bin"
    data = path.read_bytes()
    magic, count, sources, targets = struct.unpack_from("<IIII", data)
    if magic != CASES_MAGIC:
        sys.exit(f"{path} is not a case file")
    place, seen = 16, {}
    for number in range(count):
        displacement = struct.unpack_from("<ff", data, place)
        place += 16
        truth = numpy.frombuffer(data, "<f8", 16, place).reshape(4, 4)
        place += 128
        source = numpy.frombuffer(data, "<f4", 3 * sources, place).reshape(-1, 3).astype(float)
        place += 12 * sources
        target = numpy.frombuffer(data, "<f4", 3 * targets, place).reshape(-1, 3).astype(float)
        place += 12 * targets
        seen[displacement] = seen.get(displacement, 0) + 1
        if limit is None or seen[displacement] <= limit:
            yield number, truth, source, target


def small_gicp_method(kind: str):
    """small_gicp (Koide, JOSS 2024, doi:10.21105/joss.06948)."""

    def start(points, _normals, threads):
        import numpy
        import small_gicp

        cloud = small_gicp.PointCloud(points)
        tree = small_gicp.KdTree(cloud, num_threads=threads)
        small_gicp.estimate_normals_covariances(cloud, tree, num_neighbors=10, num_threads=threads)

        def prepare(source):
            source = small_gicp.PointCloud(source)
            if kind == "GICP":
                small_gicp.estimate_covariances(source, num_neighbors=10, num_threads=threads)
            return source

        def solve(source):
            pose = numpy.eye(4)
            for distance, iterations in STAGES:
                result = small_gicp.align(
                    cloud, source, tree, init_T_target_source=pose, registration_type=kind,
                    max_correspondence_distance=distance, num_threads=threads, max_iterations=iterations,
                    rotation_epsilon=ROTATION_RAD, translation_epsilon=TRANSLATION_MM,
                )
                pose = result.T_target_source
            return pose

        return prepare, solve

    return "small_gicp", start


def open3d_method():
    """Open3D's point-to-plane ICP (Zhou et al. 2018, arXiv:1801.09847)."""

    def start(points, normals, _threads):
        import numpy
        import open3d

        open3d.utility.set_verbosity_level(open3d.utility.VerbosityLevel.Error)
        registration = open3d.pipelines.registration
        cloud = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(points))
        cloud.normals = open3d.utility.Vector3dVector(normals)
        plane = registration.TransformationEstimationPointToPlane()

        def prepare(source):
            return open3d.geometry.PointCloud(open3d.utility.Vector3dVector(source))

        def solve(source):
            pose = numpy.eye(4)
            for distance, iterations in STAGES:
                ends = registration.ICPConvergenceCriteria(1e-6, 1e-6, iterations)
                pose = registration.registration_icp(source, cloud, distance, pose, plane, ends).transformation
            return pose

        return prepare, solve

    return "open3d", start


def kd_tree_method():
    """Point-to-plane ICP as PCL runs it (Chen & Medioni 1992,
    doi:10.1016/0262-8856(92)90066-C), with SciPy's kd-tree."""

    def start(points, normals, threads):
        import numpy
        from scipy.spatial import cKDTree
        from scipy.spatial.transform import Rotation

        tree = cKDTree(points)

        def solve(source):
            rotation, shift = numpy.eye(3), numpy.zeros(3)
            for distance, iterations in STAGES:
                for _ in range(iterations):
                    moved = source @ rotation.T + shift
                    gaps, nearest = tree.query(moved, distance_upper_bound=distance, workers=threads)
                    paired = numpy.isfinite(gaps)
                    if paired.sum() < 6:
                        break
                    moved, normal = moved[paired], normals[nearest[paired]]
                    residual = ((moved - points[nearest[paired]]) * normal).sum(1)
                    centre = moved.mean(0)
                    jacobian = numpy.hstack([numpy.cross(moved - centre, normal), normal])
                    step = numpy.linalg.solve(jacobian.T @ jacobian + 1e-9 * numpy.eye(6), -jacobian.T @ residual)
                    turn = Rotation.from_rotvec(step[:3]).as_matrix()
                    rotation, shift = turn @ rotation, turn @ (shift - centre) + centre + step[3:]
                    if numpy.linalg.norm(step[:3]) < ROTATION_RAD and numpy.linalg.norm(step[3:]) < TRANSLATION_MM:
                        break
            pose = numpy.eye(4)
            pose[:3, :3], pose[:3, 3] = rotation, shift
            return pose

        return (lambda source: source), solve

    return "scipy", start


METHODS = {
    "small-gicp": ("small_gicp, generalised ICP", small_gicp_method("GICP")),
    "small-gicp-plane": ("small_gicp, point to plane", small_gicp_method("PLANE_ICP")),
    "open3d": ("Open3D, point to plane", open3d_method()),
    "kd-tree": ("kd-tree, point to plane", kd_tree_method()),
}


def say(answer) -> None:
    print(json.dumps(answer), flush=True)


def main() -> None:
    chosen = options()
    os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    os.environ["OMP_WAIT_POLICY"] = "passive"  # else waiting threads count as CPU time
    name, (package, start) = METHODS[chosen.method]
    try:
        from importlib.metadata import version

        import numpy

        release = version(package)
        points, normals = read_target(chosen.folder)
        prepare, solve = start(points, normals, chosen.threads)
    except ImportError as error:
        say({"cannot_run": f"{name}: {error}; scripts/install_peers.sh installs it"})
        return
    say({"method": name, "version": release})
    is_first = True
    for number, truth, source, targets in read_cases(chosen.folder, chosen.points, chosen.limit):
        prepared = prepare(source)
        if is_first:
            solve(prepared)  # starts the threads
            is_first = False
        cpu = time.process_time()
        pose = solve(prepared)
        cpu = time.process_time() - cpu
        there = (targets - truth[:3, 3]) @ truth[:3, :3]
        errors = numpy.linalg.norm(there @ pose[:3, :3].T + pose[:3, 3] - targets, axis=1)
        say({"case": number, "tre_mm": float(errors.mean()), "cpu_ms": 1e3 * cpu})


if __name__ == "__main__":
    main()
