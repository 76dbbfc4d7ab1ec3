"""What both sides of the wire share. Pure, without I/O, except `bus`, the one module that knows Kafka."""
