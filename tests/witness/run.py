#!/usr/bin/env python3
"""Third-party programs as witnesses: what casefile says of itself is checked by programs that nobody here wrote.

    python run.py --target target/debug        # the folder that holds `casefile` and `examples/play`

Each witness is a function; it fails by an assertion. The last line counts them.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

import bagit
import boto3
import duckdb
import jsonschema
import rfc8785

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = sorted(path.parent for path in (ROOT / "fixtures/cases").glob("*/recording.toml"))
# Every fifth: what others say of a bundle does not depend on what happened in it.
SOME = CASES[::5]
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
TARGET = pathlib.Path()


def casefile(*arguments, expect=(0,), cwd=None, env=None):
    run = subprocess.run(
        [TARGET / "casefile", *map(str, arguments)],
        capture_output=True, text=True, cwd=cwd, env={**ENV, **(env or {})}, timeout=300,
    )
    assert run.returncode in expect, f"casefile {arguments} gave {run.returncode}:\n{run.stdout}\n{run.stderr}"
    return run


def imported(case, folder):
    bundle = folder / f"{case.name}.bundle"
    if not bundle.exists():
        casefile("import", case, "-o", bundle)
    return bundle


def bagit_validates_every_bundle(folder):
    for case in SOME:
        bag = bagit.Bag(str(imported(case, folder)))
        bag.validate(processes=1)
        assert bag.version == "1.0"


def bagit_and_verify_agree_on_damage(folder):
    damaged = folder / "damaged.bundle"
    shutil.copytree(imported(CASES[0], folder), damaged)
    table = damaged / "data/tasks.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    try:
        bagit.Bag(str(damaged)).validate(processes=1)
        raise AssertionError("bagit did not see the damage")
    except bagit.BagValidationError:
        pass
    assert "data/tasks.parquet" in casefile("verify", damaged, expect=(6,)).stdout
    assert "data/tasks.parquet" in casefile("analyze", damaged, expect=(6,)).stderr


def duckdb_reads_every_table(folder):
    for case in SOME:
        bundle = imported(case, folder)
        manifest = json.loads((bundle / "data/manifest.json").read_text())
        for name, table in manifest["tables"].items():
            path = bundle / "data" / table["file"]
            key = ", ".join(f'"{column}"' for column in table["sort_key"])
            connection = duckdb.connect()
            (rows,) = connection.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchone()
            assert rows == table["rows"], f"{case.name}: {name} has {rows} rows, the manifest says {table['rows']}"
            columns = connection.execute(f"DESCRIBE SELECT {key} FROM read_parquet('{path}')").fetchall()
            assert len(columns) == len(table["sort_key"])
            stored = connection.execute(f"SELECT {key} FROM read_parquet('{path}')").fetchall()
            ordered = sorted(stored, key=lambda row: [(value is not None, value) for value in row])
            assert stored == ordered, f"{case.name}: {name} is not sorted by {key}"


def duckdb_and_query_agree(folder):
    bundle = imported(next(case for case in CASES if case.name == "circuit-breaker-rollback"), folder)
    sql = "SELECT task_id, snapshot, last_status FROM tasks ORDER BY task_id, snapshot"
    ours = json.loads(casefile("query", bundle, sql, "--format", "json").stdout)
    path = bundle / "data/tasks.parquet"
    theirs = duckdb.connect().execute(sql.replace("FROM tasks", f"FROM read_parquet('{path}')")).fetchall()
    assert [tuple(row.values()) for row in ours] and len(ours) == len(theirs)
    assert [(row["task_id"], row["snapshot"], row["last_status"]) for row in ours] == theirs


def verdicts_follow_the_schema_and_their_digest(folder):
    schema = json.loads((ROOT / "docs/verdict.schema.json").read_text())
    for case in SOME:
        text = casefile("analyze", imported(case, folder), "--format", "json", expect=(0, 3, 4)).stdout
        verdict = json.loads(text)
        jsonschema.validate(verdict, schema)
        assert text.rstrip("\n").encode() == rfc8785.dumps(verdict), f"{case.name}: not RFC 8785"
        digest = verdict.pop("digest")
        assert digest == hashlib.sha256(rfc8785.dumps(verdict)).hexdigest(), f"{case.name}: the digest is another"
        bundle = imported(case, folder)
        sealed = hashlib.sha256((bundle / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
        assert verdict["bundle"]["digest"] == sealed


def the_verdict_is_the_same_everywhere(folder):
    bundle = imported(CASES[0], folder)
    texts = set()
    for threads, cwd, env in [
        (1, "/", {"TZ": "UTC", "LC_ALL": "C"}),
        (8, folder, {"TZ": "Pacific/Auckland", "LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8"}),
        (3, ROOT, {"TZ": "America/St_Johns", "LC_ALL": "C.UTF-8"}),
    ]:
        run = casefile("analyze", bundle, "--format", "json", "--threads", threads, cwd=cwd, env=env, expect=(0, 3, 4))
        texts.add(run.stdout)
    assert len(texts) == 1


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


def the_endpoint_speaks_to_boto3_and_the_aws_cli(folder):
    case = next(case for case in CASES if case.name == "healthy-migration")
    # Fast enough that the whole rollout has happened by the time anybody asks.
    with Server(TARGET / "examples/play", case, "--speed", "10000") as url:
        time.sleep(1)
        script = ROOT / "fixtures/witness/endpoint.py"
        subprocess.run([sys.executable, script, url], check=True, env={**ENV, "PATH": f"{pathlib.Path(sys.executable).parent}:{ENV['PATH']}"}, stdout=subprocess.DEVNULL)


def the_cases_have_the_shapes_of_the_aws_api(folder):
    subprocess.run([sys.executable, ROOT / "fixtures/witness/shapes.py"], check=True, stdout=subprocess.DEVNULL)


def the_cases_are_what_they_are_staged_from(folder):
    copy = folder / "fixtures"
    shutil.copytree(ROOT / "fixtures", copy)
    subprocess.run([sys.executable, copy / "stage/stage.py"], check=True, stdout=subprocess.DEVNULL)
    for path in (ROOT / "fixtures/cases").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (copy / path.relative_to(ROOT / "fixtures")).read_bytes(), f"{path} is staged otherwise"


def casefile_collects_from_moto(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    moto = pathlib.Path(sys.executable).parent / "moto_server"
    with Server(moto, "-p", port, url=f"http://127.0.0.1:{port}/") as url:
        session = boto3.Session("witness", "witness", region_name=REGION)
        ecs = session.client("ecs", endpoint_url=url)
        logs = session.client("logs", endpoint_url=url)
        ecs.create_cluster(clusterName="production")
        options = {"awslogs-group": "/ecs/shop", "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}
        definition = ecs.register_task_definition(
            family="shop",
            containerDefinitions=[{
                "name": "app", "image": "shop:1", "memory": 64, "essential": True,
                "environment": [{"name": "PASSWORD", "value": "correct-horse-battery"}],
                "logConfiguration": {"logDriver": "awslogs", "options": options},
            }],
        )["taskDefinition"]["taskDefinitionArn"]
        ecs.create_service(cluster="production", serviceName="shop", taskDefinition=definition, desiredCount=1)
        logs.create_log_group(logGroupName="/ecs/shop")
        bundle, recording = folder / "moto.bundle", folder / "moto.recording"
        casefile(
            "collect", "--endpoint-url", url, "--cluster", "production", "--service", "shop", "--timeout", "3s",
            "--poll", "1s", "--stable-for", "1s", "--record", recording, "-o", bundle, cwd=folder,
        )
        casefile("verify", bundle)
        rows = json.loads(casefile("query", bundle, "SELECT service_name, task_definition FROM services", "--format", "json").stdout)
        assert rows and rows[0]["service_name"] == "shop" and rows[0]["task_definition"] == definition
        # What moto does not know is a gap, and the verdict is never a pass.
        verdict = json.loads(casefile("analyze", bundle, "--format", "json", cwd=folder, expect=(3, 4)).stdout)
        assert verdict["verdict"] in ("fail", "inconclusive")
        for path in [*bundle.rglob("*"), *recording.rglob("*")]:
            assert path.is_dir() or b"correct-horse-battery" not in path.read_bytes(), path
        # What was recorded imports to the same tables.
        again = folder / "moto-again.bundle"
        casefile("import", recording, "-o", again, cwd=folder)
        for table in (bundle / "data").glob("*.parquet"):
            assert table.read_bytes() == (again / "data" / table.name).read_bytes(), f"{table.name} differs after import"


def an_unknown_cluster_is_said_at_once(folder):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    moto = pathlib.Path(sys.executable).parent / "moto_server"
    with Server(moto, "-p", port, url=f"http://127.0.0.1:{port}/") as url:
        began = time.monotonic()
        run = casefile("collect", "--endpoint-url", url, "--cluster", "nowhere", "--service", "shop", "-o", folder / "nowhere.bundle", cwd=folder, expect=(2,))
        assert time.monotonic() - began < 20 and "nowhere" in run.stderr, run.stderr
        assert not list(folder.glob("nowhere*")), "something was left behind"


WITNESSES = [
    bagit_validates_every_bundle,
    bagit_and_verify_agree_on_damage,
    duckdb_reads_every_table,
    duckdb_and_query_agree,
    verdicts_follow_the_schema_and_their_digest,
    the_verdict_is_the_same_everywhere,
    the_cases_have_the_shapes_of_the_aws_api,
    the_cases_are_what_they_are_staged_from,
    the_endpoint_speaks_to_boto3_and_the_aws_cli,
    casefile_collects_from_moto,
    an_unknown_cluster_is_said_at_once,
]


def main():
    global TARGET
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", type=pathlib.Path, required=True)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    TARGET = arguments.target.resolve()
    assert CASES, "there are no cases"
    passed, failed = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for witness in WITNESSES:
            if arguments.names and witness.__name__ not in arguments.names:
                continue
            began = time.monotonic()
            try:
                witness(pathlib.Path(folder))
                passed += 1
                print(f"ok      {witness.__name__} ({time.monotonic() - began:.1f}s)", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {witness.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
