"""API channel: a company's own app posts its customers' messages here and gets the answers posted back."""
