"""What operators look at: who is late, who does not read, what was turned away.

`late` and `words` are pure; `heartbeat` and `agency` ask the tracker's database, `quarantine` asks Kafka. Nothing here
changes anything.
"""
