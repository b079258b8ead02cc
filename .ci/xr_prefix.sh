#!/usr/bin/env bash
# Unpacks Monado (an OpenXR runtime) and a software Vulkan device from Debian
# trixie into a folder, without touching the system: $1 the folder. Some 170 MB
# to download, 650 MB unpacked.
set -euo pipefail
prefix=$1
if [ -e "$prefix/complete" ]; then exit 0; fi
apt=$(mktemp -d)
trap 'rm -rf "$apt"' EXIT
mkdir -p "$prefix" "$apt"/lists/partial "$apt"/cache/archives/partial
: > "$apt/status"
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} trixie main" > "$apt/sources.list"
cat > "$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::main "-";
Dir::Etc::parts "-";
Dir::State::Lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Install-Recommends "0";
Debug::NoLocking "1";
CONF
export APT_CONFIG="$apt/apt.conf"
apt-get update -qq
apt-get install -y -qq --download-only monado-service libopenxr1-monado libopenxr-loader1 mesa-vulkan-drivers >/dev/null
for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$prefix"; done
touch "$prefix/complete"
