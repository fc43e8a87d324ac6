"""casefile collect against what people use today, on the same endpoint and data: lines a second, calls, memory.

    python3 benches/peers.py --target target/release [--lines 2000000] [--streams 40] [--peer-lines 200000]

The peers are looked for beside the Python that runs this: `pip install awscli awslogs boto3`. Version 2 of the
AWS CLI, which has `aws logs tail`, is not on PyPI: `--aws2` names it (Debian's package `awscli` is one). The
endpoint is the one of `fixtures`; it counts the calls. Figures are of one machine: compare within a run only.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

GROUP = "/ecs/shop"
DEFINITION = "arn:aws:ecs:ap-southeast-2:123456789012:task-definition/shop:7"
SERVICE = "arn:aws:ecs:ap-southeast-2:123456789012:service/production/shop"
# The rollout was begun so many seconds ago, and logged since.
OVER = 1800
ENVIRONMENT = {
    **os.environ,
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
    "AWS_DEFAULT_REGION": "ap-southeast-2",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
}
BOTO3 = """
import sys, boto3
logs = boto3.client("logs", endpoint_url=sys.argv[1])
lines = 0
for page in logs.get_paginator("filter_log_events").paginate(logGroupName=sys.argv[2]):
    for event in page["events"]:
        sys.stdout.write(event["message"] + "\\n")
"""


def recording(folder, tasks, containers=("app",)):
    """A service of so many tasks, whose containers have a log stream each."""
    folder.mkdir()
    now = 1_795_419_780
    save = lambda name, document: (folder / f"{name}.json").write_text(json.dumps(document))
    arns = [f"arn:aws:ecs:ap-southeast-2:123456789012:task/production/{n:032x}" for n in range(tasks)]
    save("services", {"failures": [], "services": [{
        "serviceArn": SERVICE, "serviceName": "shop", "status": "ACTIVE", "events": [], "taskDefinition": DEFINITION,
        "clusterArn": "arn:aws:ecs:ap-southeast-2:123456789012:cluster/production", "pendingCount": 0,
        "desiredCount": tasks, "runningCount": tasks, "deployments": [{
            "id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": DEFINITION, "desiredCount": tasks,
            "runningCount": tasks, "pendingCount": 0, "createdAt": now - OVER, "updatedAt": now,
            "rolloutState": "COMPLETED"}]}]})
    for status, listed in (("RUNNING", arns), ("STOPPED", [])):
        save(f"list-{status}", {"operation": "ListTasks", "response": {"taskArns": listed}, "request": {
            "cluster": "production", "serviceName": "shop", "desiredStatus": status}})
    save("tasks", {"failures": [], "tasks": [{
        "taskArn": arn, "taskDefinitionArn": DEFINITION, "group": "service:shop", "startedBy": "ecs-svc/1",
        "clusterArn": "arn:aws:ecs:ap-southeast-2:123456789012:cluster/production", "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING", "createdAt": now - OVER, "startedAt": now - OVER + 5,
        "containers": [{"name": name, "lastStatus": "RUNNING"} for name in containers]} for arn in arns]})
    save("definition", {"taskDefinition": {
        "taskDefinitionArn": DEFINITION, "family": "shop", "revision": 7, "containerDefinitions": [{
            "name": name, "essential": True, "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": GROUP, "awslogs-region": "ap-southeast-2", "awslogs-stream-prefix": "ecs"}}}
            for name in containers]}})
    for n, (arn, name) in enumerate((arn, name) for arn in arns for name in containers):
        save(f"lines-{n}", {"operation": "GetLogEvents", "response": {"events": [], "nextForwardToken": "f/1"},
             "request": {"logGroupName": GROUP, "logStreamName": f"ecs/{name}/{arn[-32:]}", "startFromHead": True}})
    return folder


class Endpoint:
    """An endpoint that stands at the end of a rollout, with made lines."""

    def __init__(self, play, recorded, lines, latency=0):
        command = [play, recorded, "--at-end", "--rebase", "--speed", "0.001", "--stdin", "--latency", str(latency)]
        command += ["--lines", str(lines), "--spread", "--over", str(OVER)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.url = self.process.stdout.readline().strip()

    def calls(self):
        """Ends it; how often each operation was asked."""
        _, told = self.process.communicate("")
        counts = (line.split() for line in told.splitlines())
        return {words[1]: int(words[0]) for words in counts if len(words) == 2 and words[0].isdigit()}


def run(command, stdout):
    """Seconds, peak memory in MB."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=stdout, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    if os.waitstatus_to_exitcode(status) not in (0, 4):
        sys.exit(f"{' '.join(map(str, command))}: {said.decode(errors='replace')}")
    return took, usage.ru_maxrss / 1024


def measure(name, play, recorded, lines, command, output, count, latency=0):
    endpoint = Endpoint(play, recorded, lines, latency)
    with open(output, "wb") as stdout:
        took, memory = run([str(word) for word in command(endpoint.url)], stdout)
    calls = endpoint.calls()
    got = count(output)
    if got < lines:
        print(f"{name:<32} gave {got} of {lines} lines")
        return None
    of_logs = sum(calls.get(name, 0) for name in ("FilterLogEvents", "GetLogEvents"))
    print(f"{name:<32} {lines:>9} {took:>8.2f} {lines / took:>10.0f} {of_logs:>6} {sum(calls.values()):>6} {memory:>7.0f}")
    sys.stdout.flush()
    return lines / took, of_logs, memory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default="target/release", type=pathlib.Path)
    parser.add_argument("--lines", default=2_000_000, type=int)
    parser.add_argument("--streams", default=40, type=int)
    parser.add_argument("--peer-lines", default=200_000, type=int)
    parser.add_argument("--aws2", default="/usr/bin/aws", type=pathlib.Path)
    parser.add_argument("--casefile-only", action="store_true")
    arguments = parser.parse_args()
    play, casefile = arguments.target / "examples" / "play", arguments.target / "casefile"
    beside = pathlib.Path(sys.executable).parent
    folder = pathlib.Path(tempfile.mkdtemp(prefix="casefile-peers-"))
    recorded = recording(folder / "recording", arguments.streams)
    config = folder / "casefile.toml"
    target = '[target]\nregion = "ap-southeast-2"\ncluster = "production"\nservice = "shop"\n'
    config.write_text(
        f"{target}[collect]\nquota_share = 1.0\n"
        "[collect.quotas]\nFilterLogEvents = 100000\nGetLogEvents = 100000\nDescribeLogStreams = 100000\n"
    )
    far = folder / "far.toml"
    far.write_text(target)
    print(f"{'':<32} {'lines':>9} {'seconds':>8} {'lines/s':>10} {'pages':>6} {'calls':>6} {'MB':>7}")

    def of_casefile(lines, config=config, latency=0):
        bundle = folder / f"{lines}-{latency}.bundle"
        command = lambda url: [casefile, "collect", "--config", config, "--endpoint-url", url, "--timeout", "1s",
                               "--poll", "1s", "--started-after", "1000000000", "-o", bundle]
        count = lambda _: json.loads((bundle / "data/manifest.json").read_text())["tables"]["log_events"]["rows"]
        name = f"casefile collect, {latency} ms away" if latency else "casefile collect"
        return measure(name, play, recorded, lines, command, folder / "said", count, latency)

    ours, pages, memory = of_casefile(arguments.lines)
    least = -(-arguments.lines // 10_000)
    print(f"  least pages possible: {least}; casefile's are {pages / least:.2f} times as many")
    # AWS's own quota is 10 pages a second, of which half is used, with 5 at once.
    for latency in (300, 700):
        rate, pages, _ = of_casefile(500_000, far, latency)
        print(f"  {pages / (500_000 / rate):.1f} pages a second over the whole command; half of the quota allows 5.0 while reading")
    if arguments.casefile_only:
        return
    lines = arguments.peer_lines
    lines_of = lambda output: sum(1 for _ in open(output, "rb"))
    # What this process keeps would count as its children's peak.
    events_of = lambda output: sum(b'"eventId":' in line for line in open(output, "rb"))
    filter_log_events = lambda aws: lambda url: [
        aws, "logs", "filter-log-events", "--log-group-name", GROUP, "--endpoint-url", url, "--output", "json"]
    peers = [
        ("aws logs filter-log-events", beside / "aws", filter_log_events(beside / "aws"), events_of),
        ("aws logs filter-log-events, v2", arguments.aws2, filter_log_events(arguments.aws2), events_of),
        # The endpoint's time goes a thousand times slower than the clock: it looks back as much farther.
        ("aws logs tail, v2", arguments.aws2, lambda url: [
            arguments.aws2, "logs", "tail", GROUP, "--since", "52w", "--format", "short", "--endpoint-url", url], lines_of),
        ("boto3, filter_log_events", sys.executable, lambda url: [sys.executable, "-c", BOTO3, url, GROUP], lines_of),
        ("awslogs get", beside / "awslogs", lambda url: [
            beside / "awslogs", "get", GROUP, "--start", "52w", "--no-color", "--aws-endpoint-url", url], lines_of),
    ]
    for name, program, command, count in peers:
        if not pathlib.Path(program).exists():
            print(f"{name:<32} is not installed")
            continue
        measured = measure(name, play, recorded, lines, command, folder / "lines", count)
        if measured is None:
            continue
        theirs = measured[0]
        print(f"  casefile is {ours / theirs:.1f} times as fast")


if __name__ == "__main__":
    main()
