"""Where a line ends: the same in a form, in a file of prompts, in a list, and in a stream."""

import pytest

from imagegen import library, prompt_files, texts

# Python's splitlines() would make several lines of it, and prompts are paid for one by one.
ODD = "A kite\u2028over\x85the\x0bsea\x0cat\x1cnight"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=repr)
def test_a_line_ends_where_a_browser_ends_it(end: str) -> None:
    assert texts.lines(f"{ODD}{end}A dog") == [ODD, "A dog"]


def test_a_file_of_prompts_has_one_on_each_line() -> None:
    lines = prompt_files.read(f"{ODD}\nA dog\n".encode(), "txt")
    assert [(line.number, line.prompt) for line in lines] == [(1, ODD), (2, "A dog")]


def test_so_has_a_list() -> None:
    assert library.lines(f"# {ODD}\n{ODD}\n\n a dog ") == [ODD, "a dog"]
