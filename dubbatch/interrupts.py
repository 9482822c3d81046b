"""Which signals end a command. Apart from what a run does on them, because every command asks, also ``--help``."""

from __future__ import annotations

import signal

# The terminal, or the ssh session, is gone; Windows has no such signal.
_HUNG_UP = getattr(signal, "SIGHUP", None)
_ENDING = tuple(number for number in (signal.SIGINT, signal.SIGTERM, _HUNG_UP) if number is not None)


def handled() -> tuple[signal.Signals, ...]:
    """The signals that end a command. Under ``nohup`` a closed terminal is none of them."""
    is_deaf = _HUNG_UP is not None and signal.getsignal(_HUNG_UP) is signal.SIG_IGN
    return tuple(number for number in _ENDING if not (is_deaf and number == _HUNG_UP))
