"""The sample shop of `helpdesk demo`: what it is filled with, and the doors to play its customers."""
