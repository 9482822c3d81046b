"""What holds for every test: no key and no setting of whoever runs them, a state directory of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Machines are shared: how long an example takes says nothing about the code.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Take away what a shell may have set, and keep the permit log out of the home directory."""
    for name in list(os.environ):
        if name.startswith(("CHAMELAION_", "DUBBATCH_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(_state_home(tmp_path_factory)))


def _state_home(factory: pytest.TempPathFactory) -> Path:
    return factory.getbasetemp() / "state"
