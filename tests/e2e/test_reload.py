"""mcp.json and rules.toml change while serve runs."""
import json
import time
import unittest

from harness import RULES, Case, eventually, tool_server


class Reload(Case):
    def test_a_server_that_is_added_answers_within_ten_seconds(self):
        geminga = self.serve(mcp={}, rules=RULES)
        status, answer = geminga.query("List the cranes of the harbour")
        self.assertEqual("plan", answer.get("status"), answer)
        geminga.mcp_path.write_text(json.dumps({"mcpServers": {"tools": tool_server(self.folder / "tools")}}))
        saved = time.monotonic()

        def answered():
            status, answer = geminga.query("List the cranes of the harbour")
            return answer.get("status") == "tool" and answer

        answer = eventually("the new tool to answer", answered, 10, every=0.2)
        self.assertLess(time.monotonic() - saved, 10)
        self.assertEqual("crane 1, crane 2", answer["result"]["content"][0]["text"])

    def test_a_broken_mcp_json_keeps_the_old_servers_and_status_says_so(self):
        geminga = self.serve(mcp={"tools": tool_server(self.folder / "tools")}, rules=RULES)
        geminga.mcp_path.write_text('{"mcpServers": {"tools": {"command": ')
        eventually("status to name the broken file", lambda: "mcp.json" in json.dumps(geminga.status()), 10)
        self.assertEqual("tool", geminga.query("echo still here")[1]["status"])

    def test_rules_are_read_again_and_broken_ones_refused(self):
        geminga = self.serve(mcp={"tools": tool_server(self.folder / "tools")}, rules=RULES)
        geminga.rules_path.write_text(RULES + '\n[[rule]]\npattern = "^shout (?P<text>.+)$"\ntool = "echo"\nparams = { text = "${text}!" }\n')

        def shouted():
            answer = geminga.query("shout hello")[1]
            return answer.get("status") == "tool" and answer

        answer = eventually("the new rule to count", shouted, 10, every=0.2)
        self.assertEqual("hello!", answer["result"]["content"][0]["text"])
        geminga.rules_path.write_text('[[rule]]\npattern = "(unclosed"\ntool = "echo"\n')
        eventually("status to name the broken rules", lambda: "does not compile" in json.dumps(geminga.status()), 10)
        self.assertEqual("tool", geminga.query("shout again")[1]["status"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
