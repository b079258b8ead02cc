#!/usr/bin/env python3
"""Senders that are not ours: pynetdicom against `spinenav serve`.

Usage: dicom_network_peer.py PORT FOLDER HOW, where FOLDER holds the slices and
HOW is `twice` (every slice two times, in disorder), `break` (aborts in the
middle), `die` (kills itself inside an object) or `stranger` (a title that is
not allowed; must be refused).
"""
import os
import pathlib
import random
import socket
import sys

from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage


def main() -> None:
    port, folder, how = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    slices = sorted(folder.glob("*.dcm"))
    ae = AE(ae_title="STRANGER" if how == "stranger" else "PYNETDICOM")
    ae.add_requested_context(CTImageStorage)
    # A machine that stands still for a while is not what is tested.
    ae.dimse_timeout = ae.network_timeout = 300
    link = ae.associate("127.0.0.1", port, ae_title="SPINENAV")
    if how == "stranger":
        sys.exit(1 if link.is_established else 0)
    if not link.is_established:
        sys.exit("no association")
    if how == "twice":
        slices = slices * 2
        random.Random(1).shuffle(slices)
    for number, path in enumerate(slices):
        if number == len(slices) // 2 and how == "break":
            link.abort()
            return
        if number == len(slices) // 2 and how == "die":
            # Half an object on the wire, then gone without a word.
            link.dul.socket.socket.sendall(b"\x04\x00\x00\x00\x40\x00" + b"\x00\x00\x3f\xfc\x01\x00" + b"\x00" * 100)
            link.dul.socket.socket.shutdown(socket.SHUT_RDWR)
            os._exit(0)
        status = link.send_c_store(dcmread(path))
        if not status or status.Status != 0:
            sys.exit(f"{path}, number {number} of {how}: {status or 'no answer'}; established {link.is_established}, aborted {link.is_aborted}")
    link.release()


if __name__ == "__main__":
    main()
