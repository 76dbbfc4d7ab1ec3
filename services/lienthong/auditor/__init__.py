"""Auditor: reads every topic again, computes every answer again, and names whatever does not agree.

Reads     lt.directory, lt.out.*, lt.ledger, lt.in.*; needs the right to read and nothing else
Writes    nothing to Kafka; `replay` writes files
State     none
Trusts    the pinned operator key alone
"""
