#!/bin/sh
# The gold standard, on a build that is proven first. Arguments go to the benchmark.
cd "$(dirname "$0")/.." && nox -s parity && exec nox -s bench -- --only gold "$@"
