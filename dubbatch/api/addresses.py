"""Where the key may go, and where we ourselves may go. Pure: no name is looked up here.

Three kinds of address: the service's own (``base_url``, a person's word), its links to outputs (the
service's word: hostile until checked) and inputs that we fetch (the manifest's word: a mailed manifest
must not make us read the inside of a network). A service on loopback is the sandbox: it may lead to
loopback; no other may.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from dubbatch.api.text import clean
from dubbatch.errors import AddressRefused, UsageError

_DEFAULT_PORTS = {"http": 80, "https": 443}
#: URL parsers disagree about these: what one takes for a path, another takes for the host.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")
_INSIDE_SUFFIXES = (".localhost", ".localdomain", ".local", ".internal", ".intranet", ".lan", ".home.arpa")
_FULL_STOPS = str.maketrans("。．｡", "...")  # IDNA takes these for dots (RFC 3490, 3.1)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
#: All that IANA has given out for the public; what else there is carries IPv4 or is somebody's own.
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
#: Of protocols (RFC 6890), and not yet private to every Python.
_PROTOCOLS = ipaddress.ip_network("192.0.0.0/24")
_IPV4_SPACE = 1 << 32
#: Longest address that is fetched, in characters: signed links have some 2,000.
_URL_MAX = 16_384

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class _Origin:
    """Who answers at a URL."""

    scheme: str
    host: str
    port: int


def shown(url: str) -> str:
    """``url`` for people: without user and password, and with its query (which may sign it) as ``?...``."""
    return re.sub(r"[?#].*", "?...", re.sub(r"//[^/?#\s]*@", "//", clean(url, limit=300)))


def may_carry_key(url: str, base_url: str) -> bool:
    """Whether a request to ``url`` may hold the key: the service itself, and a line nobody can listen to."""
    there, home = _origin(url), _origin(base_url)
    return there is not None and there == home and (there.scheme == "https" or _is_loopback(there.host))


def is_local(base_url: str) -> bool:
    """Whether the service is on loopback: then it is the sandbox, and so are its links."""
    origin = _origin(base_url)
    return origin is not None and _is_loopback(origin.host)


def check_base_url(url: str) -> str:
    """The service's address as all others are made from it: absolute, without the slash at its end.

    Raises UsageError: not http(s), plain http to anywhere but loopback, a query, or a password in it.
    """
    origin = _origin(url.strip())
    parts = urlsplit(url.strip()) if origin else None
    if origin is None or parts is None:
        raise UsageError(
            f"the base URL {shown(url)!r} is not a web address",
            hint="give it whole, such as https://api.chamelaion.com/api",
        )
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise UsageError(
            f"the base URL {shown(url)} has more in it than host and path",
            hint="leave out the query and any user or password; the key has its own setting",
        )
    if origin.scheme == "http" and not _is_loopback(origin.host):
        raise UsageError(
            f"the base URL {shown(url)} is plain http: everyone on the way could read the key",
            hint="use https:// (plain http is for the sandbox on 127.0.0.1)",
        )
    return url.strip().rstrip("/")


def check_output_url(url: str, base_url: str) -> None:
    """Raises AddressRefused unless the service's link ``url`` is one that we fetch.

    https to a public host. A service on loopback may also lead to loopback (then plain http will do)
    and to private hosts.
    """
    origin = _fetchable(url, base_url, "the link to the output")
    if origin.scheme == "http" and not (_is_loopback(origin.host) and is_local(base_url)):
        raise AddressRefused(
            f"the link to the output is plain http, which anyone on the way could change: {shown(url)}",
            hint="report this to the service; the output is not lost",
        )


def check_input_url(url: str, base_url: str) -> None:
    """Raises AddressRefused unless ``url``, an input from the manifest, is one that we fetch ourselves.

    http or https to a public host; inside hosts only when the service itself is on loopback.
    """
    _fetchable(url, base_url, "the input")


def check_resolved(host: str, addresses: list[str]) -> None:
    """Raises AddressRefused if a public name leads (also) to an inside address, as in DNS rebinding."""
    for address in addresses:
        ip = _literal(address)
        if ip is None or not _is_public(ip):
            raise AddressRefused(
                f"{clean(host)} leads into a private network ({clean(address)}): not fetched from there",
                hint="use a host that the service can reach too, or a local file",
            )


def segment(text: str) -> str:
    """``text`` as one segment of a path, whatever is in it. Raises ValueError if it is empty.

    An empty segment would turn a question for one thing into a question for all.
    """
    if not text:
        raise ValueError("an empty id names nothing")
    quoted = quote(text, safe="")
    # "." and ".." have no other spelling, and a path is shortened by them.
    return quoted.replace(".", "%2E") if not quoted.strip(".") else quoted


def redirected(url: str, location: str) -> str:
    """Where a redirect of ``url`` leads; empty if that can't be told."""
    try:
        return urljoin(url, location) if location else ""
    except ValueError:
        return ""


def _fetchable(url: str, base_url: str, what: str) -> _Origin:
    origin = _origin(url) if len(url) <= _URL_MAX else None
    if origin is None:
        raise AddressRefused(f"{what} is not a web address that dubbatch fetches from: {shown(url)}")
    if "@" in urlsplit(url).netloc:
        raise AddressRefused(f"{what} has a user or a password in it, which dubbatch sends to nobody: {shown(url)}")
    if _is_inside(origin.host) and not is_local(base_url):
        raise AddressRefused(
            f"{what} leads into a private network: {shown(url)}",
            hint="use a host that the service can reach too, or a local file",
        )
    return origin


def _origin(url: str) -> _Origin | None:
    """Who answers at ``url``; None for anything but an unmistakable http(s) address."""
    if _AMBIGUOUS.search(url):
        return None
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    except ValueError:
        return None
    # A host that is encoded ("%31%32%37.0.0.1") is one to some parsers and another to others.
    if scheme not in _DEFAULT_PORTS or not host or port == 0 or "%" in host:
        return None
    return _Origin(scheme, _plain(host), port or _DEFAULT_PORTS[scheme])


def _plain(host: str) -> str:
    """``host`` as the network takes it: full-width letters and dots are the plain ones (IDNA)."""
    return unicodedata.normalize("NFKC", host.translate(_FULL_STOPS)).lower().rstrip(".")


def _is_loopback(host: str) -> bool:
    ip = _literal(host)
    return host == "localhost" if ip is None else ip.is_loopback


def _is_inside(host: str) -> bool:
    ip = _literal(host)
    if ip is not None:
        return not _is_public(ip)
    # A name without a dot is a name of the local network ("localhost", "metadata", "nas").
    return "." not in host or host.endswith(_INSIDE_SUFFIXES)


def _literal(host: str) -> _IP | None:
    """The address that ``host`` is, in any of the forms that the C library takes for one, or None.

    ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` are all 127.0.0.1 to it.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None


def _is_public(ip: _IP) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        carried = _carried(ip)
        if carried is not None:
            return _is_public(carried)
        return ip in _PUBLIC_IPV6 and ip.is_global
    return ip.is_global and not ip.is_multicast and ip not in _PROTOCOLS


def _carried(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4, Teredo, NAT64)."""
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) % _IPV4_SPACE)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)
