"""What follows from a transfer that failed, or whose bytes don't pass."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubbatch.errors import (
    AddressRefused,
    DownloadBroken,
    DownloadError,
    KeyRefused,
    LinkExpired,
    OutputChanged,
    RequestNotFound,
    ServiceError,
    ServiceFault,
    ServiceUnreachable,
)
from dubbatch.tracker.fetching import Fetching, Next, after_bad_bytes, after_failure

SETTLE_S = 120.0
FRESH = Fetching(started=1000.0)
BROKEN = DownloadBroken("it broke off")
EXPIRED = LinkExpired("it answers 403")
GONE = LinkExpired("it answers 404", gone=True)


@pytest.mark.parametrize(
    ("error", "fetching", "after_s", "size", "next_"),
    [
        # broken lines are gone on with, for ten minutes without a byte more
        (BROKEN, FRESH, 1, 0, Next.AGAIN),
        (BROKEN, replace(FRESH, failures=50), 599, 0, Next.AGAIN),
        (BROKEN, FRESH, 601, 0, Next.LATER),
        (BROKEN, replace(FRESH, size=5), 601, 5, Next.LATER),
        (BROKEN, replace(FRESH, size=5), 601, 6, Next.AGAIN),
        (OutputChanged("another file"), FRESH, 1, 0, Next.AGAIN),
        (ServiceFault("500"), FRESH, 1, 0, Next.AGAIN),
        (ServiceUnreachable("away"), FRESH, 601, 0, Next.LATER),
        # a link that may have been old, and three fresh ones after it
        (EXPIRED, FRESH, 1, 0, Next.AGAIN),
        (EXPIRED, replace(FRESH, dead_links=2), 1, 0, Next.AGAIN),
        (GONE, replace(FRESH, dead_links=3), 1, 0, Next.LOST),
        # a storage that refuses may only be having a bad moment
        (EXPIRED, replace(FRESH, dead_links=3, dead_since=1000.0), 119, 0, Next.AGAIN),
        (EXPIRED, replace(FRESH, dead_links=3, dead_since=1000.0), 120, 0, Next.LOST),
        # an address that is not gone to: three fresh ones after it, and then a later run
        (AddressRefused("another host"), FRESH, 1, 0, Next.AGAIN),
        (AddressRefused("another host"), replace(FRESH, dead_links=3), 1, 0, Next.LATER),
        # nothing that another call could mend
        # a request that is not there is gone only after settle
        (RequestNotFound("404"), FRESH, 1, 0, Next.AGAIN),
        (RequestNotFound("404"), replace(FRESH, missing_since=900.0), 19, 0, Next.AGAIN),
        (RequestNotFound("404"), replace(FRESH, missing_since=900.0), 20, 0, Next.LOST),
        # a link that expires on a long way is not a dead one
        (EXPIRED, replace(FRESH, dead_links=3), 1, 7, Next.AGAIN),
        (KeyRefused("401"), FRESH, 1, 0, Next.LATER),
    ],
)
def test_what_follows_a_transfer_that_failed(
    error: ServiceError | DownloadError, fetching: Fetching, after_s: float, size: int, next_: Next
) -> None:
    """And the reason is kept for the person."""
    after = after_failure(fetching, error, 1000.0 + after_s, size, SETTLE_S)

    assert after.next is next_
    assert after.reason == error.message


def test_every_byte_more_buys_new_patience() -> None:
    """A slow line is not a dead one; its pauses begin anew."""
    tired = replace(FRESH, failures=9, size=5)
    after = after_failure(tired, BROKEN, 1500.0, 6, SETTLE_S)

    assert (after.started, after.size, after.failures) == (1500.0, 6, 1)
    assert after.pause_s < tired.pause_s


def test_the_pauses_grow_up_to_a_minute() -> None:
    """The first try has none."""
    pauses = [replace(FRESH, failures=failures).pause_s for failures in range(12)]

    assert pauses[:4] == [0.0, 0.5, 1.0, 2.0]
    assert pauses[-1] == 60.0


@pytest.mark.parametrize(
    ("digests", "each_s", "next_"),
    [
        # whole files, told by capitals: three of the same are what the service has
        ("A", 1, Next.AGAIN),
        ("AA", 1, Next.AGAIN),
        ("AAA", 1, Next.SUSPECT),
        ("ABAA", 1, Next.SUSPECT),
        # halves and pages: only if they come for longer than a moment
        ("aaa", 1, Next.AGAIN),
        ("aaa", 8, Next.SUSPECT),
        ("aaaaaaaaaaaaaaaa", 1, Next.SUSPECT),
        # now this, now that: a loss when it has lasted for settle
        ("ABC", 1, Next.AGAIN),
        ("ABCD", 1, Next.AGAIN),
        ("ABCD", 39, Next.AGAIN),
        ("ABCD", 40, Next.LOST),
        ("abab", 40, Next.LOST),
    ],
)
def test_what_follows_bytes_that_do_not_pass(digests: str, each_s: float, next_: Next) -> None:
    """They come every ``each_s`` seconds."""
    fetching, now = FRESH, 1000.0
    for digest in digests:
        assert fetching.next is Next.AGAIN
        fetching = after_bad_bytes(fetching, digest, "no sound", now, SETTLE_S, whole=digest.isupper())
        now += each_s

    assert fetching.next is next_
    assert fetching.reason == "no sound"


def test_what_is_done_is_done() -> None:
    """Whatever came before."""
    assert after_bad_bytes(FRESH, "a", "no sound", 1000.0, SETTLE_S).done().next is Next.DONE


@given(st.lists(st.sampled_from([BROKEN, EXPIRED, "a", "b"]), max_size=60))
def test_fetching_ends(happenings: list[DownloadError | str]) -> None:
    """No sequence of failures goes on for ever where nothing more comes: a fortieth pause is past the patience."""
    fetching, now = FRESH, 1000.0
    for happening in happenings:
        now += max(fetching.pause_s, 20.0)
        if isinstance(happening, str):
            fetching = after_bad_bytes(fetching, happening, "bad", now, SETTLE_S, whole=False)
        else:
            fetching = after_failure(fetching, happening, now, 0, SETTLE_S)
        if fetching.next is not Next.AGAIN:
            return
    assert len(happenings) < 40
