"""A certificate for TLS on this machine, made once by an authority that signs nothing else: its key is thrown away.

Clients that read `SSL_CERT_FILE` get `bundle.pem`, which holds the system's authorities too; for others `ca.pem`.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.system.atomic import write_atomic, write_private

_DAYS = 397
_RENEW_DAYS = 30


@dataclass(frozen=True)
class Certificate:
    """Files in PEM: the server's certificate and key, the authority, and that with the system's."""

    certificate: Path
    key: Path
    authority: Path
    bundle: Path


def certificate_of(folder: Path, names: Sequence[str]) -> Certificate:
    """The certificate for these names and addresses, made where there is none or it ends soon."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = Certificate(folder / "server.pem", folder / "server.key", folder / "ca.pem", folder / "bundle.pem")
    wanted = sorted({"localhost", "127.0.0.1", "::1", *names})
    if not _is_good(files, wanted):
        _make(files, wanted)
    return files


def _is_good(files: Certificate, names: Sequence[str]) -> bool:
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        alternative_names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    there = {str(entry.value) for entry in alternative_names}
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    complete = all(path.is_file() for path in (files.key, files.authority, files.bundle))
    return complete and there == set(names) and left.days > _RENEW_DAYS


def _make(files: Certificate, names: Sequence[str]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("acestep-bridge, this machine only")
    authority = (
        _builder(issuer, issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    server = (
        _builder(_name("acestep-bridge gateway"), issuer, server_key.public_key())
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    write_private(files.key, server_key.private_bytes(pem, *private))
    write_atomic(files.authority, authority.public_bytes(pem), 0o644)
    write_atomic(files.bundle, _system_authorities() + authority.public_bytes(pem), 0o644)
    write_atomic(files.certificate, server.public_bytes(pem), 0o644)


def _builder(subject: Any, issuer: Any, public: Any) -> Any:
    from cryptography import x509

    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
    )


def _name(text: str) -> Any:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> Any:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(signs_certificates: bool) -> Any:
    from cryptography import x509

    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    off = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    signs = {"digital_signature": not signs_certificates, "key_cert_sign": signs_certificates}
    return x509.KeyUsage(**off, **signs, crl_sign=signs_certificates)


def _system_authorities() -> bytes:
    """The authorities that Python trusts here, in PEM; empty where they are no file."""
    bundle = ssl.get_default_verify_paths().cafile
    places = [Path(bundle)] if bundle else []
    try:
        import certifi

        places.append(Path(certifi.where()))
    except ImportError:
        pass
    return next((path.read_bytes() + b"\n" for path in places if path.is_file()), b"")
