"""What operators look at and order: who is late, who does not read, what was turned away; sent again, or released.

`late`, `words`, `traces` and `orders` are pure; `heartbeat`, `agency` and `known` ask the tracker's database,
`quarantine` and `ordering` ask Kafka. Only `ordering` writes: one signed command, into the backbone's own out topic.
"""
