"""A TCP proxy that makes a line bad: between a client and a real server."""

import socket
import threading
import time
from contextlib import suppress
from typing import Literal, Self

Direction = Literal["up", "down"]  # up: from the client to the server
Mode = Literal["pass", "delay", "cut_after", "blackhole", "drop", "refuse"]


class Proxy:
    """`with Proxy(server.port) as line: connect to line.port; line.blackhole()`. A mode holds from the next bytes on.

    passing()              as if it were not there
    delay(s)               every piece waits s seconds
    cut_after(n, which)    both ends are closed once n more bytes went that way
    blackhole()            connections are taken, bytes vanish, nothing ever answers
    drop(which)            bytes of one direction vanish
    refuse()               new connections are closed at once
    cut()                  close every connection now
    """

    host = "127.0.0.1"

    def __init__(self, target_port: int, target_host: str = "127.0.0.1") -> None:
        self._target = (target_host, target_port)
        self._mode: Mode = "pass"
        self._direction: Direction = "down"
        self._delay_s = 0.0
        self._left_bytes = 0
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self.connections = 0

    def __enter__(self) -> Self:
        self._door = socket.create_server((self.host, 0), backlog=128)
        self.port = int(self._door.getsockname()[1])
        self._closed = False
        self._accepter = threading.Thread(target=self._accept, daemon=True, name=f"proxy-{self.port}")
        self._accepter.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        socket.create_connection((self.host, self.port), timeout=60).close()  # wakes accept()
        self._accepter.join(60)
        self._door.close()
        self.cut()

    def passing(self) -> None:
        self._mode = "pass"

    def delay(self, seconds: float) -> None:
        self._mode, self._delay_s = "delay", seconds

    def cut_after(self, size_bytes: int, direction: Direction = "down") -> None:
        self._left_bytes, self._direction, self._mode = size_bytes, direction, "cut_after"

    def blackhole(self) -> None:
        self._mode = "blackhole"

    def drop(self, direction: Direction) -> None:
        self._direction, self._mode = direction, "drop"

    def refuse(self) -> None:
        self._mode = "refuse"

    def cut(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for sock in sockets:
            _close(sock)

    def _accept(self) -> None:
        while True:
            client, _ = self._door.accept()
            if self._closed:
                client.close()
                return
            self.connections += 1
            if self._mode == "refuse":
                client.close()
                continue
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=60)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            self._sockets |= {client, server}
        threading.Thread(target=self._pump, args=(client, server, "up"), daemon=True).start()
        self._pump(server, client, "down")

    def _pump(self, source: socket.socket, sink: socket.socket, direction: Direction) -> None:
        try:
            while piece := source.recv(65536):
                self._carry(piece, sink, direction)
        except OSError:
            pass  # one of the ends is gone, which is what this is for
        with self._lock:
            self._sockets -= {source, sink}
        _close(source)
        _close(sink)

    def _carry(self, piece: bytes, sink: socket.socket, direction: Direction) -> None:
        mode = self._mode
        if mode == "blackhole" or (mode == "drop" and direction == self._direction):
            return
        if mode == "delay":
            time.sleep(self._delay_s)
        if mode == "cut_after" and direction == self._direction:
            sink.sendall(piece[: self._left_bytes])
            self._left_bytes -= len(piece)
            if self._left_bytes <= 0:
                raise OSError("cut")
            return
        sink.sendall(piece)


def _close(sock: socket.socket) -> None:
    with suppress(OSError):  # not connected any more
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
