"""Sends each job once: looks it up in the account, posts it, and settles what is unsure."""
