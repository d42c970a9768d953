#!/bin/sh
# Runs a program with simulated GPUs instead of real ones:
#   tests/simulator/simulated.sh build/release/bin/netwright-cli selftest --device cuda:0
# NETWRIGHT_SIMULATED_GPU says what they are like (settings.h): devices=2,memory=256M,seed=7
[ $# -gt 0 ] || { echo "usage: $0 PROGRAM [ARGUMENT...]" >&2; exit 2; }
bin=$(cd "$(dirname "$1")" && pwd) || exit 2
simulated=$(dirname "$bin")/simulated
[ -e "$simulated/plugins/cuda.so" ] || { echo "$0: no $simulated/plugins/cuda.so is built" >&2; exit 2; }
NETWRIGHT_PLUGINS="$simulated/plugins${NETWRIGHT_PLUGINS:+:$NETWRIGHT_PLUGINS}" \
LD_LIBRARY_PATH="$simulated${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$@"
