"""Blocks of messages: each word of the search index carries the block its message lies in.

A message's number only grows, so that "newest first" reads the index block by block from the newest one down. What that
costs depends on the size of a block, not on how common a word is, also for a word that is only begun ("gi"): else all
that begins so has to be gathered from the whole index before the first is known. Both engines keep the same words.
"""

from __future__ import annotations

from helpdesk.folding import terms

BITS = 14
SIZE = 1 << BITS  # messages a block
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE = len(_DIGITS)


def block_of(id_: int) -> int:
    return id_ >> BITS


def name(block: int) -> str:
    """Three letters or digits, so that no block's name followed by a word reads like another's."""
    return _DIGITS[block // _BASE**2 % _BASE] + _DIGITS[block // _BASE % _BASE] + _DIGITS[block % _BASE]


def placed(id_: int, *texts: str | None) -> str:
    """Folded words of a message's texts as the index holds them, with single spaces."""
    found = terms(*texts)
    if not found:
        return ""
    lead = name(block_of(id_))
    return lead + found.replace(" ", f" {lead}")
