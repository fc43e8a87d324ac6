#!/usr/bin/env bash
# Makes the files of a release in a folder: tarball, Debian package, SBOM, checksums. Publishes nothing.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC

usage() {
    cat <<'EOF'
Make the files of a release: tarball, Debian package, SBOM and SHA256SUMS. Nothing is published.

usage: release/build.sh [--binary PATH] [--target TRIPLE[.GLIBC]] [--host-binary PATH] [--out DIR] [--fast]

  --binary PATH         package this binary; without it, one is built in the release profile
  --target TRIPLE       x86_64-unknown-linux-gnu or aarch64-unknown-linux-gnu; default: this machine's,
                        or the binary's. TRIPLE.2.28 builds for glibc 2.28 and later (needs cargo-zigbuild)
  --host-binary PATH    a casefile of the same version that runs here, for man pages and completions;
                        needed if the packaged binary is for another machine
  --out DIR             where the files go (default: dist)
  --fast                compress less, for a try

Dates come from SOURCE_DATE_EPOCH, or else from the last commit: the same commit and binary give the same bytes.
EOF
}

fail() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

# need TOOL REMEDY
need() {
    command -v "$1" >/dev/null || fail "$1 is missing: $2"
}

binary='' target='' host_binary='' out=dist fast=''
while [ $# -gt 0 ]; do
    case "$1" in
    --binary | --target | --host-binary | --out)
        [ -n "${2:-}" ] || fail "$1 needs a value; see --help"
        case "$1" in
        --binary) binary=$(realpath -m -- "$2") ;;
        --target) target=$2 ;;
        --host-binary) host_binary=$(realpath -m -- "$2") ;;
        --out) out=$(realpath -m -- "$2") ;;
        esac
        shift 2
        ;;
    --fast) fast=1 && shift ;;
    -h | --help) usage && exit 0 ;;
    *) fail "unknown argument $1; see --help" ;;
    esac
done

cd "$(dirname "$0")/.."
root=$PWD
case "$out" in /*) ;; *) out=$root/$out ;; esac

need cargo "install Rust 1.95, https://rustup.rs"
need python3 "install Python 3.11 or later (apt-get install python3)"
need readelf "apt-get install binutils"
need dpkg-deb "apt-get install dpkg (1.21.9 or later)"
need gzip "apt-get install gzip"
need tar "apt-get install tar"
python3 -c 'import tomllib' 2>/dev/null || fail "python3 is older than 3.11: install a newer one"
tar --version | grep -q 'GNU tar' || fail "tar is not GNU tar: apt-get install tar, or brew install gnu-tar and put it first in PATH"

if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null) ||
        fail "no commit to take the date from: set SOURCE_DATE_EPOCH to seconds since 1970"
fi
case "$SOURCE_DATE_EPOCH" in
'' | *[!0-9]*) fail "SOURCE_DATE_EPOCH is '$SOURCE_DATE_EPOCH': give whole seconds since 1970" ;;
esac
export SOURCE_DATE_EPOCH

version=$(cargo metadata --no-deps --locked --format-version 1 | python3 -c '
import json, sys
print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "casefile"))') ||
    fail "cargo metadata failed, see above"

# The target: TRIPLE, and the oldest glibc that it must run with, if one is given.
triple=$target glibc=''
case "$target" in
*-gnu.[0-9]*)
    triple=${target%%.*}
    glibc=${target#*.}
    ;;
esac

if [ -z "$binary" ]; then
    host=$(rustc -vV | sed -n 's/^host: //p')
    triple=${triple:-$host}
    if [ -n "$glibc" ] || [ "$triple" != "$host" ]; then
        need cargo-zigbuild "pip install cargo-zigbuild ziglang; it links for an older glibc and for other machines"
        [ -d "$(rustc --print target-libdir --target "$triple")" ] ||
            fail "Rust has no standard library for $triple: rustup target add $triple"
        cargo zigbuild --release --locked --package casefile --bin casefile --target "$triple${glibc:+.$glibc}"
        binary=${CARGO_TARGET_DIR:-$root/target}/$triple/release/casefile
    else
        cargo build --release --locked --package casefile --bin casefile
        binary=${CARGO_TARGET_DIR:-$root/target}/release/casefile
    fi
fi
[ -f "$binary" ] || fail "no binary at $binary: build it, or name another with --binary"

# What the binary is, read from the file.
header=$(readelf -hW "$binary" 2>/dev/null) || fail "$binary is not an ELF binary: name casefile's own binary with --binary"
case "$header" in
*X86-64*) machine=x86_64-unknown-linux-gnu architecture=amd64 ;;
*AArch64*) machine=aarch64-unknown-linux-gnu architecture=arm64 ;;
*) fail "$binary is for a machine that is neither x86_64 nor aarch64: no package is defined for it" ;;
esac
triple=${triple:-$machine}
[ "$triple" = "$machine" ] || fail "$binary is for $machine, and --target says $triple: correct one of them"

if [ -n "$(git status --porcelain --untracked-files=no 2>/dev/null)" ]; then
    echo "build.sh: note: the work tree has changes that are not committed; they may be in these files" >&2
fi

# Everything is made beside the output folder, and moved there once it is complete.
mkdir -p "$(dirname "$out")"
stage=$(mktemp -d "$(dirname "$out")/.casefile-release.XXXXXX")
trap 'rm -rf "$stage"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$stage/made" "$stage/man" "$stage/completions"

# Man pages and completions come from the program itself.
runner=${host_binary:-$binary}
[ -x "$runner" ] || fail "$runner is not executable: chmod +x $runner"
said=$("$runner" --version 2>"$stage/error") ||
    fail "$runner does not run here ($(tr '\n' ' ' <"$stage/error")): give a casefile $version that does with --host-binary"
[ "$said" = "casefile $version" ] ||
    fail "$runner says '$(head -n 1 <<<"$said")', and Cargo.toml says $version: build it again from this commit"
if ! "$runner" man "$stage/man" >/dev/null 2>"$stage/error"; then
    cat "$stage/error" >&2
    fail "'$runner man DIR' failed, see above: build the binary again from this commit"
fi
[ -s "$stage/man/casefile.1" ] || fail "'$runner man DIR' wrote no casefile.1: build the binary again from this commit"
for shell in bash zsh fish; do
    "$runner" completions "$shell" >"$stage/completions/$shell" || fail "'$runner completions $shell' failed, see above"
    [ -s "$stage/completions/$shell" ] || fail "'$runner completions $shell' printed nothing: build the binary again from this commit"
done

# needs FILE: the shared libraries and symbol versions that the binary asks for, "libc.so.6 GLIBC_2.35" a line.
needs() {
    readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
    readelf -VW "$1" | awk '
        /^Version needs section/ { within = 1 }
        !within { next }
        { for (i = 1; i < NF; i++) { if ($i == "File:") file = $(i + 1); if ($i == "Name:") print file, $(i + 1) } }'
}
needs "$binary" >"$stage/needs"
unknown=$(awk '{print $1}' "$stage/needs" | sort -u | grep -vxE 'lib(c|m|dl|rt|pthread|util)\.so\.[0-9]+|libgcc_s\.so\.1|ld-linux.*' || true)
[ -z "$unknown" ] || fail "the binary links $unknown, which neither package nor image provides: add it to release/build.sh and release/rootfs.sh, or link it statically"
glibc_needed=$(sed -n 's/.* GLIBC_\([0-9.]*\)$/\1/p' "$stage/needs" | sort -V | tail -n 1)
[ -n "$glibc_needed" ] || fail "$binary asks for no glibc symbols: a static binary needs its own control file in release/build.sh"
if [ -n "$glibc" ] && [ "$(printf '%s\n' "$glibc" "$glibc_needed" | sort -V | tail -n 1)" != "$glibc" ]; then
    fail "--target asks for glibc $glibc, and the binary needs $glibc_needed: build it with cargo-zigbuild"
fi
depends="libc6 (>= $glibc_needed)"
gcc_needed=$(sed -n 's/^libgcc_s\.so\.1 GCC_\([0-9.]*\)$/\1/p' "$stage/needs" | sort -V | tail -n 1)
[ -z "$gcc_needed" ] || depends="$depends, libgcc-s1 (>= ${gcc_needed%.0})"

# copy_tracked FOLDER PATH...: the files of git under PATH; outside a repository, all of them.
copy_tracked() {
    local folder=$1
    shift
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -z -- "$@"
    else
        find "$@" -type f -print0
    fi | sort -z | tar --create --null --files-from=- --file=- | tar --extract --no-same-permissions --directory "$folder"
}

# even FOLDER: modes and dates that depend on nothing but the commit.
even() {
    find "$1" -type d -exec chmod 755 {} +
    find "$1" -type f -exec chmod 644 {} +
    find "$1" -type f -path '*/bin/casefile' -exec chmod 755 {} +
    find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
}

level=-9 deb_compression=(-Zxz)
if [ -n "$fast" ]; then
    level=-1 deb_compression=(-Zgzip -z1)
fi

# The tarball.
name=casefile-$version-$triple
tree=$stage/tar/$name
mkdir -p "$tree/bin" "$tree/completions" "$tree/man"
cp "$binary" "$tree/bin/casefile"
cp "$stage/completions/bash" "$tree/completions/casefile.bash"
cp "$stage/completions/zsh" "$tree/completions/_casefile"
cp "$stage/completions/fish" "$tree/completions/casefile.fish"
cp "$stage"/man/*.1 "$tree/man/"
copy_tracked "$tree" LICENSE README.md CHANGELOG.md docs examples templates
even "$stage/tar"
tar --create --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --directory "$stage/tar" "$name" | gzip -n "$level" >"$stage/made/$name.tar.gz"

# The Debian package.
deb=$stage/deb
doc=$deb/usr/share/doc/casefile
mkdir -p "$deb/DEBIAN" "$deb/usr/bin" "$deb/usr/share/man/man1" "$doc" \
    "$deb/usr/share/bash-completion/completions" "$deb/usr/share/zsh/vendor-completions" "$deb/usr/share/fish/vendor_completions.d"
cp "$binary" "$deb/usr/bin/casefile"
cp "$stage/completions/bash" "$deb/usr/share/bash-completion/completions/casefile"
cp "$stage/completions/zsh" "$deb/usr/share/zsh/vendor-completions/_casefile"
cp "$stage/completions/fish" "$deb/usr/share/fish/vendor_completions.d/casefile.fish"
cp "$stage"/man/*.1 "$deb/usr/share/man/man1/"
gzip -9n "$deb"/usr/share/man/man1/*.1
copy_tracked "$doc" README.md CHANGELOG.md docs examples templates
cat >"$doc/copyright" <<'EOF'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: casefile

Files: *
Copyright: the authors of casefile
License: Apache-2.0
 On Debian systems, the text of the Apache License 2.0 is in
 /usr/share/common-licenses/Apache-2.0.
Comment:
 The binary contains Rust packages under their own licences. The release's SBOM
 (CycloneDX) lists each with version and licence.
EOF
even "$deb"
installed_size=$(du --apparent-size --block-size=1024 --summarize "$deb/usr" | cut -f1)
cat >"$deb/DEBIAN/control" <<EOF
Package: casefile
Version: $version
Architecture: $architecture
Maintainer: ${CASEFILE_MAINTAINER:-casefile maintainers <casefile@example.com>}
Installed-Size: $installed_size
Depends: $depends
Recommends: ca-certificates
Section: devel
Priority: optional
Description: verifies Amazon ECS deployments from evidence
 casefile watches the rollout of an Amazon ECS service, reads the logs of its
 new tasks, and says pass, fail or inconclusive, with the evidence. It is the
 step after "terraform apply" in a pipeline.
EOF
(cd "$deb" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$deb/DEBIAN/md5sums"
chmod 644 "$deb/DEBIAN/control" "$deb/DEBIAN/md5sums"
touch --date="@$SOURCE_DATE_EPOCH" "$deb/DEBIAN/control" "$deb/DEBIAN/md5sums" "$deb/DEBIAN"
# One thread: with more, xz splits the data differently on another machine.
dpkg-deb --threads-max=1 --root-owner-group "${deb_compression[@]}" --build "$deb" "$stage/made/casefile_${version}_$architecture.deb" >/dev/null

# The SBOM.
release/sbom.py --target "$triple" --binary "$binary" >"$stage/made/$name.cdx.json" || fail "the SBOM could not be made, see above"

# Into the output folder. SHA256SUMS covers every target of this version that is there.
mkdir -p "$out"
rm -f "$out/SHA256SUMS"
chmod 644 "$stage"/made/*
mv "$stage"/made/* "$out/"
(
    cd "$out"
    find . -maxdepth 1 -type f \( -name "casefile-$version-*" -o -name "casefile_${version}_*" \) -printf '%P\0' |
        sort -z | xargs -0 sha256sum
) >"$stage/SHA256SUMS"
chmod 644 "$stage/SHA256SUMS"
mv "$stage/SHA256SUMS" "$out/SHA256SUMS"

printf 'casefile %s for %s: %s bytes, %s\n' "$version" "$triple" "$(stat -c %s "$binary")" "$depends"
(cd "$out" && stat -c '%10s  %n' -- *"$triple"* *"$architecture".deb SHA256SUMS)
