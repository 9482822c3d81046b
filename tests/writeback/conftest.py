"""LibreOffice, where it is installed."""

from __future__ import annotations

import pytest

from tests.writeback.libreoffice import MISSING, Office


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """LibreOffice with a profile of this run; tests that need it are skipped where it isn't installed."""
    if not Office.is_there():
        pytest.skip(MISSING)
    return Office(tmp_path_factory.mktemp("office"))
