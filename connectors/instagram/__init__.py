"""Instagram messages and comments."""
