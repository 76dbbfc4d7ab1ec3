"""Where files are kept."""

from pathlib import Path

import pytest

from lienthong.runtime.home import cache, home


@pytest.fixture(autouse=True)
def person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Act for a person who has set nothing."""
    for variable in ("LIENTHONG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", "/home/an")


def test_by_default_state_and_cache_are_apart() -> None:
    """What must survive and what can be fetched again lie where the system keeps such things."""
    assert Path("/home/an/.local/state/lienthong") == home()
    assert Path("/home/an/.cache/lienthong") == cache()


def test_the_system_folders_can_be_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The XDG variables are followed, except for relative ones, which the specification voids."""
    monkeypatch.setenv("XDG_STATE_HOME", "/srv/state")
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert Path("/srv/state/lienthong") == home()
    assert Path("/home/an/.cache/lienthong") == cache()


def test_the_home_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """LIENTHONG_HOME is the folder itself; the cache stays shared."""
    monkeypatch.setenv("LIENTHONG_HOME", "~/trial")
    assert Path("/home/an/trial") == home()
    assert Path("/home/an/.cache/lienthong") == cache()
