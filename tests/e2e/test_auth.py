"""Authentication and tenants over a whole `geminga serve` and the command line."""
import json
import pathlib
import subprocess
import unittest

from harness import GEMINGA, RULES, Case, environment, json_lines, run, tool_server

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
[auth]
{key}
superuser_roles = ["root"]
monitor_roles = ["prometheus"]
[auth.roles.alice]
tenant = "a"
[auth.roles.carol]
tenant = "a"
permissions = ["query"]
[auth.roles.bob]
tenant = "b"
permissions = ["query", "produce", "consume", "admin"]
"""


class Auth(Case):
    def make_secret(self):
        key = self.folder / "secret.key"
        made = run("tokens", "create-secret-key", "--output-file", key)
        self.assertEqual(0, made.returncode, made.stderr)
        self.assertEqual(0o600, key.stat().st_mode & 0o777)
        self.assertEqual(1, run("tokens", "create-secret-key", "--output-file", key).returncode, "a key is never written over")
        return key

    def token(self, role, *key):
        made = run("tokens", "create", *(key or ("--secret-key", f"file://{self.folder}/secret.key")), "--subject", role, "--expiry-time", "1h")
        self.assertEqual(0, made.returncode, made.stderr)
        path = self.folder / f"{role}.token"
        path.write_text(made.stdout)
        return path

    def start(self, *flags):
        self.make_secret()
        return self.serve(*flags, config=CONFIG.format(key=f'token_secret_key = "file://{self.folder}/secret.key"'),
                          mcp={"tools": tool_server(self.folder / "tools")}, rules=RULES)

    def bearer(self, role):
        return {"Authorization": "Bearer " + self.token(role).read_text().strip()}

    def test_every_route_but_two_needs_a_token_and_the_document_shows_them_all(self):
        geminga = self.start()
        root = self.bearer("root")
        status, document = geminga.request("GET", "/api/openapi.json", headers=root)
        self.assertEqual(200, status)
        self.assertEqual(json.loads((ROOT / "docs/reference/openapi.json").read_text()), document,
                         "refresh it: curl -H \"Authorization: Bearer ...\" localhost:8080/api/openapi.json > docs/reference/openapi.json")
        without = {}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                status, _ = geminga.request(method.upper(), path.replace("{", "").replace("}", ""), headers={"Content-Type": "application/json"}, raw="{}" if "requestBody" in operation else None)
                without[f"{method} {path}"] = status
                self.assertEqual([] if path in ("/healthz", "/readyz") else [{"bearer": []}], operation["security"], path)
        self.assertEqual({"get /healthz": 200, "get /readyz": 200}, {route: status for route, status in without.items() if status != 401})
        self.assertGreater(len(without), 40)
        self.assertEqual(401, geminga.request("GET", "/nothing/here")[0])
        self.assertEqual(404, geminga.request("GET", "/nothing/here", headers=root)[0])
        self.assertEqual(403, geminga.request("GET", "/metrics", headers=self.bearer("bob"))[0])
        self.assertEqual(200, geminga.request("GET", "/metrics", headers=self.bearer("prometheus"))[0])

    def test_who_was_refused_and_a_key_that_everyone_may_read(self):
        geminga = self.start()
        self.assertNotIn("chmod", geminga.log_text())
        self.assertEqual(403, geminga.request("GET", "/metrics", headers=self.bearer("bob"))[0])
        executions = next(topic for topic in json_lines(geminga.cli("topics", "list", "-o", "json", "--token-file", self.token("root")).stdout)
                          if topic["topic"].endswith("executions"))["topic"]
        got = geminga.cli("consume", executions, "-s", "audit", "--from", "earliest", "-n", "1", "-o", "json", "--token-file", self.token("root"))
        record = json.loads(json_lines(got.stdout)[0]["body"])
        self.assertEqual(("refused", "bob"), (record["step"], record["role"]), record)
        self.assertIn("GET /metrics", record["error"])
        geminga.terminate()
        (self.folder / "secret.key").chmod(0o644)
        again = self.serve(config=CONFIG.format(key='token_secret_key = "secret.key"'))
        self.assertIn("chmod o-r", again.log_text())

    def test_two_tenants_at_the_command_line(self):
        geminga = self.start()
        alice, bob = self.token("alice"), self.token("bob")
        refused = geminga.cli("query", "echo hello")
        self.assertEqual(1, refused.returncode)
        self.assertIn("token", refused.stderr)
        answered = geminga.cli("query", "--token-file", alice, "echo hello", "-o", "json")
        self.assertEqual(0, answered.returncode, answered.stderr)
        job = json.loads(answered.stdout)["jobId"]
        self.assertEqual(0, geminga.cli("jobs", "show", job, "--token-file", alice).returncode)
        shown = geminga.cli("jobs", "show", job, "--token-file", self.token("carol"))
        self.assertEqual((0, True, True), (shown.returncode, job in shown.stdout, "consume" in shown.stderr), shown.stderr)
        self.assertEqual(1, geminga.cli("jobs", "show", job, "--token-file", bob).returncode)
        self.assertEqual([], json_lines(geminga.cli("jobs", "list", "-o", "json", env={"GEMINGA_TOKEN": f"file://{bob}"}).stdout))
        sent = geminga.cli("produce", "persistent://b/shop/orders", "-m", "one", "--token-file", bob)
        self.assertEqual(0, sent.returncode, sent.stderr)
        self.assertEqual(1, geminga.cli("produce", "persistent://b/shop/orders", "-m", "two", "--token-file", alice).returncode)
        got = geminga.cli("consume", "persistent://b/shop/orders", "-s", "s", "--from", "earliest", "-n", "1", "-o", "json", env={"GEMINGA_TOKEN": bob.read_text()})
        self.assertEqual(["one"], [line["body"] for line in json_lines(got.stdout)], got.stderr)

    def test_tokens_signed_with_a_private_key(self):
        for algorithm in ("RS256", "ES256"):
            private, public = self.folder / f"{algorithm}.private", self.folder / f"{algorithm}.public"
            made = run("tokens", "create-key-pair", "-a", algorithm, private, public)
            self.assertEqual(0, made.returncode, made.stderr)
            token = self.token("root", "--private-key", private)
            shown = run("tokens", "validate", "--public-key", f"file://{public}", "--token-file", token, "-o", "json")
            self.assertEqual(("root", algorithm), tuple(json.loads(shown.stdout)[name] for name in ("sub", "alg")), shown.stderr)
            self.assertEqual("root", json.loads(run("tokens", "show", "--token-file", token, "-o", "json").stdout)["sub"])
            other = run("tokens", "validate", "--secret-key", f"file://{private}", "--token-file", token)
            self.assertEqual(1, other.returncode)
        geminga = self.serve(config=CONFIG.format(key=f'token_public_key = "{public.name}"'))
        headers = {"Authorization": "Bearer " + token.read_text().strip()}
        self.assertEqual(200, geminga.request("GET", "/api/orchestrator/status", headers=headers)[0])
        self.assertNotIn(headers["Authorization"][7:], geminga.log_text())

    def test_what_is_wrong_is_said_at_the_start(self):
        for config, named in ((CONFIG.format(key=""), "no key"), (CONFIG.format(key='token_secret_key = "/no/such/key"'), "key")):
            path = self.folder / "wrong.toml"
            path.write_text(config)
            ended = subprocess.run([GEMINGA, "serve", "--config", path, "--data-dir", self.folder / "data", "--http", "127.0.0.1:0"], capture_output=True,
                                   text=True, timeout=30, env=environment())
            self.assertEqual(1, ended.returncode)
            self.assertIn(named, ended.stderr)


if __name__ == "__main__":
    unittest.main()
