"""Lienthong: agencies exchange signed documents over Kafka, delivered once, in order, with proof."""

__version__ = "0.1.0"
