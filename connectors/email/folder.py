"""One folder of a mailbox, read from a cursor on: nothing lost, nothing read twice without being recognised.

The cursor is {"folder", "uidvalidity", "last_uid", "boundary_uid", "connected_at", "rescan"}. Mail up to `boundary_uid`
was in the folder when it was first seen (or renumbered): only that part is subject to `import_from`; everything later
is fetched whatever its date or flags.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

from connectors.contract import ChannelConfig, Raw, TemporaryFailure
from connectors.email import headers, mime
from connectors.email.identity import external_id, external_id_of_headers
from connectors.email.pinned import ImapSession

FETCH_COUNT = 50
FETCH_BYTES = 8 * 1024 * 1024
SEARCH_WINDOW = 50_000
CLOCK_SLACK = timedelta(minutes=10)


@dataclass
class Place:
    """Where we are in a folder."""

    folder: str
    uidvalidity: int
    last_uid: int
    boundary_uid: int
    connected_at: datetime
    rescan: bool = False

    def cursor(self) -> dict[str, Any]:
        return {
            "folder": self.folder,
            "uidvalidity": self.uidvalidity,
            "last_uid": self.last_uid,
            "boundary_uid": self.boundary_uid,
            "connected_at": self.connected_at.isoformat(),
            "rescan": self.rescan,
        }


class Folder:
    """A selected folder. `import_from` as in the settings; `meta` goes with every raw; `place` moves on as one reads."""

    def __init__(
        self,
        session: ImapSession,
        config: ChannelConfig,
        name: str,
        cursor: Mapping[str, Any],
        *,
        import_from: str,
        meta: Mapping[str, str] | None = None,
        writable: bool = False,
    ) -> None:
        self.session, self.config, self.name = session, config, name
        self.import_from = import_from.strip().lower().replace(" ", "")
        self.meta = {"folder": name, **(meta or {})}
        self.place = self._arrive(cursor, writable)

    def _arrive(self, cursor: Mapping[str, Any], writable: bool) -> Place:
        """Select the folder and decide where to begin."""
        selected = self.session.select_folder(self.name, readonly=not writable)
        uidvalidity = int(selected.get(b"UIDVALIDITY", 0))
        newest = self._newest_uid(selected)
        if cursor.get("folder", self.name) != self.name:  # another folder is another beginning
            cursor = {}
        connected_at = _moment(cursor.get("connected_at"))
        if cursor.get("uidvalidity") == uidvalidity:
            last, boundary = int(cursor.get("last_uid", 0)), int(cursor.get("boundary_uid", 0))
            return Place(self.name, uidvalidity, last, boundary, connected_at, bool(cursor.get("rescan")))
        if cursor.get("uidvalidity") is not None:  # renumbered: look at everything again, repetitions are recognised
            return Place(self.name, uidvalidity, 0, newest, connected_at, rescan=True)
        first = newest if self._cutoff(connected_at) == connected_at else 0
        return Place(self.name, uidvalidity, first, newest, connected_at)

    def _newest_uid(self, selected: Mapping[bytes, Any]) -> int:
        if b"UIDNEXT" in selected:
            return int(selected[b"UIDNEXT"]) - 1
        return max(self.session.search(["UID", "*"]), default=0)

    def _cutoff(self, connected_at: datetime) -> datetime | None:
        """Mail in the folder from before this moment is not imported; None: all is."""
        if self.import_from == "all":
            return None
        if self.import_from.startswith("days="):
            try:
                return connected_at - timedelta(days=max(0, int(self.import_from[5:])))
            except (ValueError, OverflowError):
                return connected_at
        return connected_at

    # --- finding ---------------------------------------------------------------------------------------------

    def new_mail(self, stop: Event) -> Iterator[list[Raw]]:
        """Everything after the cursor, in groups; `place` stands behind each group when it is given."""
        place = self.place
        while place.last_uid < place.boundary_uid and not stop.is_set():
            end = min(place.last_uid + SEARCH_WINDOW, place.boundary_uid)
            criteria: list[Any] = ["UID", f"{place.last_uid + 1}:{end}"]
            cutoff = self._cutoff(place.connected_at)
            if cutoff is not None and not place.rescan:
                criteria += ["SINCE", (cutoff - timedelta(days=1)).date()]
            uids = sorted(uid for uid in self.session.search(criteria) if place.last_uid < uid <= end)
            yield from self._fetch_all(uids, stop)
            if not stop.is_set():
                place.last_uid = max(place.last_uid, end)
        if stop.is_set():
            return
        # "n:*" always names the last mail, even when it is older than n.
        found = self.session.search(["UID", f"{place.last_uid + 1}:*"])
        yield from self._fetch_all(sorted(uid for uid in found if uid > place.last_uid), stop)

    def _fetch_all(self, uids: Sequence[int], stop: Event) -> Iterator[list[Raw]]:
        for start in range(0, len(uids), FETCH_COUNT):
            chunk = uids[start : start + FETCH_COUNT]
            facts = self.session.fetch(chunk, self._facts_wanted())
            for group in _groups(chunk, facts):
                if stop.is_set():
                    return
                raws = self._fetch(group, facts)
                self.place.last_uid = group[-1]
                yield raws

    def _facts_wanted(self) -> list[str]:
        wanted = ["RFC822.SIZE", "INTERNALDATE"]
        return [*wanted, "BODY.PEEK[HEADER.FIELDS (DATE)]"] if self.place.rescan else wanted

    # --- fetching --------------------------------------------------------------------------------------------

    def _fetch(self, uids: Sequence[int], facts: Mapping[int, Any]) -> list[Raw]:
        wanted = [uid for uid in uids if uid in facts and self._is_wanted(uid, facts[uid])]
        maximum = self.config.max_message_bytes
        large = [uid for uid in wanted if int(facts[uid].get(b"RFC822.SIZE", 0)) > maximum]
        bodies = self._bodies([uid for uid in wanted if uid not in large], facts)
        raws = []
        for uid in wanted:
            moment = _utc(facts[uid].get(b"INTERNALDATE"))
            history = self._is_history(uid, facts[uid])
            if uid in large:
                raws.append(self._large(uid, int(facts[uid][b"RFC822.SIZE"]), moment, history))
            elif uid in bodies:
                body, meta = bodies[uid], {**self.meta, "uid": str(uid)}
                raws.append(Raw(self._name_of(body), body, "message/rfc822", moment, history, meta))
        return raws

    def _name_of(self, body: bytes) -> str:
        """What we sent may also come in, as a copy to ourselves: the two are not the same raw."""
        return f"sent:{external_id(body)}" if self.meta.get("sent") else external_id(body)

    def _bodies(self, uids: Sequence[int], facts: Mapping[int, Any]) -> dict[int, bytes]:
        """Complete mails. One that is shorter than announced is fetched again; some servers announce wrongly."""
        if not uids:
            return {}
        answer = self.session.fetch(uids, ["BODY.PEEK[]"])
        bodies = {uid: answer[uid].get(b"BODY[]") for uid in uids if uid in answer}
        for uid in uids:
            body = bodies.get(uid)
            if body is None or len(body) < int(facts[uid].get(b"RFC822.SIZE", 0)):
                again = self.session.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
                if again is None and self.session.search(["UID", str(uid)]):
                    raise TemporaryFailure("The mail server did not give a mail that it says it has.")
                if again is None:  # deleted meanwhile
                    bodies.pop(uid, None)
                else:
                    bodies[uid] = max(body or b"", again, key=len)
        return {uid: bytes(body) for uid, body in bodies.items() if body is not None}

    def _large(self, uid: int, size: int, moment: datetime | None, history: bool) -> Raw:
        """Only the headers of a mail that is too large; what it was is told in `meta`."""
        answer = self.session.fetch([uid], ["BODY.PEEK[HEADER]"]).get(uid, {})
        head = bytes(answer.get(b"BODY[HEADER]") or b"")
        meta = {**self.meta, "too_large": str(size), "uid": str(uid)}
        return Raw(external_id_of_headers(head, size), head, "message/rfc822", moment, history, meta)

    def _is_wanted(self, uid: int, facts: Mapping[bytes, Any]) -> bool:
        """`import_from` decides only about what was there before."""
        cutoff = self._cutoff(self.place.connected_at)
        if uid > self.place.boundary_uid or cutoff is None:
            return True
        return _newest_date(facts) >= cutoff - (CLOCK_SLACK if self.place.rescan else timedelta())

    def _is_history(self, uid: int, facts: Mapping[bytes, Any]) -> bool:
        if uid > self.place.boundary_uid:
            return False
        return not self.place.rescan or _newest_date(facts) < self.place.connected_at - CLOCK_SLACK


def _groups(uids: Sequence[int], facts: Mapping[int, Any]) -> Iterator[list[int]]:
    """Pieces of at most FETCH_BYTES together (or one mail alone), in order."""
    group: list[int] = []
    total = 0
    for uid in uids:
        size = int(facts.get(uid, {}).get(b"RFC822.SIZE", 0))
        if group and total + size > FETCH_BYTES:
            yield group
            group, total = [], 0
        group.append(uid)
        total += size
    if group:
        yield group


def _newest_date(facts: Mapping[bytes, Any]) -> datetime:
    """The later of the server's and the writer's date: a restored mail may carry a new or an old INTERNALDATE."""
    dates = [_utc(facts.get(b"INTERNALDATE"))]
    field = facts.get(b"BODY[HEADER.FIELDS (DATE)]")
    if field:
        found, _ = mime.read_headers(bytes(field), 0, len(field), [])
        dates += [headers.date(value) for _, value in found[:1]]
    return max((one for one in dates if one is not None), default=datetime.now(UTC))


def _moment(value: object) -> datetime:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        return datetime.now(UTC)


def _utc(moment: object) -> datetime | None:
    """imapclient gives local time without a zone."""
    return moment.astimezone(UTC) if isinstance(moment, datetime) else None
