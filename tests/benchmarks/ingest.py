"""Durable events a second of Streamlined Lite beside what waitress and Bottle answer when they store nothing.

    python tests/benchmarks/ingest.py [ROUNDS]

Both servers run at once and are loaded in turn, one event a post, with 32 keep-alive connections and
with one; the last line has the ratio of the medians. About three seconds for each of the rounds (5).
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from load import Load

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-key-for-the-benchmark"
FLOOR = """
import bottle, json, waitress
app = bottle.Bottle()
@app.post("/events/ingestion/v1")
def constant():
    bottle.request.body.read()
    bottle.response.status = 201
    return {"status": "created"}
server = waitress.create_server(app, host="127.0.0.1", port=0)
print("listening on", server.effective_port, flush=True)
server.run()
"""


def start(command: list[str], **settings: str) -> tuple[subprocess.Popen, int]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | settings)
    for line in process.stdout:
        if found := re.match(r"listening on .*?(\d+)$", line.strip()):
            return process, int(found[1])
    raise SystemExit(f"{command} did not start")


def memory_megabytes(process: subprocess.Popen) -> float:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())[1]) / 1024


def main(rounds: int = 5) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours = start([sys.executable, str(ROOT / "streamlined_lite.py"), "--port", "0", "--database", f"{folder}/events.db"],
                     STREAMLINED_ADMIN_KEY=TOKEN)
        floor = start([sys.executable, "-c", FLOOR])
        try:
            for connections in (32, 1):
                compare({"Streamlined Lite, stored": ours, "waitress + Bottle, constant": floor}, connections, rounds)
            print(f"memory of Streamlined Lite afterwards: {memory_megabytes(ours[0]):.0f} MB")
        finally:
            for process, _ in (ours, floor):
                process.terminate()
                process.wait()


def compare(servers: dict[str, tuple[subprocess.Popen, int]], connections: int, rounds: int) -> None:
    """Alternating rounds, so that a slow minute of the machine meets both."""
    loads = {name: Load(port, TOKEN, connections) for name, (_, port) in servers.items()}
    rates: dict[str, list[float]] = {name: [] for name in servers}
    times: dict[str, list[float]] = {name: [] for name in servers}
    for each in loads.values():
        each.run(0.5)  # warm
    for _ in range(rounds):
        for name, load in loads.items():
            rate, took = load.run(1.5)
            rates[name].append(rate)
            times[name] += took
    for name in servers:
        loads[name].close()
        took = sorted(times[name])
        print(f"{connections:2} connections  {name:28} {statistics.median(rates[name]):7,.0f} events/s   "
              f"p50 {took[len(took) // 2] * 1000:5.2f} ms   p99 {took[len(took) * 99 // 100] * 1000:6.2f} ms")
    first, second = (statistics.median(each) for each in rates.values())
    print(f"{connections:2} connections  ratio {first / second:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
