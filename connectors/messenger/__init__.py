"""Facebook Messenger and comments on the page."""
