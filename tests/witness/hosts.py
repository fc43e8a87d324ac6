"""A cluster of several hosts, each with a network of its own: network namespaces, which only root can make."""

import contextlib
import shutil
import subprocess
import sys
import time

import cluster
from common import ENV, Skipped

HOSTS = ["client", "scheduler", "executor-1", "executor-2"]
BRIDGE = "casefile0"


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


def address(host):
    return f"10.77.0.{10 + HOSTS.index(host)}"


def link(host):
    return f"casefile-{HOSTS.index(host)}"


def within(host):
    return ["ip", "netns", "exec", f"casefile-{host}"]


@contextlib.contextmanager
def hosts():
    try:
        make()
        yield
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise Skipped(f"no networks can be made here: {error}") from error
    finally:
        if shutil.which("ip"):
            for host in HOSTS:
                ip("netns", "del", f"casefile-{host}", check=False)
            ip("link", "del", BRIDGE, check=False)


def make():
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("link", "set", BRIDGE, "up")
    for host in HOSTS:
        name = f"casefile-{host}"
        ip("netns", "add", name)
        ip("link", "add", link(host), "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", link(host), "master", BRIDGE, "up")
        ip("-n", name, "addr", "add", f"{address(host)}/24", "dev", "eth0")
        for device in ["lo", "eth0"]:
            ip("-n", name, "link", "set", device, "up")


def reaches(host, port):
    """Raises where a firewall of this machine keeps the hosts apart."""
    probe = f"import socket; socket.create_connection(('{address(host)}', {port}), 5)"
    subprocess.run([*within("client"), sys.executable, "-c", probe], check=True, capture_output=True)


def start(host, *arguments):
    command = [*within(host), str(cluster.program()), "cluster", *arguments, "--bind"]
    command += ["0.0.0.0:50050" if host == "scheduler" else "0.0.0.0", "--external-host", address(host)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)


def an_executor_that_is_cut_off_changes_no_byte(folder):
    cluster.program()
    kept = cluster.archive(folder)
    here = cluster.backtest(folder, "on-this-host", kept)
    with hosts(), contextlib.ExitStack() as ends:
        scheduler = start("scheduler", "scheduler")
        ends.callback(scheduler.kill)
        url = scheduler.stdout.readline().strip()
        assert url == f"ballista://{address('scheduler')}:50050", url
        reaches("scheduler", 50050)
        executors = [
            start(host, "executor", "--scheduler", f"{address('scheduler')}:50050", "--tasks", "1") for host in HOSTS[2:]
        ]
        for executor in executors:
            ends.callback(executor.kill)
        time.sleep(2)
        arguments = [folder, "on-hosts", kept, "--engine", url]
        cut = lambda: ip("link", "set", link("executor-2"), "down")
        assert cluster.backtest(*arguments, before=within("client"), lose=cut) == here, "a host that was cut off changed something"
        ip("link", "set", link("executor-2"), "up")
        # The scheduler stops it, and it says so.
        _, said = executors[1].communicate(timeout=60)
        assert executors[1].returncode == 1 and "start it again" in said, (executors[1].returncode, said)
        assert "\x1b" not in said, said
        assert executors[0].poll() is None


WITNESSES = [an_executor_that_is_cut_off_changes_no_byte]
