"""Dispatch: copies every ledger entry that counts into the inboxes of its recipients, numbered.

Reads     lt.ledger, and the tails of lt.in.*
Writes    lt.in.*
State     cursors and ids seen, rebuilt from topics
Trusts    the ledger
"""
