#!/usr/bin/env bash
# Packages a binary twice into a temporary folder, and checks what release/build.sh makes.
set -euo pipefail
export LC_ALL=C TZ=UTC

usage() {
    cat <<'EOF'
Package a binary with release/build.sh, and check the files.

usage: release/check.sh [--binary PATH] [--host-binary PATH] [--strict] [--self-test]

  --binary PATH        the binary to package (default: target/debug/casefile); a stripped copy is used
  --host-binary PATH   as for build.sh
  --strict             fail if a tool is missing, instead of leaving its check out
  --self-test          also damage the files in each way that a check looks for, and fail if one goes unnoticed

Optional tools: shellcheck, mandoc, groff, lintian (Debian's packages), zsh, fish, and the Python package
cyclonedx-python-lib[json-validation] for the python3 in PATH.
EOF
}

fail() {
    printf 'check.sh: %s\n' "$*" >&2
    exit 1
}

root=$(realpath "$(dirname "$0")/..")
binary='' strict='' self_test='' host=()
while [ $# -gt 0 ]; do
    case "$1" in
    --binary | --host-binary)
        [ -n "${2:-}" ] || fail "$1 needs a value; see --help"
        if [ "$1" = --binary ]; then binary=$(realpath -m -- "$2"); else host=(--host-binary "$(realpath -m -- "$2")"); fi
        shift 2
        ;;
    --strict) strict=1 && shift ;;
    --self-test) self_test=1 && shift ;;
    -h | --help) usage && exit 0 ;;
    *) fail "unknown argument $1; see --help" ;;
    esac
done
cd "$root"
binary=${binary:-${CARGO_TARGET_DIR:-$root/target}/debug/casefile}
[ -f "$binary" ] || fail "no binary at $binary: cargo build, or name another with --binary"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d "${TMPDIR:-/tmp}/casefile-release-check.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

passed=0
left_out=()

# has TOOL WHAT: is the optional tool here? With --strict, it must be.
has() {
    command -v "$1" >/dev/null && return 0
    [ -z "$strict" ] || fail "$1 is missing, and --strict is set: install it, or check without --strict"
    left_out+=("$2 ($1 is missing)")
    return 1
}

# check NAME FUNCTION ARGUMENT...: runs it in a shell of its own, where each failing command ends it.
check() {
    local name=$1 code=0
    shift
    set +e
    (set -e; "$@") >"$work/output" 2>&1
    code=$?
    set -e
    if [ "$code" -ne 0 ]; then
        sed 's/^/    /' "$work/output" >&2
        fail "$name: failed, see above"
    fi
    passed=$((passed + 1))
    printf 'ok    %s\n' "$name"
}

# ---- The checks. Each takes the folder that build.sh made.

one() { # one FOLDER PATTERN: the only file of that name
    find "$1" -maxdepth 1 -name "$2" | {
        read -r found || { echo "no $2 in $1" && exit 1; }
        ! read -r _ || { echo "more than one $2 in $1" && exit 1; }
        echo "$found"
    }
}

names() {
    one "$1" 'casefile-*.tar.gz'
    one "$1" 'casefile_*.deb'
    one "$1" 'casefile-*.cdx.json'
    [ "$(find "$1" -mindepth 1 | wc -l)" -eq 4 ] || { ls -A "$1" && echo "expected four files" && exit 1; }
}

sums() {
    (cd "$1" && sha256sum --check --strict SHA256SUMS)
    [ "$(wc -l <"$1/SHA256SUMS")" -eq 3 ] || { cat "$1/SHA256SUMS" && echo "expected three lines" && exit 1; }
}

tarball() {
    local archive
    archive=$(one "$1" 'casefile-*.tar.gz')
    git ls-files LICENSE README.md CHANGELOG.md docs examples templates >"$work/tracked"
    "$runner" --help | awk '/^Commands:/ {on = 1; next} on && /^[^ ]/ {exit} on && /^  [a-z]/ && $1 != "help" {print $1}' >"$work/verbs"
    [ -s "$work/verbs" ]
    python3 - "$archive" "$work/tracked" "$work/verbs" <<'EOF'
import os, sys, tarfile
archive, tracked, verbs = sys.argv[1:]
lines = lambda path: open(path).read().split()
members = tarfile.open(archive).getmembers()
top = os.path.basename(archive).removesuffix(".tar.gz")
files = {m.name for m in members if m.isfile()}
wanted = {"bin/casefile", "completions/casefile.bash", "completions/_casefile", "completions/casefile.fish", "man/casefile.1"}
wanted |= set(lines(tracked)) | {f"man/casefile-{verb}.1" for verb in lines(verbs)}
wanted = {f"{top}/{name}" for name in wanted}
problems = [f"missing: {name}" for name in sorted(wanted - files)]
problems += [f"not expected: {name}" for name in sorted(files - wanted) if not name.startswith(f"{top}/man/casefile-")]
names = [m.name for m in members]
if names != sorted(names, key=lambda name: name.split("/")) and names != sorted(names):
    problems.append("the names are not sorted")
for m in members:
    if (m.uid, m.gid) != (0, 0): problems.append(f"not owned by root: {m.name}")
    if m.mtime != int(os.environ["SOURCE_DATE_EPOCH"]): problems.append(f"another date than the commit's: {m.name}")
    if not (m.isfile() or m.isdir()): problems.append(f"neither file nor folder: {m.name}")
    if m.mode != (0o755 if m.isdir() or m.name.endswith("/bin/casefile") else 0o644): problems.append(f"mode {m.mode:o}: {m.name}")
sys.exit("\n".join(problems) or 0)
EOF
}

tarball_runs() {
    local folder=$work/tarball
    rm -rf "$folder" && mkdir "$folder"
    tar --extract --gzip --file "$(one "$1" 'casefile-*.tar.gz')" --directory "$folder" --strip-components=1
    [ "$("$runner" --version)" = "$("$folder/bin/casefile" --version)" ] || { echo "the tarball's binary does not run" && exit 1; }
    bash -n "$folder/completions/casefile.bash"
    grep -q '^#compdef casefile' "$folder/completions/_casefile" || { echo "zsh: no completions of casefile" && exit 1; }
    grep -q '^complete -c casefile' "$folder/completions/casefile.fish" || { echo "fish: no completions of casefile" && exit 1; }
    ! command -v zsh >/dev/null || zsh -n "$folder/completions/_casefile"
    ! command -v fish >/dev/null || fish -n "$folder/completions/casefile.fish"
}

deb() {
    local package
    package=$(one "$1" 'casefile_*.deb')
    dpkg-deb --info "$package"
    [ "$(dpkg-deb --field "$package" Package)" = casefile ]
    [ "casefile $(dpkg-deb --field "$package" Version)" = "$("$runner" --version)" ] || { echo "another version than the binary's" && exit 1; }
    dpkg-deb --field "$package" Depends | grep -E '^libc6 \(>= 2\.[0-9]+\)' || { echo "Depends names no glibc" && exit 1; }
    [ "$(dpkg-deb --field "$package" Installed-Size)" -gt 1000 ]
    dpkg-deb --contents "$package" | tee "$work/contents"
    for path in usr/bin/casefile usr/share/man/man1/casefile.1.gz usr/share/man/man1/casefile-validate.1.gz \
        usr/share/doc/casefile/copyright usr/share/doc/casefile/CHANGELOG.md usr/share/doc/casefile/templates/validate.yml \
        usr/share/bash-completion/completions/casefile usr/share/zsh/vendor-completions/_casefile \
        usr/share/fish/vendor_completions.d/casefile.fish; do
        grep -q " \./$path\$" "$work/contents" || { echo "missing: $path" && exit 1; }
    done
    ! awk '$2 != "root/root"' "$work/contents" | grep . || { echo "not owned by root, see above" && exit 1; }
}

# Into a folder, with the packages that this machine has: dependencies are judged as on an installation.
deb_installs() {
    local package folder=$work/installed
    package=$(one "$1" 'casefile_*.deb')
    rm -rf "$folder" && mkdir -p "$folder/var/lib/dpkg/info" "$folder/var/lib/dpkg/updates" "$folder/var/log"
    if [ "$(id -u)" -eq 0 ] && [ -f /var/lib/dpkg/status ]; then
        cp /var/lib/dpkg/status "$folder/var/lib/dpkg/status"
        PATH=$PATH:/usr/sbin:/sbin dpkg --root="$folder" --install "$package"
        PATH=$PATH:/usr/sbin:/sbin dpkg --root="$folder" --verify casefile | tee "$work/verified"
        [ ! -s "$work/verified" ]
        dpkg --root="$folder" --status casefile | grep -q '^Status: install ok installed$'
    else
        dpkg-deb --extract "$package" "$folder"
    fi
    [ "$("$folder/usr/bin/casefile" --version)" = "$("$runner" --version)" ]
}

man_pages() {
    local folder=$work/pages page
    rm -rf "$folder" && mkdir "$folder"
    tar --extract --gzip --file "$(one "$1" 'casefile-*.tar.gz')" --directory "$folder" --strip-components=1
    for page in "$folder"/man/*.1; do
        if command -v mandoc >/dev/null; then
            mandoc -T lint -W error "$page" || { echo "$(basename "$page"): mandoc finds errors" && exit 1; }
        fi
        if command -v groff >/dev/null; then
            groff -K utf8 -man -ww -W break -T utf8 -P -cbu "$page" >"$work/rendered" 2>"$work/warnings"
            [ ! -s "$work/warnings" ] || { cat "$work/warnings" && exit 1; }
            for heading in NAME SYNOPSIS; do
                grep -q "$heading" "$work/rendered" || { echo "$(basename "$page"): no section $heading" && exit 1; }
            done
        fi
    done
}

sbom() {
    python3 - "$(one "$1" 'casefile-*.cdx.json')" "$(one "$1" 'casefile-*.tar.gz')" <<'EOF'
import hashlib, json, sys, tarfile, tomllib
bom = json.load(open(sys.argv[1]))
problems = []
if (bom["bomFormat"], bom["specVersion"]) != ("CycloneDX", "1.5"): problems.append("not CycloneDX 1.5")
subject = bom["metadata"]["component"]
archive = tarfile.open(sys.argv[2])
binary = next(m for m in archive.getmembers() if m.name.endswith("/bin/casefile"))
digest = hashlib.file_digest(archive.extractfile(binary), "sha256").hexdigest()
if subject["hashes"][0]["content"] != digest: problems.append("the SBOM is of another binary")
locked = {(p["name"], p["version"]): p.get("checksum") for p in tomllib.load(open("Cargo.lock", "rb"))["package"]}
refs = [subject["bom-ref"]] + [c["bom-ref"] for c in bom["components"]]
if len(refs) != len(set(refs)): problems.append("a package is listed twice")
for c in bom["components"]:
    key = (c["name"], c["version"])
    if key not in locked: problems.append(f"not in Cargo.lock: {key}")
    elif locked[key] != c.get("hashes", [{"content": None}])[0]["content"]: problems.append(f"another checksum than Cargo.lock's: {key}")
    if not c.get("licenses"): problems.append(f"no licence: {key}")
for d in bom["dependencies"]:
    problems += [f"unknown reference: {ref}" for ref in [d["ref"], *d["dependsOn"]] if ref not in refs]
if {d["ref"] for d in bom["dependencies"]} != set(refs): problems.append("the dependency graph lacks packages")
missing = {"datafusion", "aws-sdk-ecs", "rustls", "ring", "tokio"} - {c["name"] for c in bom["components"]}
if missing: problems.append(f"missing: {sorted(missing)}")
sys.exit("\n".join(problems) or 0)
EOF
}

sbom_schema() {
    python3 - "$(one "$1" 'casefile-*.cdx.json')" <<'EOF'
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(open(sys.argv[1]).read())
sys.exit(f"{problem}" if problem else 0)
EOF
}

same() {
    diff -r "$1" "$2"
}

# Debian's changelog is for packages of Debian's archive; the static zstd is how the Rust package builds it.
lint_deb() {
    lintian --fail-on error --suppress-tags no-changelog,embedded-library "$(one "$1" 'casefile_*.deb')"
}

# ---- Run them.

if has shellcheck "the scripts' lints"; then
    check "the scripts pass shellcheck" shellcheck release/build.sh release/check.sh release/rootfs.sh
fi

cp "$binary" "$work/casefile"
if command -v strip >/dev/null; then
    strip --strip-all "$work/casefile" 2>/dev/null || cp "$binary" "$work/casefile"
fi
runner=${host[1]:-$work/casefile}
for run in first second; do
    check "build.sh, the $run run" release/build.sh --binary "$work/casefile" "${host[@]}" --out "$work/$run" --fast
done
made=$work/first

check "four files, and nothing left behind" names "$made"
check "two runs give the same bytes" same "$made" "$work/second"
check "SHA256SUMS matches" sums "$made"
check "the tarball has the expected files, owners, modes and dates" tarball "$made"
check "the tarball's casefile runs, and its completions parse" tarball_runs "$made"
check "the Debian package has the expected fields and files" deb "$made"
check "the Debian package installs, and its casefile runs" deb_installs "$made"
has mandoc "the man pages' lints" || true
if has groff "rendering of the man pages" || command -v mandoc >/dev/null; then
    check "the man pages render without warnings" man_pages "$made"
fi
check "the SBOM agrees with the binary and Cargo.lock" sbom "$made"
if python3 -c 'import cyclonedx.validation.json, jsonschema' 2>/dev/null; then
    check "the SBOM is valid CycloneDX 1.5" sbom_schema "$made"
elif [ -n "$strict" ]; then
    fail "python3 lacks cyclonedx, and --strict is set: pip install 'cyclonedx-python-lib[json-validation]'"
else
    left_out+=("the SBOM's schema (python3 lacks cyclonedx-python-lib)")
fi
if has lintian "lintian"; then
    check "lintian finds no errors" lint_deb "$made"
fi
for shell in zsh fish; do
    has "$shell" "$shell's parser on its completions" || true
done

# ---- Damage, one way at a time. A check that does not notice is a defect.

# damage NAME FUNCTION COMMAND [ARGUMENT...]: COMMAND runs in a copy of the files, then FUNCTION must fail.
damage() {
    local name=$1 function=$2 command=$3 code=0
    shift 3
    rm -rf "$work/damaged" && cp -r "$made" "$work/damaged"
    (cd "$work/damaged" && eval "$command") >"$work/output" 2>&1 || { cat "$work/output" >&2 && fail "could not do this damage: $name"; }
    set +e
    (set -e; "$function" "$work/damaged" "$@") >"$work/output" 2>&1
    code=$?
    set -e
    [ "$code" -ne 0 ] || fail "not noticed: $name"
    passed=$((passed + 1))
    printf 'ok    noticed: %s (%s)\n' "$name" "$(tail -n 1 "$work/output" | cut -c1-90)"
}

# retar SCRIPT: the tarball again, after SCRIPT ran in its top folder.
retar() {
    local archive top
    archive=$(echo casefile-*.tar.gz)
    top=${archive%.tar.gz}
    mkdir "$work/retar" && tar -xzf "$archive" -C "$work/retar"
    (cd "$work/retar/$top" && eval "$1")
    tar --sort=name --owner="${2:-0}" --group=0 --numeric-owner --mtime="@${3:-$SOURCE_DATE_EPOCH}" -C "$work/retar" -c "$top" | gzip -1n >"$archive"
    rm -rf "$work/retar"
}

# redeb SCRIPT: the package again, after SCRIPT ran in its tree.
redeb() {
    local package
    package=$(echo casefile_*.deb)
    dpkg-deb --raw-extract "$package" "$work/redeb"
    (cd "$work/redeb" && eval "$1")
    dpkg-deb --root-owner-group -Zgzip -z1 --build "$work/redeb" "$package"
    rm -rf "$work/redeb"
}

if [ -n "$self_test" ]; then
    damage "a file is missing" names 'rm casefile_*.deb'
    damage "a file too many" names 'touch left-over'
    damage "a byte more in the tarball" sums 'echo >>casefile-*.tar.gz'
    damage "a file without a checksum" sums 'sed -i 1d SHA256SUMS'
    damage "two runs differ" same 'echo >>SHA256SUMS' "$made"
    damage "an example is missing" tarball 'retar "rm examples/terraform/roles.tf"'
    damage "a verb's man page is missing" tarball 'retar "rm man/casefile-validate.1"'
    damage "a stray file" tarball 'retar "touch .DS_Store"'
    damage "another owner" tarball 'retar : 1000'
    damage "another date" tarball 'retar : 0 1'
    damage "the binary is not executable" tarball 'retar "chmod 644 bin/casefile"'
    damage "the tarball's binary is broken" tarball_runs 'retar "echo >bin/casefile"'
    damage "completions that do not parse" tarball_runs 'retar "echo \"if (\" >>completions/casefile.bash"'
    damage "empty fish completions" tarball_runs 'retar "true >completions/casefile.fish"'
    damage "the package has another version" deb 'redeb "sed -i s/^Version:.*/Version:\ 9.9.9/ DEBIAN/control"'
    damage "the package names no glibc" deb 'redeb "sed -i /^Depends/d DEBIAN/control"'
    damage "the package has no zsh completions" deb 'redeb "rm -r usr/share/zsh"'
    damage "the package's binary is broken" deb_installs 'redeb "echo >usr/bin/casefile"'
    if [ "$(id -u)" -eq 0 ] && [ -f /var/lib/dpkg/status ]; then
        damage "the package needs a glibc that is not here" deb_installs 'redeb "sed -i s/2[.][0-9]*\)/9.99\)/ DEBIAN/control"'
    fi
    damage "a man page that does not render" man_pages 'retar "printf \".TH\\n.SH\\n.nosuchmacro\\n\" >man/casefile.1"'
    damage "an SBOM of another binary" sbom 'sed -i "0,/\"content\": \"./s//\"content\": \"x/" casefile-*.cdx.json'
    damage "an SBOM without the engine" sbom 'sed -i "s/\"name\": \"datafusion\"/\"name\": \"datafusiom\"/" casefile-*.cdx.json'
    if python3 -c 'import cyclonedx.validation.json, jsonschema' 2>/dev/null; then
        damage "an SBOM with an unknown field" sbom_schema 'sed -i "s/\"purl\"/\"pearl\"/" casefile-*.cdx.json'
    fi
    if command -v lintian >/dev/null; then
        damage "a package that lintian rejects" lint_deb 'redeb "mkdir -p usr/local/bin && touch usr/local/bin/x"'
    fi
fi

for item in "${left_out[@]}"; do
    printf 'not checked: %s\n' "$item"
done
printf '%s passed, 0 failed, %s skipped\n' "$passed" "${#left_out[@]}"
