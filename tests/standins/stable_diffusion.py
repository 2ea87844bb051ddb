"""A Stable Diffusion pipeline of random weights: it draws noise, by the same road as one that has learned."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Size:
    """How large a pipeline is: channels of its two networks of pictures, layers in each of their blocks, and its words."""

    channels: tuple[int, ...]
    picture_channels: tuple[int, int, int, int]
    layers: int
    heads: int
    words: int
    word_layers: int
    groups: int = 4


TINY = Size((8, 16), (4, 4, 8, 8), layers=1, heads=4, words=16, word_layers=1)
# A second of work or so for a processor, so that there is something to measure.
SMALL = Size((64, 128, 128), (16, 16, 32, 32), layers=1, heads=8, words=32, word_layers=1, groups=8)
# 860 million weights, as https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5 has.
AS_LARGE_AS_1_5 = Size((320, 640, 1280, 1280), (128, 256, 512, 512), layers=2, heads=8, words=768, word_layers=12, groups=32)


def build(folder: Path, size: Size = TINY, *, checker: bool = False) -> Any:
    """Return a pipeline; `folder` keeps the words of its tokenizer, and `checker` gives it one that is never pleased."""
    torch, diffusers = pytest.importorskip("torch"), pytest.importorskip("diffusers")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    tokenizer = _tokenizer(folder, transformers)
    end = len(tokenizer) - 1
    words = transformers.CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=size.words, intermediate_size=4 * size.words, projection_dim=size.words,
        num_hidden_layers=size.word_layers, num_attention_heads=2 if size is TINY else 8, bos_token_id=end - 1,
        eos_token_id=end, pad_token_id=end,
    )  # fmt: skip
    unet = diffusers.UNet2DConditionModel(
        sample_size=8, block_out_channels=size.channels, layers_per_block=size.layers, cross_attention_dim=size.words,
        attention_head_dim=size.heads, norm_num_groups=size.groups,
        down_block_types=("DownBlock2D", *["CrossAttnDownBlock2D"] * (len(size.channels) - 1)),
        up_block_types=(*["CrossAttnUpBlock2D"] * (len(size.channels) - 1), "UpBlock2D"),
    )  # fmt: skip
    vae = diffusers.AutoencoderKL(
        block_out_channels=size.picture_channels, latent_channels=4, norm_num_groups=size.groups, sample_size=64,
        # Four blocks, so that a side of the latents is an eighth of the picture's.
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    return diffusers.StableDiffusionPipeline(
        vae=vae, text_encoder=transformers.CLIPTextModel(words), tokenizer=tokenizer, unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(steps_offset=1), safety_checker=_checker(diffusers) if checker else None,
        feature_extractor=transformers.CLIPImageProcessor(crop_size=32, size=32) if checker else None,
        requires_safety_checker=checker,
    )  # fmt: skip


def _tokenizer(folder: Path, transformers: Any) -> Any:
    """Return CLIP's tokenizer with a vocabulary of single bytes."""
    signs = [*map(chr, range(33, 127)), *map(chr, range(161, 173)), *map(chr, range(174, 256)), *map(chr, range(256, 324))]
    words = [*signs, *(f"{sign}</w>" for sign in signs), "<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)


def _checker(diffusers: Any) -> Any:
    """Return a safety checker that finds every picture unsafe."""
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    sight = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 32}
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config={**sight, "patch_size": 8}, projection_dim=16))
    checker.concept_embeds_weights.data.fill_(-10.0)
    return checker
