#!/usr/bin/env python3
"""An MCP server over stdio for the end-to-end tests: tools that behave, and ways to misbehave.

usage: tool_server.py [garbage | flood | silent | orphans]
  garbage  answers nothing but text that is no JSON       flood    writes 20 MB to stderr, then works
  silent   reads and never answers                        orphans  leaves a double-forked child that ignores SIGTERM, then works
TOOL_STATE (a folder) holds calls.jsonl, one line for each tools/call, and the file `mended`, without which `die` dies and `sick` fails.
"""
import json
import os
import pathlib
import signal
import sys
import threading
import time

STATE = pathlib.Path(os.environ.get("TOOL_STATE", "."))
MODE = sys.argv[1] if len(sys.argv) > 1 else "normal"
OUTPUT = threading.Lock()


def schema(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


TEXT, NUMBER = {"type": "string"}, {"type": "number"}
TOOLS = [
    {"name": "echo", "description": "Repeats a text", "inputSchema": schema(text=TEXT), "annotations": {"readOnlyHint": True}},
    {"name": "sum_numbers", "description": "Adds two numbers", "inputSchema": schema(a=NUMBER, b=NUMBER), "annotations": {"readOnlyHint": True}},
    {"name": "sleep", "description": "Answers after some seconds", "inputSchema": schema(seconds=NUMBER), "annotations": {"readOnlyHint": True}},
    {"name": "die", "description": "Ends the server in the middle of the call", "inputSchema": schema()},
    {"name": "destroy", "description": "Dies too, and says that it destroys", "inputSchema": schema(),
     "annotations": {"readOnlyHint": False, "destructiveHint": True}},
    {"name": "refuse", "description": "Refuses its arguments", "inputSchema": schema()},
    {"name": "sick", "description": "Fails in its own way", "inputSchema": schema()},
    {"name": "show_environment", "description": "Names the variables that reach the server", "inputSchema": schema()},
    {"name": "list_harbour_cranes", "description": "Lists the cranes of the harbour", "inputSchema": schema()},
]


def send(message):
    with OUTPUT:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def answer(request, text, is_error=False):
    send({"jsonrpc": "2.0", "id": request["id"], "result": {"content": [{"type": "text", "text": text}], "isError": is_error}})


def note_call(request):
    params = request["params"]
    line = {"time": time.time(), "tool": params["name"], "arguments": params.get("arguments"), "meta": params.get("_meta"), "pid": os.getpid()}
    with open(STATE / "calls.jsonl", "a") as log:
        log.write(json.dumps(line) + "\n")


def call(request):
    name, arguments = request["params"]["name"], request["params"].get("arguments") or {}
    note_call(request)
    if name == "echo":
        answer(request, arguments["text"])
    elif name == "sum_numbers":
        answer(request, str(arguments["a"] + arguments["b"]))
    elif name == "sleep":
        threading.Timer(float(arguments["seconds"]), answer, [request, "slept"]).start()
    elif name in ("die", "destroy"):
        if not (STATE / "mended").exists():
            os._exit(3)
        answer(request, "mended")
    elif name == "refuse":
        send({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32602, "message": "these arguments are refused on principle"}})
    elif name == "sick":
        mended = (STATE / "mended").exists()
        answer(request, "mended" if mended else "the tool is sick", is_error=not mended)
    elif name == "show_environment":
        answer(request, json.dumps(dict(os.environ)))
    elif name == "list_harbour_cranes":
        answer(request, "crane 1, crane 2")


def serve():
    for line in sys.stdin:
        if MODE == "silent":
            continue
        if MODE == "garbage":
            print("this is no JSON at all {{{", flush=True)
            continue
        request = json.loads(line)
        method = request.get("method")
        if method == "initialize":
            send({"jsonrpc": "2.0", "id": request["id"],
                  "result": {"protocolVersion": request["params"]["protocolVersion"], "capabilities": {"tools": {}},
                             "serverInfo": {"name": "tool_server", "version": "1"}}})
        elif method == "tools/list":
            send({"jsonrpc": "2.0", "id": request["id"], "result": {"tools": TOOLS}})
        elif method == "tools/call":
            call(request)
        elif "id" in request and method is not None:
            send({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601, "message": "no such method"}})


def leave_orphan():
    """A grandchild in a session of its own that ignores every polite signal and outlives its parents."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            for descriptor in (0, 1, 2):
                os.close(descriptor)
            (STATE / "orphan.pid").write_text(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
    os.wait()


if __name__ == "__main__":
    if MODE == "flood":
        for _ in range(20):
            os.write(2, b"x" * 1023 + b"\n" * 1 + b"y" * (1 << 20))
    if MODE == "orphans":
        leave_orphan()
    serve()
