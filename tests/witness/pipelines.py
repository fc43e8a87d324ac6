"""Witness of the pipeline files: gitlab-ci-local expands inputs, and checks the result against GitLab's JSON schema. check-jsonschema has the
schema of GitHub's workflows."""

import re
import shutil
import subprocess
import sys

import yaml

from common import ROOT, casefile
from signing import NODE, modules

USES = {
    "validate": "{ region: eu-west-1, role: 'arn:aws:iam::111122223333:role/casefile', stage: test, job-name: 'validate dublin', needs: ['apply dublin'] }",
    "gate": "{ region: eu-west-1, role: 'arn:aws:iam::111122223333:role/casefile', stage: test, archive: 's3://evidence/casefile' }",
}


def project(folder, name, files):
    """A git repository that has these files."""
    made = folder / f"pipeline-{name}"
    made.mkdir()
    for path, content in files.items():
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_text(content)
    git = ["git", "-c", "user.name=w", "-c", "user.email=w@example.com"]
    for command in [["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "w"], ["remote", "add", "origin", "git@gitlab.com:example/w.git"]]:
        subprocess.run([*git, *command], cwd=made, check=True, capture_output=True)
    return made


def gitlab_ci_local(made, *options):
    program = modules() / "node_modules/gitlab-ci-local/dist/index.js"
    return subprocess.run([NODE, program, *options], cwd=made, capture_output=True, text=True, timeout=120)


def expanded(folder, name, files):
    """The jobs of a project that has these files."""
    run = gitlab_ci_local(project(folder, name, files), "--preview")
    assert run.returncode == 0 and "json schema validated" in run.stdout + run.stderr, f"{name}: {run.stdout}{run.stderr}"
    return yaml.safe_load(run.stdout[run.stdout.index("---"):])


def knows_every_flag(script):
    """Every flag that the script gives to casefile is one of the program."""
    script = re.sub(r"\\\n\s*", "", script)
    commands = re.findall(r"^(?:exec )?casefile ((?:gate )?\w+) (.*)$", script, re.M)
    assert commands, script
    for verb, arguments in commands:
        known = set(re.findall(r"(?<!\S)--[a-z-]+", casefile(*verb.split(), "--help").stdout))
        for flag in re.findall(r"(?<!\S)--[a-z-]+", arguments):
            assert flag in known, f"{verb} {flag}"


def described(template):
    inputs = next(yaml.safe_load_all(template))["spec"]["inputs"]
    assert all(about.get("description") for about in inputs.values()), inputs
    return inputs


def gitlab_reads_the_pipelines(folder):
    assert shutil.which("git"), "git is needed"
    for example in ["bf-manage-core", "release-train"]:
        files = {path.name: path.read_text() for path in (ROOT / "examples" / example).glob("*") if path.suffix in (".yml", ".toml")}
        jobs = expanded(folder, example, files)
        assert len([name for name in jobs if isinstance(jobs[name], dict)]) > 4, jobs
    service = (ROOT / "examples/release-train/service.gitlab-ci.yml").read_text()
    include = "include:\n  - local: service.yml\n    inputs: { release: v1, region: eu-west-1 }\n"
    jobs = expanded(folder, "service", {".gitlab-ci.yml": include, "service.yml": service})
    assert "deliver-eu-west-1" in jobs, jobs
    for name, inputs in USES.items():
        template = (ROOT / f"templates/{name}.yml").read_text()
        described(template)
        include = f"include:\n  - local: templates/{name}.yml\n    inputs: {inputs}\napply dublin:\n  stage: build\n  script: [echo apply]\n"
        jobs = expanded(folder, name, {".gitlab-ci.yml": include, f"templates/{name}.yml": template})
        [job] = [jobs[job] for job in jobs if job in ("validate dublin", "gate")]
        text = "\n".join(job["script"])
        assert "$[[" not in str(jobs) and "eu-west-1" in str(job["variables"]), job
        knows_every_flag(text)


def deploying(folder, name, **inputs):
    """The jobs that deploy to a region, and of those that run: when, and what they need. It is used as a component of its own project."""
    role = "arn:aws:iam::111122223333:role"
    inputs = {"region": "eu-west-1", "deploy-role": f"{role}/deploy", "role": f"{role}/casefile", "needs": ["build"], **inputs}
    component = {"component": "$CI_SERVER_FQDN/$CI_PROJECT_PATH/deploy-and-validate@$CI_COMMIT_SHA", "inputs": inputs}
    pipeline = yaml.safe_dump({"include": [component], "build": {"stage": "build", "script": ["echo build"]}})
    files = {f"templates/{path.name}": path.read_text() for path in (ROOT / "templates").glob("*.yml")}
    jobs = expanded(folder, name, {".gitlab-ci.yml": pipeline, **files})
    assert "$[[" not in str(jobs) and "allow_failure" not in str(jobs), jobs
    listed = gitlab_ci_local(folder / f"pipeline-{name}", "--list-csv").stdout
    rows = [line.split(";") for line in listed[listed.index("name;"):].splitlines()[1:]]
    return jobs, {job: (when, needs) for job, _, when, allowed, _, needs in rows if allowed == "false"}


def seconds(text):
    number, unit = re.fullmatch(r"(\d+) ?(m|minutes|h|hour)", text).groups()
    return int(number) * (60 if unit.startswith("m") else 3600)


def gitlab_deploys_and_validates_a_region(folder):
    described((ROOT / "templates/deploy-and-validate.yml").read_text())
    jobs, runs = deploying(folder, "gate-off", when="manual")
    # No gate is asked: a person starts the apply, and validate waits for it.
    assert runs == {
        "build": ("on_success", ""),
        "apply eu-west-1": ("manual", "[gate eu-west-1,build]"),
        "validate eu-west-1": ("on_success", "[apply eu-west-1]"),
    }, runs
    assert {"job": "gate eu-west-1", "artifacts": False, "optional": True} in jobs["apply eu-west-1"]["needs"], jobs
    jobs, runs = deploying(folder, "gate-on", **{"when": "manual", "gate": True, "archive": "s3://evidence/casefile", "job-prefix": "core: "})
    assert runs == {
        "build": ("on_success", ""),
        "core: gate eu-west-1": ("manual", "[build]"),
        "core: apply eu-west-1": ("on_success", "[core: gate eu-west-1,build]"),
        "core: validate eu-west-1": ("on_success", "[core: apply eu-west-1]"),
    }, runs
    gate, apply, validate = (jobs[f"core: {name} eu-west-1"] for name in ("gate", "apply", "validate"))
    for job in (gate, validate):
        knows_every_flag("\n".join(job["script"]))
    for job in (gate, apply, validate):
        assert job["interruptible"] is False and job["artifacts"]["when"] == "always" and job["id_tokens"]["AWS_TOKEN"], job
    for job in (apply, validate):
        # What the job leaves is uploaded, also after its script ran out of time.
        assert seconds(job["variables"]["RUNNER_SCRIPT_TIMEOUT"]) < seconds(job["timeout"]), job
        assert job["resource_group"] == "deploy/eu-west-1", job
    assert (apply["environment"]["action"], validate["environment"]["action"]) == ("start", "verify")
    assert apply["environment"]["name"] == validate["environment"]["name"] == "production/eu-west-1"
    assert (apply["retry"], validate["retry"]["when"]) == (0, ["runner_system_failure"])
    # Terraform's outputs and the moment of the apply reach validate.
    assert apply["artifacts"]["reports"] == {"dotenv": "apply.env"} and "$APPLY_STARTED_AT" in str(validate["script"]) and "APPLY_STARTED_AT=" in str(apply["script"])
    assert apply["artifacts"]["paths"] == ["outputs.json"] and '--terraform-output "outputs.json"' in str(validate["script"])
    assert apply["variables"]["AWS_ROLE_ARN"].endswith("/deploy") and validate["variables"]["AWS_ROLE_ARN"].endswith("/casefile")
    for name, value in {"region": "Dublin", "when": "delayed", "archive": "/tmp/archive", "gate": "yes"}.items():
        try:
            deploying(folder, f"wrong-{name}", **{name: value})
        except AssertionError as refused:
            assert f"`{name}` input: " in str(refused), refused
        else:
            raise AssertionError(f"{name}: {value} is taken")


def github_reads_the_workflow(folder):
    example = ROOT / "examples/github-actions"
    workflows = {"deploy.yml": (example / "deploy.yml").read_text()}
    [workflows["release.yml"]] = re.findall(r"^```yaml\n(.*?)^```$", (example / "README.md").read_text(), re.M | re.S)
    for name, text in workflows.items():
        (folder / name).write_text(text)
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", folder / name]
        run = subprocess.run(command, capture_output=True, text=True)
        assert run.returncode == 0, f"{name}: {run.stdout}{run.stderr}"
    workflow = yaml.safe_load(workflows["deploy.yml"])
    assert "inputs.region" in workflow["concurrency"]["group"] and workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] and job["permissions"] == {"contents": "read", "id-token": "write"}, job
    assert "continue-on-error" not in workflows["deploy.yml"]
    validate = workflow["jobs"]["validate"]
    [nth] = [nth for nth, step in enumerate(validate["steps"]) if "casefile validate" in step.get("run", "")]
    # The verdict is shown, and the evidence is kept, also after a failure or a timeout.
    assert validate["steps"][nth]["timeout-minutes"] < validate["timeout-minutes"]
    summary, upload = validate["steps"][nth + 1:]
    assert summary["if"] == upload["if"] == "always()" and "GITHUB_STEP_SUMMARY" in summary["run"] and "upload-artifact" in upload["uses"]
    knows_every_flag(validate["steps"][nth]["run"])


WITNESSES = [gitlab_reads_the_pipelines, gitlab_deploys_and_validates_a_region, github_reads_the_workflow]
