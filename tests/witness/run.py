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
import subprocess
import sys
import tempfile
import time
import traceback

import bagit
import boto3
import duckdb
import jsonschema
import rfc8785

import common
from common import CASES, CONFIG, ENV, REGION, ROOT, SOME, Server, casefile, imported, moto, noisy_recording
from archiving import WITNESSES as ARCHIVING
from browser import WITNESSES as BROWSER
from cluster import WITNESSES as CLUSTER
from hosts import WITNESSES as HOSTS
from docs import WITNESSES as DOCS
from pipelines import WITNESSES as PIPELINES
from roles import WITNESSES as ROLES
from shell import WITNESSES as SHELL
from signing import WITNESSES as SIGNING


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


def the_endpoint_speaks_to_boto3_and_the_aws_cli(folder):
    for name, words in [("healthy-migration", []), ("load-balancer-finds-targets-unhealthy", ["target-health"])]:
        case = next(case for case in CASES if case.name == name)
        # Fast enough that the whole rollout has happened by the time anybody asks.
        with Server(common.TARGET / "examples/play", case, "--speed", "10000") as url:
            time.sleep(1)
            script = ROOT / "fixtures/witness/endpoint.py"
            env = {**ENV, "PATH": f"{pathlib.Path(sys.executable).parent}:{ENV['PATH']}"}
            subprocess.run([sys.executable, script, url, *words], check=True, env=env, stdout=subprocess.DEVNULL)


def boto3_reads_the_alarms_of_the_endpoint(folder):
    """CloudWatch speaks JSON to boto3, and CBOR to casefile."""
    case = next(case for case in CASES if case.name == "rolled-back-by-an-alarm")
    with Server(common.TARGET / "examples/play", case, "--at-end", "--speed", "0") as url:
        cloudwatch = boto3.Session("witness", "witness", region_name=REGION).client("cloudwatch", endpoint_url=url)
        names = {"AlarmNames": ["bf-manage-core-error-rate", "no-such-alarm"], "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
        (alarm,) = cloudwatch.describe_alarms(**names)["MetricAlarms"]
    bundle = imported(case, folder)
    sql = "SELECT alarm_name, state, reason, CAST(changed_at AS BIGINT) AS changed_at FROM alarms ORDER BY snapshot DESC LIMIT 1"
    (row,) = json.loads(casefile("query", bundle, sql, "--format", "json").stdout)
    since = round(alarm["StateTransitionedTimestamp"].timestamp() * 1000)
    told = {"alarm_name": alarm["AlarmName"], "state": alarm["StateValue"], "reason": alarm["StateReason"], "changed_at": since}
    assert row == told and alarm["StateValue"] == "ALARM", (row, told)


def the_cases_have_the_shapes_of_the_aws_api(folder):
    subprocess.run([sys.executable, ROOT / "fixtures/witness/shapes.py"], check=True, stdout=subprocess.DEVNULL)


def the_cases_are_what_they_are_staged_from(folder):
    copy = folder / "fixtures"
    shutil.copytree(ROOT / "fixtures", copy)
    subprocess.run([sys.executable, copy / "stage/stage.py"], check=True, stdout=subprocess.DEVNULL)
    for path in (ROOT / "fixtures/cases").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (copy / path.relative_to(ROOT / "fixtures")).read_bytes(), f"{path} is staged otherwise"


def target_group(url):
    """A target group in moto with one registered target; gives its ARN."""
    session = boto3.Session("witness", "witness", region_name=REGION)
    ec2, elbv2 = (session.client(name, endpoint_url=url) for name in ("ec2", "elbv2"))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = elbv2.create_target_group(Name="shop", Protocol="HTTP", Port=8000, VpcId=vpc, TargetType="ip", HealthCheckPort="8000")
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    elbv2.register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.7", "Port": 8000}])
    return arn


def casefile_collects_from_moto(folder):
    with moto() as url:
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
        group = target_group(url)
        balancers = [{"targetGroupArn": group, "containerName": "app", "containerPort": 8000}]
        ecs.create_service(
            cluster="production", serviceName="shop", taskDefinition=definition, desiredCount=1, loadBalancers=balancers
        )
        logs.create_log_group(logGroupName="/ecs/shop")
        bundle, recording = folder / "moto.bundle", folder / "moto.recording"
        casefile(
            "collect", "--endpoint-url", url, "--cluster", "production", "--service", "shop", "--timeout", "3s",
            "--poll", "1s", "--stable-for", "1s", "--record", recording, "-o", bundle, cwd=folder,
        )
        casefile("verify", bundle)
        rows = json.loads(casefile("query", bundle, "SELECT service_name, task_definition FROM services", "--format", "json").stdout)
        assert rows and rows[0]["service_name"] == "shop" and rows[0]["task_definition"] == definition
        # The health of the target is what boto3 has of it.
        elbv2 = session.client("elbv2", endpoint_url=url)
        (told,) = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        sql = "SELECT DISTINCT target_group_arn, target_id, port, state FROM target_health"
        rows = json.loads(casefile("query", bundle, sql, "--format", "json").stdout)
        target = {"target_id": told["Target"]["Id"], "port": told["Target"]["Port"], "state": told["TargetHealth"]["State"]}
        assert rows == [{"target_group_arn": group, **target}], rows
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
    with moto() as url:
        began = time.monotonic()
        run = casefile("collect", "--endpoint-url", url, "--cluster", "nowhere", "--service", "shop", "-o", folder / "nowhere.bundle", cwd=folder, expect=(2,))
        assert time.monotonic() - began < 20 and "nowhere" in run.stderr, run.stderr
        assert not list(folder.glob("nowhere*")), "something was left behind"


def bundles_go_to_s3(folder):
    with moto() as url:
        s3 = boto3.Session("witness", "witness", region_name=REGION).client("s3", endpoint_url=url)
        s3.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": REGION})
        env = {"AWS_ENDPOINT_URL_S3": url}

        def keys(prefix):
            return [found["Key"] for found in s3.list_objects_v2(Bucket="evidence", Prefix=prefix).get("Contents", [])]

        def uploaded(name, *arguments, expect=(0,)):
            return casefile(*arguments, "-o", f"s3://evidence/2026/{name}", cwd=folder, env=env, expect=expect)

        # A bag: every file an object, and the same bytes as on disk.
        here = imported(CASES[0], folder)
        run = uploaded("bag.bundle", "import", CASES[0])
        assert run.stdout.startswith("s3://evidence/2026/bag.bundle  sha256:"), run.stdout
        assert not (folder / "bag.bundle").exists(), "the copy on disk stays"
        files = sorted(path.relative_to(here).as_posix() for path in here.rglob("*") if path.is_file())
        assert keys("2026/bag.bundle/") == [f"2026/bag.bundle/{name}" for name in files]
        fetched = folder / "fetched.bundle"
        for name in files:
            (fetched / name).parent.mkdir(parents=True, exist_ok=True)
            s3.download_file("evidence", f"2026/bag.bundle/{name}", str(fetched / name))
            assert (fetched / name).read_bytes() == (here / name).read_bytes(), name
        casefile("verify", fetched)
        bagit.Bag(str(fetched)).validate(processes=1)

        # It is never overwritten, nor an archive beside it.
        before = {key: s3.head_object(Bucket="evidence", Key=key)["LastModified"] for key in keys("")}
        run = uploaded("bag.bundle", "import", CASES[0], expect=(2,))
        assert "exists already" in run.stderr, run.stderr
        assert before == {key: s3.head_object(Bucket="evidence", Key=key)["LastModified"] for key in keys("")}

        # An archive that is longer than a part: lines that do not compress.
        noisy = noisy_recording(folder)
        uploaded("noisy.tar", "import", noisy, "--config", CONFIG)
        about = s3.head_object(Bucket="evidence", Key="2026/noisy.tar")
        assert about["ContentLength"] > 17 << 20 and about["ETag"].strip('"').endswith("-2"), about
        archive = folder / "noisy-fetched.tar"
        s3.download_file("evidence", "2026/noisy.tar", str(archive))
        casefile("verify", archive)

        # What cannot be uploaded stays, sealed; what is asked for in vain is said before anything is done.
        run = casefile("import", CASES[0], "-o", "s3://no-such-bucket/x.bundle", cwd=folder, env=env, expect=(1,))
        assert "make the bucket" in run.stderr and not list(folder.glob("x.bundle*")), run.stderr
        run = casefile("analyze", "s3://evidence/2026/bag.bundle", cwd=folder, expect=(2,))
        assert "aws s3 cp --recursive" in run.stderr, run.stderr


def validate_puts_its_evidence_into_s3(folder):
    case = next(case for case in CASES if case.name == "healthy-migration")
    with moto() as url, Server(common.TARGET / "examples/play", case, "--speed", "60") as endpoint:
        s3 = boto3.Session("witness", "witness", region_name="us-east-1").client("s3", endpoint_url=url)
        s3.create_bucket(Bucket="evidence")
        run = casefile(
            "validate", "--config", CONFIG, "--endpoint-url", endpoint, "--timeout", "2s", "--poll", "1s",
            "--stable-for", "1s", "-o", "s3://evidence/rollout.bundle", cwd=folder,
            env={"AWS_ENDPOINT_URL_S3": url}, expect=(0, 3, 4),
        )
        assert "s3://evidence/rollout.bundle  sha256:" in run.stderr and "verdict" in run.stdout.lower(), run
        found = [found["Key"] for found in s3.list_objects_v2(Bucket="evidence")["Contents"]]
        assert "rollout.bundle/tagmanifest-sha256.txt" in found, found
        assert not list(folder.glob("rollout.bundle*")), "the copy on disk stays"


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
    boto3_reads_the_alarms_of_the_endpoint,
    casefile_collects_from_moto,
    an_unknown_cluster_is_said_at_once,
    bundles_go_to_s3,
    validate_puts_its_evidence_into_s3,
    *ARCHIVING,
    *BROWSER,
    *SHELL, *SIGNING,
    *PIPELINES,
    *ROLES,
    *CLUSTER,
    *HOSTS,
    *DOCS,
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", type=pathlib.Path, required=True)
    parser.add_argument("--cluster", type=pathlib.Path, help="the folder of a casefile with the feature `cluster`")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    common.TARGET = arguments.target.resolve()
    common.CLUSTER = arguments.cluster and arguments.cluster.resolve()
    assert CASES, "there are no cases"
    passed, failed, skipped = 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for witness in WITNESSES:
            if arguments.names and witness.__name__ not in arguments.names:
                continue
            began = time.monotonic()
            try:
                witness(pathlib.Path(folder))
                passed += 1
                print(f"ok      {witness.__name__} ({time.monotonic() - began:.1f}s)", flush=True)
            except common.Skipped as why:
                skipped += 1
                print(f"SKIPPED {witness.__name__}: {why}", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {witness.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
