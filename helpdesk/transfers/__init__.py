"""Data in and out for people who come from another helpdesk, or go to one: customers, old mail, everything."""
