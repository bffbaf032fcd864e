"""Attempts over real sockets; only the name service is the test's."""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.outbound.connect import Resolve
from app.webhooks.send import Answer, Sender
from tests.webhooks.receiver import receiver

pytestmark = pytest.mark.anyio


def names(*answers: Sequence[str]) -> tuple[Resolve, list[str]]:
    """A name service that answers in turn, and the names it was asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


async def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    resolve, asked = names(["127.0.0.1"])
    async with receiver() as there:
        url = httpx.URL(f"http://hooks.example:{there.port}/a?b=c")
        assert await Sender(True, 5.0, resolve).post(url, b"{}", {"x": "y"}) == Answer(200)
        ((headers, content),) = there.came
    assert asked == ["hooks.example"]
    assert (headers["host"], headers["x"], content) == (f"hooks.example:{there.port}", "y", b"{}")


async def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    for answer in (["127.0.0.1"], ["10.0.0.1", "::1"], ["169.254.169.254"], []):
        async with receiver() as there:
            url = httpx.URL(f"http://hooks.example:{there.port}/")
            assert await Sender(False, 5.0, names(answer)[0]).post(url, b"", {}) == Answer(error="forbidden_address")
            assert there.came == []


async def test_a_name_that_changes_its_meaning_is_looked_at_each_time() -> None:
    resolve, asked = names(["192.0.2.1", "127.0.0.1"], ["127.0.0.1"])
    async with receiver() as there:
        url = httpx.URL(f"http://hooks.example:{there.port}/")
        sender = Sender(False, 5.0, resolve)
        assert [await sender.post(url, b"", {}) for _ in range(2)] == [Answer(error="forbidden_address")] * 2
        assert (there.came, len(asked)) == ([], 2)


async def test_a_number_that_is_a_private_address_does_not_get_round() -> None:
    async with receiver() as there:
        for host in ("2130706433", "0x7f000001", "127.1", f"{'a' * 64}.example"):
            answer = await Sender(False, 5.0).post(httpx.URL(f"http://{host}:{there.port}/"), b"", {})
            assert answer.error in ("forbidden_address", "unknown_host")
        assert there.came == []


async def test_redirects_are_not_followed_and_large_answers_not_read() -> None:
    async with receiver() as there:
        url = httpx.URL(f"http://127.0.0.1:{there.port}/")
        there.answers = [b"302 Found\r\nlocation: /other\r\ncontent-length: 0\r\n\r\n"]
        assert await Sender(True, 5.0).post(url, b"", {}) == Answer(302)
        assert len(there.came) == 1
        there.answers = [b"200 OK\r\ncontent-length: 99999999999\r\n\r\n" + b"x" * 1000]
        assert await Sender(True, 5.0).post(url, b"", {}) == Answer(200)
        there.answers = [b"200 OK\r\nx: " + b"y" * 300_000 + b"\r\n\r\n"]
        assert await Sender(True, 5.0).post(url, b"", {}) == Answer(error="broken_answer")
        there.answers = [b"nonsense\r\n\r\n"]
        assert await Sender(True, 5.0).post(url, b"", {}) == Answer(error="broken_answer")


async def test_a_slow_receiver_is_left_in_time_and_a_silent_port_told() -> None:
    async with receiver() as there:
        there.may_answer.clear()
        began = time.monotonic()
        url = httpx.URL(f"http://127.0.0.1:{there.port}/")
        assert await Sender(True, 0.3).post(url, b"", {}) == Answer(error="timeout")
        assert time.monotonic() - began < 2.0
    assert (await Sender(True, 5.0).post(url, b"", {})).error == "connect_failed"


async def test_the_certificate_must_be_the_names_though_the_address_is_connected_to(tmp_path: Path) -> None:
    there_tls, here_tls = certificate("hooks.example", tmp_path)
    resolve, _ = names(["127.0.0.1"])
    async with receiver(there_tls) as there:
        trusting, strange = Sender(True, 5.0, resolve, here_tls), Sender(True, 5.0, resolve)
        url = f"https://hooks.example:{there.port}/"
        assert await trusting.post(httpx.URL(url), b"", {}) == Answer(200)
        assert await trusting.post(httpx.URL(url.replace("hooks", "other")), b"", {}) == Answer(error="tls_failed")
        assert await strange.post(httpx.URL(url), b"", {}) == Answer(error="tls_failed")


def certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a server of that name, and for a client that trusts it."""
    key, called = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder(called, called, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)
