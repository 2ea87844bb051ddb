"""What a picture was made with: out of its row, out of its file, and out of whatever strangers call a picture."""

import io
import json
import random
import struct
import time
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagegen import generation, metadata, remaking, storage, submission
from imagegen.errors import BadSubmission
from imagegen.items import Item
from imagegen.models import Job
from imagegen.providers.base import MAX_SEED
from imagegen.remaking import Settings
from imagegen.states import State
from tests.rows import make_job
from tests.standins.stability import StabilityStandIn
from tests.test_metadata import AMBIGUOUS, CONTROLS, HOSTILE, told
from tests.test_pictures import SIGNATURE, chunk, encoded, header, png

AUTOMATIC1111 = (
    "a red kite, (flying:1.2)\nover a hill\n"
    "Negative prompt: rain, blurry\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 1234, Size: 512x768, Model hash: 6ce0161689, "
    "Model: dreamshaper_8, Version: v1.6.0"
)
COMFYUI: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 99,
            "steps": 20,
            "cfg": 8,
            "sampler_name": "euler",
            "model": ["4", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd_xl_base.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red kite", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "rain", "clip": ["4", 1]}},
}
INVOKEAI = {
    "scheduler": "euler",
    "seed": 99,
    "positive_prompt": "a red kite",
    "negative_prompt": "rain",
    "model": {"model_name": "stable-diffusion-1.5"},
}
quickly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def picture(**texts: str) -> bytes:
    """Return a small PNG with these texts, by keyword, as Pillow writes them."""
    info, file = PngInfo(), io.BytesIO()
    for keyword, text in texts.items():
        info.add_text(keyword.replace("sd_metadata", "sd-metadata"), text)
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def ours(**changes: Any) -> bytes:
    """Return a picture that tells our story with these changes."""
    return picture(**{metadata.OURS: json.dumps({"prompt": "a kite", **changes})})


def parameters(**changes: str) -> str:
    """Return what Automatic1111 writes, with other settings."""
    known = {"Steps": "20", "Sampler": "Euler a", "CFG scale": "7", "Seed": "5", "Size": "512x512", **changes}
    return "a kite\n" + ", ".join(f"{name}: {value}" for name, value in known.items())


def read(body: bytes) -> Settings | None:
    """Return what a file says, None where that is refused; anything else is a fault of the product."""
    try:
        found = remaking.of_file(body)
    except BadSubmission as error:
        if [problem.field for problem in error.problems] != ["file"]:
            raise
        return None
    for name in ("prompt", "negative_prompt", "provider", "model", "size", "aspect_ratio", "style", "quality"):
        assert isinstance(getattr(found, name), str), name
        # A page that shows it has to be sent.
        getattr(found, name).encode()
    assert found.seed is None or (type(found.seed) is int and 1 <= found.seed <= MAX_SEED)
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in found.others.items())
    json.dumps(dict(found.others), ensure_ascii=False).encode()
    return found


def drawn(prompt: str = "A piano ninja", **fields: Any) -> Job:
    job = make_job(prompt, **{"size": "64x64", **fields})
    generation.run(job.pk)
    job.refresh_from_db()
    return job


@pytest.mark.django_db(transaction=True)
class TestOurOwnFiles:
    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"negative_prompt": "rain, fog"},
            {"size": "", "aspect_ratio": "16:9"},
            {"style": "sunrise"},
            {"seed": MAX_SEED},
            {"seed": 1},
        ],
        ids=str,
    )
    def test_a_file_says_what_its_row_says(self, fields: dict[str, Any]) -> None:
        job = drawn(**fields)
        assert read(storage.read(job.picture)) == remaking.of_job(job)

    @pytest.mark.parametrize("prompt", HOSTILE.values(), ids=HOSTILE)
    def test_a_prompt_comes_back_to_the_letter(self, prompt: str) -> None:
        job = drawn(prompt, negative_prompt=prompt)
        found = read(storage.read(job.picture))
        assert found is not None
        assert (found.prompt, found.negative_prompt) == (prompt, prompt)

    def test_the_seed_that_was_used_is_the_one_that_counts(self) -> None:
        job = make_job(seed=12, actual_seed=77)
        assert remaking.of_job(job).seed == 77


@pytest.mark.parametrize("prompt", [*AMBIGUOUS.values(), CONTROLS.replace("\0", "")], ids=[*AMBIGUOUS, "controls"])
def test_what_others_cannot_tell_apart_our_own_words_can(prompt: str) -> None:
    assert (found := read(told(prompt=prompt))) is not None
    assert found.prompt == prompt


def test_our_own_words_win_over_those_for_other_programs() -> None:
    body = picture(parameters=AUTOMATIC1111, **{metadata.OURS: json.dumps({"prompt": "another kite"})})
    assert read(body) == Settings("another kite")


@pytest.mark.django_db
class TestAsking:
    def test_the_same_again_is_asked_for_with_the_seed_that_was_used(self) -> None:
        job = make_job(seed=12, actual_seed=77, negative_prompt="rain", style="ocean", size="64x64", name="My ninja")
        [again] = draft(remaking.item(job))
        asked = (again.prompt, again.negative_prompt, again.style, again.size, again.seed, again.name)
        assert asked == (job.prompt, "rain", "ocean", "64x64", 77, "My ninja")

    def test_others_like_it_differ_in_their_seeds_alone(self) -> None:
        job = make_job(seed=12)
        others = draft(remaking.item(job, varied=True))
        assert len({other.seed for other in others} - {12}) == remaking.VARIATIONS
        assert {other.prompt for other in others} == {job.prompt}

    def test_a_provider_without_a_seed_is_not_given_one(self, settings: Any) -> None:
        add_seedless(settings)
        assert remaking.item(make_job(provider="seedless", model="gpt-image-2", seed=12)).seed is None

    def test_a_provider_that_is_gone_is_named_as_it_was(self) -> None:
        asked = remaking.item(make_job(provider="gone", model="gone-1", seed=12))
        assert (asked.provider, asked.model, asked.seed) == ("gone", "gone-1", None)

    def test_a_size_that_was_drawn_as_a_ratio_can_be_asked_for_again(self, stability_provider: StabilityStandIn) -> None:
        """A provider of ratios is asked for a size, and the row keeps both."""
        [first] = draft(Item(prompt="A kite", size="1024x1024"))
        job = make_job(
            provider=first.provider, model=first.model, size=first.size, aspect_ratio=first.aspect_ratio, state=State.FAILED
        )
        [again] = draft(remaking.item(job))
        assert (again.size, again.aspect_ratio) == (job.size, job.aspect_ratio)


def draft(item: Item) -> Sequence[Job]:
    return submission.draft([item], viewer=AnonymousUser())


def add_seedless(settings: Any) -> None:
    """Let there be a provider that takes no seed."""
    entry = {
        "BACKEND": "imagegen.providers.openai.OpenAIImages",
        "OPTIONS": {"key": "sk-test", "host": "http://127.0.0.1:9"},
    }
    settings.IMAGE_PROVIDERS = {**settings.IMAGE_PROVIDERS, "seedless": entry}


class TestOtherPrograms:
    def test_a_file_of_automatic1111_says_everything_that_has_a_place_here(self) -> None:
        found = read(picture(parameters=AUTOMATIC1111))
        assert found is not None
        assert found.prompt == "a red kite, (flying:1.2)\nover a hill"
        assert found.negative_prompt == "rain, blurry"
        assert (found.model, found.size, found.seed) == ("dreamshaper_8", "512x768", 1234)

    def test_what_has_no_place_here_is_told_by_name(self) -> None:
        found = read(picture(parameters=AUTOMATIC1111))
        assert found is not None
        assert found.others == {"Version": "v1.6.0", "sampler": "Euler a", "cfg scale": "7.5", "steps": "20"}

    @pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt"])
    def test_it_is_read_out_of_every_kind_of_text(self, kind: str) -> None:
        info, file = PngInfo(), io.BytesIO()
        if kind == "iTXt":
            info.add_itxt("parameters", AUTOMATIC1111, zip=True)
        else:
            info.add_text("parameters", AUTOMATIC1111, zip=kind == "zTXt")
        Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
        assert (found := read(file.getvalue())) is not None
        assert found.seed == 1234

    def test_a_file_of_comfyui_is_read(self) -> None:
        found = read(picture(prompt=json.dumps(COMFYUI), workflow=json.dumps({"links": []})))
        assert found is not None
        assert (found.prompt, found.negative_prompt, found.seed) == ("a red kite", "rain", 99)
        assert found.model == "sd_xl_base.safetensors"

    def test_a_file_of_invokeai_is_read(self) -> None:
        found = read(picture(invokeai_metadata=json.dumps(INVOKEAI)))
        assert found is not None
        assert (found.prompt, found.negative_prompt, found.seed) == ("a red kite", "rain", 99)
        assert found.model == "stable-diffusion-1.5"

    @pytest.mark.parametrize("seed", ["-1", "0", str(MAX_SEED + 1), "9" * 30, "1e5", "٣", "", "0x10"])
    def test_a_seed_that_nobody_here_takes_is_left_out(self, seed: str) -> None:
        found = read(picture(parameters=parameters(Seed=seed).encode("latin-1", "replace").decode("latin-1")))
        assert found is not None
        assert (found.prompt, found.seed) == ("a kite", None)

    @pytest.mark.parametrize("seed", ["1", str(MAX_SEED)])
    def test_a_seed_at_either_end_is_kept(self, seed: str) -> None:
        assert (found := read(picture(parameters=parameters(Seed=seed)))) is not None
        assert found.seed == int(seed)

    def test_several_negative_prompts_are_no_exception(self) -> None:
        text = AUTOMATIC1111.replace("Negative prompt: rain", "Negative prompt: fog\nNegative prompt: rain")
        found = read(picture(parameters=text))
        assert found is None or "kite" in found.prompt

    def test_of_many_other_settings_not_all_are_told(self) -> None:
        found = read(picture(parameters=parameters(**{f"Lora {number}": "x" for number in range(500)})))
        assert found is not None
        assert len(found.others) == remaking.MAX_OTHERS

    def test_a_long_value_is_not_told(self) -> None:
        found = read(picture(parameters=parameters(Workflow="x" * 5000, Version="v1")))
        assert found is not None
        assert "Workflow" not in found.others
        assert found.others["Version"] == "v1"


class TestRefusal:
    @pytest.mark.parametrize(
        "body",
        [b"", b"x", SIGNATURE, encoded("JPEG"), encoded("WEBP"), b"<svg/>", b"PK\3\4" + bytes(100), header(8, 8)],
        ids=["empty", "a letter", "a signature", "a JPEG", "a WebP", "SVG", "a zip file", "a chunk"],
    )
    def test_what_is_no_png_is_refused(self, body: bytes) -> None:
        with pytest.raises(BadSubmission, match="no PNG"):
            remaking.of_file(body)

    @pytest.mark.parametrize(
        "body", [encoded("PNG"), png(60_000, 60_000), picture(Comment="made by hand")], ids=["plain", "vast", "another text"]
    )
    def test_a_picture_that_says_nothing_is_refused(self, body: bytes) -> None:
        with pytest.raises(BadSubmission, match="does not say how it was made"):
            remaking.of_file(body)

    def test_our_own_file_without_its_texts_is_refused(self) -> None:
        with pytest.raises(BadSubmission, match="does not say how it was made"):
            remaking.of_file(metadata.plain(told()))


# What somebody may have written into our own chunk.
TAMPERED = {
    "no JSON": "{",
    "a list": "[]",
    "a number": "7",
    "nothing": "null",
    "empty": "",
    "not a number": "NaN",
    "nested lists": "[" * 100_000,
    "nested objects": '{"prompt":' * 50_000,
    "a number of many digits": '{"prompt": "a kite", "seed": ' + "9" * 10_000 + "}",
    "no prompt": '{"seed": 5}',
    "a prompt that is a list": '{"prompt": ["a kite"]}',
    "a prompt that is nothing": '{"prompt": null}',
}


class TestTampered:
    @pytest.mark.parametrize("text", TAMPERED.values(), ids=TAMPERED)
    def test_a_story_that_is_none_says_nothing(self, text: str) -> None:
        assert read(picture(**{metadata.OURS: text})) is None

    @pytest.mark.parametrize("text", TAMPERED.values(), ids=TAMPERED)
    def test_the_words_for_other_programs_are_read_instead(self, text: str) -> None:
        found = read(picture(parameters=AUTOMATIC1111, **{metadata.OURS: text}))
        assert found is not None
        assert found.seed == 1234

    @pytest.mark.parametrize("wrong", [7, 7.5, True, None, [], {}, ["demo"]], ids=str)
    @pytest.mark.parametrize("name", ["negative_prompt", "provider", "model", "size", "aspect_ratio", "style", "quality"])
    def test_a_value_of_a_wrong_type_is_left_out(self, name: str, wrong: object) -> None:
        assert read(ours(**{name: wrong})) == Settings("a kite")

    @pytest.mark.parametrize(
        "seed", [-1, 0, MAX_SEED + 1, 10**19, 10**40, 1.5, True, float("nan"), float("inf"), "x", [5], {}]
    )
    def test_a_seed_that_nobody_takes_is_left_out(self, seed: object) -> None:
        assert read(ours(seed=seed)) == Settings("a kite")

    def test_names_that_nobody_knows_are_left_out(self) -> None:
        assert read(ours(version=99, others={"x": "y"}, __class__="x", task_id="../../etc")) == Settings("a kite")

    @pytest.mark.parametrize("name", ["prompt", "negative_prompt", "size", "model", "style"])
    def test_half_of_a_surrogate_pair_does_not_get_in(self, name: str) -> None:
        """No page could be sent that shows it."""
        read(ours(**{name: "a \ud800 kite"}))


# What other programs would not write, and strangers do.
STRANGE: dict[str, dict[str, str]] = {
    "ComfyUI's node of a name that the parser uses itself": {
        "prompt": json.dumps({"1": {"class_type": "full_prompt", "inputs": {"a": 1}}}),
        "workflow": '{"links": []}',
    },
    "ComfyUI's sampler with a list for a name": {
        "prompt": json.dumps({**COMFYUI, "3": {**COMFYUI["3"], "inputs": {**COMFYUI["3"]["inputs"], "sampler_name": [1]}}}),
        "workflow": '{"links": []}',
    },
    "ComfyUI's model that is an object": {
        "prompt": json.dumps({**COMFYUI, "4": {"class_type": "x", "inputs": {"ckpt_name": {"a": 1}}}}),
        "workflow": '{"links": []}',
    },
    "InvokeAI's prompt that is a list": {"invokeai_metadata": json.dumps({**INVOKEAI, "positive_prompt": ["a"]})},
    "InvokeAI's prompt that is an object": {"invokeai_metadata": json.dumps({**INVOKEAI, "positive_prompt": {"a": 1}})},
    "InvokeAI's negative prompt that is a list": {"invokeai_metadata": json.dumps({**INVOKEAI, "negative_prompt": [1]})},
    "InvokeAI's model that is a list": {"invokeai_metadata": json.dumps({**INVOKEAI, "model": {"model_name": ["a"]}})},
    "a whole prompt that is a number": {"invokeai_metadata": json.dumps({**INVOKEAI, "full_prompt": 5})},
    "a whole negative prompt that is a list": {"invokeai_metadata": json.dumps({**INVOKEAI, "full_negative_prompt": [5]})},
    "a size that is an object": {"invokeai_metadata": json.dumps({**INVOKEAI, "Size": {"width": 5}})},
    "a setting with half of a surrogate pair": {
        "invokeai_metadata": '{"scheduler": "\\ud800", "positive_prompt": "a kite"}'
    },
    "a prompt with half of a surrogate pair": {"invokeai_metadata": '{"scheduler": "x", "positive_prompt": "\\ud800"}'},
    "seeds that are no numbers": {"invokeai_metadata": json.dumps({**INVOKEAI, "seed": {"a": [1]}})},
    "Fooocus with lists": {"parameters": json.dumps({"base_model": [], "base_model_hash": {}, "sampler": [], "prompt": []})},
    "legacy InvokeAI with lists": {"sd_metadata": json.dumps({"image": {"sampler": [], "prompt": [{"prompt": []}]}})},
    "NovelAI with lists": {"Comment": '{"sampler": [], "uc": []}', "Description": "a kite", "Source": "x"},
    "nested far": {"parameters": "[" * 100_000, "Comment": "[" * 100_000, "invokeai_metadata": '{"a":' * 100_000},
}


class TestStrangers:
    @pytest.mark.parametrize("texts", STRANGE.values(), ids=STRANGE)
    def test_no_file_is_an_unexpected_exception(self, texts: dict[str, str]) -> None:
        read(picture(**texts))

    def test_a_file_may_break_off_anywhere(self) -> None:
        body = told()
        whole = read(body)
        found = [read(body[:end]) for end in [*range(3000), *range(3000, len(body), 97)]]
        assert whole is not None
        assert all(each == whole for each in found if each)

    def test_a_file_may_break_off_behind_its_texts(self) -> None:
        body = told()
        pixels = body.index(b"IDAT") + len(b"IDAT")
        assert read(body[:pixels]) == read(body[: pixels + 100]) == read(body)

    def test_a_text_that_unpacks_to_far_too_much_is_refused(self) -> None:
        bomb = chunk(b"zTXt", b"parameters\0\0" + zlib.compress(bytes(200_000_000), 9))
        assert read(png(3, 2, bomb)) is None

    def test_many_texts_that_unpack_to_far_too_much_are_refused(self) -> None:
        bomb = zlib.compress(b"x" * 1_000_000, 9)
        texts = [chunk(b"zTXt", b"t%d\0\0" % number + bomb) for number in range(200)]
        assert read(png(3, 2, *texts)) is None

    @pytest.mark.parametrize(
        "kind", [b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP", b"pHYs", b"acTL", b"gAMA", b"tRNS", b"cHRM"]
    )
    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_a_broken_chunk_is_no_exception(self, kind: bytes) -> None:
        for content in (b"", b"\0", b"chaotix", b"chaotix\0", b"chaotix\0\1\7", b"chaotix\0\1\0\0\0\xff", b"\xff" * 40):
            read(SIGNATURE + header(3, 2) + chunk(kind, content) + chunk(b"IDAT", zlib.compress(bytes(20))))

    def test_a_text_that_is_not_utf_8_is_no_exception(self) -> None:
        content = metadata.OURS.encode() + b'\0\0\0\0\0{"prompt": "\xff\xfe"}'
        assert read(png(3, 2, chunk(b"iTXt", content))) is None

    def test_a_chunk_that_is_longer_than_its_file_is_no_exception(self) -> None:
        assert read(SIGNATURE + header(3, 2) + struct.pack(">I", 2**31 - 1) + b"tEXtparameters\0" + b"x" * 100) is None

    @quickly
    @given(st.binary(max_size=300))
    @example(b"\0" * 57)
    def test_random_bytes_are_refused(self, body: bytes) -> None:
        assert read(body) is None

    @quickly
    @given(st.binary(max_size=300))
    def test_random_bytes_behind_a_header_are_no_exception(self, body: bytes) -> None:
        read(SIGNATURE + header(3, 2) + body)

    @pytest.mark.filterwarnings("ignore::UserWarning")
    def test_damage_is_no_exception(self) -> None:
        dice, whole = random.Random(3), told()
        for _ in range(1500):
            body = bytearray(whole)
            for _ in range(dice.randint(1, 6)):
                body[dice.randrange(min(len(body), 2000))] = dice.randrange(256)
            read(bytes(body))

    @quickly
    @given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
    def test_any_story_is_settings_or_refused(self, value: object) -> None:
        for name in ("prompt", "seed", "size"):
            read(ours(**{name: value}))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.sampled_from(["", "a kite", "512x512", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*INVOKEAI, "full_prompt"]), inner, max_size=3)
    ),
    max_leaves=6,
)


class TestParsersOfOthers:
    @quickly
    @given(st.dictionaries(st.sampled_from([*INVOKEAI, "full_prompt", "full_negative_prompt", "Size"]), JSON, max_size=3))
    def test_whatever_invokeai_is_said_to_have_written_is_settings_or_refused(self, changes: dict[str, object]) -> None:
        read(picture(invokeai_metadata=json.dumps({**INVOKEAI, **changes})))

    @quickly
    @given(
        node=st.sampled_from([*COMFYUI]),
        inputs=st.dictionaries(st.sampled_from([*COMFYUI["3"]["inputs"], "ckpt_name", "text"]), JSON, max_size=4),
        kind=st.sampled_from(["KSampler", "full_prompt", "Size", "seed"]) | JSON,
        links=JSON,
    )
    def test_whatever_comfyui_is_said_to_have_written_is_settings_or_refused(
        self, node: str, inputs: dict[str, object], kind: object, links: object
    ) -> None:
        changed = {**COMFYUI, node: {"class_type": kind, "inputs": {**COMFYUI[node]["inputs"], **inputs}}}
        read(picture(prompt=json.dumps(changed), workflow=json.dumps({"links": links})))

    @quickly
    @given(st.text(st.characters(max_codepoint=255, exclude_characters="\0"), max_size=200))
    def test_whatever_automatic1111_is_said_to_have_written_is_settings_or_refused(self, text: str) -> None:
        read(picture(parameters=text))
        read(picture(parameters=f"{text}\nSteps: 20, Sampler: Euler, Seed: 5, CFG scale: 7{text}"))

    @pytest.mark.parametrize(
        ("keyword", "sign", "rest"),
        [
            ("parameters", "Hashes:{", {}),
            ("Dream", '"', {}),
            ("Source", " ", {"Comment": '{"sampler": "x"}', "Description": "a kite"}),
        ],
        ids=["Automatic1111", "InvokeAI", "NovelAI"],
    )
    def test_much_text_takes_no_longer_than_a_little(self, keyword: str, sign: str, rest: dict[str, str]) -> None:
        usual = seconds(picture(parameters=AUTOMATIC1111))
        much = seconds(picture(**rest, **{keyword: sign * 50_000 + ("\n\n" if sign == '"' else "")}))
        assert much < 20 * max(usual, 0.01)


def seconds(body: bytes) -> float:
    """Return the processor time that reading takes."""
    before = time.process_time()
    read(body)
    return time.process_time() - before
