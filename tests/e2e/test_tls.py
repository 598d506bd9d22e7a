"""TLS on a whole `geminga serve`: Pulsar's client and curl, certificates of clients, files that are renewed, and Pulsar's own configuration files."""
import official_client

official_client.run_there()

import contextlib
import signal
import socket
import ssl
import subprocess
import time
import unittest

import pulsar

from harness import Case, Serve, eventually, run

CONFIG = """
[auth]
superuser_roles = ["root"]
{more}
[auth.roles.alice]
tenant = "public"
[auth.roles.reader]
tenant = "public"
permissions = ["consume"]
"""


def openssl(*arguments):
    subprocess.run(["/usr/bin/openssl", *map(str, arguments)], check=True, capture_output=True)


class Certificates(Case):
    """Makes certificates with openssl: an authority of our own, another one, and what they sign."""

    def setUp(self):
        super().setUp()
        self.files = self.folder / "tls"
        self.files.mkdir()
        self.ca = self.authority("ca")
        self.server = self.issue("server", "localhost")

    def authority(self, name):
        key, pem = self.files / f"{name}-key.pem", self.files / f"{name}.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", pem, "-days", 2,
                "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE")
        return pem

    def issue(self, name, common_name, ca=None, days=1, names="DNS:localhost,IP:127.0.0.1"):
        """(certificate, key)"""
        ca = ca or self.ca
        key, request, pem = (self.files / f"{name}{end}" for end in ("-key.pem", ".csr", ".pem"))
        extensions = self.files / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={common_name}")
        openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca.with_name(ca.stem + "-key.pem"), "-CAcreateserial", "-days", days, "-extfile", extensions,
                "-out", pem)
        key.chmod(0o600)
        return pem, key

    def start(self, *flags, **more):
        pem, key = self.server
        return self.serve("--pulsar-tls", "localhost:0", "--https", "127.0.0.1:0", "--tls-cert", pem, "--tls-key", key, *flags, **more)

    def connect(self, where, trust=None, own=None, host="localhost", **more):
        port = where.ready["pulsar_tls"].rsplit(":", 1)[1]
        if own:
            more["authentication"] = pulsar.AuthenticationTLS(*map(str, own))
        client = pulsar.Client(f"pulsar+ssl://{host}:{port}", tls_trust_certs_file_path=str(trust or self.ca), operation_timeout_seconds=5,
                               connection_timeout_ms=3_000, logger=pulsar.FileLogger(pulsar.LoggerLevel.Warn, str(self.folder / "client.log")), **more)
        self.addCleanup(self.leave, client)
        return client

    @staticmethod
    def leave(client):
        with contextlib.suppress(Exception):
            client.close()

    def round_trip(self, client, body=b"by TLS", topic="orders"):
        consumer = client.subscribe(topic, "s", initial_position=pulsar.InitialPosition.Earliest)
        client.create_producer(topic).send(body)
        message = consumer.receive(timeout_millis=10_000)
        consumer.acknowledge(message)
        self.assertEqual(body, message.data())
        consumer.close()

    def no_way(self, client):
        with self.assertRaises(pulsar.PulsarException):
            client.create_producer("orders")

    def curl(self, where, path, *more, ca=None, own=None, port="https"):
        """The status; 0: no answer."""
        command = ["/usr/bin/curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", "--cacert", ca or self.ca, *more]
        if own:
            command += ["--cert", own[0], "--key", own[1]]
        done = subprocess.run([*map(str, command), f"https://localhost:{where.ready[port].rsplit(':', 1)[1]}{path}"], capture_output=True, text=True)
        return int(done.stdout)

    def served(self, where, name="https"):
        """The certificate that a new connection gets, as text."""
        context = ssl.create_default_context(cafile=str(self.ca))
        port = int(where.ready[name].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
            return secure.getpeercert()["serialNumber"]


class Clients(Certificates):
    def test_the_official_client_and_curl_by_tls(self):
        where = self.start()
        self.assertEqual({"http", "https", "pulsar", "pulsar_tls"}, set(where.ready))
        self.round_trip(self.connect(where, tls_validate_hostname=True))
        self.round_trip(self.connect(where), b"x" * (4 << 20), "large")
        self.assertEqual(200, self.curl(where, "/healthz"))
        self.assertEqual(200, self.curl(where, "/api/bus/topics"))
        code, _ = where.terminate()
        self.assertEqual(0, code)

    def test_who_does_not_trust_this_server_stays_away(self):
        where = self.start()
        other = self.authority("other")
        self.no_way(self.connect(where, trust=other))
        self.assertEqual(0, self.curl(where, "/healthz", ca=other))
        self.server = self.issue("elsewhere", "elsewhere", names="DNS:elsewhere")
        second = self.folder / "second"
        second.mkdir()
        with Serve(second, "--pulsar-tls", "localhost:0", "--tls-cert", self.server[0], "--tls-key", self.server[1]) as elsewhere:
            self.no_way(self.connect(elsewhere, tls_validate_hostname=True))
            self.round_trip(self.connect(elsewhere))

    def test_who_speaks_the_other_language_is_sent_away_and_the_log_says_so(self):
        where = self.start()
        for name in ("https", "pulsar_tls"):
            port = int(where.ready[name].rsplit(":", 1)[1])
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
                plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
                began = time.monotonic()
                with contextlib.suppress(ConnectionResetError):
                    self.assertEqual(b"", plain.recv(100))
                self.assertLess(time.monotonic() - began, 5)
        for name in ("http", "pulsar"):
            self.assertEqual(0, self.curl(where, "/", port=name))
        log = where.log_text()
        self.assertEqual(2, log.count("it does not speak TLS, and this port does"), log)
        self.assertIn("https has a port of its own", log)
        self.assertIn("pulsar+ssl:// has a port of its own", log)
        self.assertEqual(200, self.curl(where, "/healthz"))

    def test_only_by_tls(self):
        where = self.start("--http", "off", env={"GEMINGA_PULSAR": "off"})
        self.assertEqual({"https", "pulsar_tls"}, set(where.ready))
        self.round_trip(self.connect(where))
        self.assertEqual(200, self.curl(where, "/healthz"))


class Roles(Certificates):
    def setUp(self):
        super().setUp()
        self.alice, self.reader, self.root = (self.issue(name, name) for name in ("alice", "reader", "root"))

    def test_the_common_name_is_the_role(self):
        where = self.start("--tls-ca", self.ca, config=CONFIG.format(more=""))
        self.round_trip(self.connect(where, own=self.alice))
        reader = self.connect(where, own=self.reader)
        reader.subscribe("orders", "r").close()
        with self.assertRaises(pulsar.AuthorizationError):
            reader.create_producer("orders")
        for own in (None, self.issue("stranger", "stranger"), self.issue("mallory", "root", ca=self.authority("other")), self.issue("over", "root", days=-1)):
            with self.subTest(own=own):
                self.no_way(self.connect(where, own=own))
        self.assertEqual(200, self.curl(where, "/metrics", own=self.root))
        self.assertEqual(403, self.curl(where, "/metrics", own=self.alice))
        self.assertEqual(401, self.curl(where, "/metrics"))
        self.assertEqual(401, self.curl(where, "/metrics", "-H", "Authorization: Bearer x", own=self.root), "a token that is shown counts alone")
        self.assertEqual(0, self.curl(where, "/healthz", own=self.issue("fake", "root", ca=self.authority("another"))))
        self.assertEqual(200, self.curl(where, "/healthz"))

    def test_a_certificate_may_be_required(self):
        where = self.start("--tls-ca", self.ca, "--tls-require-client-cert")
        self.assertEqual(0, self.curl(where, "/healthz"))
        self.assertEqual(200, self.curl(where, "/healthz", own=self.alice))
        self.no_way(self.connect(where))
        self.round_trip(self.connect(where, own=self.alice))

    def test_who_shows_nothing_may_have_a_role(self):
        where = self.start("--tls-ca", self.ca, config=CONFIG.format(more='anonymous_role = "reader"'))
        nobody = self.connect(where)
        nobody.subscribe("orders", "r").close()
        with self.assertRaises(pulsar.AuthorizationError):
            nobody.create_producer("orders")
        self.assertEqual(403, self.curl(where, "/metrics"))
        self.assertEqual(200, self.curl(where, "/metrics", own=self.root))


class Files(Certificates):
    def test_sighup_reads_them_again_and_what_is_wrong_changes_nothing(self):
        where = self.start()
        before = self.served(where)
        client = self.connect(where)
        producer = client.create_producer("orders")
        self.issue("server", "localhost")
        where.process.send_signal(signal.SIGHUP)
        eventually("the new certificate", lambda: self.served(where) != before)
        renewed = self.served(where)
        self.assertEqual(renewed, self.served(where, "pulsar_tls"))
        producer.send(b"the connection is still the old one")
        self.server[0].write_text("nothing")
        where.process.send_signal(signal.SIGHUP)
        eventually("a line in the log", lambda: "what was read before stays" in where.log_text())
        self.assertIn("it holds no certificate", where.log_text())
        self.assertEqual(renewed, self.served(where))
        code, _ = where.terminate()
        self.assertEqual(0, code)

    def fails(self, *flags, text):
        done = run("serve", "--http", "127.0.0.1:0", "--data-dir", self.folder / "data", *flags, timeout=20)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn(text, done.stderr)

    def test_files_that_do_not_do_are_named(self):
        pem, key = self.server
        https = ("--https", "127.0.0.1:0")
        self.fails(*https, text="--tls-cert FILE")
        self.fails(*https, "--tls-cert", pem, "--tls-key", self.issue("other", "other")[1], text="is not that of the certificate")
        self.fails(*https, "--tls-cert", self.folder / "none", "--tls-key", key, text="does it exist")
        over = self.issue("over", "localhost", days=-1)
        self.fails(*https, "--tls-cert", over[0], "--tls-key", over[1], text="the certificate expired at")
        self.fails("--tls-cert", pem, "--tls-key", key, text="nothing listens with them")
        self.fails(*https, "--tls-cert", pem, "--tls-key", key, "--tls-require-client-cert", text="--tls-ca FILE")
        self.fails("--http", "off", text="add --https")

    def test_a_key_that_everyone_may_read_is_warned_of(self):
        self.server[1].chmod(0o644)
        self.assertIn(f"chmod o-r {self.server[1]}", self.start().log_text())


class PulsarsFiles(Certificates):
    STANDALONE = """
# A standalone server as its file has it.
clusterName=standalone
metadataStoreUrl=
bindAddress=0.0.0.0
advertisedAddress=localhost
brokerServicePort={pulsar}
webServicePort={http}
numIOThreads=2
loadBalancerEnabled=false
managedLedgerDefaultEnsembleSize=1
dbStorage_writeCacheMaxSizeMb=64
allowAutoTopicCreation=true
transactionCoordinatorEnabled=true
maxProducersPerTopic : 1
ttlDurationDefaultInSeconds = 3600
"""

    def free_ports(self, count):
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        ports = [each.getsockname()[1] for each in sockets]
        for each in sockets:
            each.close()
        return ports

    def start_with(self, text, *flags, **more):
        (self.folder / "standalone.conf").write_text(text)
        serve = Serve(self.folder, "--broker-conf", self.folder / "standalone.conf", *flags, **more)
        self.addCleanup(serve.__exit__)
        return serve

    def test_a_standalone_file_works_and_each_key_is_accounted_for(self):
        pulsar_port, http_port = self.free_ports(2)
        where = self.start_with(self.STANDALONE.format(pulsar=pulsar_port, http=http_port), env={"GEMINGA_PULSAR": ""})
        self.assertEqual(f"127.0.0.1:{pulsar_port}", where.ready["pulsar"], "an open address without authentication is not opened")
        client = pulsar.Client("pulsar://" + where.ready["pulsar"], logger=pulsar.FileLogger(pulsar.LoggerLevel.Warn, str(self.folder / "client.log")))
        self.addCleanup(self.leave, client)
        producer = client.create_producer("orders")
        producer.send(b"one")
        with self.assertRaises(pulsar.ProducerBusy):
            client.create_producer("orders")
        log = where.log_text()
        for kind, key in (("honoured", f"brokerServicePort = {pulsar_port}"), ("not supported", "transactionCoordinatorEnabled"), ("not supported", "bindAddress"),
                          ("honoured", "maxProducersPerTopic = 1")):
            self.assertRegex(log, rf"{kind} +{key}")
        self.assertIn("BookKeeper is not there", log)
        self.assertIn("0 unknown", log)

    def test_tls_tokens_and_certificates_of_a_broker_file(self):
        key = self.folder / "secret.key"
        self.assertEqual(0, run("tokens", "create-secret-key", "--output-file", key).returncode)
        token = run("tokens", "create", "--secret-key", f"file://{key}", "--subject", "admin").stdout.strip()
        where = self.start_with(f"""
brokerServicePort=
webServicePort=
brokerServicePortTls=0
webServicePortTls=0
tlsCertificateFilePath={self.server[0]}
tlsKeyFilePath={self.server[1]}
tlsTrustCertsFilePath={self.ca}
authenticationEnabled=true
authenticationProviders=org.apache.pulsar.broker.authentication.AuthenticationProviderToken,\\
    org.apache.pulsar.broker.authentication.AuthenticationProviderTls,org.apache.pulsar.broker.authentication.AuthenticationProviderBasic
tokenSecretKey=file://{key}
authorizationEnabled=true
superUserRoles=admin
""", "--http", "127.0.0.1:0", env={"GEMINGA_PULSAR": ""})
        self.assertEqual({"http", "https", "pulsar_tls"}, set(where.ready), "a flag beats the file")
        self.round_trip(self.connect(where, authentication=pulsar.AuthenticationToken(token)))
        self.round_trip(self.connect(where, own=self.issue("admin", "admin")))
        self.no_way(self.connect(where))
        self.assertEqual(200, self.curl(where, "/metrics", "-H", f"Authorization: Bearer {token}"))
        log = where.log_text()
        self.assertRegex(log, "not supported +authenticationProviders: AuthenticationProviderBasic")
        self.assertNotIn(key.name, [line for line in log.splitlines() if "tokenSecretKey" in line][0])

    def test_what_would_weaken_anything_stops_the_start(self):
        conf = self.folder / "broker.conf"
        for text, why in (("authenticationEnabled=true\nauthorizationEnabled=true\nauthorizationProvider=a.B\n", "broker.conf:3: 'authorizationProvider'"),
                          ("authenticationEnabled=true\nauthenticationProviders=a.AuthenticationProviderBasic\n", "broker.conf:2: 'authenticationProviders'"),
                          ("maxMessageSize=many\n", "broker.conf:1: 'maxMessageSize'")):
            conf.write_text(text)
            done = run("serve", "--http", "127.0.0.1:0", "--data-dir", self.folder / "data", "--broker-conf", conf, timeout=20)
            self.assertEqual(1, done.returncode, done.stderr)
            self.assertIn(why, done.stderr)


if __name__ == "__main__":
    unittest.main()
