"""Where the key may go, and where we may."""

from __future__ import annotations

import pytest

from dubbatch.api.addresses import (
    check_base_url,
    check_input_url,
    check_output_url,
    check_resolved,
    is_local,
    may_carry_key,
    redirected,
    segment,
    shown,
)
from dubbatch.api.credentials import Credentials
from dubbatch.errors import AddressRefused, UsageError

REAL = "https://api.chamelaion.com/api"
SANDBOX = "http://127.0.0.1:8123/api"

INSIDE = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "192.0.0.8",
    "198.18.0.1",
    "224.0.0.251",
    "255.255.255.255",
    "240.0.0.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a00:1]",
    "[64:ff9b:1::7f00:1]",  # NAT64 of the local network's own (RFC 8215)
    "[::7f00:1]",  # IPv4-compatible
    "[::ffff:0:7f00:1]",  # IPv4-translated
    "[2001::80ff:fffe]",  # Teredo of 127.0.0.1
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fc00::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
    "[2001:db8::1]",
    "[4000::1]",  # in no network yet
    "[fe80::1%25eth0]",
    "[::1%25lo]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "a.localhost",
    "localhost.localdomain",
    "metadata",
    "metadata.google.internal",
    "nas.local",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    "127.0.0.1.",
    "ｌｏｃａｌｈｏｓｔ",
]


@pytest.mark.parametrize("host", INSIDE)
def test_no_link_of_the_real_service_leads_inside_in_any_spelling(host: str) -> None:
    with pytest.raises(AddressRefused):
        check_output_url(f"https://{host}/o.mp4", REAL)
    with pytest.raises(AddressRefused):
        check_input_url(f"http://{host}/o.mp4", REAL)


@pytest.mark.parametrize(
    "host", ["storage.chamelaion.com", "8.8.8.8", "[2606:4700::1111]", "[::ffff:8.8.8.8]", "bücher.example"]
)
def test_public_hosts_are_fetched_from(host: str) -> None:
    check_output_url(f"https://{host}:8443/o.mp4?X-Amz-Signature=1", REAL)
    check_input_url(f"http://{host}/o.mp4", REAL)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "o.mp4",
        "//x.example/o",
        "file:///etc/passwd",
        "ftp://x.example/o",
        "data:video/mp4,x",
        "http://x.example/o",
        "https://",
        "https:///o",
        "https://x.example:99999/o",
        "https://[::1",
        "https://x.example\\@127.0.0.1/o",
        "https://x.example/a b",
        "https://x.example/\n",
        " https://x.example/",
        "https://x.example/\x00",
        "https://x.example\t.evil.example/",
        "https://x.example:0/o",
        "https://x.example:-1/o",
        "https://x.example:443:80/o",
        "https://x.example:４４３/o",
        "https://user:SECRET@x.example/o",
        "https://x.example@127.0.0.1/o",
        "https://%31%32%37.0.0.1/o",
        "https://127.0.0.1%00.x.example/o",
        "https://127.0.0.1%2f.x.example/o",
        "javascript:alert(1)",
        "gopher://x.example/_GET",
        "ws://x.example/o",
        "https:x.example/o",
        "https:/x.example/o",
        "view-source:https://x.example/o",
        "https://x.example/" + "a" * 70_000,
    ],
    ids=lambda url: url[:40],
)
def test_a_link_that_is_not_plainly_https_is_refused(url: str) -> None:
    for base_url in (REAL, SANDBOX):
        with pytest.raises(AddressRefused) as caught:
            check_output_url(url, base_url)
        assert "SECRET" not in caught.value.message
        assert len(caught.value.message) < 500


def test_the_sandbox_leads_to_loopback_but_not_to_plain_http_elsewhere() -> None:
    check_output_url("http://127.0.0.1:9000/o", SANDBOX)
    check_output_url("http://localhost:9000/o", SANDBOX)
    check_output_url("https://10.0.0.1/o", SANDBOX)
    check_input_url("http://10.0.0.1/v.mp4", SANDBOX)
    with pytest.raises(AddressRefused):
        check_output_url("http://x.example/o", SANDBOX)
    with pytest.raises(AddressRefused):
        check_output_url("http://127.0.0.1/o", "https://127.0.0.1.example/api")


def test_one_inside_address_among_many_is_enough_to_refuse() -> None:
    check_resolved("x.example", ["8.8.8.8", "2606:4700::1111"])
    with pytest.raises(AddressRefused):
        check_resolved("x.example", ["8.8.8.8", "10.0.0.1"])
    for address in ("fe80::1%eth0", "::ffff:10.0.0.1", "::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::1", "0.0.0.0", ""):  # noqa: S104
        with pytest.raises(AddressRefused):
            check_resolved("x.example", [address])


@pytest.mark.parametrize(
    ("url", "may"),
    [
        (REAL + "/v1/users/me", True),
        ("https://API.chamelaion.com:443/other", True),
        ("http://api.chamelaion.com/api", False),
        ("https://api.chamelaion.com:8443/api", False),
        ("https://storage.chamelaion.com/api", False),
        ("https://api.chamelaion.com.evil.example/", False),
        ("https://api.chamelaion.com@evil.example/", False),
        ("https://evil.example\\@api.chamelaion.com/", False),
        ("", False),
    ],
)
def test_the_key_goes_to_the_service_and_nowhere_else(url: str, may: bool) -> None:
    assert may_carry_key(url, REAL) is may


def test_the_key_goes_over_plain_http_only_on_loopback() -> None:
    assert may_carry_key("http://127.0.0.1:8123/x", SANDBOX)
    assert may_carry_key("http://[::1]:1/x", "http://[::1]:1/api")
    assert not may_carry_key("http://x.example/", "http://x.example/")
    assert not may_carry_key("http://127.0.0.1:8124/x", SANDBOX)


@pytest.mark.parametrize(
    "url", ["https://x.example/api", "http://127.0.0.1:1", "http://localhost:1/api", "http://[::1]:1"]
)
def test_a_base_url_is_https_or_loopback(url: str) -> None:
    assert check_base_url(f" {url}/ ") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.chamelaion.com/api",
        "http://api.chamelaion.com/api",
        "http://10.0.0.1/api",
        "https://x.example/api?key=SECRET",
        "https://x.example/api#SECRET",
        "https://me:SECRET@x.example/api",
        "ftp://x.example",
        "https://[x",
    ],
)
def test_a_base_url_that_would_lose_the_key_is_refused_with_a_remedy(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_base_url(url)
    assert caught.value.hint
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://u:p@x.example/a.mp4?X-Amz-Signature=1#f", "https://x.example/a.mp4?..."),
        ("https://x.example/a.mp4", "https://x.example/a.mp4"),
        ("ftp://u:p@x.example/a?b='c", "ftp://x.example/a?..."),
        ("https://x.example/a?b='c\"<d>", "https://x.example/a?..."),
        ("https://x.example/\x1b[31m\n", "https://x.example/"),
        ("media/a.mp4?b", "media/a.mp4?..."),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, text: str) -> None:
    assert shown(url) == text


@pytest.mark.parametrize(
    ("text", "path"),
    [("ep01-ja", "ep01-ja"), ("a/b?c#d%e", "a%2Fb%3Fc%23d%25e"), ("..", "%2E%2E"), (".", "%2E"), ("é", "%C3%A9")],
)
def test_an_id_is_one_segment_of_a_path(text: str, path: str) -> None:
    assert segment(text) == path


def test_an_empty_id_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="names nothing"):
        segment("")


def test_where_a_redirect_leads() -> None:
    assert redirected("https://x.example/a/b", "../c") == "https://x.example/c"
    assert redirected("https://x.example/a", "//y.example/") == "https://y.example/"
    assert redirected("https://x.example/a", "") == ""
    assert redirected("https://x.example/a", "https://[") == ""


def test_only_a_service_on_loopback_is_local() -> None:
    assert is_local(SANDBOX)
    assert is_local("http://localhost:1")
    assert not is_local(REAL)
    assert not is_local("https://10.0.0.1/")


def test_credentials_never_show_themselves() -> None:
    credentials = Credentials("key-SECRET", "bearer-SECRET")
    assert "SECRET" not in repr(credentials) + str(credentials)
    assert credentials.hide(b'{"error": "bad key-SECRET"}') == b'{"error": "bad ***"}'


def test_both_kinds_of_key_are_sent_as_the_official_sdk_sends_them() -> None:
    assert Credentials("k").headers() == {"x-api-key": "k"}
    assert Credentials(bearer_token="b").headers() == {"Authorization": "Bearer b"}
    assert Credentials("k", "b").headers() == {"x-api-key": "k", "Authorization": "Bearer b"}
    assert not Credentials()
    assert Credentials("k")


@pytest.mark.parametrize("key", ["SECRET\n", "SEC RET", "SECRÉT", "\x00SECRET"])
def test_a_key_that_no_header_can_hold_is_refused_unseen(key: str) -> None:
    with pytest.raises(UsageError) as caught:
        Credentials(api_key=key)
    assert key.strip() not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["{} x", "x{}", "sk-a\\/b+c==", "sk-a\\u002Fb\\u002bc==", "sk-a%2fb%2Bc%3D%3d", "\\u0073k-a/b+c=="],
)
def test_a_key_is_hidden_in_every_spelling(text: str) -> None:
    """JSON and addresses may write any character in another way."""
    key = "sk-a/b+c=="
    hidden = Credentials(key).hide(text.format(key).encode())
    assert b"***" in hidden
    assert b"b+c" not in hidden
    assert Credentials(key).are_in(f"job-{key}-1")


def test_a_word_is_no_secret() -> None:
    """The sandbox's key may stand in any text, also in the ids of jobs."""
    sandbox = Credentials("sandbox")
    assert sandbox.hide(b"sandbox-test-1") == b"sandbox-test-1"
    assert not sandbox.are_in("sandbox-test-1")
