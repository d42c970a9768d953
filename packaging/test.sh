#!/usr/bin/env bash
# Installs what the tests need, builds everything, and runs every test.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: packaging/test.sh [--preset release|dev|asan|tsan] [argument of ctest...]

Installs what the tests need from Debian's packages, builds everything with a preset (default:
release), and runs the tests with ctest. Example: packaging/test.sh --preset asan -R trainer
TEXT
}

preset=release
while [ $# -gt 0 ]; do
  case $1 in
    --preset)
      [ $# -ge 2 ] || { usage >&2 && exit 2; }
      preset=$2
      shift 2
      ;;
    -h | --help) usage && exit 0 ;;
    *) break ;;
  esac
done

cd "$(dirname "$(realpath "$0")")/.."
. packaging/packages.sh
install_missing "${build_packages[@]}" "${portable_packages[@]}" "${test_packages[@]}"
build "$preset" all
exec ctest --preset "$preset" -j 2 "$@"
