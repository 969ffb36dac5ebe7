"""A server in front of Rucio's that fails at first. Python runs it in the box.

    python3 - PORT MODE COUNT     503: answers COUNT requests with 503; hang: never answers COUNT connections

It forwards later connections unchanged, including TLS and client certificate.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import sys
import threading
import time

_BEHIND = ("rucio.site.test", 8443)
_ANSWER = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def _refuse(client: socket.socket) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain("/etc/grid-security/hostcert.pem", "/etc/grid-security/hostkey.pem")
    with context.wrap_socket(client, server_side=True) as secure:
        secure.recv(65536)
        secure.sendall(_ANSWER)


def _hand_through(client: socket.socket) -> None:
    server = socket.create_connection(_BEHIND)
    threading.Thread(target=_pump, args=(client, server), daemon=True).start()
    _pump(server, client)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _serve(client: socket.socket, mode: str, *, fails: bool) -> None:
    with contextlib.suppress(OSError):
        if not fails:
            _hand_through(client)
        elif mode == "hang":
            time.sleep(600)
        else:
            _refuse(client)


def main(port: int, mode: str, count: int) -> None:
    listener = socket.create_server(("10.99.0.1", port))
    for number in itertools.count():
        client, _ = listener.accept()
        threading.Thread(target=_serve, args=(client, mode), kwargs={"fails": number < count}, daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
