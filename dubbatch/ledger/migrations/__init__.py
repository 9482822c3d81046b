"""Numbered migrations: each file runs once, in a transaction of its own, in the order of its number.

A ledger that is newer than this dubbatch is refused rather than guessed at: it holds money.
"""

from __future__ import annotations

from importlib import resources

from dubbatch.errors import LedgerError


def pending_migrations(version: int, where: object) -> list[tuple[int, str]]:
    """(number, SQL) of what the ledger ``where``, at ``version``, lacks. Raises LedgerError for one from the future."""
    every = sorted(
        (int(file.name.split("_", 1)[0]), file.read_text(encoding="utf-8"))
        for file in resources.files(__name__).iterdir()
        if file.name.endswith(".sql")
    )
    newest = every[-1][0]
    if version > newest:
        raise LedgerError(
            f"the ledger {where} was written by a newer dubbatch (format {version}; this one knows {newest})",
            hint="update dubbatch; nothing was sent",
        )
    return [(number, sql) for number, sql in every if number > version]
