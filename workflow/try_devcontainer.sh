#!/usr/bin/env bash
# Try the steps of .devcontainer/devcontainer.json in a bare Debian: root, on a Debian with debootstrap.
#
#     bash workflow/try_devcontainer.sh [FOLDER]
#
# The image of the container is a Debian 12 with Python 3.11, git and make. This script makes such a Debian in FOLDER
# (default: a temporary one, deleted afterwards), copies the tracked files into it and runs postCreateCommand there.
# Then it predicts the bonds of a cell with the shipped model. The package indexes are those of this machine. The last
# line is "passed" or the command that failed. `make test-slow` runs it where debootstrap is.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
root=${1:-$(mktemp -d)}
keep=${1:-}
finish() {
  code=$?
  umount -l "$root/proc" "$root/dev" 2>/dev/null || true
  [ -n "$keep" ] || rm -rf --one-file-system "$root"
  [ $code -eq 0 ] && echo "passed" || echo "failed: $BASH_COMMAND"
  exit $code
}
trap finish EXIT
if [ ! -x "$root/usr/bin/make" ]; then
  mirror=$(find /etc/apt -name '*.list' -o -name '*.sources' | sort | xargs sed -nE 's/^(deb|URIs:) *(\[[^]]*\] *)?(http[^ ]*).*/\3/p' |
    grep -m1 '/debian/\?$')
  debootstrap --variant=minbase --include=ca-certificates,git,make,python3,python3-venv bookworm "$root" "$mirror" | tail -1
fi
mkdir -p "$root/work"
git -C "$repository" ls-files -z | tar -C "$repository" --null -T - -c | tar -C "$root/work" -x
git -C "$root/work" init -q
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf "$HOME/.config/pip/pip.conf" "${SSL_CERT_FILE:-}" "${PIP_CERT:-}"; do
  [ ! -f "$file" ] || { mkdir -p "$root$(dirname "$file")" && cp -L "$file" "$root$file"; }
done
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
step=$(sed -nE 's/.*"postCreateCommand": "(.*)".*/\1/p' "$repository/.devcontainer/devcontainer.json")
predict=".venv/bin/getl predict data_examples/zrcual/cells/Zr49Cu49Al2/1/0.xyz --out runs/tried"
echo "in a bare Debian: $step"
env -i PATH=/usr/bin:/usr/sbin:/bin HOME="$HOME" LANG=C.UTF-8 ${SSL_CERT_FILE:+SSL_CERT_FILE="$SSL_CERT_FILE"} \
  ${PIP_CERT:+PIP_CERT="$PIP_CERT"} chroot "$root" sh -c "cd /work && $step && $predict"
