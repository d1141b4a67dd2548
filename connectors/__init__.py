"""Connectors: bytes <-> messages, one folder a kind of channel. They import nothing of `helpdesk`."""
