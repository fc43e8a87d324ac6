"""What the witnesses share: the cases, casefile itself, and servers on loopback."""

import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = sorted(path.parent for path in (ROOT / "fixtures/cases").glob("*/recording.toml"))
# Every fifth: what others say of a bundle does not depend on what happened in it.
SOME = CASES[::5]
CONFIG = ROOT / "examples/bf-manage-core/casefile.toml"
REGION = "ap-southeast-2"
ENV = {
    **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    "AWS_ACCESS_KEY_ID": "witness",
    "AWS_SECRET_ACCESS_KEY": "witness",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1,localhost",
}
TARGET = pathlib.Path()            # set by run.py
CLUSTER = None                     # the folder of a casefile with the feature `cluster`, where there is one


class Skipped(Exception):
    """A witness that cannot be heard here. The last line counts it."""


def casefile(*arguments, expect=(0,), cwd=None, env=None, program=None):
    run = subprocess.run(
        [program or TARGET / "casefile", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, env={**ENV, **(env or {})}, timeout=300,
    )
    assert run.returncode in expect, f"casefile {arguments} gave {run.returncode}:\n{run.stdout}\n{run.stderr}"
    return run


def imported(case, folder):
    bundle = folder / f"{case.name}.bundle"
    if not bundle.exists():
        casefile("import", case, "-o", bundle)
    return bundle


class Server:
    """A server on loopback that prints or is told its address."""

    def __init__(self, *command, url=None):
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENV)
        self.url = url or self.process.stdout.readline().strip()

    def __enter__(self):
        for _ in range(200):
            try:
                urllib.request.urlopen(self.url, timeout=2)
                return self.url
            except urllib.error.HTTPError:
                return self.url
            except OSError:
                assert self.process.poll() is None, "the server ended"
                time.sleep(0.1)
        raise AssertionError(f"{self.url} does not answer")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def moto(server="moto_server"):
    """moto, the AWS that is none; `server` may be a program of our own around it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [pathlib.Path(sys.executable).parent / server] if server == "moto_server" else [sys.executable, server]
    return Server(*command, "-p", port, url=f"http://127.0.0.1:{port}/")


def noisy_recording(folder):
    """A recording whose bundle is longer than a part of an upload: lines that do not compress."""
    noisy = folder / "noisy"
    if noisy.exists():
        return noisy
    shutil.copytree(CASES[0], noisy)
    snapshot = max(path for path in noisy.iterdir() if path.is_dir())
    group, stream = "/ecs/noisy", "noise"
    events = [
        {"timestamp": 1795423380000 + nth, "ingestionTime": 1795423381000 + nth, "message": base64.b64encode(os.urandom(1024)).decode()}
        for nth in range(20_000)
    ]
    (snapshot / "9999-GetLogEvents.json").write_text(json.dumps({
        "operation": "GetLogEvents", "request": {"logGroupName": group, "logStreamName": stream},
        "response": {"events": events, "nextForwardToken": "f/1", "nextBackwardToken": "b/1"},
    }))
    return noisy
