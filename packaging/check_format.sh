#!/usr/bin/env bash
# Fails naming the places where a source file is not as clang-format 14 would write it.
set -euo pipefail
cd "$(dirname "$(realpath "$0")")/.."
find core widgets app plugins tests \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' \) -print0 |
  xargs -0 clang-format-14 --dry-run -Werror
