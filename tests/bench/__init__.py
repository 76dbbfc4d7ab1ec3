"""The benchmark: Lienthong beside plain Kafka, FastStream and Kafka's own tools, on one broker in one go.

Run it with `make bench`, or `make bench QUICK=1` for two minutes. Rounds of all contestants are interleaved,
so that what else the machine does meanwhile hits all of them.
"""
