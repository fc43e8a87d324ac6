"""Witness of the report: Chromium shows it, and axe-core finds nothing that keeps anybody from reading it."""

import json
import shutil
import subprocess

import common
from common import CASES, CONFIG, Skipped, casefile, imported
from signing import HERE, NODE, modules

SHOWN = ["circuit-breaker-rollback", "healthy-migration", "logs-denied"]


def chromium_shows_the_report(folder):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        raise Skipped("there is no chromium: install it (Debian: apt-get install chromium)")
    # The pictures stay beside the build, for whoever wants to look.
    pictures = common.TARGET.parent / "report"
    for case in (case for case in CASES if case.name in SHOWN):
        page, shown = folder / f"{case.name}.html", pictures / case.name
        shown.mkdir(parents=True, exist_ok=True)
        casefile("report", imported(case, folder), "--config", CONFIG, "-o", page)
        run = subprocess.run([NODE, HERE / "page.cjs", chromium, page, shown], cwd=modules(), capture_output=True, text=True, timeout=180)
        assert run.returncode == 0, run.stderr
        for seen in json.loads(run.stdout):
            where = f"{case.name} {seen['colorScheme']} {seen['width']}"
            assert seen["violations"] == [] and seen["said"] == [], f"{where}: {seen}"
            assert seen["asked"] == [f"file://{page}"], f"{where}: {seen['asked']}"
            assert not seen["tooWide"], where
            # The verdict, the decision and the cause are the first screen.
            assert seen["first"], where
        assert (shown / "page.pdf").read_bytes().startswith(b"%PDF") and len(list(shown.glob("*.png"))) == 6


WITNESSES = [chromium_shows_the_report]
