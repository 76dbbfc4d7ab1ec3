"""Tracker: projects the ledger into SQL, so that anybody can ask who has what, since when, and in which state.

Reads     lt.ledger
Writes    its database: SQLite beside the process, or PostgreSQL
State     the database alone; the ledger position of each lane stands in it, moved by the transaction that stores
          what was read up to there; all of it can be thrown away and built again from the ledger
Trusts    the ledger
"""
