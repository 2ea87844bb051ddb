"""Widgets that tell the page's script more than Django's do."""

from collections.abc import Callable
from typing import Any

from django import forms


class Select(forms.Select):
    """A select whose options carry attributes of their own, which `marks` returns for each value that is not empty."""

    def __init__(self, marks: Callable[[str], dict[str, str]]) -> None:
        super().__init__()
        self._marks = marks

    def create_option(self, name: str, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        made = super().create_option(name, value, *args, **options)
        if value:
            made["attrs"].update(self._marks(str(value)))
        return made
