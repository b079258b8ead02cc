"""A peer made with pyigtl, for openigtlink_peer.sh:

    peer.py serve KIND          prints its port, sends KIND to whoever connects
    peer.py receive PORT KIND   prints the first KIND that comes

KIND is TRANSFORM, IMAGE, POINT or STRING."""

import json
import logging
import socket
import sys
import time

import numpy as np
import pyigtl

POSE = np.array([[0, -1, 0, 1.5], [1, 0, 0, -2.25], [0, 0, 1, 3.125], [0, 0, 0, 1]], float)
DEVICE = "Python"
logging.getLogger("pyigtl").setLevel(logging.ERROR)


def message(kind):
    if kind == "TRANSFORM":
        made = pyigtl.TransformMessage(POSE, device_name=DEVICE)
    elif kind == "IMAGE":
        placed = np.diag([0.5, 0.75, 2.5, 1.0])
        placed[:3, 3] = [10, 20, 30]
        voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
        made = pyigtl.ImageMessage(voxels, ijk_to_world_matrix=placed, device_name=DEVICE)
    elif kind == "POINT":
        made = pyigtl.PointMessage([[1, 2, 3]], names=["L1-tip"], device_name=DEVICE)
    else:
        made = pyigtl.StringMessage("hello", device_name=DEVICE)
    made.header_version = 2
    return made


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(kind):
    port = free_port()
    server = pyigtl.OpenIGTLinkServer(port=port, local_server=True)
    print(json.dumps({"port": port}), flush=True)
    until = time.time() + 15
    while time.time() < until:
        if server.is_connected():
            server.send_message(message(kind))
        time.sleep(0.02)


def numbers(array):
    return " ".join(f"{v + 0.0:.3f}" for v in np.asarray(array, float).ravel().round(3))


def receive(port, kind):
    client = pyigtl.OpenIGTLinkClient(host="127.0.0.1", port=port)
    got = client.wait_for_message("SpineNav", timeout=15)
    if got is None or got.message_type != kind:
        sys.exit(f"no {kind}: {got}")
    if kind == "TRANSFORM":
        print(kind, numbers(got.matrix[:3]))
    elif kind == "IMAGE":
        print(kind, got.world_coordinate_system, got.image.shape, int(got.image.sum()), numbers(got.ijk_to_world_matrix[:3]))
    elif kind == "POINT":
        print(kind, got.names, numbers(got.positions), got.owners)
    else:
        print(kind, got.string)
    client.stop()


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    receive(int(sys.argv[2]), sys.argv[3])
