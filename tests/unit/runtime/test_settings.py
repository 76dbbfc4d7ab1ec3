"""Settings from the environment."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from lienthong.kernel.bus import KafkaSettings
from lienthong.runtime.settings import Settings
from unit.kernel.world import TRUST


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests has a say."""
    for name in os.environ:
        if name.startswith("LIENTHONG_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/home/an")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)


def test_everything_has_a_default_that_works_on_one_machine() -> None:
    """The embedded Kafka's usual address, and the loopback for probes."""
    settings = Settings()
    assert (Path("/home/an/.local/state/lienthong"), "", "LT", "127.0.0.1", 9464) == (
        settings.home, settings.bootstrap, settings.backbone, settings.http_host, settings.http_port,
    )  # fmt: skip
    assert KafkaSettings(bootstrap="127.0.0.1:9092", timeout_seconds=30) == settings.kafka()


def test_the_environment_sets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting has a variable; what is not ours is left alone."""
    given = {
        "HOME": "/srv/lt", "BOOTSTRAP": "a:1,b:2", "CA_FILE": "/ca.pem", "CERTIFICATE_FILE": "/c.pem",
        "KEY_FILE": "/k.pem", "USERNAME": "g22", "PASSWORD_FILE": "/p", "TIMEOUT_SECONDS": "7.5",
        "TRUST_FILE": "/t.json", "BACKBONE": "BB", "HTTP_HOST": "::1", "HTTP_PORT": "0", "DRAIN_SECONDS": "3",
        "ORDINARY_WAIT_MS": "5", "HALT_SHARE": "0.25", "HALT_AGENCIES": "7", "HALT_RECORDS": "9",
        "HALT_WINDOW_SECONDS": "60", "DEADLINES_FILE": "/d.toml", "TRACKER_DATABASE": "sqlite:///t.db",
        "TRACKER_PASSWORD_FILE": "/tp", "TRACKER_CA_FILE": "/tca.pem", "TRACKER_NICE": "7", "SOMETHING_ELSE": "x",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(f"LIENTHONG_{name}", value)
    settings = Settings()

    assert KafkaSettings(
        bootstrap="a:1,b:2", ca_file=Path("/ca.pem"), certificate_file=Path("/c.pem"), key_file=Path("/k.pem"),
        username="g22", password_file=Path("/p"), timeout_seconds=7.5,
    ) == settings.kafka()  # fmt: skip
    assert "c:3" == settings.kafka("c:3").bootstrap
    assert (Path("/srv/lt"), Path("/t.json"), "BB", "::1", 0, 3.0, 5) == (
        settings.home, settings.trust_file, settings.backbone, settings.http_host, settings.http_port,
        settings.drain_seconds, settings.ordinary_wait_ms,
    )  # fmt: skip
    assert (0.25, 7, 9, 60.0) == (
        settings.halt_share, settings.halt_agencies, settings.halt_records, settings.halt_window_seconds,
    )  # fmt: skip
    assert (Path("/d.toml"), "sqlite:///t.db", Path("/tp"), Path("/tca.pem"), 7) == (
        settings.deadlines_file, settings.tracker_database, settings.tracker_password_file, settings.tracker_ca_file,
        settings.tracker_nice,
    )  # fmt: skip
    assert {name.lower() for name in given} - {"something_else"} == set(Settings.model_fields)


@pytest.mark.parametrize(
    ("name", "value"),
    [("TIMEOUT_SECONDS", "soon"), ("TIMEOUT_SECONDS", "0"), ("HTTP_PORT", "x"), ("HALT_SHARE", "1.1")],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """By the setting it was for."""
    monkeypatch.setenv(f"LIENTHONG_{name}", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert [(name.lower(),)] == [problem["loc"] for problem in caught.value.errors()]


def test_the_trust_anchor_lies_in_the_home_folder_or_where_it_is_said(tmp_path: Path) -> None:
    """Without one there is nothing to believe, and the error names the file."""
    settings = Settings(home=tmp_path)
    with pytest.raises(ValueError, match=f"cannot read the trust anchor {tmp_path}/trust.json: No such file"):
        settings.trust()
    TRUST.save(tmp_path / "trust.json")
    TRUST.save(tmp_path / "elsewhere" / "pinned.json")
    assert TRUST == settings.trust()
    assert TRUST == Settings(home=Path("/nowhere"), trust_file=tmp_path / "elsewhere" / "pinned.json").trust()


def test_options_of_the_kafka_client_follow_the_settings(tmp_path: Path) -> None:
    """Plain text unless certificates or a user are named; the password is read from its file."""
    (tmp_path / "password").write_text("bí mật\n", "utf-8")
    plain = KafkaSettings(bootstrap="a:1,b:2", timeout_seconds=2.5).client_options("G22")
    assert (["a:1", "b:2"], "G22", 2_500, "PLAINTEXT") == (
        plain["bootstrap_servers"], plain["client_id"], plain["request_timeout_ms"], plain["security_protocol"],
    )  # fmt: skip
    user = KafkaSettings(username="g22", password_file=tmp_path / "password").client_options("G22")
    assert ("SASL_PLAINTEXT", "SCRAM-SHA-512", "g22", "bí mật") == (
        user["security_protocol"], user["sasl_mechanism"], user["sasl_plain_username"], user["sasl_plain_password"],
    )  # fmt: skip


def test_a_home_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody expands it in the unit file of a service; commands and services must not look in two folders."""
    monkeypatch.setenv("LIENTHONG_HOME", "~/lt")
    assert Path("/home/an/lt") == Settings().home


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"certificate_file": "/c.pem", "key_file": "/k.pem"}, "needs ca_file"),
        ({"certificate_file": "/c.pem", "ca_file": "/ca.pem"}, "belong together"),
        ({"key_file": "/k.pem", "ca_file": "/ca.pem"}, "belong together"),
    ],
)
def test_a_certificate_that_would_not_be_used_is_an_error(given: dict[str, str], said: str) -> None:
    """Nobody would see that nothing is encrypted."""
    with pytest.raises(ValidationError, match=said):
        KafkaSettings(**given)
