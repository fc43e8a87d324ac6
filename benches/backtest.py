"""casefile backtest over many deployments: how long an edit of the rules takes, and how much memory.

    python3 benches/backtest.py --target target/release [--bundles 10000] [--keep FOLDER]

The archive holds variants of a few cases, as many as are asked for; the name of the release tells them apart. Figures are of one
machine. The last line compares with DuckDB's command-line program on the same log lines, where it is installed.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CASES = ["healthy-migration", "migration-multiple-heads", "circuit-breaker-rollback", "migration-waits-for-a-lock"]
CONFIG = ROOT / "examples/bf-manage-core/casefile.toml"


def run(command, ok=(0,)):
    began = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out = process.stdout.read().decode(errors="replace")
    err = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in ok:
        sys.exit(f"{command}: {err}{out}")
    return out, time.monotonic() - began, usage


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default="target/release", type=pathlib.Path)
    parser.add_argument("--bundles", default=10_000, type=int)
    parser.add_argument("--keep", type=pathlib.Path)
    arguments = parser.parse_args()
    casefile, multiply = arguments.target / "casefile", arguments.target / "examples" / "multiply"
    folder = arguments.keep or pathlib.Path(tempfile.mkdtemp(prefix="casefile-backtest-"))
    archive = folder / "archive"
    if not archive.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pairs = []
        for case in CASES:
            bundle, verdict = folder / f"{case}.bundle", folder / f"{case}.json"
            run([casefile, "import", ROOT / "fixtures/cases" / case, "-o", bundle])
            run([casefile, "analyze", bundle, "--report", f"json={verdict}"], ok=(0, 3, 4))
            run([casefile, "archive", "add", bundle, verdict, "--archive", archive])
            pairs += [bundle, verdict]
        run([multiply, archive, arguments.bundles, *pairs])
    tried = folder / "tried.toml"

    def edited(name, before, after):
        text = CONFIG.read_text()
        assert before in text, before
        tried.write_text(text.replace(before, after, 1))
        out, seconds, usage = run([casefile, "backtest", "--archive", archive, "--config", tried], ok=(0, 3))
        last = out.strip().splitlines()[-1].strip()
        print(f"{name:<44} {seconds:7.1f} s  {usage.ru_maxrss / 1024:5.0f} MB  {last}", flush=True)

    edited("nothing", "[target]", "[target]")
    edited("a pattern, which finds the same lines", "Can't locate revision identified by", "locate revision identified by")
    edited("a pattern, which finds other lines", "Uvicorn running on |", "Uvicorn runs on |")
    edited("a signature's deadline", 'within = "150s"                             # after', 'within = "160s"                             # after')
    edited("[rollout], on which every check depends", "[collect]", "[rollout]\ntolerated_deaths = 2\n\n[collect]")


main()
