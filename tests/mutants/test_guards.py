"""The list of guards names what there is: `make mutants` would otherwise try the wrong thing."""

import ast

import pytest

from tests.mutants.guards import PROJECT, Guard, guards

GUARDS = guards()
every_guard = pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)


@every_guard
def test_a_guard_stands_exactly_once_in_its_file(guard: Guard) -> None:
    assert (PROJECT / guard.file).read_text(encoding="utf-8").count(guard.text) == 1
    assert guard.text != guard.without


@every_guard
def test_the_test_of_a_guard_exists(guard: Guard) -> None:
    file, *names = guard.test.split("::")
    nodes = ast.parse((PROJECT / file).read_text(encoding="utf-8")).body
    for name in names:
        found = [
            node
            for node in nodes
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name.partition("[")[0]
        ]
        assert found, name
        nodes = found[0].body


def test_every_guard_has_a_name_of_its_own() -> None:
    assert len({guard.name for guard in GUARDS}) == len(GUARDS) >= 30
