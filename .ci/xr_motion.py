"""A head that sways 0.1 m to either side and turns 20 degrees, once in two seconds, sent to the
remote driver of Monado 25 (port 4242) until killed; with `still` as its argument one that does not move.

The driver takes 376 bytes: 8 of header, 96 of views (zero: it makes them from
the centre), the head's pose, 4 flags, then two controllers of 120 bytes."""

import math
import socket
import struct
import sys
import time

HZ = 100
STILL = sys.argv[1:] == ["still"]


def pose(rotation=(0.0, 0.0, 0.0, 1.0), position=(0.0, 0.0, 0.0)):
    return struct.pack("<7f", *rotation, *position)


def controller(position):
    velocities_and_fingers, buttons = bytes(4 * 11), bytes(4 * 8)
    return pose(position=position) + velocities_and_fingers + buttons + bytes([0, 1]) + bytes(14)


def packet(seconds):
    phase = 0.0 if STILL else math.sin(math.pi * seconds)
    half = 0.5 * math.radians(20.0) * phase
    head = pose((0.0, math.sin(half), 0.0, math.cos(half)), (0.1 * phase, 1.6, 0.0))
    hands = controller((-0.2, 1.3, -0.5)) + controller((0.2, 1.3, -0.5))
    return b"mndrmt2\0" + bytes(96) + head + bytes(4) + hands


def main():
    assert len(packet(0.0)) == 376
    while True:
        try:
            with socket.create_connection(("127.0.0.1", 4242), 5) as driver:
                driver.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                started = time.monotonic()
                while True:
                    driver.sendall(packet(time.monotonic() - started))
                    time.sleep(1.0 / HZ)
        except OSError:
            # The runtime is not there yet, or not any more.
            time.sleep(0.1)


if __name__ == "__main__":
    main()
