"""What users get wrong: each thing has a text that names it and the remedy, the right exit code or HTTP status, and harms nothing else."""
import json
import os
import shutil
import socket
import subprocess
import unittest
import uuid

from harness import GEMINGA, RULES, Case, Serve, environment, eventually, json_lines, run, tool_calls, tool_server


class BadRequests(Case):
    def setUp(self):
        super().setUp()
        self.geminga = self.serve(mcp={"tools": tool_server(self.folder / "tools")}, rules=RULES)

    def tearDown(self):
        self.assertEqual("tool", self.geminga.query("echo alive")[1].get("status"), "serve still works afterwards")
        super().tearDown()

    def refused(self, status, raw=None, path="/api/orchestrator/query", method="POST", headers=None):
        code, body = self.geminga.request(method, path, raw=raw, headers=headers)
        self.assertEqual(status, code, body)
        self.assertIsInstance(body, dict, body)
        self.assertTrue(body["error"] and body["message"], body)
        return body

    def test_bodies(self):
        self.assertIn("query", self.refused(400, "{}")["message"])
        self.refused(400, '{"query": ""}')
        self.refused(400, '{"query": "   "}')
        self.refused(400, '{"query": 7}')
        self.refused(400, '{"query": null}')
        self.refused(400, '{"query": "x", "contextSnapshot": "no object"}')
        self.refused(400, '{"query": "x", "sessionId": 5}')
        self.refused(400, "[1, 2]")
        self.refused(400, '{"query": ')
        self.refused(400, "")
        self.refused(400, '{"query": "\ud800"}'.encode("utf-8", "surrogatepass"))
        self.refused(400, json.dumps({"query": "long " * 50_000}))

    def test_sizes_and_types(self):
        self.refused(413, '{"query": "x", "contextSnapshot": {"a": "' + "a" * (9 << 20) + '"}}')
        self.refused(413, json.dumps({"messages": [{"body": "a" * ((5 << 20) + 1)}]}), path="/api/bus/topics/orders/messages")
        self.refused(415, "query=x", headers={"Content-Type": "application/x-www-form-urlencoded"})

    def test_paths_and_methods(self):
        self.refused(404, path="/api/orchestrator/nothing", method="GET")
        self.refused(404, path="/api/orchestrator/jobs/7b1f6a52-0d3c-4c38-9a55-6c6f2a9e1111", method="GET")
        self.refused(405, path="/api/orchestrator/query", method="GET")

    def test_no_web_page_gets_in(self):
        self.refused(403, '{"query": "x"}', headers={"Host": "evil.example"})
        self.refused(403, '{"query": "x"}', headers={"Origin": "http://evil.example"})

    def test_an_advertised_name_gets_in(self):
        geminga = Serve(self.folder / "advertised", "--advertise", "bus.example:80")
        self.addCleanup(geminga.__exit__)
        self.assertEqual(200, geminga.request("GET", "/healthz", headers={"Host": "bus.example"})[0])
        self.assertEqual(403, geminga.request("GET", "/healthz", headers={"Host": "other.example"})[0])

    def test_verbs(self):
        for arguments, code, text in (
                (("query", ""), 2, "empty"),
                (("query", "   "), 2, "empty"),
                (("query",), 2, "SENTENCE"),
                (("query", "caf\udce9"), 2, "UTF-8"),  # bytes that are no UTF-8
                (("jobs", "submit", "caf\udce9"), 2, "UTF-8"),
                (("match", "caf\udce9"), 2, "UTF-8"),
                (("subscriptions", "skip", "orders", "\udce9"), 1, "orders"),
                (("jobs", "show", "no-such-job"), 1, "no-such-job"),
                (("jobs", "cancel", "7b1f6a52-0d3c-4c38-9a55-6c6f2a9e1111"), 1, "7b1f6a52"),
                (("jobs", "list", "--status", "DONE"), 2, "DONE"),
                (("dlq", "show", "no-such-letter"), 1, "no-such-letter"),
                (("produce", ""), 2, "topic"),
                (("consume", "orders"), 2, "subscription"),
                (("consume", "orders", "-s", ""), 2, "subscription"),
                (("produce", "orders", "--url", "carrier-pigeon://x", "-m", "x"), 1, "carrier-pigeon"),
                (("query", "x", "--server", ""), 2, "--server"),
                (("produce", "orders", "--url", "", "-m", "x"), 2, "--url"),
                (("flub",), 2, "flub"),
        ):
            with self.subTest(arguments=arguments):
                done = self.geminga.cli(*arguments)
                self.assertEqual(code, done.returncode, done.stderr)
                self.assertIn(text, done.stderr)

    def test_a_server_that_is_not_there(self):
        done = run("query", "hello", "--server", "http://127.0.0.1:9")
        self.assertEqual(1, done.returncode)
        self.assertIn("geminga serve", done.stderr)


class BadStart(Case):
    """Each start ends by itself, soon, with its text on stderr."""

    def fails(self, code, *texts, flags=(), data=None, env=None):
        command = ["serve", "--http", "127.0.0.1:0", "--data-dir", data or self.folder / "data", *flags]
        done = run(*command, env=env, timeout=20)
        self.assertEqual(code, done.returncode, done.stderr)
        for text in texts:
            self.assertIn(str(text), done.stderr)
        return done.stderr

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name

    def test_flags_of_parts_that_are_not_built(self):
        for flag in ("--kafka", "--console"):
            with self.subTest(flag=flag):
                self.fails(2, flag, flags=(flag, "x"))
        for flag in ("--pulsar", "--pulsar-tls", "--https"):
            with self.subTest(flag=flag):
                self.fails(2, flag, flags=(flag, "x:y"))
        self.fails(2, "perhaps", flags=("--log-level", "perhaps"))
        self.fails(2, "8080", flags=("--http", "8080"))

    def test_empty_values(self):
        for flag in ("--http", "--data-dir", "--bus", "--mcp", "--rules", "--config", "--advertise"):
            with self.subTest(flag=flag):
                self.fails(2, flag, flags=(flag, ""))

    def test_an_unknown_key_is_named_with_its_line_and_the_nearest_one(self):
        config = self.write("geminga.toml", "log_level = 'info'\nhtpp = '127.0.0.1:0'\n")
        self.fails(1, f"{config}:2", "htpp", "did you mean 'http'", flags=("--config", config))
        config = self.write("geminga.toml", "[servers.a]\ntimeot = '5s'\n")
        self.fails(1, f"{config}:2", "did you mean 'timeout'", flags=("--config", config))
        config = self.write("geminga.toml", "[orchestrator]\nlese = '5s'\n")
        self.fails(1, f"{config}:2", "did you mean 'lease'", flags=("--config", config))

    def test_a_value_out_of_its_range_is_named_with_key_and_remedy(self):
        config = self.write("geminga.toml", "[orchestrator]\nmax_attempts = 0\n")
        self.fails(1, f"{config}:2", "max_attempts", "'0'", "from 1 to 100", flags=("--config", config))

    def test_files_that_are_missing_or_broken(self):
        self.fails(1, "/nowhere/geminga.toml", flags=("--config", "/nowhere/geminga.toml"))
        self.fails(1, "/nowhere/mcp.json", flags=("--mcp", "/nowhere/mcp.json"))
        self.fails(1, "/nowhere/rules.toml", flags=("--rules", "/nowhere/rules.toml"))
        self.fails(1, "mcp.json", flags=("--mcp", self.write("mcp.json", "{not json")))
        self.fails(1, "rules.toml", "does not compile", flags=("--rules", self.write("rules.toml", '[[rule]]\npattern = "(x"\ntool = "t"\n')))

    def test_a_bus_that_is_not_built_in(self):
        self.fails(1, "carrier-pigeon", "embedded", flags=("--bus", "carrier-pigeon://x"))
        self.fails(1, "MQ_NAME_SERVER", env={"COZE_MQ_TYPE": "kafka"})

    def test_an_open_address_needs_both_flags(self):
        for flags in ((), ("--listen-all",), ("--insecure",)):
            with self.subTest(flags=flags):
                self.fails(1, "--listen-all", "--insecure", flags=("--http", "0.0.0.0:0", *flags))
        with self.serve("--http", "0.0.0.0:0", "--listen-all", "--insecure") as open_serve:
            self.assertIn("warn", open_serve.log_text())
            self.assertEqual(0, open_serve.terminate()[0])

    def test_a_directory_that_is_held(self):
        with self.serve() as first:
            text = self.fails(1, str(first.pid), first.ready["http"], "--data-dir", data=first.folder / "data")
            self.assertIn("geminga", text)

    def test_a_directory_of_a_newer_format(self):
        with self.serve() as first:
            self.assertEqual(0, first.terminate()[0])
        data = self.folder / "data"
        files = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
        marker = data / "FORMAT"
        marker.write_text(marker.read_text().replace("1", "999", 1))
        changed = marker.read_bytes()
        self.fails(1, "999", data)
        self.assertEqual(changed, marker.read_bytes())
        for path, before in files.items():
            if path not in (marker, data / "LOCK"):
                self.assertEqual(before, path.read_bytes(), f"{path} was touched")

    def test_a_directory_that_is_not_writable(self):
        self.folder.chmod(0o755)
        parent = self.folder / "closed"
        parent.mkdir()
        parent.chmod(0o555)
        program = self.folder / "geminga"  # where anybody may run it
        shutil.copy(GEMINGA, program)
        done = subprocess.run([program, "serve", "--http", "127.0.0.1:0", "--data-dir", parent / "data"], capture_output=True, text=True, timeout=20,
                              env=environment(), user="nobody" if os.geteuid() == 0 else None)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn(str(parent / "data"), done.stderr)
        self.assertIn("ermission", done.stderr)

    def test_a_directory_that_cannot_be_made(self):
        file = self.write("file", "")
        self.fails(1, file, data=file / "data")
        self.fails(1, "/proc", data="/proc/nothing/data")

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.fails(1, port, "--http", flags=("--http", f"127.0.0.1:{port}"))


class BadServers(Case):
    """MCP servers that misbehave: serve starts, the others work, and status says what is wrong with which."""

    def with_bad(self, name, entry, config=None):
        good = tool_server(self.folder / "good")
        return self.serve(mcp={name: entry, "tools": good}, rules=RULES, config=config)

    def state_of(self, geminga, name):
        servers = geminga.status()["servers"]
        entries = servers if isinstance(servers, list) else [dict(value, name=key) for key, value in servers.items()]
        return next(entry for entry in entries if entry["name"] == name)

    def check(self, name, entry, *texts, config=None):
        geminga = self.with_bad(name, entry, config)
        self.assertEqual("tool", geminga.query("echo the good one works")[1].get("status"))
        state = eventually(f"status to say what is wrong with {name}",
                           lambda: (found := self.state_of(geminga, name))["state"] == "failed" and found, 15, every=0.1)
        for text in texts:
            self.assertIn(text, json.dumps(state))
        self.assertEqual(0, geminga.terminate()[0])

    def test_a_command_that_is_missing(self):
        self.check("missing", {"command": "no-such-command-anywhere"}, "no-such-command-anywhere")

    def test_a_command_that_ends_at_once(self):
        self.check("ends", {"command": "/bin/false"})

    def test_one_that_never_answers(self):
        self.check("silent", tool_server(self.folder / "bad", "silent"), config="[servers.silent]\nstart_timeout = '1s'\n")

    def test_one_that_answers_garbage(self):
        self.check("garbage", tool_server(self.folder / "bad", "garbage"), config="[servers.garbage]\nstart_timeout = '1s'\n")

    def test_one_that_floods_stderr_works_all_the_same(self):
        geminga = self.serve(mcp={"tools": tool_server(self.folder / "tools", "flood")}, rules=RULES)
        self.assertEqual("tool", geminga.query("echo through the flood")[1].get("status"))
        self.assertLess(geminga.log_path.stat().st_size, 5 << 20, "the flood is not passed on")


    def test_one_that_does_not_answer_a_call(self):
        config = "[servers.tools]\ntimeout = '300ms'\n[orchestrator]\nmax_attempts = 2\nretry_delays = ['50ms']\n"
        geminga = self.serve(mcp={"tools": tool_server(self.folder / "tools")}, rules=RULES, config=config)
        status, answer = geminga.query("sleep 60")
        self.assertEqual(500, status, answer)
        self.assertIn("did not answer within 300 ms", answer["message"])
        self.assertEqual(2, len(tool_calls(self.folder / "tools")))
        self.assertEqual("tool", geminga.query("echo afterwards")[1].get("status"))
        self.assertEqual(0, geminga.terminate()[0])

    def test_one_that_dies_in_the_middle_of_a_call(self):
        state = self.folder / "tools"
        geminga = self.serve(mcp={"tools": tool_server(state)}, rules=RULES, config="[orchestrator]\nretry_delays = ['50ms', '100ms']\n")
        job = geminga.ended_job(geminga.submit("die"))
        self.assertEqual(("FAILED", 3), (job["status"], job["attempts"]), job)
        self.assertIn("exited with code 3", job["error"])
        letter, = json_lines(geminga.cli("dlq", "list", "-o", "json").stdout)
        self.assertEqual((job["requestId"], "tools", "die", 3), (letter["requestId"], letter["server"], letter["tool"], len(letter["attempts"])))
        self.assertEqual(0, geminga.terminate()[0])


class BadEvents(Case):
    """What others publish straight to the topics of the orchestrator."""

    def setUp(self):
        super().setUp()
        self.geminga = self.serve(mcp={"tools": tool_server(self.folder / "tools")}, rules=RULES)

    def publish(self, topic, event):
        body = event if isinstance(event, str) else json.dumps(event)
        request = event.get("requestId", "") if isinstance(event, dict) else ""
        done = self.geminga.cli("produce", f"persistent://mcp-core/orchestrator/{topic}", "-P", f"requestId={request}", stdin=body)
        self.assertEqual(0, done.returncode, done.stderr)

    def letters(self, count):
        listed = eventually(f"{count} dead letters", lambda: len(found := json_lines(self.geminga.cli("dlq", "list", "-o", "json").stdout)) >= count and found)
        self.assertEqual(count, len(listed))
        return listed

    def request(self, **more):
        return {"requestId": str(uuid.uuid4()), "normalizedQuery": "echo x", "timestamp": "2026-01-01T00:00:00Z", **more}

    def signal(self, **more):
        return {"requestId": str(uuid.uuid4()), "toolId": "echo", "serverId": "tools", "params": {"text": "x"}, "confidence": 1, "status": "TOOL_READY",
                "timestamp": "2026-01-01T00:00:00Z", **more}

    def test_what_does_not_fit_is_dead_lettered_with_the_reason(self):
        misfits = [
            ("user-requests", "this is no JSON {{{", "JSON"),
            ("user-requests", self.request(normalizedQuery=7), "normalizedQuery"),
            ("user-requests", {"requestId": "r"}, "normalizedQuery"),
            ("user-requests", self.request(normalizedQuery="echo " + "x" * 8188), "8193 bytes; 8192 is the limit"),
            ("tool-signals", self.signal(confidence="high"), "confidence"),
            ("plans", {"requestId": "r", "plan": "none", "timestamp": "2026-01-01T00:00:00Z"}, "plan"),
            ("results", {"requestId": "r", "status": "perhaps", "timestamp": "2026-01-01T00:00:00Z"}, "status"),
        ]
        for number, (topic, event, reason) in enumerate(misfits, 1):
            self.publish(topic, event)
            letter = self.letters(number)[-1]
            self.assertIn(reason, letter["reason"])
            self.assertEqual(event, letter["event"])
        self.assertEqual([], tool_calls(self.folder / "tools"))
        self.assertEqual("tool", self.geminga.query("echo afterwards")[1].get("status"))

    def test_an_unknown_server_or_tool_fails_at_once_by_name(self):
        for event, text in ((self.signal(serverId="nobody"), "nobody"), (self.signal(toolId="nothing"), "nothing")):
            self.publish("tool-signals", event)

            def result():
                peeked = self.geminga.cli("topics", "peek", "persistent://mcp-core/orchestrator/results", "-n", "100", "-o", "json")
                bodies = [json.loads(line["body"]) for line in json_lines(peeked.stdout)]
                return next((body for body in bodies if body["requestId"] == event["requestId"]), None)

            failed = eventually(f"the result of the signal to {text}", result)
            self.assertEqual("failed", failed["status"])
            self.assertIn(text, failed["error"])
        self.assertEqual([], json_lines(self.geminga.cli("dlq", "list", "-o", "json").stdout))


if __name__ == "__main__":
    unittest.main(verbosity=2)
