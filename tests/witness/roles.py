"""Witnesses of the IAM policies: moto lets each role do what it must and nothing else; examples/terraform is well formed."""

import json
import re
import urllib.request

import boto3
import hcl2

from common import CASES, REGION, ROOT, casefile, imported, moto

PLACE = "s3://evidence/casefile"


def each_role_can_do_its_work_and_no_more(folder):
    policies = json.loads(casefile("archive", "roles", "--archive", PLACE).stdout)
    config = folder / "roles.toml"
    config.write_text('service = "bf-manage-core"\n[gate]\nwaves = [["ap-southeast-2"], ["eu-west-1"]]\nwaivable = ["missing"]\n')
    first, second = (imported(case, folder) for case in CASES[:2])
    verdict = folder / "roles.json"
    verdict.write_text(casefile("analyze", second, "--format", "json", expect=(0, 3, 4)).stdout)
    with moto() as url:
        session = boto3.Session("witness", "witness", region_name="us-east-1")
        session.client("s3", endpoint_url=url).create_bucket(Bucket="evidence")
        place = {"AWS_ENDPOINT_URL": url, "CASEFILE_ARCHIVE": PLACE, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
        casefile("archive", "add", first, env=place)
        iam = session.client("iam", endpoint_url=url)
        env = {}
        for role, policy in policies.items():
            for statement in policy["Statement"]:
                # moto knows no s3:prefix, and denies what has a condition that it cannot check.
                assert statement.pop("Condition", None) is None or statement["Sid"] == "List"
                if statement["Sid"] == "Remove":
                    # Of DeleteObjects moto asks for the bucket, where AWS asks for each key.
                    statement["Resource"].append("arn:aws:s3:::evidence")
            iam.create_user(UserName=role)
            iam.put_user_policy(UserName=role, PolicyName=role, PolicyDocument=json.dumps(policy))
            key = iam.create_access_key(UserName=role)["AccessKey"]
            env[role] = {**place, "AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        # From here on moto asks IAM.
        plain = {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(f"{url}moto-api/reset-auth", data=b"0", headers=plain, method="POST"))
        which = ("--config", config, "--region", "eu-west-1", "--release", "v1", "--by", "witness")
        asked = which[:-2]
        work = {
            "add": (("archive", "add", second, verdict), {"archive"}),
            "ask": (("gate", "region", *asked), {"gate"}),
            "begin": (("gate", "begin", *which), {"gate", "operator"}),
            "close": (("gate", "close", *which, "--why", "w"), {"operator", "gate"}),
            "stop": (("gate", "stop", "--all", "--why", "w", "--by", "w"), {"operator"}),
            "lift": (("gate", "lift", "--all", "--why", "w", "--by", "w"), {"operator"}),
            "compact": (("archive", "compact", "--whole"), {"compact"}),
            "index": (("archive", "index"), {"archive", "compact"}),
            "verify": (("archive", "verify"), {"audit"}),
            "list": (("archive", "list"), set(policies)),
        }
        for name, (arguments, allowed) in work.items():
            for role in sorted(policies, key=lambda role: role in allowed):
                run = casefile(*arguments, env=env[role], expect=range(8))
                denied = "access denied" in run.stderr
                assert denied == (role not in allowed), f"{role} {name}: {run.returncode}\n{run.stdout}\n{run.stderr}"


def the_terraform_example_is_well_formed(folder):
    place = ROOT / "examples/terraform"
    text = {path.name: path.read_text() for path in place.glob("*.tf")}
    blocks = {name: hcl2.loads(content) for name, content in text.items()}
    declared = set()
    for parsed in blocks.values():
        for kind in ("resource", "data"):
            for block in parsed.get(kind, []):
                for type_, named in block.items():
                    declared |= {f"{'data.' if kind == 'data' else ''}{type_}.{name}".replace('"', "") for name in named}
        declared |= {f"var.{name}".replace('"', "") for block in parsed.get("variable", []) for name in block}
    assert len(declared) > 20, declared
    everything = "\n".join(text.values())
    used = set(re.findall(r"(?<![\w.])((?:data\.)?aws_\w+\.\w+|var\.\w+)", re.sub(r"#.*", "", everything)))
    assert used and used <= declared, used - declared
    unused = {name for name in declared if name.startswith(("var.", "data.")) and name not in used}
    assert not unused, unused
    printed = casefile(
        "archive", "roles", "--archive", "s3://${var.bucket}/casefile", "--kms-key", "${aws_kms_key.verdicts.arn}",
        "--waiver-kms-key", "${aws_kms_key.waivers.arn}", "--format", "terraform",
    ).stdout
    assert text["policies.tf"].split("\n\n", 1)[1] == printed, "policies.tf is not what casefile prints"
    dry = casefile("collect", "--dry-run", "--region", "no region", "--cluster", "c", "--service", "s", "--format", "json").stdout
    actions = {action for statement in json.loads(dry)["policy"]["Statement"] for action in statement["Action"]}
    assert set(re.findall(r'"((?:ecs|logs|elasticloadbalancing|cloudwatch):[A-Z]\w+)"', text["collect.tf"])) == actions


WITNESSES = [each_role_can_do_its_work_and_no_more, the_terraform_example_is_well_formed]
