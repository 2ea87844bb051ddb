#!/usr/bin/env python
"""Run a management command; `manage.py up` starts the whole product."""

import sys


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  (this file is what an older Python meets first)
        sys.exit(f"chaotix: Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    try:
        from chaotix import env
    except ImportError as error:
        sys.exit(f"chaotix: {error.name} is not installed here; type `make run`, which installs everything.")
    try:
        env.import_settings()
    except env.BadSetting as error:
        sys.exit(f"chaotix: {error}.")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
