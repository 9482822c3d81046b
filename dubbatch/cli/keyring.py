"""The system's keyring: macOS Keychain, Windows Credential Manager, Secret Service, KWallet.

The library is an extra, so it may not be there, and it is loaded only where the keyring is asked: that takes longer
than all else that a command loads. What stands behind it is the system's. It fails in ways of its own, and it may
ask a person to unlock it, whom cron does not have: no answer is waited for longer than a person's patience.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from types import ModuleType
from typing import TypeVar

from dubbatch.api.addresses import check_base_url
from dubbatch.api.text import clean
from dubbatch.errors import NoKeyring

T = TypeVar("T")

#: Under which name the keyring shows our keys.
_APPLICATION = "dubbatch"
_ELSEWHERE = "set CHAMELAION_API_KEY in the environment or in a .env file instead"


def is_installed() -> bool:
    """Whether the library is there. It is not loaded."""
    return importlib.util.find_spec("keyring") is not None


class Keyring:
    """The key of one service.

    A key is kept by the base URL that it was given for, and is never found for another one: a setting
    that leads elsewhere does not take it along. All methods raise NoKeyring.
    """

    def __init__(self, base_url: str, *, patience_s: float) -> None:
        """``patience_s``: how long an answer is waited for. Raises UsageError for a base URL that can't hold a key."""
        self._base_url = check_base_url(base_url)
        self._patience_s = patience_s

    def read(self) -> str:
        """The key; empty: none is stored."""
        return self._ask(lambda library: library.get_password(_APPLICATION, self._base_url)) or ""

    def store(self, key: str) -> str:
        """Keep ``key`` in the place of the one before; the name of the keyring that has it now."""
        name = self._ask(lambda library: _stored(library, self._base_url, key), secret=key)
        if self.read() != key:
            raise NoKeyring(f"the keyring ({name}) does not keep what it is given", hint=_ELSEWHERE)
        return name

    def forget(self) -> bool:
        """Take the key out; whether there was one."""
        if not self.read():
            return False
        self._ask(lambda library: library.delete_password(_APPLICATION, self._base_url))
        return True

    def _ask(self, question: Callable[[ModuleType], T], secret: str = "") -> T:
        """Ask in a thread, which is left behind if it hangs. ``secret`` stands in no message."""
        answer: Future[T] = Future()
        Thread(target=_answer, args=(answer, question), name="keyring", daemon=True).start()
        try:
            return answer.result(self._patience_s)
        except TimeoutError:
            told = f"the keyring gives no answer within {self._patience_s:g} s; it may be locked"
            raise NoKeyring(told, hint=f"unlock it, or {_ELSEWHERE}") from None
        except NoKeyring:
            raise
        except (KeyboardInterrupt, SystemExit) as error:
            if not answer.done():
                # Ours, not the backend's.
                raise
            raise _trouble(error, secret) from None
        except BaseException as error:  # noqa: BLE001  (each system's keyring has errors of its own)
            raise _trouble(error, secret) from None


def _answer(answer: Future[T], question: Callable[[ModuleType], T]) -> None:
    try:
        answer.set_result(question(_library()))
    except BaseException as error:  # noqa: BLE001  (told by who waits; a backend may even want to exit)
        answer.set_exception(error)


def _library() -> ModuleType:
    # What it has to say of its configuration is no business of a command that has its key elsewhere.
    logging.getLogger("keyring").addHandler(logging.NullHandler())
    try:
        import keyring
    except ImportError:
        raise NoKeyring(
            "the library for keyrings is not installed", hint=f"pip install 'dubbatch[keyring]', or {_ELSEWHERE}"
        ) from None
    return keyring


def _stored(library: ModuleType, base_url: str, key: str) -> str:
    library.set_password(_APPLICATION, base_url, key)
    return str(library.get_keyring().name)


def _trouble(error: BaseException, secret: str) -> NoKeyring:
    """What went wrong, by the name of the error: the library is not loaded for that."""
    kind = type(error).__name__
    if kind == "NoKeyringError":
        return NoKeyring("this system has no keyring that can be used", hint=_ELSEWHERE)
    words = clean(str(error), 200)
    if secret and secret in words:
        words = ""
    told = "the keyring is locked" if kind == "KeyringLocked" else "the keyring can't be used"
    return NoKeyring(f"{told} ({kind}{f': {words}' if words else ''})", hint=f"unlock or mend it, or {_ELSEWHERE}")
