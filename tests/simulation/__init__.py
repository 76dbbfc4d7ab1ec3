"""Whole backbones in one process on a virtual clock, with a model of Kafka: `python -m simulation --help`.

Everything above the bus is the production code: intake, dispatch, notary, operator, clients with their SQLite
stores, auditor. Below it stand a model of the brokers and of the network, and an event loop whose time jumps.
"""
