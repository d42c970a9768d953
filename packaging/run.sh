#!/usr/bin/env bash
# From a fresh Debian 12 to a running Netwright: installs what is missing, builds, and opens the
# window on the LeNet example. Without a display it trains the example from the command line.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/run.sh [--headless] [FILE]

Installs what is missing from Debian's packages, builds Netwright, and opens its window on FILE
(default: the LeNet example). Where there is no display, or with --headless, trains FILE instead and
leaves NAME.pt, NAME.safetensors, curves.csv and curves.png in the folder NAME-run.
TEXT
}

headless=no
project=
for argument in "$@"; do
  case $argument in
    --headless) headless=yes ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) project=$(realpath -m -- "$argument") ;;
  esac
done
[ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || headless=yes

cd "$(dirname "$(realpath "$0")")/.."
. packaging/packages.sh
project=${project:-resources/examples/lenet.netwright}

packages=("${build_packages[@]}")
[ $headless = yes ] || packages+=("${window_packages[@]}")
install_missing "${packages[@]}"
build release netwright netwright-cli
bin=build/release/bin

if [ $headless = no ]; then
  exec "$bin/netwright" "$project"
fi

folder=$(basename "$project")
folder=${folder%.*}-run
"$bin/netwright-cli" train "$project" --out "$folder"
QT_QPA_PLATFORM=offscreen "$bin/netwright" --render-curves "$folder/curves.csv" -o "$folder/curves.png"
echo "All of it is in $PWD/$folder"
