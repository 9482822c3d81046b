"""What the answer of a web address means for a job that has it as an input. Pure.

What would be the same for the service is an error; what may be the way from here, or may pass, is a warning.
No message has the query or the login of an address in it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from dubbatch.api.addresses import shown
from dubbatch.api.downloads import REDIRECTS
from dubbatch.api.ranges import RangeReply
from dubbatch.api.text import clean
from dubbatch.errors import AddressRefused, DownloadError
from dubbatch.manifest.problems import Finding
from dubbatch.media.boxes import describe_start

#: Answers that another try may change: time-outs of the server, too early, too many, and all of 5xx.
_PASSING = frozenset({408, 425, 429})
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_LOGIN = re.compile(
    r"(?<![a-z])(?:log-?_?in|logon|sign-?_?in|sso|saml2?|oauth2?|auth|authorize|authenticate|accounts?)(?![a-z])",
    re.IGNORECASE,
)
_ELSEWHERE = "if the service may well reach it, --no-probe-urls leaves addresses unlooked at"
_DIRECT = "give a direct link to the file: links for sharing lead to a page that shows it"
_SIGNED = "sign the link anew, or make the file readable for everyone who has the link"


def is_passing(status: int) -> bool:
    """Whether the same address, asked again, may answer otherwise."""
    return status in _PASSING or status >= 500


def judge_answer(reply: RangeReply, hops: list[str]) -> Finding | None:
    """What is wrong with an address whose first bytes are in ``reply``; ``hops`` are all addresses on the way."""
    page = _page(reply)
    if len(hops) > 1 and (page or reply.status in (401, 403)) and (page or leads_to_login(hops)):
        return _login(hops)
    if reply.status in REDIRECTS:
        return Finding(f"the address leads in circles, or nowhere: {shown(reply.address)}", _DIRECT)
    if reply.status == 416 and reply.total == 0:
        return _empty()
    if not 200 <= reply.status < 300:
        return _refusal(reply.status)
    return _content(reply, page)


def judge_failure(error: DownloadError, hops: list[str]) -> Finding:
    """What it means that an address gave no answer, or broke off."""
    if leads_to_login(hops):
        return _login(hops)
    remedy = f"try the address from another place, or run again; {_ELSEWHERE}"
    if isinstance(error, AddressRefused):
        return Finding(f"the address can't be looked at from here: {clean(error.message)}", remedy, "warning")
    return Finding(f"the address was not looked at: {clean(error.message)}", remedy, "warning")


def unknown_length(*, parts: bool) -> Finding:
    """Said of media whose length their address does not give away."""
    why = "the few parts of it that were read don't tell" if parts else "the server gives no parts of it"
    return Finding(
        f"how long it lasts is not known: {why}",
        "a `minutes` column in the manifest tells it; without one, a cap on minutes holds the job back",
        "warning",
    )


def no_media(reason: str) -> Finding:
    """Said of an address that answers with something else; ``reason``: what, as part of a sentence."""
    return Finding(f"the address gives no media: {reason}", _DIRECT)


def leads_to_login(hops: list[str]) -> bool:
    """Whether a redirect leads to where people log in, by host and path."""
    for hop in hops[1:]:
        try:
            parts = urlsplit(hop)
        except ValueError:
            continue
        if _LOGIN.search(f"{parts.netloc.rpartition('@')[2]}{parts.path}"):
            return True
    return False


def _page(reply: RangeReply) -> bool:
    said = describe_start(reply.content[:512])
    return "web page" in said or (reply.media_type in _PAGES and (not reply.content or _is_text(reply.content[:512])))


def _is_text(head: bytes) -> bool:
    return b"\0" not in head


def _login(hops: list[str]) -> Finding:
    return Finding(
        f"the address leads to a login page: {shown(hops[-1])}",
        "the service can't log in: give a link that needs no login (a signed one, or a public one)",
    )


def _refusal(status: int) -> Finding:
    if is_passing(status):
        remedy = f"run again later; {_ELSEWHERE}"
        return Finding(f"the address answers {status}: that may pass", remedy, "warning")
    if status in (401, 403):
        message = f"the address answers {status}: nobody may read it without permission; a signed link may have expired"
        return Finding(message, f"{_SIGNED}; {_ELSEWHERE}")
    if status in (404, 410):
        return Finding(f"the address answers {status}: there is nothing", "check the link for a slip, or upload anew")
    if status == 416:
        return Finding("the address answers 416: it gives no parts of the file", f"run again; {_ELSEWHERE}", "warning")
    return Finding(f"the address answers {status}: the file can't be had", f"{_SIGNED}; {_ELSEWHERE}")


def _content(reply: RangeReply, page: bool) -> Finding | None:
    if page:
        return no_media("it answers with a web page")
    if reply.status == 204 or reply.total == 0:
        return _empty()
    if reply.packing:
        message = f"the address was not looked at: it is sent packed ({clean(reply.packing, 20)})"
        return Finding(message, "serve the file without content encoding", "warning")
    if reply.content[:16].lstrip(b"\xef\xbb\xbf").startswith(b"#EXTM3U"):
        return no_media("the file is a playlist")
    said = describe_start(reply.content[:512])
    return no_media(said) if said and any(reply.content[:512]) else None


def _empty() -> Finding:
    return Finding("the address gives no media: the file is empty", "upload it again")
