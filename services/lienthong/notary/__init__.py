"""Notary: tells each sender, by signed receipts, what became of its envelopes.

Reads     lt.ledger
Writes    receipts, through its own out topic, like any agency
State     its committed position: before it, a receipt about each entry stands in the ledger. Receipts may be said
          twice, never left out
Trusts    the ledger, its own signing key
"""
