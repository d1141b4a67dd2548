"""Phone: calls logged by an agent, and calls reported by a phone system."""
