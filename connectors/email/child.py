"""The parsing child: reads mails from its input, writes what it read to its output, and may be killed at any moment.

Run as `python -m connectors.email.child`. It imports only the parser. Frames on both pipes are a length of four bytes
(big endian) and that many bytes of msgpack: some requests in one frame, each answer in a frame of its own. Never pickles,
because this process has read hostile bytes.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import struct
import sys
from typing import BinaryIO

import msgspec

from connectors.email.parse import ParsedMail, parse_mail

MEMORY_BYTES = 512 * 1024 * 1024
CPU_S = 10
IDLE_S = 300
LENGTH = struct.Struct(">I")


class Request(msgspec.Struct, array_like=True):
    raw: bytes
    trusted_hosts: list[str]
    own_addresses: list[str]


class Answer(msgspec.Struct, array_like=True):
    mail: ParsedMail | None
    error: str = ""


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, target = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing that prints may disturb the frames
    decoder, encoder = msgspec.msgpack.Decoder(list[Request]), msgspec.msgpack.Encoder()
    while select.select([source], [], [], IDLE_S)[0]:
        frame = _read(source)
        if frame is None:
            return
        for request in decoder.decode(frame):
            _limit_cpu()
            answer = encoder.encode(_answer(request))
            target.write(LENGTH.pack(len(answer)) + answer)
            target.flush()


def _answer(request: Request) -> Answer:
    try:
        return Answer(parse_mail(request.raw, request.trusted_hosts, request.own_addresses))
    except MemoryError:
        return Answer(None, "it needs too much memory")


def _limit_cpu() -> None:
    """Ten more seconds of processor time for the next mail; past them the kernel ends this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + CPU_S + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    size = LENGTH.unpack(head)[0]
    frame = source.read(size)
    return frame if len(frame) == size else None


if __name__ == "__main__":
    main()
