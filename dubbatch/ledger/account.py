"""What was learned of the account: whose ledger this is, its pace, its refusals, the requests that look-ups saw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from dubbatch.errors import UsageError
from dubbatch.ledger.database import Database


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request of the account as a look-up saw it."""

    request_id: str
    reference: str
    status: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Account:
    """``service`` is the base URL, or ``sandbox``; ``usual_s`` what this account's jobs usually take."""

    service: str
    slots: int | None
    usual_s: float | None
    #: The server's time of the newest request that a complete look-up saw; empty: none was complete yet.
    looked_up_to: str
    newest_first: bool | None


class Refusal(NamedTuple):
    """A send that the service did not take."""

    batch: str
    job: str
    #: Wall-clock seconds since the epoch.
    at_s: float
    #: The service's words, or what kept the send from reaching it.
    said: str


class AccountTable:
    def __init__(self, db: Database) -> None:
        self._db = db

    def belong_to(self, service: str) -> None:
        """Make the ledger this service's, or raise UsageError where it is another's.

        One from which nothing was ever sent becomes this one's: a mistyped address costs nobody a ledger.
        """
        with self._db.atomic():
            self._db.run("create_account", service=service)
            owner = self.get().service
            if owner != service and self._db.run("move_account", service=service):
                self.forget_requests()
                owner = service
        if owner != service:
            raise UsageError(
                f"the ledger {self._db.path} belongs to {owner}, not to {service}",
                hint="name another ledger with --ledger, or go back to the service it was made for; nothing was sent",
            )

    def get(self) -> Account:
        row = self._db.one("account")
        if row is None:
            return Account("", None, None, "", None)
        order = row["newest_first"]
        return Account(
            row["service"], row["slots"], row["usual_s"], row["looked_up_to"], None if order is None else bool(order)
        )

    def remember_slots(self, slots: int) -> None:
        self._db.run("remember_slots", slots=slots)

    def usual_times(self) -> list[tuple[str, str]]:
        """(created_at, finished_at) of the latest attempts that ended well, as the server tells them."""
        return [(row["created_at"], row["finished_at"]) for row in self._db.all("usual_times")]

    def history(self) -> list[tuple[str, str, float | None]]:
        """(started, finished, seconds of media if known) of the latest attempts that ended well."""
        return [(row["started_at"], row["finished_at"], row["length_s"]) for row in self._db.all("history")]

    def refusals(self, limit: int) -> list[Refusal]:
        """The latest sends that the service did not take, newest first."""
        return [Refusal(**dict(row)) for row in self._db.all("refusals", limit=limit)]

    def remember_usual(self, usual_s: float) -> None:
        self._db.run("remember_usual", usual_s=usual_s)

    def remember_look_up(self, looked_up_to: str, newest_first: bool | None) -> None:
        order = None if newest_first is None else int(newest_first)
        self._db.run("remember_look_up", looked_up_to=looked_up_to, newest_first=order)

    def see(self, requests: Iterable[SeenRequest]) -> None:
        """Keep what a page of the account's list showed."""
        with self._db.atomic():
            for request in requests:
                self._db.run(
                    "put_request",
                    request_id=request.request_id,
                    reference=request.reference,
                    status=request.status,
                    created_at=request.created_at,
                )

    def forget_requests(self) -> None:
        self._db.run("forget_requests")

    def seen_count(self) -> int:
        row = self._db.one("count_requests")
        return int(row["n"]) if row else 0

    def seen_with(self, reference: str) -> list[SeenRequest]:
        return [SeenRequest(**dict(row)) for row in self._db.all("requests_with_reference", reference=reference)]
