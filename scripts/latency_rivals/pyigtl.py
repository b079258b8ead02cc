"""A relay made with pyigtl: reads TRANSFORM messages of a tracker and sends
each pose to one client.

    pyigtl TRACKER_PORT      prints {"port": N}, runs until killed

pyigtl keeps the newest message of each name and has no way to wait for it, so
this looks every half millisecond; its own sockets take turns of 10 ms."""

import json
import logging
import socket
import sys
import time

import pyigtl

logging.getLogger("pyigtl").setLevel(logging.ERROR)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    tracker = pyigtl.OpenIGTLinkClient(host="127.0.0.1", port=int(sys.argv[1]))
    port = free_port()
    server = pyigtl.OpenIGTLinkServer(port=port, local_server=True)
    print(json.dumps({"port": port}), flush=True)
    while True:
        for message in tracker.get_latest_messages():
            pose = pyigtl.TransformMessage(message.matrix, timestamp=message.timestamp, device_name=message.device_name)
            server.send_message(pose, wait=False)
        time.sleep(0.0005)


main()
