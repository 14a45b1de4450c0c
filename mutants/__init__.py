"""Mutants: would the checks notice if an engine were wrong? ``nox -s mutants`` answers.

A mutant is the source of one engine with one small change. `rust_source` and `numba_source` make
them, `judges` says by which commands one is judged, `runner` deals them out to scratch copies of
the project, `report` counts. A mutant that no check can tell from the original is listed with its
reason in ``equivalent.toml``.
"""
