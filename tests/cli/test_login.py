"""The key in the system's keyring: stored once the service has said whose it is, and sent to no other one."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backend import KeyringBackend

from dubbatch.cli.keyring import Keyring
from dubbatch.errors import NoKeyring
from dubbatch.sandbox.server import Sandbox

if TYPE_CHECKING:
    from tests.cli.conftest import OpenShell, Shell

Service = Callable[..., Sandbox]

KEY = "sk-secret-4711"
IN_A_FILE = "keyrings.alt.file.PlaintextKeyring"
HEADLESS = "keyring.backends.fail.Keyring"
#: A keyring that nobody has unlocked.
LOCKED = """
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

class Keyring(KeyringBackend):
    priority = 1

    def get_password(self, service, username):
        raise KeyringLocked("the collection is \\x1b[31mlocked")

    def set_password(self, service, username, password):
        raise KeyringLocked(password)
"""


@pytest.fixture
def desk(tmp_path: Path, open_shell: OpenShell) -> Iterator[Shell]:
    """A shell without a key, on a system with a keyring; the library in this process has chosen it, too."""
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.core.load_keyring(IN_A_FILE))
    yield open_shell(
        tmp_path / "desk",
        PYTHON_KEYRING_BACKEND=IN_A_FILE,
        XDG_DATA_HOME=str(tmp_path / "data"),
        DUBBATCH_POLL_INTERVAL="0.1",
        DUBBATCH_SETTLE="1",
    )
    keyring.set_keyring(before)


def log_in(shell: Shell, service: Sandbox, key: str = KEY) -> subprocess.CompletedProcess[str]:
    """As a script does."""
    return shell.piped(f"{key}\n".encode(), "login", "--base-url", service.base_url)


def log_in_here(shell: Shell, service: Sandbox, key: str = KEY) -> subprocess.CompletedProcess[str]:
    """The same in this process, which asks the keyring that the library has chosen for it."""
    return shell.piped_here(f"{key}\n".encode(), "login", "--base-url", service.base_url)


def test_a_stored_key_is_used_by_account_and_run_and_is_gone_when_it_is_forgotten(
    desk: Shell, open_service: Service
) -> None:
    """It is checked first, and the owner is told; nothing that is printed has the key in it."""
    service = open_service(key=KEY, name="Maria's studio")
    desk.write_jobs("a")
    to = ("--base-url", service.base_url)

    stored = log_in(desk, service)
    shown = desk.here("account", *to)
    ran = desk("run", "batch.csv", *to)
    forgotten = desk.here("login", "--forget", *to)
    again = desk.here("login", "--forget", *to)
    without = desk.here("account", *to)

    assert (stored.returncode, stored.stderr) == (0, "")
    assert "valid, of Maria's studio" in stored.stdout
    assert "from keyring" in shown.stdout
    assert (ran.returncode, len(service.books.posts)) == (0, 1), ran.stderr
    assert (forgotten.returncode, again.returncode, without.returncode) == (0, 0, 4)
    assert "no longer in the keyring" in forgotten.stdout
    assert "has no key" in again.stdout
    assert KEY not in "".join([stored.stdout, *desk.printed])


def test_a_stored_key_is_not_sent_to_another_service(desk: Shell, open_service: Service) -> None:
    """Each service has the key that was stored for it, and the other one never hears of it."""
    ours, theirs = open_service(key=KEY), open_service(key="sk-of-another-1")
    log_in_here(desk, ours)

    told = desk.here("account", "--base-url", theirs.base_url)
    planned = desk.here("plan", "demo.csv", "--base-url", theirs.base_url)

    assert told.returncode == 4
    assert "no key for the service" in told.stderr
    assert planned.returncode == 0
    assert [theirs.books.count(kind) for kind in ("me", "list", "get")] == [0, 0, 0]

    assert log_in_here(desk, theirs, "sk-of-another-1").returncode == 0
    assert desk.here("account", "--base-url", ours.base_url).returncode == 0
    assert desk.here("account", "--base-url", f"{theirs.base_url}/").returncode == 0


def test_a_key_that_the_service_refuses_is_not_stored(desk: Shell, open_service: Service) -> None:
    """Exit 4; the one that was there before stays."""
    service = open_service(key=KEY)
    log_in_here(desk, service)

    refused = log_in_here(desk, service, "sk-wrong-4711")

    assert refused.returncode == 4
    assert "nothing was stored" in refused.stderr
    assert "wrong" not in refused.stdout + refused.stderr
    assert desk.here("account", "--base-url", service.base_url).returncode == 0


@pytest.mark.parametrize("rule", [{"action": "drop"}, {"action": "answer", "status": 503}, {"action": "html"}])
def test_a_key_that_can_not_be_checked_is_not_stored(
    desk: Shell, open_service: Service, rule: dict[str, object]
) -> None:
    """The service is away, or does not answer as it should: exit 6."""
    service = open_service(key=KEY)
    service.set_faults([{"on": "me", **rule}])

    told = log_in_here(desk, service)

    assert told.returncode == 6
    assert "could not be checked, so nothing was stored" in told.stderr
    assert desk.here("account", "--base-url", service.base_url).returncode == 4


@pytest.mark.parametrize(
    ("typed", "words"),
    [(b"", "no key came"), (b" \n", "no key came"), (b"two words\n", "no key has"), (b"sk-\xff\xfe\n", "no key has")],
)
def test_what_is_no_key_is_not_sent(desk: Shell, open_service: Service, typed: bytes, words: str) -> None:
    """Exit 2, with a sentence."""
    service = open_service(key=KEY)

    told = desk.piped_here(typed, "login", "--base-url", service.base_url)

    assert told.returncode == 2
    assert words in told.stderr
    assert service.books.count("me") == 0


def test_what_powershell_pipes_is_a_key_all_the_same(desk: Shell, open_service: Service) -> None:
    """With a byte order mark before it and a carriage return behind it."""
    service = open_service(key=KEY)

    told = desk.piped(b"\xef\xbb\xbf" + KEY.encode() + b"\r\n", "login", "--base-url", service.base_url)

    assert told.returncode == 0, told.stderr


def test_a_key_in_the_environment_comes_first_and_that_is_said(desk: Shell, open_service: Service) -> None:
    """Who stores a key should not wonder why another one is used."""
    service = open_service(key=KEY)
    desk.environment = {**desk.environment, "CHAMELAION_API_KEY": "sk-of-the-shell"}

    stored = log_in_here(desk, service)
    told = desk.here("account", "--base-url", service.base_url)

    assert stored.returncode == 0
    assert "environment CHAMELAION_API_KEY is used all the same" in stored.stdout
    assert told.returncode == 4
    assert "the key is from environment CHAMELAION_API_KEY" in told.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pseudo-terminal")
def test_on_a_terminal_the_key_is_asked_for_and_not_shown(desk: Shell, open_service: Service) -> None:
    """Typed, it stands nowhere on the screen."""
    pexpect = pytest.importorskip("pexpect")
    service = open_service(key=KEY)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "dubbatch", "login", "--base-url", service.base_url],
        cwd=str(desk.folder),
        env=dict(desk.environment),
        encoding="utf-8",
        timeout=30,
    )

    child.expect("API key")
    child.waitnoecho()
    child.sendline(KEY)
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 0
    assert "The key is valid, of Sandbox." in child.before
    assert KEY not in child.before
    assert desk.here("account", "--base-url", service.base_url).returncode == 0


def test_on_a_system_without_a_keyring_it_says_which_variable_to_set(
    tmp_path: Path, open_shell: OpenShell, open_service: Service
) -> None:
    """A server: exit 4, before anybody is asked for a key. Nothing else needs a keyring."""
    shell = open_shell(tmp_path / "server", PYTHON_KEYRING_BACKEND=HEADLESS)
    service = open_service(key=KEY)

    stored = log_in(shell, service)
    missed = shell("account", "--base-url", service.base_url)
    given = shell("account", "--base-url", service.base_url, CHAMELAION_API_KEY=KEY)

    assert (stored.returncode, missed.returncode, given.returncode) == (4, 4, 0)
    assert "this system has no keyring that can be used" in stored.stderr
    assert "set CHAMELAION_API_KEY in the environment or in a .env file" in stored.stderr
    assert "no key for the service (this system has no keyring that can be used)" in missed.stderr
    assert service.books.count("me") == 1


def test_without_the_library_it_says_how_to_get_it(shell: Shell, open_service: Service) -> None:
    """And no other command misses it."""
    hidden = (
        "import sys; sys.modules['keyring'] = None; import runpy; runpy.run_module('dubbatch', run_name='__main__')"
    )
    shell.program = ("-c", hidden)
    service = open_service(key=KEY)

    stored = log_in(shell, service)
    missed = shell("account", "--base-url", service.base_url)

    assert (stored.returncode, missed.returncode) == (4, 4)
    assert "pip install 'dubbatch[keyring]'" in stored.stderr
    assert "no key for the service\n" in missed.stderr


def test_a_keyring_that_keeps_nothing_is_told(shell: Shell, open_service: Service) -> None:
    """Python has one that forgets all it is given."""
    told = log_in(shell, open_service(key=KEY))

    assert told.returncode == 4
    assert "does not keep what it is given" in told.stderr


def test_a_locked_keyring_is_told_where_a_key_is_missed_and_nowhere_else(
    tmp_path: Path, open_shell: OpenShell, open_service: Service
) -> None:
    """What it says is printed as text; a run that has its key elsewhere never asks it."""
    (tmp_path / "locked.py").write_text(LOCKED)
    shell = open_shell(tmp_path / "desk", PYTHON_KEYRING_BACKEND="locked.Keyring", PYTHONPATH=str(tmp_path))
    service = open_service(key=KEY)

    missed = shell("run", "demo.csv", "--base-url", service.base_url)
    stored = log_in(shell, service)
    given = shell("account", "--base-url", service.base_url, CHAMELAION_API_KEY=KEY)

    assert (missed.returncode, stored.returncode, given.returncode) == (4, 4, 0)
    assert "no key for the service (the keyring is locked" in missed.stderr
    assert "\x1b" not in missed.stderr
    assert "unlock or mend it, or set CHAMELAION_API_KEY" in stored.stderr
    assert "keyring" not in given.stderr


class Troubled(KeyringBackend):
    """A keyring with a will of its own."""

    priority = 1

    def __init__(self, get: Callable[[], str | None], put: Callable[[str], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._get, self._put = get, put

    def get_password(self, service: str, username: str) -> str | None:
        return self._get()

    def set_password(self, service: str, username: str, password: str) -> None:
        self._put(password)


@pytest.fixture
def use() -> Iterator[Callable[[KeyringBackend, float], Keyring]]:
    """Let the library speak to a keyring of the test's own, which is waited for so many seconds."""
    before = keyring.get_keyring()

    def start(backend: KeyringBackend, patience_s: float) -> Keyring:
        keyring.set_keyring(backend)
        return Keyring("https://api.example.com/api", patience_s=patience_s)

    yield start
    keyring.set_keyring(before)


Use = Callable[[KeyringBackend, float], Keyring]


def test_a_keyring_that_waits_for_a_person_is_not_waited_for_for_ever(use: Use) -> None:
    """Under cron there is nobody to unlock it."""
    released = threading.Event()

    with pytest.raises(NoKeyring, match=r"no answer within 0\.01 s") as caught:
        use(Troubled(lambda: str(released.wait()), lambda key: None), 0.01).read()
    released.set()

    assert "CHAMELAION_API_KEY" in caught.value.hint


def test_an_error_that_quotes_the_key_is_told_without_it(use: Use) -> None:
    """Whatever a keyring has to say."""

    def fail(key: str) -> None:
        raise OSError(f"can't store {key}")

    with pytest.raises(NoKeyring, match="OSError") as caught:
        use(Troubled(lambda: None, fail), 30.0).store(KEY)

    assert KEY not in f"{caught.value}{caught.value.hint}{caught.value.__cause__}"
