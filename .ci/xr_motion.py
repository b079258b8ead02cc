"""Head and hands for the remote driver of Monado 25 (port 4242), sent until killed.

Without an argument the head sways 0.1 m to either side and turns 20 degrees, once in two seconds.
`sway` is the same, `still` keeps everything still. `grab FILE PACE`, `size FILE PACE`, `panel FILE PACE` and
`buttons FILE PACE` keep the head still and wait for FILE to exist; then the right hand takes the scene, moves it
by MOVED and lets go; both hands size it by SIZED; the right hand points at the slices, takes them and pulls them
far away; the right hand tilts its stick to the right, then up, holds its trigger, and presses A. Afterwards
the left hand is seen and the right one is not any more.

`practice FILE PACE LOG` does what the program's LOG asks for: points at each landmark and pulls the trigger, draws
over the bone between them, points at TAKE BACK and REGISTER, and at END once it is over.

The driver takes 376 bytes: 8 of header, 96 of views (zero: it makes them from
the centre), the head's pose, 4 flags, then two controllers of 120 bytes: pose, two velocities, five
fingers, trigger, squeeze, squeeze force, stick, trackpad force, trackpad, and 16 flags."""

import math
import os
import re
import socket
import struct
import sys
import time

HZ = 100
MOVED = (-0.12, 0.06, 0.0)
SIZED = 1.5
KIND = sys.argv[1] if len(sys.argv) > 1 else "sway"
GO = sys.argv[2] if len(sys.argv) > 2 else None
# How many times slower the hands are: a slow machine sees few frames.
PACE = float(sys.argv[3]) if len(sys.argv) > 3 and __name__ == "__main__" else 1.0
LOG = sys.argv[4] if len(sys.argv) > 4 else None
HEAD = (0.0, 1.6, 0.0)
LEFT, RIGHT = (-0.2, 1.3, -0.5), (0.2, 1.3, -0.5)


def pose(rotation=(0.0, 0.0, 0.0, 1.0), position=(0.0, 0.0, 0.0)):
    return struct.pack("<7f", *rotation, *position)


def controller(position, squeeze=0.0, active=True, trigger=0.0, stick=(0.0, 0.0), a=False):
    velocities_and_fingers = bytes(4 * 11)
    buttons = struct.pack("<8f", trigger, squeeze, squeeze, *stick, 0.0, 0.0, 0.0)
    # Hand tracking, active, system, its touch, A, its touch, ...
    flags = bytes([0, int(active), 0, 0, int(a), int(a)]) + bytes(10)
    return pose((0.0, 0.0, 0.0, 1.0), position) + velocities_and_fingers + buttons + flags


def along(start, by, share):
    return tuple(a + b * share for a, b in zip(start, by))


def hands(seconds):
    """Left and right hand, `seconds` after they may begin."""
    squeeze = 1.0 if 1.0 <= seconds < 4.0 else 0.0
    share = min(max((seconds - 1.5) / 2.0, 0.0), 1.0)
    is_seen = seconds < 5.0
    if KIND == "grab":
        return controller(LEFT), controller(along(RIGHT, MOVED, share), squeeze, is_seen)
    if KIND == "size":
        half = 0.1 * (1.0 + (SIZED - 1.0) * share)
        return controller((-0.1 - half, 1.3, -0.5), squeeze), controller((-0.1 + half, 1.3, -0.5), squeeze)
    if KIND == "panel":
        # At the middle of the slices, then five metres aside and back.
        return controller(LEFT), controller(along((0.135, 1.55, -0.47), (5.0, -3.0, 4.0), share), squeeze, is_seen)
    if KIND == "practice":
        return controller(LEFT), PRACTICE.hand(seconds)
    if KIND == "buttons":
        # The cut shows the CT, with which frames are few: A is held until one has seen it.
        stick = (float(0.5 <= seconds < 1.0), float(1.5 <= seconds < 2.0))
        trigger = 1.0 if 2.5 <= seconds < 4.5 else 0.0
        presses_a = 5.0 <= seconds < 7.0
        return controller(LEFT), controller(RIGHT, 0.0, seconds < 7.5, trigger, stick, presses_a)
    return controller(LEFT), controller(RIGHT)


class Practice:
    """Points where the log says, along -z from AWAY metres before it; over the bone as slowly as
    the program's answers to the landmarks ask for."""

    AWAY = (0.0, 0.0, 0.2)
    # Seconds: a hand comes, presses, and lets go.
    COMES, LETS_GO, GONE = 0.4, 0.9, 1.2
    STROKES, HALF_WIDTH = 6, 0.024
    # Seconds from a press to the program's answer for which these are made: two frames of 60 ms.
    ANSWER = 0.12

    def __init__(self):
        self.log, self.part, self.plan, self.begun = None, "", [], None
        self.landmarks, self.buttons, self.rest = {}, {}, ""
        self.now, self.answers = 0.0, []

    def read(self):
        """What the log has said since the last call; a process that was started again says it again."""
        if self.log is None and os.path.exists(LOG):
            self.log = open(LOG, encoding="utf8", errors="replace")
        new = self.log.read() if self.log else ""
        *lines, self.rest = (self.rest + new).split("\n")
        for line in lines:
            # The program's room begins where the head was.
            numbers = lambda key: along(HEAD, [float(n) for n in re.search(key + r"=\[([^\]]*)\]", line)[1].split(",")], 1)
            if "practice: buttons" in line:
                self.buttons = {key: numbers(key) for key in ("take_back_m", "register_m")}
                self.part, self.plan = "", []
            elif "is asked for" in line and "room_m" in line:
                place = self.landmarks[int(re.search(r"number=(\d+)", line)[1])] = numbers("room_m")
                self.begin("landmark", [(place, place)])
            elif "the bone is asked for" in line:
                self.begin("bone", self.strokes())
            elif "practice: over" in line:
                self.begin("over", [self.press("register_m")])

    def begin(self, part, plan):
        if self.part == "landmark" and self.begun is not None:
            self.answers.append(self.now - self.begun - self.COMES)
        self.part, self.plan, self.begun = part, plan, None

    def slower(self):
        """How many times slower than at the landmarks the bone is touched."""
        answers = sorted(self.answers) or [self.ANSWER]
        return max(answers[len(answers) // 2] / self.ANSWER, 1.0)

    def press(self, button):
        return (self.buttons[button],) * 2

    def strokes(self):
        """Across, between the first and the last landmark, then back and registered."""
        places = [self.landmarks[n] for n in sorted(self.landmarks)]
        low, high = min(p[1] for p in places), max(p[1] for p in places)
        middle = sum(p[0] for p in places) / len(places)
        plan = []
        for n in range(self.STROKES):
            y = low + (high - low) * n / (self.STROKES - 1)
            plan.append(tuple((middle + side * self.HALF_WIDTH, y, places[0][2]) for side in (-1, 1)))
        return [*plan, self.press("take_back_m"), self.press("register_m")]

    def hand(self, seconds):
        self.now = seconds
        self.read()
        if not self.plan:
            return controller(RIGHT)
        if self.begun is None:
            self.begun = seconds
        since = (seconds - self.begun) / (self.slower() if self.part == "bone" else 1.0)
        # Again and again where nothing else is asked for: a press may fall between two frames.
        number = int(since / self.GONE)
        if number >= len(self.plan) and self.part == "bone":
            number = len(self.plan) - 1
        start, end = self.plan[number % len(self.plan)]
        phase = since % self.GONE
        share = min(max((phase - self.COMES) / (self.LETS_GO - self.COMES), 0.0), 1.0)
        place = tuple(a + (b - a) * share + away for a, b, away in zip(start, end, self.AWAY))
        return controller(place, trigger=float(self.COMES <= phase < self.LETS_GO))


PRACTICE = Practice()


def packet(seconds, since_go):
    phase = math.sin(math.pi * seconds) if KIND == "sway" else 0.0
    half = 0.5 * math.radians(20.0) * phase
    head = pose((0.0, math.sin(half), 0.0, math.cos(half)), (0.1 * phase, HEAD[1], 0.0))
    return b"mndrmt2\0" + bytes(96) + head + bytes(4) + b"".join(hands(since_go))


def main():
    assert len(packet(0.0, 0.0)) == 376
    gone = None
    while True:
        try:
            with socket.create_connection(("127.0.0.1", 4242), 5) as driver:
                driver.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                started = time.monotonic()
                while True:
                    now = time.monotonic()
                    if gone is None and GO and os.path.exists(GO):
                        gone = now
                    driver.sendall(packet(now - started, (now - gone) / PACE if gone is not None else 0.0))
                    time.sleep(1.0 / HZ)
        except OSError:
            # The runtime is not there yet, or not any more.
            time.sleep(0.1)


if __name__ == "__main__":
    main()
