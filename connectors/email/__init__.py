"""Email: IMAP or SMTP/LMTP in, SMTP out. `parse.py` is the way in, `compose.py` the way out."""
