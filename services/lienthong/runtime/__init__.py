"""How any service runs: settings, logs, probes and metrics over HTTP, the loop around it, shutdown."""
