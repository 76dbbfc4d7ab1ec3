"""Intake: judges what agencies write and appends one ledger entry for each record.

Reads     lt.out.*, lt.directory
Writes    lt.ledger, lt.quarantine (the bytes of what it rejects)
State     none: it goes on where it committed, and what it appends twice the fold drops; a halt is
          noted beside what it committed
Trusts    signatures under keys of the directory, the pinned operator key, topic ownership
"""
