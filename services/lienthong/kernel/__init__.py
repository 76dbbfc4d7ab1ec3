"""What both sides of the wire share; what decides is pure.

Only `bus` knows Kafka, and `directory_reader` reads through it. `keys` and `trust` load and save files, `codec` reads
the schemas, `clock` and `randomness` ask the machine, and `pieces` lets other tasks run.
"""
