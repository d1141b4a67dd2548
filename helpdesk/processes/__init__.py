"""The process tree: what `helpdesk up` starts, watches and stops, and the same parts one by one.

`tree` prepares (data folder, queue, migrations, socket) and imports the app once; `supervisor` forks and restarts
children; each other module is what one child does: `valkey`, `web`, `worker`, `listen`, and `workers.clock`.
"""
