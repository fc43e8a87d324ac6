"""Witnesses of the archive: S3 as moto plays it, and DuckDB over the compacted copy."""

import datetime
import hashlib
import json
import os
import re

import boto3
import duckdb

import common
from common import CASES, CONFIG, SOME, Server, casefile, imported, moto


def an_archive_lives_in_s3(folder):
    case = next(case for case in CASES if case.name == "healthy-migration")
    with moto() as url, Server(common.TARGET / "examples/play", case, "--speed", "60") as endpoint:
        s3 = boto3.Session("witness", "witness", region_name="us-east-1").client("s3", endpoint_url=url)
        s3.create_bucket(Bucket="evidence")
        env = {"AWS_ENDPOINT_URL_S3": url, "AWS_DEFAULT_REGION": "us-east-1", "CASEFILE_ARCHIVE": "s3://evidence/archive"}

        def keys():
            found = s3.list_objects_v2(Bucket="evidence").get("Contents", [])
            return {it["Key"]: it["ETag"] for it in found}

        # The job's own artifacts stay, and the archive has the bundle, the verdict, and the rules that made it.
        run = casefile(
            "validate", "--config", CONFIG, "--endpoint-url", endpoint, "--timeout", "2s", "--poll", "1s",
            "--stable-for", "1s", "-o", "here.bundle", "--report", "json=verdict.json", cwd=folder, env=env, expect=(0, 3, 4),
        )
        assert "added, 1 new of 1 verdicts" in run.stderr and (folder / "here.bundle").is_dir(), run.stderr
        verdict = json.loads((folder / "verdict.json").read_text())
        digest, day = verdict["bundle"]["digest"], verdict["bundle"]["target"]["window_from"][:10]
        place = f"service=bf-manage-core/region=ap-southeast-2/date={day}"
        before = keys()
        for key in [
            f"archive/bundles/{place}/{digest}.tar",
            f"archive/verdicts/{place}/{digest}-{verdict['digest']}.json",
            f"archive/packs/{verdict['pack']['digest']}.json",
            f"archive/configs/{verdict['config']['digest']}.json",
        ]:
            assert key in before, (key, list(before))
        config = s3.get_object(Bucket="evidence", Key=f"archive/configs/{verdict['config']['digest']}.json")["Body"].read()
        assert hashlib.sha256(config).hexdigest() == verdict["config"]["digest"]

        # Adding again changes nothing, and others are beside it.
        casefile("archive", "add", "here.bundle", "verdict.json", "--config", CONFIG, cwd=folder, env=env)
        assert keys() == before
        other = imported(CASES[0], folder)
        casefile("archive", "add", other, cwd=folder, env=env)
        listed = json.loads(casefile("archive", "list", "--format", "json", cwd=folder, env=env).stdout)
        assert len(listed) == 2 and {it["verdict"] for it in listed} == {verdict["verdict"], None}, listed
        casefile("archive", "verify", cwd=folder, env=env)

        # It comes back as it was sealed, and gives the same verdict.
        again = casefile("analyze", digest[:10], "--format", "json", cwd=folder, env=env, expect=(0, 3, 4))
        assert json.loads(again.stdout)["digest"] == verdict["digest"]
        casefile("archive", "fetch", digest[:10], "-o", "back.tar", cwd=folder, env=env)
        stored = s3.get_object(Bucket="evidence", Key=f"archive/bundles/{place}/{digest}.tar")["Body"].read()
        assert (folder / "back.tar").read_bytes() == stored

        # A backtest says what it read: the index, and here the bundle, with what the verdict was computed by.
        run = casefile("backtest", "--whole", cwd=folder, env=env)
        told = re.search(r"read (\d+\.\d) MB from s3://evidence/archive in (\d+) requests", run.stderr)
        assert told and float(told[1]) >= round(len(stored) / 1e6, 1) and int(told[2]) >= 5, run.stderr

        # The gate reads the same archive, and writes its own documents there, each once.
        policy = folder / "gate.toml"
        policy.write_text('service = "bf-manage-core"\n[gate]\nwaves = [["ap-southeast-2"], ["eu-west-1"]]\n')
        which = ("--config", policy, "--region", "eu-west-1", "--release", "v1")
        casefile("gate", "begin", *which, "--by", "witness", cwd=folder, env=env)
        begun = keys()
        casefile("gate", "begin", *which[:-1], "v2", "--by", "witness", cwd=folder, env=env, expect=(4,))
        assert keys() == begun
        asked = casefile("gate", "region", *which, "--format", "json", cwd=folder, env=env, expect=(4,))
        decision = json.loads(asked.stdout)
        assert decision["outcome"] == "hold" and decision["reasons"][0]["code"] == "missing", decision
        assert any(key.endswith(f"/{decision['digest']}.json") for key in keys()), list(keys())
        # Its digest covers everything but itself and the CI job, in the canonical form of RFC 8785.
        unsigned = {key: value for key, value in decision.items() if key not in ("digest", "ci")}
        canonical = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert hashlib.sha256(canonical).hexdigest() == decision["digest"]
        casefile("reproduce", decision["digest"][:12], cwd=folder, env=env)

        # Damage is found; DuckDB reads the index.
        s3.put_object(Bucket="evidence", Key=f"archive/bundles/{place}/{digest}.tar", Body=stored[:-4096])
        run = casefile("archive", "verify", "--format", "json", cwd=folder, env=env, expect=(6,))
        assert [it["key"].split("/")[-1] for it in json.loads(run.stdout)["problems"]] == [f"{digest}.tar"], run.stdout
        segments = [key for key in keys() if key.startswith("archive/index/")]
        for nth, key in enumerate(segments):
            s3.download_file("evidence", key, str(folder / f"segment-{nth}.parquet"))
        rows = duckdb.sql(f"SELECT DISTINCT bundle FROM read_parquet('{folder}/segment-*.parquet')").fetchall()
        assert len(rows) == 2, rows


def what_is_added_is_locked(folder):
    with moto() as url:
        s3 = boto3.Session("witness", "witness", region_name="us-east-1").client("s3", endpoint_url=url)
        s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        env = {"AWS_ENDPOINT_URL_S3": url, "AWS_REGION": "us-east-1", "CASEFILE_ARCHIVE": "s3://locked/archive"}
        bundle, verdict = imported(CASES[0], folder), folder / "locked.json"
        verdict.write_text(casefile("analyze", bundle, "--format", "json", expect=(0, 3, 4)).stdout)
        # Of uploads in parts moto forgets the retention (CreateMultipartUpload has the same headers).
        for arguments in [(bundle, verdict, "--lock", "governance"), (imported(CASES[1], folder), "--lock", "compliance")]:
            casefile("archive", "add", *arguments, "--lock-days", "30", cwd=folder, env=env)
        kinds = {}
        for found in s3.list_objects_v2(Bucket="locked")["Contents"]:
            head = s3.head_object(Bucket="locked", Key=found["Key"])
            kind = found["Key"].split("/")[1]
            kinds.setdefault(kind, set()).add(head.get("ObjectLockMode"))
            if kind in ("bundles", "verdicts"):
                days = (head["ObjectLockRetainUntilDate"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds() / 86400
                assert 29.9 < days < 30.1, days
                [version] = [it for it in s3.list_object_versions(Bucket="locked", Prefix=found["Key"])["Versions"] if it["IsLatest"]]
                try:
                    s3.delete_object(Bucket="locked", Key=found["Key"], VersionId=version["VersionId"])
                    raise AssertionError(f"{found['Key']} was removed")
                except s3.exceptions.ClientError as error:
                    assert error.response["Error"]["Code"] == "AccessDenied", error
        assert kinds["verdicts"] == {"GOVERNANCE"} and kinds["bundles"] == {"GOVERNANCE", "COMPLIANCE"} and kinds["index"] == {None}, kinds
        casefile("archive", "verify", cwd=folder, env=env)
        run = casefile("archive", "add", bundle, "--archive", "disk", "--lock", "governance", "--lock-days", "1", cwd=folder, expect=(2,))
        assert "only S3 has Object Lock" in run.stderr, run.stderr


def duckdb_reads_the_compacted_copy(folder):
    archive = folder / "compacted"
    for case in SOME:
        casefile("archive", "add", imported(case, folder), "--archive", archive)
    casefile("archive", "compact", "--archive", archive)
    ddl = casefile("archive", "compact", "--archive", "s3://evidence/casefile", "--athena").stdout
    athena = {
        name: dict(re.findall(r"^  `(\w+)` (\w+)", columns, re.M))
        for name, columns in re.findall(r"CREATE EXTERNAL TABLE IF NOT EXISTS (\w+) \((.*?)\nPARTITIONED", ddl, re.S)
    }
    types = {"VARCHAR": "string", "BIGINT": "bigint", "BOOLEAN": "boolean", "TIMESTAMP WITH TIME ZONE": "timestamp"}
    tables = sorted(path.name for path in (archive / "tables").iterdir() if not path.name.startswith("_"))
    assert len(tables) > 12 and set(tables) <= set(athena), tables
    counted = "SELECT service, region, date, bundle, count(*) AS n FROM {} GROUP BY ALL ORDER BY bundle"
    for table in tables:
        files = f"read_parquet('{archive}/tables/{table}/*/*.parquet', hive_partitioning = true)"
        theirs = duckdb.sql(counted.format(files)).fetchall()
        ours = casefile("query", counted.format(table).replace("ALL", "1, 2, 3, 4"), "--archive", archive, "--format", "json").stdout
        assert [tuple(row.values()) for row in json.loads(ours)] == theirs and theirs, table
        # The columns are those that Athena is told of, with its types; the month comes from the path.
        described = {name: kind for name, kind, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM {files}").fetchall()}
        assert described.pop("month") == "VARCHAR", described
        assert {name: types[kind] for name, kind in described.items()} == athena[table], table
    # Rows stand in the order of their bundles, so that readers can skip what they do not want.
    rows = duckdb.sql(f"SELECT month, service, region, date FROM read_parquet('{archive}/tables/tasks/*/*.parquet')").fetchall()
    assert rows == sorted(rows)


def duckdb_reads_the_outcomes_of_a_backtest(folder):
    archive, place = folder / "outcomes", folder / "backtest"
    place.mkdir()
    names = ("healthy-migration", "migration-multiple-heads", "migration-line-missing", "circuit-breaker-rollback")
    for case in (case for case in CASES if case.name in names):
        bundle, verdict = imported(case, folder), place / f"{case.name}.json"
        verdict.write_text(casefile("analyze", bundle, "--format", "json", expect=(0, 3, 4)).stdout)
        casefile("archive", "add", bundle, verdict, "--archive", archive)
    tried = place / "tried.toml"
    tried.write_text(CONFIG.read_text().replace("Will assume (non-)?transactional DDL", "Will assume nothing"))
    for name in ("outcomes.parquet", "outcomes.jsonl"):
        casefile("backtest", "--archive", archive, "--config", tried, "--outcomes", name, "--allow-flips", cwd=place)
    lines = [json.loads(line) for line in (place / "outcomes.jsonl").read_text().splitlines()]
    file = f"'{place}/outcomes.parquet'"
    theirs = duckdb.sql(f"SELECT bundle, verdict_before, verdict_after FROM {file} WHERE kind = 'deployment'").fetchall()
    assert len(theirs) == len(names), theirs
    assert sorted(theirs) == sorted((it["bundle"], it["before"]["verdict"], it["after"]["verdict"]) for it in lines)
    checks = duckdb.sql(f"SELECT bundle, check_id, reason_after FROM {file} WHERE kind = 'check' AND differs").fetchall()
    assert sorted(checks) == sorted((it["bundle"], check["id"], check["reason"]) for it in lines for check in it["checks"])
    moments = duckdb.sql(f"SELECT count(*) FROM {file} WHERE epoch_ms(decided_at) = epoch_ms(created_at) + decided_ms").fetchall()
    assert moments[0][0] == sum(len(it.get("decided_ms", {})) for it in lines) > 0, moments
    # The page tells the columns with their types, and its queries run.
    page = (common.ROOT / "docs/howto-tune.md").read_text()
    told = {
        name: kind
        for names, kind in re.findall(r"^\| (`[^|]+`) \| (string|boolean|bigint|timestamp) \|", page, re.M)
        for name in re.findall(r"`(\w+)`", names)
    }
    types = {"VARCHAR": "string", "BIGINT": "bigint", "BOOLEAN": "boolean", "TIMESTAMP WITH TIME ZONE": "timestamp"}
    described = {name: types[kind] for name, kind, *_ in duckdb.sql(f"DESCRIBE SELECT * FROM {file}").fetchall()}
    assert described == told, (described, told)
    queries = re.search(r"```sql\n(.*?)```", page, re.S).group(1).replace("'outcomes.parquet'", file).split(";")
    for query in filter(str.strip, queries):
        assert duckdb.sql(query).fetchall(), query


def every_verdict_is_reproduced_elsewhere(folder):
    """`EVERY=1` for all cases: some minutes."""
    cases = CASES if os.environ.get("EVERY") else SOME[::4]
    archive = folder / "reproduced"
    digests = []
    for case in cases:
        bundle, verdict = imported(case, folder), folder / f"{case.name}.json"
        text = casefile("analyze", bundle, "--format", "json", "--threads", 2, expect=(0, 3, 4)).stdout
        verdict.write_text(text)
        casefile("archive", "add", bundle, verdict, "--archive", archive)
        digests.append(json.loads(text)["digest"])
    # Elsewhere: in another folder, by another locale, zone and number of threads, from the archive alone.
    elsewhere = [
        (1, "/", {"TZ": "Pacific/Auckland", "LC_ALL": "C"}),
        (7, folder, {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}),
    ]
    for nth, digest in enumerate(digests):
        threads, cwd, env = elsewhere[nth % len(elsewhere)]
        run = casefile("reproduce", digest, "--archive", archive, "--threads", threads, "--format", "json", cwd=cwd, env=env)
        told = json.loads(run.stdout)
        assert told["same"] and told["digest"]["after"] == digest, told


WITNESSES = [
    an_archive_lives_in_s3,
    what_is_added_is_locked,
    duckdb_reads_the_compacted_copy,
    duckdb_reads_the_outcomes_of_a_backtest,
    every_verdict_is_reproduced_elsewhere,
]
