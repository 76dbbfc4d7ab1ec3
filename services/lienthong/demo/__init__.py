"""The demonstration: a backbone from nothing, agencies that exchange documents, and the auditor's word."""
