"""Workers: a job enters the app and drains one kind of waiting work."""
