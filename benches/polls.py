"""casefile validate over an hour of polls of a large service: does a poll take longer at the end than at the beginning?

    python3 benches/polls.py --target target/release [--tasks 500] [--speed 10]

The hour is played faster than it is. A poll is due every 5 s of it; what a poll takes beyond that is its own work. Figures
are of one machine.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from peers import ENVIRONMENT, recording

NOW = 1_795_419_780


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default="target/release", type=pathlib.Path)
    parser.add_argument("--tasks", default=500, type=int)
    parser.add_argument("--speed", default=10, type=int)
    parser.add_argument("--minutes", default=60, type=int)
    arguments = parser.parse_args()
    play, casefile = arguments.target / "examples" / "play", arguments.target / "casefile"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="casefile-polls-"))
    recorded = recording(folder / "recording", arguments.tasks, ("app", "proxy"))
    endpoint = subprocess.Popen(
        [play, recorded, "--at-end", "--speed", str(arguments.speed), "--stdin", "--lines", "100000", "--spread", "--over", "1800"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    url = endpoint.stdout.readline().strip()
    origin = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    time = f"{arguments.minutes}m"
    command = [
        casefile, "validate", "--endpoint-url", url, "--region", "ap-southeast-2", "--cluster", "production", "--service", "shop",
        "--clock", f"{origin}@{arguments.speed}", "--timeout", time, "--stable-for", time, "--poll", "5s", "-o", folder / "bundle",
    ]
    process = subprocess.Popen([str(word) for word in command], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    endpoint.communicate("")
    if os.waitstatus_to_exitcode(status) not in (0, 3, 4):
        sys.exit(said)
    sql = "SELECT CAST(observed_at AS BIGINT) AS at FROM snapshots ORDER BY snapshot"
    rows = json.loads(subprocess.check_output([casefile, "query", folder / "bundle", sql, "--format", "json"]))
    # Milliseconds of the machine, from poll to poll.
    gaps = [(b["at"] - a["at"]) / arguments.speed for a, b in zip(rows, rows[1:])]
    due = 5000 / arguments.speed
    tenth = max(1, len(gaps) // 10)
    print(f"{len(rows)} polls of {arguments.tasks} tasks, {2 * arguments.tasks} streams; due every {due:.0f} ms")
    print(f"from poll to poll, median: first tenth {statistics.median(gaps[:tenth]):.0f} ms, last tenth {statistics.median(gaps[-tenth:]):.0f} ms")
    print(f"peak memory {usage.ru_maxrss / 1024:.0f} MB, processor {usage.ru_utime + usage.ru_stime:.1f} s")


if __name__ == "__main__":
    main()
