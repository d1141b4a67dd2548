"""A name server that knows what it is told: `with NameServer({("shop.example", "MX"): ["10 mx.shop.example."]}) as ns:`."""

from __future__ import annotations

import socket
import threading
from typing import Self

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset


class NameServer:
    """Answers over UDP; what it does not know does not exist. `asked`: the questions, in order."""

    def __init__(self, records: dict[tuple[str, str], list[str]]) -> None:
        self.records = records
        self.asked: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.2)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)
        self._socket.close()

    @property
    def resolver(self) -> dns.resolver.Resolver:
        """A client that asks nobody else."""
        client = dns.resolver.Resolver(configure=False)
        client.nameservers, client.port = ["127.0.0.1"], self._socket.getsockname()[1]
        return client

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                wire, peer = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            self._socket.sendto(self._answer(dns.message.from_wire(wire)).to_wire(), peer)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        name, kind = str(question.name).rstrip(".").lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        rows = self.records.get((name, kind))
        if rows:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *rows))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
