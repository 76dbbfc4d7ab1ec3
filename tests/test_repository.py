"""House rules that no other tool checks."""

import re
import subprocess
from pathlib import Path

import pytest

from lienthong import client

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = {"services": 400, "tests": 600}
# Written with a bar, so that this file does not break its own rule.
REGISTRY_HOSTS = [
    host.replace("|", "")
    for host in ("py|pi.org", "python|hosted", "registry.np|mjs", "repo1.ma|ven", "repo.ma|ven", "deb.de|bian")
]


def tracked(*patterns: str) -> list[Path]:
    """Files that git tracks. Without git, as in an unpacked archive, nothing tells which these are: a skip."""
    try:
        answer = subprocess.run(
            ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [ROOT / name for name in answer.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("folder", ["services", "tests"])
def test_modules_stay_small(folder: str) -> None:
    """No module has more than 400 lines, no file of tests more than 600."""
    counts = {path: len(path.read_text("utf-8").splitlines()) for path in tracked(f"{folder}/*.py")}
    assert {} == {str(path.relative_to(ROOT)): count for path, count in counts.items() if count > MOST_LINES[folder]}


def test_no_file_names_a_package_registry() -> None:
    """Nothing tracked records the address of a package registry: the machine's own settings decide."""
    found = [
        path.name
        for path in tracked()
        if path.suffix != ".pdf" and any(host in path.read_text("utf-8", "replace") for host in REGISTRY_HOSTS)
    ]
    assert [] == found


def test_no_secret_is_tracked() -> None:
    """No private key is in the repository."""
    found = [
        path.name
        for path in tracked()
        if re.search(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{40}", path.read_bytes())
    ]
    assert [] == found


def test_only_the_bus_imports_aiokafka() -> None:
    """One package knows Kafka."""
    users = {
        path.parent.name
        for path in tracked("services/*.py")
        if re.search(r"^\s*(from|import) aiokafka", path.read_text("utf-8"), re.MULTILINE)
    }
    assert {"bus"} == users


def test_the_client_promises_exactly_this() -> None:
    """The names an agency may import; anything else may change."""
    expected = {
        "Client", "Delivery", "Document", "Event", "File", "Flag", "History", "InvalidDocumentError",
        "InvariantError", "Life", "LienthongError", "Ordered", "OverloadedError", "Priority", "Problem", "Progress",
        "RejectedError", "Replacement", "Request", "Saying", "Signer", "Stage", "State", "Status",
        "UnavailableError", "Unread", "connect", "problems_of",
    }  # fmt: skip
    assert expected == set(client.__all__)


def test_every_service_says_what_it_reads_writes_and_trusts() -> None:
    """The docstring of each service's package answers the four questions."""
    for name in ("auditor", "directory", "dispatch", "intake", "notary", "reminder", "tracker"):
        text = (ROOT / "services" / "lienthong" / name / "__init__.py").read_text("utf-8")
        for word in ("Reads", "Writes", "State", "Trusts"):
            assert word in text, f"{name}: {word}"


def test_the_readme_is_short() -> None:
    """A newcomer reads all of it."""
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 200
