"""What goes wrong in a campaign, drawn from a seed: the service's faults, and how each run ends."""

from __future__ import annotations

import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from dubbatch.moments import COMMIT, POST, WRITE

#: Seconds for which a new request may be invisible, and after which dubbatch believes a "no".
LAG_S, SETTLE_S = 0.6, 1.5

#: The share of the calls that each fault hits, before ``scaled``.
_ON_POSTS: tuple[dict[str, Any], ...] = (
    {"action": "drop"},
    {"action": "drop", "accept": True},
    {"action": "silence"},
    {"action": "silence", "accept": True},
    {"action": "answer", "status": 500},
    {"action": "answer", "status": 500, "accept": True},
    {"action": "garbage", "accept": True},
    {"action": "html", "accept": True},
    {"action": "text"},
    {"action": "answer", "status": 502, "accept": True},
    {"action": "answer", "status": 429},
    {"action": "answer", "status": 429, "retry_after_s": 1},
    {"action": "fail", "message": "internal error"},
    {"action": "no_url", "seconds": 0.5},
    {"action": "status", "word": "uploading"},
    {"action": "invisible", "seconds": LAG_S / 2},
)
_ON_QUESTIONS: tuple[dict[str, Any], ...] = (
    {"action": "drop"},
    {"action": "silence", "probability": 0.002},
    {"action": "answer", "status": 500},
    {"action": "answer", "status": 429},
    {"action": "answer", "status": 429, "retry_after_s": 1, "probability": 0.003},
    {"action": "garbage"},
    {"action": "html"},
    {"action": "text"},
    {"action": "no_url"},
    {"action": "status", "word": "uploading"},
)
_ON_OUTPUTS: tuple[dict[str, Any], ...] = (
    {"action": "cut", "at": 0.4},
    {"action": "short", "at": 0.7},
    {"action": "cut_index", "at": 0.6},
    {"action": "expired"},
    {"action": "no_ranges"},
    {"action": "changed"},
    {"action": "empty"},
    {"action": "html"},
    {"action": "drop"},
    {"action": "slow", "seconds": 0.2},
)
_EACH_POST, _EACH_QUESTION, _EACH_OUTPUT = 0.012, 0.008, 0.02


def faults(seed: int) -> dict[str, Any]:
    """A fault script for the sandbox: some 17 % of POSTs, 7 % of questions and 18 % of downloads go wrong."""
    return {
        "seed": seed,
        "rules": [
            *({"on": "post", "probability": _EACH_POST, **rule} for rule in _ON_POSTS),
            *({"on": ["get", "list"], "probability": _EACH_QUESTION, **rule} for rule in _ON_QUESTIONS),
            *({"on": "output", "probability": _EACH_OUTPUT, **rule} for rule in _ON_OUTPUTS),
        ],
    }


def habits(chance: random.Random) -> dict[str, Any]:
    """What the contract leaves open, as one service may have it: the plan, the order and size of pages."""
    return {
        "lag_s": chance.choice([0.0, LAG_S / 2]),
        "order": chance.choice(["newest", "oldest"]),
        "by_reference": chance.choice(["newest", "oldest"]),
        "max_page_size": chance.choice([7, 20, 100]),
        "nulls": chance.random() < 0.5,
        "link_life_s": chance.choice([2.0, 900.0]),
    }


class Aftermath(StrEnum):
    """What becomes of the books between two runs."""

    NOTHING = "nothing"
    LEDGER_LOST = "ledger lost"
    LEDGER_RESTORED = "ledger restored"
    MANIFEST_RENAMED = "manifest renamed"
    OTHER_MACHINE = "other machine"
    SERVICE_KILLED = "service killed"


@dataclass(frozen=True)
class Death:
    """How a run ends: at a ``moment`` (``tests.chaos.victim``), or by ``signals`` after so many seconds."""

    moment: str = ""
    after_s: float = 0.0
    signals: tuple[signal.Signals, ...] = ()

    @property
    def is_kill(self) -> bool:
        return bool(self.moment) or signal.SIGKILL in self.signals

    def __str__(self) -> str:
        how = self.moment.rpartition(":")[0] if self.moment else "+".join(number.name for number in self.signals)
        return how.rstrip(":")


#: The moments between which a crash matters, and about how often each comes up in a run of a few seconds.
MOMENTS: Mapping[str, int] = {
    f"{POST}:before": 8,
    f"{POST}:after": 8,
    f"{COMMIT}:before": 120,
    f"{COMMIT}:after": 120,
    f"{WRITE}:before": 200,
    "os.rename:": 8,
    "os.remove:": 8,
}


def death(chance: random.Random, longest_s: float) -> Death:
    """One run's end: mostly at a chosen moment or by ``kill -9`` at a random one, sometimes by a person's hand."""
    draw = chance.random()
    if draw < 0.5:
        moment = chance.choice(list(MOMENTS))
        return Death(moment=f"{moment}:{chance.randint(1, MOMENTS[moment])}")
    after_s = chance.uniform(0.3, longest_s)
    if draw < 0.9:
        return Death(after_s=after_s, signals=(signal.SIGKILL,))
    by_hand = ((signal.SIGINT,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM,), (signal.SIGTERM, signal.SIGKILL))
    return Death(after_s=after_s, signals=chance.choice(by_hand))


def aftermath(chance: random.Random) -> Aftermath:
    """Mostly nothing; what is lost is lost right after the run died, with its sends in the air."""
    weights = {Aftermath.NOTHING: 75}
    return chance.choices(list(Aftermath), [weights.get(event, 5) for event in Aftermath])[0]
