"""What all routes share: one account's plan, its books, its running requests and its faults."""

from __future__ import annotations

from starlette.responses import Response

from dubbatch.sandbox.clock import Clock
from dubbatch.sandbox.contract import Refusal
from dubbatch.sandbox.disturbances import error_response
from dubbatch.sandbox.faults import Faults
from dubbatch.sandbox.generation import Generation
from dubbatch.sandbox.journal import Journal
from dubbatch.sandbox.links import Links
from dubbatch.sandbox.quota import Quota, make_quota
from dubbatch.sandbox.settings import SandboxSettings


class Account:
    """One account of the sandbox. Used from one event loop only."""

    settings: SandboxSettings
    quota: Quota

    def __init__(self, settings: SandboxSettings, journal: Journal, clock: Clock, links: Links) -> None:
        self.journal = journal
        self.clock = clock
        self.links = links
        self.faults = Faults()
        self.generation = Generation(journal, clock, lambda: self.settings)
        self.change(settings)

    def change(self, settings: SandboxSettings) -> None:
        """Go on under another plan, or with other habits; what the rate limit has counted stays counted."""
        self.settings = settings
        counted = (post.at for post in self.journal.books.posts.values() if post.counted)
        self.quota = make_quota(settings, counted)
        self.generation.plan_changed()

    def refuse(self, refusal: Refusal) -> Response:
        """The answer that a Refusal stands for."""
        told = self.settings.retry_after
        wait_s = None if told == "none" else refusal.retry_after_s
        return error_response(
            refusal.status, refusal.text, retry_after_s=wait_s, as_date=told == "date", now=self.clock.now()
        )
