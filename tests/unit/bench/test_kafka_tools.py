"""Reading what Kafka's own tools print."""

import pytest

from bench.kafka_tools import EndToEnd, read_end_to_end, read_performance


def test_the_last_rate_is_the_whole_run() -> None:
    """ProducerPerformance prints rates on its way; the last line covers everything."""
    text = (
        "50000 records sent, 9999.8 records/sec (9.77 MB/sec), 2.1 ms avg latency, 80.0 ms max latency.\n"
        "60000 records sent, 48309.18 records/sec (47.18 MB/sec), 103.45 ms avg latency, 299.00 ms max latency.\n"
    )
    assert 48_309.18 == read_performance(text)


def test_end_to_end_latencies_are_read() -> None:
    """Average and percentiles stand at the end of what EndToEndLatency prints."""
    text = "0\t12.5\nAvg latency: 1.2345 ms\n\nPercentiles: 50th = 1, 99th = 4, 99.9th = 17\n"
    assert EndToEnd(1.2345, 1.0, 4.0) == read_end_to_end(text)


def test_other_text_is_no_result() -> None:
    """A tool that printed an error has no result."""
    with pytest.raises(ValueError, match="no rate"):
        read_performance("ERROR")
    with pytest.raises(ValueError, match="no latencies"):
        read_end_to_end("ERROR")
