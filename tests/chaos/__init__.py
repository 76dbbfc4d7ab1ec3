"""Faults against the real thing: processes killed and paused on a three-node Kafka, and what clients saw of it."""
