"""The operator's work: agencies, keys, topics.

Reads     lt.directory, operator commands
Writes    lt.directory, and creates topics
State     none: the directory is its topic
Trusts    the operator's key, which it holds
"""
