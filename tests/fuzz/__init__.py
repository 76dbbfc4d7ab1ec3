"""Fuzzing of everything that reads bytes from somebody else: ``make fuzz``, ``CASES=`` for more.

`targets` names what is read and how; `guided` looks for cases by coverage (atheris), `mutation` by
changing good examples; `__main__` runs both, each target in a process of its own, and prints a table.
What breaks a reader is written to the folder that the table names; mended, it becomes a test of its own.
"""
