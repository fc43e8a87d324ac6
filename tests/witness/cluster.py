"""Work on a cluster: a scheduler and two executors on loopback give what one process gives.

It wants a casefile that was built with the feature `cluster`: run.py --cluster FOLDER.
"""

import json
import shutil
import socket
import subprocess
import time

import boto3

import common
from common import CASES, CONFIG, ENV, Skipped, casefile, imported, moto

KEPT = ["healthy-migration", "migration-multiple-heads", "circuit-breaker-rollback"]
COUNT = 96
SERVICE = "bf-manage-core"


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [str(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Cluster:
    """A scheduler and executors that judge one bundle at a time each."""

    def __init__(self, program, folder, env, executors):
        self.program, self.folder, self.env = program, folder, {**ENV, **env}
        self.scheduler = self.start("cluster", "scheduler", "--bind", "127.0.0.1:0", stdout=subprocess.PIPE)
        self.url = self.scheduler.stdout.readline().strip()
        assert self.url.startswith("ballista://"), self.url
        self.executors = [self.executor(number) for number in range(executors)]
        time.sleep(2)

    def start(self, *arguments, stdout=subprocess.DEVNULL):
        return subprocess.Popen(
            [self.program, *arguments], stdout=stdout, stderr=subprocess.DEVNULL, text=True, env=self.env, cwd=self.folder,
        )

    def executor(self, number):
        port, grpc = free_ports(2)
        work = self.folder / f"work-{number}-{port}"
        work.mkdir()
        address = self.url.removeprefix("ballista://")
        return self.start(
            "cluster", "executor", "--scheduler", address, "--port", port, "--grpc-port", grpc, "--tasks", "1",
            "--work-dir", str(work),
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [*self.executors, self.scheduler]:
            process.kill()
            process.wait()


def program():
    if common.CLUSTER is None:
        raise Skipped("no casefile with the feature cluster: run.py --cluster FOLDER")
    return common.CLUSTER / "casefile"


def archive(folder):
    """An archive of COUNT variants of the cases."""
    kept, pairs = folder / "cluster-kept", []
    if kept.exists():
        return kept
    for case in (case for case in CASES if case.name in KEPT):
        bundle, verdict = imported(case, folder), folder / f"cluster-{case.name}.json"
        casefile("analyze", bundle, "--report", f"json={verdict}", expect=(0, 3, 4))
        casefile("archive", "add", bundle, verdict, "--archive", kept)
        pairs += [bundle, verdict]
    subprocess.run([common.TARGET / "examples/multiply", kept, str(COUNT), *pairs], check=True, env=ENV)
    return kept


def backtest(folder, name, kept, *arguments, env=None, before=(), lose=None):
    """The report and the outcomes of an edit by which all is judged again. `lose` is called while the executors work."""
    outcomes, tried = folder / f"{name}.parquet", folder / "cluster-tried.toml"
    tried.write_text(CONFIG.read_text().replace("[collect]", "[rollout]\ntolerated_deaths = 9\n\n[collect]", 1))
    command = [
        *before, program(), "backtest", "--archive", kept, "--config", tried, "--format", "json", "--outcomes", outcomes, *arguments,
    ]
    run = subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**ENV, **(env or {})},
    )
    if lose:
        time.sleep(2)
        assert run.poll() is None, "it ended before an executor could be lost"
        lose()
    out, err = run.communicate(timeout=600)
    assert run.returncode in (0, 3), err
    report = json.loads(out)
    assert report["problems"] == [], report["problems"]
    return out.replace(str(kept), "ARCHIVE"), outcomes.read_bytes()


def uploaded(kept, url):
    """An archive in S3 that is a copy of a folder."""
    s3 = boto3.Session("witness", "witness", region_name="us-east-1").client("s3", endpoint_url=url)
    s3.create_bucket(Bucket="evidence")
    for path in (path for path in kept.rglob("*") if path.is_file()):
        s3.upload_file(str(path), "evidence", f"archive/{path.relative_to(kept)}")
    return "s3://evidence/archive"


def a_backtest_on_a_cluster_gives_the_same_bytes(folder):
    program()
    kept = archive(folder)
    here = backtest(folder, "here", kept)
    assert f'"compared":{COUNT + len(KEPT)}' in here[0].replace(" ", ""), here[0][:500]
    with Cluster(program(), folder, {}, 2) as cluster:
        assert backtest(folder, "there", kept, "--engine", cluster.url) == here
    # Others, which have planned nothing yet.
    with Cluster(program(), folder, {}, 2) as cluster:
        lost = cluster.executors[0]
        killed = backtest(folder, "killed", kept, "--engine", cluster.url, lose=lost.kill)
        assert killed == here, "an executor's death changed something"
    with moto() as url:
        env = {"AWS_ENDPOINT_URL_S3": url, "AWS_DEFAULT_REGION": "us-east-1"}
        in_s3 = uploaded(kept, url)
        with Cluster(program(), folder, env, 2) as cluster:
            assert backtest(folder, "in-s3", in_s3, "--engine", cluster.url, env=env) == here


def nobody_is_asked_where_no_scheduler_is(folder):
    program()
    case = next(case for case in CASES if case.name == KEPT[0])
    bundle, verdict, kept = imported(case, folder), folder / "lonely.json", folder / "lonely"
    casefile("analyze", bundle, "--report", f"json={verdict}", expect=(0, 3, 4))
    casefile("archive", "add", bundle, verdict, "--archive", kept)
    run = subprocess.run(
        [program(), "backtest", "--archive", kept, "--engine", f"ballista://127.0.0.1:{free_ports(1)[0]}"],
        capture_output=True, text=True, env=ENV, timeout=120,
    )
    assert run.returncode == 2 and "no scheduler answers at 127.0.0.1" in run.stderr, (run.returncode, run.stderr)


QUESTIONS = [
    "SELECT verdict, count(*) AS bundles FROM index GROUP BY verdict ORDER BY verdict",
    # Of all lines, by the executors; and columns that the copy calls otherwise.
    "SELECT bundle, count(*) AS lines, max(message) AS last FROM log_events WHERE message LIKE '%alembic%' GROUP BY bundle ORDER BY bundle",
    "SELECT i.verdict, t.last_status, count(DISTINCT t.task_arn) AS tasks FROM tasks t JOIN index i ON t.bundle = i.bundle "
    "WHERE t.observed_at >= TIMESTAMP '2020-01-01' GROUP BY i.verdict, t.last_status ORDER BY 1, 2",
    "SELECT bundle, container, row_number() OVER (PARTITION BY bundle ORDER BY timestamp, log_stream, seq) AS place, message FROM log_events "
    "WHERE regexp_like(message, '(?i)error|failed') ORDER BY bundle, place LIMIT 50",
    "SELECT json_get_str(raw, 'name') AS name, json_length(raw) AS fields, count(*) AS n FROM container_definitions GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT count(*) AS none FROM alarms",
]


def questions_and_mined_lines_are_the_same_on_a_cluster(folder):
    program()
    kept = folder / "cluster-asked"
    shutil.copytree(archive(folder), kept)
    casefile("archive", "compact", "--archive", kept)
    # A bundle that the copy does not have.
    case = next(case for case in CASES if case.name == "migration-line-missing")
    bundle, verdict = imported(case, folder), folder / "cluster-late.json"
    casefile("analyze", bundle, "--report", f"json={verdict}", expect=(0, 3, 4))
    casefile("archive", "add", bundle, verdict, "--archive", kept)

    def answers(kept, *more, env=None):
        told = []
        for verb in [*(["query", "--format", "csv", question] for question in QUESTIONS), ["mine", "--service", SERVICE, "--format", "json"]]:
            run = subprocess.run(
                [program(), *verb, "--archive", kept, *more], capture_output=True, text=True, env={**ENV, **(env or {})}, timeout=300,
            )
            assert run.returncode == 0, (verb, run.stderr)
            told.append(run.stdout)
        return told

    here = answers(kept)
    assert all(len(answer.splitlines()) > 1 for answer in here[:-1]), here
    assert json.loads(here[-1])["proposals"], here[-1]
    with Cluster(program(), folder, {}, 2) as cluster:
        assert answers(kept, "--engine", cluster.url) == here
        wrong = subprocess.run(
            [program(), "query", "--archive", kept, "--engine", cluster.url, "SELECT random() FROM index"],
            capture_output=True, text=True, env=ENV,
        )
        assert wrong.returncode == 2 and "random" in wrong.stderr, wrong.stderr
        few = subprocess.run(
            [program(), "query", "--archive", kept, "--engine", cluster.url, "--rows", "10", "SELECT message FROM log_events"],
            capture_output=True, text=True, env=ENV,
        )
        assert few.returncode == 2 and "more than 10 rows" in few.stderr, few.stderr
    with moto() as url:
        env = {"AWS_ENDPOINT_URL_S3": url, "AWS_DEFAULT_REGION": "us-east-1"}
        in_s3 = uploaded(kept, url)
        with Cluster(program(), folder, env, 2) as cluster:
            assert answers(in_s3, "--engine", cluster.url, env=env) == here


WITNESSES = [
    a_backtest_on_a_cluster_gives_the_same_bytes,
    questions_and_mined_lines_are_the_same_on_a_cluster,
    nobody_is_asked_where_no_scheduler_is,
]
