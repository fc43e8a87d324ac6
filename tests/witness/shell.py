"""Witness of the shell: a terminal asks it, and DuckDB and Python's csv read what it saved."""

import csv
import os
import pty
import select
import time

import duckdb

import common
from common import CASES, ENV, imported

LINES = [
    ".tables",
    "SELECT count(*) AS tasks\n  FROM latest_tasks;",
    "SELECT nothing FROM latest_tasks;",
    "EXPLAIN SELECT 1;",
    ".save lines.parquet SELECT timestamp, message FROM log_events ORDER BY timestamp, seq;",
    ".save lines.csv SELECT timestamp, message FROM log_events ORDER BY timestamp, seq;",
    "SELECT stopped_rea\tFROM latest_tasks WHERE judged LIMIT 1;",
]


def conversation(folder, bundle):
    """What the terminal showed after each line; the exit code comes last."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        env = {**ENV, "XDG_STATE_HOME": str(folder / "state"), "TERM": "xterm"}
        os.execve(common.TARGET / "casefile", ["casefile", "query", str(bundle), "--config", str(common.CONFIG)], env)

    def shown():
        """Until the terminal has been silent for a while after it said something."""
        text, until = b"", time.time() + 60
        while time.time() < until:
            if select.select([terminal], [], [], 0.8 if b"casefile>" in text else 5)[0]:
                try:
                    text += os.read(terminal, 65536)
                except OSError:
                    break
            elif b"casefile>" in text:
                break
        return text.decode(errors="replace")

    said = [shown()]
    for line in LINES:
        os.write(terminal, line.replace("\n", "\r").encode() + b"\r")
        # The echo of a line has the prompt too.
        time.sleep(1)
        said.append(shown())
    os.write(terminal, b"\x04")
    _, status = os.waitpid(pid, 0)
    return said, os.waitstatus_to_exitcode(status)


def a_terminal_asks_and_others_read_the_answers(folder):
    case = next(case for case in CASES if case.name == "circuit-breaker-rollback")
    bundle = imported(case, folder)
    said, code = conversation(folder, bundle)
    everything = "".join(said)
    assert code == 0, everything
    for expected in ["latest_tasks", "| tasks |", "there is no column nothing", "EXPLAIN is not allowed", "stopped_reason"]:
        assert expected in everything, f"{expected}: {everything}"
    table = f"'{bundle}/data/log_events.parquet'"
    wanted = duckdb.sql(f"SELECT message FROM {table} ORDER BY timestamp, seq, log_stream").fetchall()
    saved = duckdb.sql(f"SELECT timestamp, message FROM '{folder}/lines.parquet'").fetchall()
    assert sorted(line for _, line in saved) == sorted(line for line, in wanted) and len(wanted) > 100
    with open(folder / "lines.csv", newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["timestamp", "message"] and [line for _, line in rows] == [line for _, line in saved]
    assert (folder / "state/casefile/history").read_text().count("SELECT") >= 5


WITNESSES = [a_terminal_asks_and_others_read_the_answers]
