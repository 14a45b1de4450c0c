#!/bin/sh
# The gold standard, on a build that is proven first. Arguments go to the benchmark.
# Exit codes are the benchmark's; 4, not allowed to run, where the build could not be proven.
cd "$(dirname "$0")/.." || exit 70
nox -s parity || exit 4
exec nox -s bench -- --only gold "$@"
