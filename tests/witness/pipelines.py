"""Witness of the pipeline files: gitlab-ci-local expands inputs, and checks the result against GitLab's JSON schema."""

import re
import shutil
import subprocess

import yaml

from common import ROOT, casefile
from signing import NODE, modules

USES = {
    "validate": "{ region: eu-west-1, role: 'arn:aws:iam::111122223333:role/casefile', stage: test, job-name: 'validate dublin', needs: ['apply dublin'] }",
    "gate": "{ region: eu-west-1, role: 'arn:aws:iam::111122223333:role/casefile', stage: test, archive: 's3://evidence/casefile' }",
}


def expanded(folder, name, files):
    """The jobs of a project that has these files."""
    project = folder / f"pipeline-{name}"
    project.mkdir()
    for path, content in files.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(content)
    git = ["git", "-c", "user.name=w", "-c", "user.email=w@example.com"]
    for command in [["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "w"], ["remote", "add", "origin", "git@gitlab.com:example/w.git"]]:
        subprocess.run([*git, *command], cwd=project, check=True, capture_output=True)
    program = modules() / "node_modules/gitlab-ci-local/dist/index.js"
    run = subprocess.run([NODE, program, "--preview"], cwd=project, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and "json schema validated" in run.stdout + run.stderr, f"{name}: {run.stdout}{run.stderr}"
    return yaml.safe_load(run.stdout[run.stdout.index("---"):])


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
        spec = next(yaml.safe_load_all(template))["spec"]["inputs"]
        assert all(described.get("description") for described in spec.values()), name
        include = f"include:\n  - local: templates/{name}.yml\n    inputs: {inputs}\napply dublin:\n  stage: build\n  script: [echo apply]\n"
        jobs = expanded(folder, name, {".gitlab-ci.yml": include, f"templates/{name}.yml": template})
        [job] = [jobs[job] for job in jobs if job in ("validate dublin", "gate")]
        text = "\n".join(job["script"])
        assert "$[[" not in str(jobs) and "eu-west-1" in str(job["variables"]), job
        # Every flag that the job uses is one of the program.
        commands = re.findall(r"^casefile ((?:gate )?\w+) (.*)$", text, re.M)
        assert commands, text
        for verb, arguments in commands:
            known = casefile(*verb.split(), "--help").stdout
            for flag in re.findall(r"(?<!\S)--[a-z-]+", arguments):
                assert flag in known, f"{verb} {flag}"


WITNESSES = [gitlab_reads_the_pipelines]
