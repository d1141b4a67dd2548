"""The chat widget: settings, and who may embed it and be believed. Its pages and sockets live in `helpdesk/public`."""
