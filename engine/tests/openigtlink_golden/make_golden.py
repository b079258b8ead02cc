"""Writes reference messages with header 2 (extended header, metadata) with
pyigtl, which is independent of the C++ library. Run by make_golden.sh."""

import pathlib
import struct

import numpy as np
import pyigtl
from pyigtl.messages import MessageBase

POSE = np.array([[0, -1, 0, 10], [1, 0, 0, -20], [0, 0, 1, 30.5], [0, 0, 0, 1]], float)


def write(name, message, metadata, number):
    message.header_version = 2
    message.metadata = metadata
    message.message_id = number
    pathlib.Path(f"{name}_2.bin").write_bytes(message.pack())


named = {"timestamp": 1700000000.25}
write("TRANSFORM", pyigtl.TransformMessage(POSE, device_name="StylusToTracker", **named), {"Status": "OK", "Rate": "60"}, 7)
write("TRANSFORM_LOST", pyigtl.TransformMessage(POSE, device_name="StylusToTracker", **named), {"Status": "MISSING"}, 8)
write("STRING", pyigtl.StringMessage("hello", device_name="Str", **named), {}, 9)
voxels = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
write("IMAGE", pyigtl.ImageMessage(voxels, ijk_to_world_matrix=POSE, device_name="Img", **named), {}, 10)
write("POINT", pyigtl.PointMessage([[1, 2, 3], [4, 5, 6]], names=["L1", "L2"], device_name="Fid", **named), {}, 11)


class ShortPosition(MessageBase):
    """POSITION with less than a whole quaternion, which neither peer can pack."""

    def __init__(self, numbers):
        super().__init__(device_name="Pos", **named)
        self._message_type, self.numbers = "POSITION", numbers

    def _pack_content(self):
        return struct.pack(f">{len(self.numbers)}f", *self.numbers)


position, vector = [1.5, -2.25, 3.125], [0.18257419, 0.36514837, 0.5477226]
pathlib.Path("POSITION_12.bin").write_bytes(ShortPosition(position).pack())
pathlib.Path("POSITION_24.bin").write_bytes(ShortPosition(position + vector).pack())
