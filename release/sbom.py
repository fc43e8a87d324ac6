#!/usr/bin/env python3
"""Writes the CycloneDX 1.5 SBOM of one casefile binary to standard output.

`cargo tree` says which packages the binary links: it resolves features as the build does. (`cargo metadata` also lists
optional packages that no build compiles.) `cargo metadata` gives licences and links, Cargo.lock the checksums.

Packages that only run at build time, as procedural macros, have the scope "excluded". Build scripts' dependencies and
dev-dependencies are left out. The same commit, target and binary give the same bytes.
"""
import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
LINE = re.compile(r"^(\d+)(\S+) v(\S+)")


def cargo(*args):
    done = subprocess.run(["cargo", *args], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"sbom.py: cargo {args[0]} failed, see above; `cargo fetch --locked` downloads missing packages")
    return done.stdout


def tree(package, target, edges):
    """The packages of `cargo tree`, as {(name, version): set of the packages that it depends on}."""
    out = cargo("tree", "--locked", "--package", package, "--target", target, "--edges", edges,
                "--prefix", "depth", "--charset", "ascii", "--color", "never")
    graph, path = {}, []
    for line in filter(None, out.splitlines()):
        found = LINE.match(line)
        if not found:
            sys.exit(f"sbom.py: cannot read this line of cargo tree: {line}")
        depth, node = int(found[1]), (found[2], found[3])
        del path[depth:]
        graph.setdefault(node, set())
        if path:
            graph[path[-1]].add(node)
        path.append(node)
    return graph


def purl(node):
    return f"pkg:cargo/{node[0]}@{quote(node[1], safe='.-_~')}"


def licence(text):
    # Cargo's old form "MIT/Apache-2.0" means OR.
    return re.sub(r"\s*/\s*", " OR ", text)


def component(node, package, checksum, root):
    entry = {
        "type": "application" if root else "library",
        "bom-ref": purl(node),
        "name": node[0],
        "version": node[1],
        "purl": purl(node),
    }
    if package.get("description"):
        entry["description"] = " ".join(package["description"].split())
    if checksum:
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package.get("license"):
        entry["licenses"] = [{"expression": licence(package["license"])}]
    elif package.get("license_file"):
        entry["licenses"] = [{"license": {"name": "see " + Path(package["license_file"]).name}}]
    links = [("vcs", package.get("repository")), ("website", package.get("homepage"))]
    links = [{"type": kind, "url": url.strip()} for kind, url in links if url and url.startswith("https://")]
    if links:
        entry["externalReferences"] = links
    return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", required=True, help="the binary's target triple")
    parser.add_argument("--binary", type=Path, required=True, help="the binary; its SHA-256 goes into the SBOM")
    args = parser.parse_args()
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        sys.exit("sbom.py: set SOURCE_DATE_EPOCH to the seconds of the release's commit (git log -1 --format=%ct)")

    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", args.target))
    packages = {(p["name"], p["version"]): p for p in metadata["packages"]}
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    checksums = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}

    linked = tree("casefile", args.target, "normal,no-proc-macro")
    graph = tree("casefile", args.target, "normal")
    unknown = sorted(set(graph) - set(packages))
    if unknown:
        sys.exit(f"sbom.py: cargo tree lists packages that cargo metadata does not: {unknown}")
    root = next(iter(graph))

    with args.binary.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    subject = component(root, packages[root], None, root=True)
    subject["hashes"] = [{"alg": "SHA-256", "content": digest}]
    subject["properties"] = [{"name": "casefile:target", "value": args.target}]

    components = []
    for node in sorted(graph):
        if node == root:
            continue
        entry = component(node, packages[node], checksums.get(node), root=False)
        entry["scope"] = "required" if node in linked else "excluded"
        components.append(entry)

    bom = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(int(epoch), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": subject,
        },
        "components": components,
        "dependencies": [
            {"ref": purl(node), "dependsOn": [purl(other) for other in sorted(graph[node])]} for node in sorted(graph)
        ],
    }
    # The content's own id, not a random one: two runs give the same bytes.
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True))
    json.dump({"serialNumber": f"urn:uuid:{serial}", **bom}, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
