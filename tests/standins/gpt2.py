"""A GPT-2 of a few thousand random weights, with a vocabulary of single bytes: it babbles, as a real one would write."""

from pathlib import Path

import pytest


def build(folder: Path) -> Path:
    """Write the model into a folder, and return that."""
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    bytes_alone = tokenizers.ByteLevelBPETokenizer()
    bytes_alone.train_from_iterator([], vocab_size=257, special_tokens=["<|endoftext|>"])
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=bytes_alone._tokenizer, eos_token="<|endoftext|>")
    fast.save_pretrained(folder)
    shape = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 512, "vocab_size": len(fast)}
    transformers.GPT2LMHeadModel(transformers.GPT2Config(**shape, bos_token_id=0, eos_token_id=0)).save_pretrained(folder)
    return folder
