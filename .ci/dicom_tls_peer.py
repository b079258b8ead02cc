#!/usr/bin/env python3
"""Peers of `spinenav serve` over TLS that are not ours.

Usage: dicom_tls_peer.py PORT send SLICES CERTIFICATES, which sends a series with
pynetdicom; or dicom_tls_peer.py PORT broken, which breaks off in six ways.
"""
import pathlib
import socket
import ssl
import sys


def send(port: int, slices: pathlib.Path, certificates: pathlib.Path) -> None:
    from pydicom import dcmread
    from pynetdicom import AE
    from pynetdicom.sop_class import CTImageStorage

    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    context.load_cert_chain(certificates / "scanner.pem", certificates / "scanner.key")
    ae = AE(ae_title="PYNETDICOM")
    ae.add_requested_context(CTImageStorage)
    link = ae.associate("127.0.0.1", port, ae_title="SPINENAV", tls_args=(context, "localhost"))
    if not link.is_established:
        sys.exit("no association over TLS")
    for path in sorted(slices.glob("*.dcm")):
        status = link.send_c_store(dcmread(path))
        if not status or status.Status != 0:
            sys.exit(f"{path}: {status}")
    link.release()


def hello() -> bytes:
    """A real ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def broken(port: int) -> None:
    whole = hello()
    for said in [b"", whole[:3], whole[: len(whole) // 2], whole, b"\x16\x03\x01\xff\xff" + b"\0" * 9, b"GET / HTTP/1.0\r\n\r\n"]:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
            link.sendall(said)


if __name__ == "__main__":
    if sys.argv[2] == "send":
        send(int(sys.argv[1]), pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4]))
    else:
        broken(int(sys.argv[1]))
