"""A language model in a folder of this machine, such as GPT-2, through transformers: no network, and nothing to pay.

transformers and torch are an extra (requirements-diffusers.txt), imported when the first prompt is asked for.
"""

import random
import threading
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from imagegen import errors
from imagegen.writers.base import PromptWriter, Writing, check, check_lines
from imagegen.writers.continuing import begun, ended

MAX_TOKENS = 60


class LocalText(PromptWriter):
    """A causal language model, loaded once; its tokenizer is not thread-safe, so one call at a time."""

    is_free = True
    queue = "local"
    most = 50

    def __init__(self, *, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._lock = threading.Lock()

    def not_configured(self) -> str | None:
        if not (self._folder / "config.json").is_file():
            return f"{self._folder} holds no model: there is no config.json in it"
        if find_spec("transformers") is None or find_spec("torch") is None:
            return "transformers and torch are not installed: pip install -r requirements-diffusers.txt"
        return None

    def write(self, count: int, theme: str = "", seed: int | None = None) -> Writing:
        check(count, theme, self.most)
        return self.carry_on(begun(count, theme, random.Random(seed)), seed)

    def carry_on(self, lines: Sequence[str], seed: int | None = None) -> Writing:
        check_lines(lines)
        if missing := self.not_configured():
            raise errors.NotConfigured(f"{missing}.")
        with self._lock:
            dice = random.Random(seed)
            return Writing([ended(line, self._continued(line, dice.randrange(2**31))) for line in lines])

    def _continued(self, line: str, seed: int) -> str:
        import torch

        tokenizer, model = self._loaded
        asked = tokenizer(line, return_tensors="pt")
        # The dice that transformers throws are torch's own.
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(seed)
            made = model.generate(**asked, max_new_tokens=MAX_TOKENS, do_sample=True, pad_token_id=tokenizer.eos_token_id)
        return line + str(tokenizer.decode(made[0][asked["input_ids"].shape[1] :], skip_special_tokens=True))

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
        return tokenizer, AutoModelForCausalLM.from_pretrained(self._folder, local_files_only=True).eval()
