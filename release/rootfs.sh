#!/bin/sh
# Lays the image's files, all but casefile itself, into an empty folder: a shell with grep, awk, cat and date (busybox),
# glibc, libgcc and the CA certificates. Runs on Debian, as root, with busybox-static and ca-certificates installed.
# The Containerfile runs it; so does a try on a machine without a container engine:
#
#   release/rootfs.sh /tmp/rootfs && cp casefile /tmp/rootfs/usr/bin/ && chroot /tmp/rootfs casefile --version
set -eu

if [ $# -ne 1 ]; then
    echo "usage: release/rootfs.sh DIR" >&2
    exit 2
fi
root=$1
if [ -e "$root" ] && [ -n "$(ls -A "$root")" ]; then
    echo "rootfs.sh: $root is not empty: name another folder, or delete it first" >&2
    exit 2
fi
packages="libc6 libgcc-s1 busybox-static ca-certificates"
for package in $packages; do
    dpkg-query --show "$package" >/dev/null 2>&1 || {
        echo "rootfs.sh: $package is missing: apt-get install --no-install-recommends busybox-static ca-certificates" >&2
        exit 2
    }
done
umask 022

case "$(dpkg --print-architecture)" in
amd64) multiarch=x86_64-linux-gnu loader=/lib64/ld-linux-x86-64.so.2 ;;
arm64) multiarch=aarch64-linux-gnu loader=/lib/ld-linux-aarch64.so.1 ;;
*)
    echo "rootfs.sh: no rule for the architecture $(dpkg --print-architecture): amd64 and arm64 are known" >&2
    exit 2
    ;;
esac

mkdir -p "$root/bin" "$root/dev" "$root/etc/ssl/certs" "$root/lib/$multiarch" "$root/proc" "$root/sys" \
    "$root/usr/bin" "$root/usr/share/doc" "$root/var/lib/dpkg/status.d" "$root$(dirname "$loader")"

cp -L "$loader" "$root$loader"
for library in libc.so.6 libm.so.6 libgcc_s.so.1; do
    cp -L "/lib/$multiarch/$library" "$root/lib/$multiarch/$library"
done

busybox=$(command -v busybox)
cp -L "$busybox" "$root/bin/busybox"
"$busybox" --list | while read -r applet; do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
ln -s /bin/env "$root/usr/bin/env"

cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
cp -L /etc/os-release "$root/etc/os-release"
printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
cat >"$root/etc/passwd" <<'EOF'
root:x:0:0:root:/:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
casefile:x:65532:65532:casefile:/home/casefile:/bin/sh
EOF
cat >"$root/etc/group" <<'EOF'
root:x:0:
nogroup:x:65534:
casefile:x:65532:
EOF

# Group 0 may write too: OpenShift runs an image as any user id, with the group 0.
mkdir -p "$root/home/casefile" "$root/tmp"
chown 65532:0 "$root/home/casefile"
chmod 775 "$root/home/casefile"
chmod 1777 "$root/tmp"

# What a scanner needs to find known vulnerabilities, and the licences.
for package in $packages; do
    dpkg-query --status "$package" >"$root/var/lib/dpkg/status.d/$package"
    mkdir -p "$root/usr/share/doc/$package"
    cp -L "/usr/share/doc/$package/copyright" "$root/usr/share/doc/$package/copyright"
done
