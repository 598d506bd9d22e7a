#!/usr/bin/env python3
"""Starts `geminga serve` with the assistant's servers, asks the sentences of sentences.txt and prints the answers with the time of each hop.

usage: run.py GEMINGA SERVERS   (the program; the folder where `./dev run` installed the servers)

Attached to a terminal it keeps serving until Ctrl-C, otherwise it stops serve and exits 0 when every sentence was answered by a tool.
"""
import functools
import http.server
import json
import os
import pathlib
import signal
import string
import subprocess
import sys
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
READY_SECONDS_MAX = 60
SERVERS_SECONDS_MAX = 60
TERMINAL = sys.stdin.isatty() and (sys.stdout.isatty() or sys.stderr.isatty())
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOUR else text


def dim(text):
    return f"\033[2m{text}\033[0m" if COLOUR else text


class QuietPage(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def serve_page():
    """The page for the fetch server, on a free loopback port."""
    handler = functools.partial(QuietPage, directory=HERE / "page")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def port_is_free(port):
    import socket
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def start_serve(geminga, servers, run_dir):
    """Returns the process and its address once it is ready."""
    environment = dict(os.environ)
    environment["PATH"] = f"{servers / 'node_modules/.bin'}:{servers / 'venv/bin'}:{environment['PATH']}"
    # Only Python for the page fetcher: with a Node that its JavaScript half is too new for (Debian 12's is) it fails instead of doing without.
    environment["ASSISTANT_PYTHON"] = str(servers / "venv/bin")
    environment["ASSISTANT_FILES"] = str(HERE / "files")
    environment["ASSISTANT_MEMORY"] = str(run_dir / "memory.json")
    address = "127.0.0.1:8080" if port_is_free(8080) else "127.0.0.1:0"
    log = open(run_dir / "serve.log", "w")
    process = subprocess.Popen(
        [geminga, "serve", "--data-dir", run_dir / "data", "--http", address, "--pulsar", "127.0.0.1:0", "--mcp", HERE / "mcp.json", "--rules", HERE / "rules.toml",
         "--ready-json"],
        stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, env=environment, text=True,
        process_group=0)  # Ctrl-C is for us: a second signal would end serve at once
    watchdog = threading.Timer(READY_SECONDS_MAX, process.kill)
    watchdog.start()
    line = process.stdout.readline()
    watchdog.cancel()
    if not line:
        process.wait()
        sys.exit(f"geminga serve did not become ready; {run_dir / 'serve.log'} ends with:\n" +
                 "".join(open(run_dir / "serve.log").readlines()[-15:]))
    return process, "http://" + json.loads(line)["http"]


def wait_for_servers(url, seconds=SERVERS_SECONDS_MAX):
    """serve is ready after ten seconds at the latest; on a slow or busy machine a server may join later than that."""
    deadline = time.monotonic() + seconds
    while True:
        with urllib.request.urlopen(url + "/api/orchestrator/status", timeout=10) as answer:
            late = [server["name"] for server in json.load(answer)["servers"] if server["state"] != "ready"]
        if not late:
            return
        if time.monotonic() > deadline:
            print(f"not ready after {seconds} s: {', '.join(late)}", flush=True)
            return
        time.sleep(0.2)


def ask(geminga, url, sentence):
    began = time.monotonic()
    done = subprocess.run([geminga, "query", "--server", url, "-o", "json", "--hops", sentence], capture_output=True, text=True)
    took_ms = (time.monotonic() - began) * 1000
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    answer = lines[0] if lines else {"message": done.stderr.strip()}
    return answer, lines[1:], took_ms


def answer_text(answer):
    if "result" in answer and isinstance(answer["result"], dict):
        parts = [item.get("text", f"[{item.get('type')}]") for item in answer["result"].get("content", [])]
        return "\n".join(parts)
    if "plan" in answer:
        return "\n".join(step.get("description", "") if isinstance(step, dict) else str(step) for step in answer["plan"])
    return answer.get("message", json.dumps(answer))


def hop_text(hops):
    return "  ".join(f"{hop['hop']} {hop['ms']:.1f}" for hop in hops)


def ask_all(geminga, url, page):
    """Prints every answer; how many came from a tool."""
    sentences = [string.Template(line.strip()).substitute(PAGE=page) for line in open(HERE / "sentences.txt") if line.strip()]
    answered = 0
    for number, sentence in enumerate(sentences, 1):
        answer, hops, took_ms = ask(geminga, url, sentence)
        by_tool = answer.get("status") == "tool"
        answered += by_tool
        print(bold(f"{number:2}. {sentence}"))
        for line in answer_text(answer).splitlines()[:12]:
            print(f"      {line}")
        how = answer.get("toolPath") or answer.get("tool") or answer.get("status") or "no answer"
        print(dim(f"      [{how}]  {took_ms:.0f} ms with the program's start; hops in ms: {hop_text(hops)}"), flush=True)
    print(f"\n{answered} of {len(sentences)} sentences were answered by a tool")
    return answered == len(sentences)


def stop(process):
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def interrupt(*_):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    geminga, servers = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    run_dir = servers / "run"
    run_dir.mkdir(parents=True, exist_ok=True)
    (run_dir / "memory.json").unlink(missing_ok=True)
    page = serve_page()
    began = time.monotonic()
    process, url = start_serve(geminga, servers, run_dir)
    wait_for_servers(url)
    print(f"geminga serve is ready at {url} after {time.monotonic() - began:.1f} s, its five MCP servers included\n", flush=True)
    good = False
    try:
        good = ask_all(geminga, url, page)
        if TERMINAL:
            print(f"\nStill serving. In another terminal: {geminga} query \"What time is it in Tokyo?\""
                  + ("" if url.endswith(":8080") else f" --server {url}") + "\nCtrl-C ends.", flush=True)
            process.wait()
    except KeyboardInterrupt:
        pass
    code = stop(process) if process.poll() is None else process.returncode
    print(f"serve stopped with exit code {code}; its log is {run_dir / 'serve.log'}")
    return 0 if good and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
