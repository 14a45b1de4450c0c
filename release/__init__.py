"""What leaves the house: sdist and wheel, what they hold, and their trial in an empty environment.

``nox -s wheels`` runs it. `build` makes the two, `contents` says what is wrong with what they hold,
`trial` installs the wheel where there is neither Rust nor a compiler and runs the tests there.
"""
