"""Reads binary glTF meshes and turns closed surfaces into voxels."""

import json
import struct
from pathlib import Path

import numpy as np
from scipy import ndimage as ndi

GLB_HEADER, CHUNK_HEADER = 12, 8
DTYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}


def read_glb(path: Path) -> dict:
    """Mesh name -> (vertices [n, 3] as stored, triangles [m, 3])."""
    raw = path.read_bytes()
    length = struct.unpack_from("<I", raw, GLB_HEADER)[0]
    start = GLB_HEADER + CHUNK_HEADER
    tree = json.loads(raw[start : start + length])
    blob = raw[start + length + CHUNK_HEADER :]

    def accessor(number):
        entry = tree["accessors"][number]
        view = tree["bufferViews"][entry["bufferView"]]
        offset = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        width = {"SCALAR": 1, "VEC3": 3}[entry["type"]]
        values = np.frombuffer(blob, DTYPES[entry["componentType"]], entry["count"] * width, offset)
        return values.reshape(-1, width)

    meshes = {}
    for mesh in tree["meshes"]:
        part = mesh["primitives"][0]
        vertices = accessor(part["attributes"]["POSITION"]).astype(np.float64)
        meshes[mesh["name"]] = (vertices, accessor(part["indices"]).reshape(-1, 3).astype(int))
    return meshes


def surface_points(vertices, triangles, step_mm):
    """Points at most about `step_mm` apart on every triangle."""
    corners = vertices[triangles]
    longest = max(np.linalg.norm(corners - np.roll(corners, 1, 1), axis=2).max(), step_mm)
    count = int(np.ceil(longest / step_mm)) + 1
    u, v = np.meshgrid(np.linspace(0, 1, count), np.linspace(0, 1, count))
    keep = u + v <= 1 + 1e-9
    u, v = u[keep], v[keep]
    weights = np.stack([1 - u - v, u, v], 1)
    return np.einsum("wk,tkc->twc", weights, corners).reshape(-1, 3)


def voxelise(vertices, triangles, shape, spacing_mm):
    """Solid mask of a closed surface given in the grid's own millimetres, order [z, y, x]."""
    points = surface_points(vertices, triangles, 0.5 * spacing_mm)
    index = np.rint(points / spacing_mm).astype(int)
    index = index[((index >= 0) & (index < shape)).all(1)]
    low, high = np.maximum(index.min(0) - 2, 0), index.max(0) + 3
    shell = np.zeros(high - low, bool)
    shell[tuple((index - low).T)] = True
    filled = ndi.binary_fill_holes(ndi.binary_closing(shell, iterations=1) | shell)
    solid = np.zeros(shape, bool)
    box = tuple(slice(a, b) for a, b in zip(low, high))
    solid[box] = filled[tuple(slice(0, n) for n in solid[box].shape)]
    return solid
