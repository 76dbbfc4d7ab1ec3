"""How many copies a new backbone gets."""

import pytest

from lienthong.directory.provisioning import usual_copies


@pytest.mark.parametrize(("brokers", "copies"), [(1, 1), (3, 3), (4, 3), (9, 3)])
def test_copies_follow_the_brokers(brokers: int, copies: int) -> None:
    """One broker keeps one copy, three and more keep three."""
    assert copies == usual_copies(brokers)


def test_two_brokers_need_a_word() -> None:
    """Two are most likely three of which one is down: nobody gets topics with too few copies by that accident."""
    with pytest.raises(ValueError, match="--replication"):
        usual_copies(2)
