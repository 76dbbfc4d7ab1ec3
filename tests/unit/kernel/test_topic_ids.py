"""What brokers say of topics when one of them does not know yet."""

from lienthong.kernel.bus.topic_ids import agreed

OLD, NEW = bytes(15) + b"\1", bytes(15) + b"\2"


def test_most_brokers_are_believed() -> None:
    """Of three one may be silent, or not know of it yet; of one and of two all must answer."""
    assert {"a": NEW} == agreed(["a"], [{}, {"a": NEW}, {"a": NEW}], 3)
    assert {"a": NEW} == agreed(["a"], [{"a": NEW}, {"a": NEW}], 3)
    assert {"a": NEW} == agreed(["a"], [{"a": NEW}], 1)
    assert agreed(["a"], [{"a": NEW}], 2) is None


def test_where_one_tells_another_id_nobody_is_believed() -> None:
    """After all brokers were down most of them may be behind: no number of them outvotes one that knows better."""
    assert agreed(["a"], [{"a": NEW}, {"a": OLD}, {"a": OLD}], 3) is None
    assert agreed(["a"], [{"a": OLD}, {"a": NEW}, {"a": NEW}], 3) is None


def test_where_most_do_not_agree_nothing_is_said() -> None:
    """Nor where nobody answers."""
    assert agreed(["a"], [{"a": OLD}, {"a": NEW}], 3) is None
    assert agreed(["a"], [{"a": OLD}, {"a": NEW}, {}], 3) is None
    assert agreed(["a"], [], 3) is None
    assert agreed(["a"], [], 0) is None


def test_topics_that_are_not_there_are_left_out() -> None:
    """By most brokers' word as well."""
    assert {"b": NEW} == agreed(["a", "b"], [{"a": OLD, "b": NEW}, {"b": NEW}, {"b": NEW}], 3)
    assert {} == agreed([], [{}], 1)
