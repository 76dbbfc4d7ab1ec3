"""Reminder: tells each sender, by signed notices, which of its documents a recipient has left unread for too long.

Reads     lt.ledger, its own notices among it
Writes    notices, through the backbone's own out topic, like any agency
State     what is open, computed from the ledger; its committed position is where the oldest open document stands
Trusts    the ledger, its own signing key
"""
