"""Use cases: one verb a function. No request, no socket, no queue in here."""
