"""The servers that the programs run against: two of one kind, one open to anybody, one that wants tokens."""
import base64
import contextlib
import hashlib
import hmac
import json
import pathlib
import secrets
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "tests/brokers")]
import harness
import pulsar_broker

KINDS = ("geminga", "pulsar")
LEEWAY_S = {"geminga": 60, "pulsar": 0}  # how long a token is taken after it has expired


def version_of(kind):
    return f"Pulsar {pulsar_broker.VERSION}" if kind == "pulsar" else "Geminga"


def token(key, subject, seconds):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")
    body = part(b'{"alg":"HS256"}') + b"." + part(json.dumps({"sub": subject, "exp": int(time.time() + seconds)}).encode())
    return (body + b"." + part(hmac.new(key.read_bytes(), body, hashlib.sha256).digest())).decode()


@contextlib.contextmanager
def geminga(folder, key):
    auth = f'[auth]\ntoken_secret_key = "file://{key}"\nsuperuser_roles = ["admin"]\n'
    with harness.Serve(folder / "open") as open_to_all, harness.Serve(folder / "auth", config=auth) as guarded:
        yield {"CLIENTS_URL": "pulsar://" + open_to_all.ready["pulsar"], "CLIENTS_ADMIN": open_to_all.url,
               "CLIENTS_AUTH_URL": "pulsar://" + guarded.ready["pulsar"]}


@contextlib.contextmanager
def pulsar(_, key):
    with pulsar_broker.PulsarBroker() as open_to_all, pulsar_broker.PulsarBroker(secret_key=key, admin_token=token(key, "admin", 86_400)) as guarded:
        yield {"CLIENTS_URL": open_to_all.url(), "CLIENTS_ADMIN": open_to_all.http_url(), "CLIENTS_AUTH_URL": guarded.url()}


@contextlib.contextmanager
def running(kind):
    """What the programs find in their environment."""
    with tempfile.TemporaryDirectory(prefix="geminga-clients-") as name:
        folder = pathlib.Path(name)
        key = folder / "secret.key"
        key.write_bytes(secrets.token_bytes(32))
        with {"geminga": geminga, "pulsar": pulsar}[kind](folder, key) as addresses:
            yield addresses | {"CLIENTS_SECRET_KEY": str(key), "CLIENTS_LEEWAY": str(LEEWAY_S[kind])}
