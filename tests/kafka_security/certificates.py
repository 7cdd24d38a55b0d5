"""Certificates for tests: an authority, a broker's, clients', and broken ones.

Kafka reads PEM with the key as PKCS#8, and the chain in the same file.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

KEY_PASSWORD = "key-pa55word"  # noqa: S105 - of a test's key
"""Password of the key of `client-locked.pem`; no log may show it."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """Certificate authority: its certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls, name: str) -> "Authority":
        """Create an authority with a certificate signed by itself."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        builder = _builder(subject, subject, key, valid_days=1).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def pem(self) -> bytes:
        """Certificate of the authority as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        name: str,
        *,
        hosts: Iterable[str] = (),
        valid_days: int = 1,
        key_password: str = "",
    ) -> bytes:
        """Return key and certificate as one PEM.

        Args:
            name: Common name of the subject.
            hosts: Host names and addresses of a server.
            valid_days: Negative for a certificate that has expired.
            key_password: Password that encrypts the key; empty for none.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(
            _name(name), self.certificate.subject, key, valid_days=valid_days
        )
        if names := [_general_name(host) for host in hosts]:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(names), critical=False
            )
        certificate = builder.sign(self.key, hashes.SHA256())
        encryption = (
            BestAvailableEncryption(key_password.encode())
            if key_password
            else NoEncryption()
        )
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        return key_pem + certificate.public_bytes(Encoding.PEM) + self.pem


def write_certificates(directory: Path) -> None:
    """Write every certificate of these tests into a directory."""
    authority, stranger = Authority.create("tests"), Authority.create("stranger")
    here = ("localhost", "127.0.0.1")
    files = {
        "ca.pem": authority.pem,
        "stranger-ca.pem": stranger.pem,
        "broker.pem": authority.issue("broker", hosts=here),
        "broker-expired.pem": authority.issue("broker", hosts=here, valid_days=-1),
        "broker-elsewhere.pem": authority.issue("broker", hosts=("kafka.example",)),
        "client.pem": authority.issue("mtls-user"),
        "client-locked.pem": authority.issue("mtls-user", key_password=KEY_PASSWORD),
        "client-expired.pem": authority.issue("mtls-user", valid_days=-1),
        "client-stranger.pem": stranger.issue("mtls-user"),
    }
    for name, content in files.items():
        (directory / name).write_bytes(content)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    *,
    valid_days: int,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * _DAY)
        .not_valid_after(now + valid_days * _DAY)
    )
