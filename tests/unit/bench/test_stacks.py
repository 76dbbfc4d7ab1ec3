"""Sampled stacks and their flame graph."""

from xml.etree import ElementTree as ET

import pytest

from bench.flame import Box, boxes, flame_svg
from bench.stacks import Share, busiest, read_stacks, shortened

RAW = """<module> (run.py);serve (a/b/intake/service.py);judge (/x/kernel/judge.py) 6
<module> (run.py);serve (a/b/intake/service.py) 3
<module> (run.py);serve (a/b/intake/service.py);judge (/x/kernel/judge.py) 1
"""


def test_stacks_are_counted() -> None:
    """The same stack twice is one, and folders are shortened."""
    assert read_stacks(RAW) == {
        "<module> (run.py);serve (intake/service.py);judge (kernel/judge.py)": 7,
        "<module> (run.py);serve (intake/service.py)": 3,
    }


def test_other_text_is_no_stack() -> None:
    """What is no stack with a count is refused."""
    with pytest.raises(ValueError, match="no stack"):
        read_stacks("Error: permission denied")


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ("take (/home/somebody/lib/lienthong/client/store.py)", "take (client/store.py)"),
        ("main (run.py)", "main (run.py)"),
        ("<lambda> (a/b.py)", "<lambda> (a/b.py)"),
        ("_ssl_read", "_ssl_read"),
    ],
)
def test_a_frame_keeps_its_last_folder(frame: str, expected: str) -> None:
    """Where a package is installed is nobody's business."""
    assert expected == shortened(frame)


def test_the_busiest_functions_come_first() -> None:
    """With the share of their own and the share with what they called."""
    assert busiest(read_stacks(RAW), 2) == [
        Share("judge (kernel/judge.py)", 0.7, 0.7),
        Share("serve (intake/service.py)", 0.3, 1.0),
    ]


def test_a_function_that_calls_itself_is_counted_once() -> None:
    """Its share with what it called is not more than all samples."""
    assert [Share("f (a.py)", 1.0, 1.0)] == busiest({"f (a.py);f (a.py)": 4}, 5)


def test_boxes_lie_above_their_callers() -> None:
    """What is called lies within the width of its caller, side by side."""
    assert [
        Box(0, 0.0, 1.0, "main"),
        Box(1, 0.0, 0.25, "a"),
        Box(1, 0.25, 0.5, "b"),
    ] == list(boxes({"main;b": 2, "main;a": 1, "main": 1}))


def test_nothing_sampled_has_no_boxes() -> None:
    """An idle process has an empty graph."""
    assert [] == list(boxes({}))


def test_a_flame_graph_is_an_svg_that_names_what_was_seen() -> None:
    """It can be parsed, whatever is in the names."""
    svg = flame_svg("intake & co", {"<module> (a.py);judge (b.py)": 3})
    root = ET.fromstring(svg)  # noqa: S314 - our own
    titles = [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert ["<module> (a.py), 100.0%", "judge (b.py), 100.0%"] == titles
