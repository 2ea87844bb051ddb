"""The story in a picture's file, as programs read it that know nothing of us; the picture itself stays as it came."""

import hashlib
import io
import json
import struct
import subprocess
import zlib
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image
from sd_parsers import ParserManager
from sd_parsers.data import PromptInfo

from imagegen import generation, metadata, pictures, storage, thumbnails
from imagegen.errors import BadAnswer
from imagegen.metadata import Story
from imagegen.models import Attempt, Job
from tests import needs
from tests.rows import make_job
from tests.standins.stability import StabilityStandIn
from tests.test_pictures import SIGNATURE, chunk, encoded, header

STORY = Story(
    task_id="06b9e3ef-a8f8-42aa-bb5a-d71fa144959e",
    prompt="A piano ninja",
    negative_prompt="",
    provider="stability",
    model="core",
    size="",
    aspect_ratio="1:1",
    style="",
    quality="",
    seed=1234,
    origin="AI-generated",
    digital_source="trainedAlgorithmicMedia",
)
PLAIN = encoded("PNG")
# What people write, and what they write to break something.
HOSTILE = {
    "lines": "a dog\non a hill\n\nat noon",
    "commas": "a dog, red, (flying:1.2), [blue|green]",
    "quotes": 'she said "no", he said \'yes\' \\ \\" \\n',
    "settings": "a dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 99, Size: 1x1\nat noon",
    "settings at the end": "a dog, Steps: 20, Sampler: Euler a, Seed: 99",
    "emoji": "👩‍🚀🦊 on Mars 🏳️‍🌈",
    "right to left": "قطة تعزف على البيانو \u202eabc\u202c חתול",
    "xml": "<rdf:li>]]>&amp;<!-- <?xpacket end='w'?> </x:xmpmeta> \"'",
    "braces": "{source} {0} {{}} %s ${HOME}",
    "far": "line\u2028separator \u0085 next \ufeff bom",
    "long": "a very long dog, " * 588 + "end.",
}
# Automatic1111's text cannot tell these from its own signs: it has no way to quote a prompt.
AMBIGUOUS = {
    "a second negative prompt": "a dog Negative prompt: a cat",
    "a negative prompt's line": "a dog\nNegative prompt: a cat\nat noon",
    "blanks around it": "  a dog \n",
    "carriage returns": "a dog\r\nat noon\r",
}
CONTROLS = "".join(map(chr, [*range(32), *range(127, 160), 0xFDD0, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF]))


def told(body: bytes = PLAIN, **changes: Any) -> bytes:
    return metadata.tell(body, pictures.check(body), replace(STORY, **changes))


def chunks(body: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and content of each chunk after checking its sum."""
    found, offset = [], len(SIGNATURE)
    while offset < len(body):
        (length,) = struct.unpack_from(">I", body, offset)
        kind, content = body[offset + 4 : offset + 8], body[offset + 8 : offset + 8 + length]
        assert body[offset + 8 + length : offset + 12 + length] == struct.pack(">I", zlib.crc32(kind + content))
        found.append((kind, content))
        offset += 12 + length
    return found


def texts(body: bytes) -> dict[str, str]:
    """Return what Pillow reads as texts."""
    with Image.open(io.BytesIO(body)) as image:
        return {str(name): str(text) for name, text in image.info.items() if isinstance(text, str)}


def ours(body: bytes) -> dict[str, Any]:
    story: dict[str, Any] = json.loads(texts(body)[metadata.OURS])
    return story


def parsed(body: bytes) -> PromptInfo:
    """Return what sd_parsers makes of the file."""
    found = ParserManager().parse(Image.open(io.BytesIO(body)))
    assert found is not None, "sd_parsers recognises nothing"
    return found


def exif(body: bytes) -> dict[str, Any]:
    """Return what exiftool says of the file."""
    command = [needs.exiftool(), "-json", "-n", "-G1", "-XMP:all", "-PNG:all", "-warning", "-error", "-"]
    answer = subprocess.run(command, input=body, capture_output=True, check=True)
    [facts] = json.loads(answer.stdout)
    assert isinstance(facts, dict)
    return facts


def is_xml(sign: str) -> bool:
    """Whether XML 1.0 allows this character (section 2.2)."""
    return sign in "\t\n\r" or "\x20" <= sign <= "\ud7ff" or "\ue000" <= sign <= "\ufffd" or sign >= "\U00010000"


def made(**fields: Any) -> tuple[Job, bytes]:
    """Make a picture the whole way; return its job and its file."""
    job = make_job("A piano ninja", **fields)
    generation.run(job.pk)
    job.refresh_from_db()
    return job, storage.read(job.picture)


class TestSdParsers:
    @pytest.mark.parametrize("prompt", HOSTILE.values(), ids=HOSTILE)
    def test_it_reads_the_prompt(self, prompt: str) -> None:
        assert parsed(told(prompt=prompt)).full_prompt == prompt

    @pytest.mark.parametrize("negative", HOSTILE.values(), ids=HOSTILE)
    def test_it_reads_the_negative_prompt(self, negative: str) -> None:
        found = parsed(told(negative_prompt=negative))
        assert (found.full_prompt, found.full_negative_prompt) == (STORY.prompt, negative)

    def test_it_finds_no_negative_prompt_where_there_is_none(self) -> None:
        assert parsed(told()).full_negative_prompt == ""

    @pytest.mark.parametrize("prompt", HOSTILE.values(), ids=HOSTILE)
    def test_it_reads_the_seed_whatever_the_prompt_claims(self, prompt: str) -> None:
        [sampler] = parsed(told(prompt=prompt)).samplers
        assert sampler.parameters["seed"] == "1234"

    def test_it_reads_the_model(self) -> None:
        assert [model.name for model in parsed(told()).models] == ["core"]

    def test_it_reads_a_picture_whose_seed_nobody_knows(self) -> None:
        assert parsed(told(seed=None)).full_prompt == STORY.prompt


class TestAutomatic1111:
    def test_the_last_line_has_the_three_settings_it_looks_for(self) -> None:
        """Its own reader takes a last line with fewer than three settings for a piece of the prompt."""
        last = texts(told(seed=None))["parameters"].splitlines()[-1]
        assert last.count(": ") >= 3

    @pytest.mark.parametrize("name", ["a, b: c", 'with "quotes"', "two\nlines"])
    def test_a_value_cannot_begin_another_setting(self, name: str) -> None:
        last = texts(told(model=name, style=name))["parameters"].splitlines()[-1]
        assert f"Model: {json.dumps(name)}" in last
        assert f"Style: {json.dumps(name)}" in last


class TestOurOwn:
    @pytest.mark.parametrize("prompt", [*HOSTILE.values(), *AMBIGUOUS.values(), CONTROLS], ids=[*HOSTILE, *AMBIGUOUS, "c"])
    def test_it_says_to_the_letter_what_was_asked(self, prompt: str) -> None:
        story = ours(told(prompt=prompt, negative_prompt=prompt[::-1]))
        assert (story["prompt"], story["negative_prompt"]) == (prompt, prompt[::-1])

    def test_it_says_everything_and_its_version(self) -> None:
        assert ours(told()) == {"version": 1, **vars(STORY)}

    def test_a_seed_that_nobody_knows_is_no_number(self) -> None:
        assert ours(told(seed=None))["seed"] is None


class TestXmp:
    @pytest.mark.parametrize("prompt", [*HOSTILE.values(), CONTROLS], ids=[*HOSTILE, "controls"])
    def test_it_is_well_formed_whatever_the_prompt_is(self, prompt: str) -> None:
        root = ElementTree.fromstring(texts(told(prompt=prompt))["XML:com.adobe.xmp"])
        [line] = root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li")
        # A parser reads a carriage return as the end of a line (section 2.11).
        assert line.text == "".join(filter(is_xml, prompt)).replace("\r", "\n")

    @pytest.mark.parametrize("prompt", HOSTILE.values(), ids=HOSTILE)
    def test_exiftool_finds_nothing_to_complain_of(self, prompt: str) -> None:
        facts = exif(told(prompt=prompt))
        assert facts["XMP-dc:Description"] == prompt
        assert not [name for name in facts if name.endswith(("Warning", "Error"))]


class TestThePictureItself:
    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
    def test_its_pixels_stay_the_providers(self, mode: str) -> None:
        file = io.BytesIO()
        with Image.open(io.BytesIO(PLAIN)) as picture:
            picture.convert("L" if mode == "I;16" else mode).convert(mode).save(file, "PNG")
        came, stored = Image.open(file), Image.open(io.BytesIO(told(file.getvalue())))
        assert (stored.mode, stored.size, stored.tobytes()) == (came.mode, came.size, came.tobytes())

    def test_every_chunk_that_came_is_still_there_byte_for_byte_and_in_order(self) -> None:
        came, stored = chunks(PLAIN), chunks(told())
        assert [each for each in stored if each[0] != b"iTXt"] == came

    def test_the_story_stands_behind_the_header_and_before_the_pixels(self) -> None:
        kinds = [kind for kind, _ in chunks(told())]
        assert kinds[:4] == [b"IHDR", b"iTXt", b"iTXt", b"iTXt"]

    @pytest.mark.parametrize("prompt", [*HOSTILE.values(), CONTROLS], ids=[*HOSTILE, "controls"])
    def test_the_file_is_still_a_whole_picture(self, prompt: str) -> None:
        assert pictures.check(told(prompt=prompt, negative_prompt=prompt)) == pictures.check(PLAIN)

    @pytest.mark.parametrize(
        "start",
        [
            [chunk(b"tEXt", b"Comment\0a text"), header(3, 2)],
            [chunk(b"CgBI", bytes(4)), header(3, 2)],
            [chunk(b"IHDR", struct.pack(">IIBBBBBB", 3, 2, 8, 2, 0, 0, 0, 0))],
        ],
        ids=["a text before the header", "a chunk of Apple's before the header", "a header that is too long"],
    )
    def test_whatever_is_accepted_is_not_broken(self, start: list[bytes]) -> None:
        pixels = chunk(b"IDAT", zlib.compress(bytes(20)))
        body = b"".join([SIGNATURE, *start, pixels, chunk(b"IEND")])
        try:
            picture = pictures.check(body)
        except BadAnswer:
            return
        assert pictures.check(metadata.tell(body, picture, STORY)) == picture

    def test_equal_stories_give_equal_bytes(self) -> None:
        assert told() == told()

    @pytest.mark.parametrize("prompt", [*HOSTILE.values(), CONTROLS], ids=[*HOSTILE, "controls"])
    def test_without_its_story_it_is_the_file_that_came(self, prompt: str) -> None:
        assert metadata.plain(told(prompt=prompt, negative_prompt=prompt)) == PLAIN

    @pytest.mark.parametrize("prompt", [*HOSTILE.values(), CONTROLS], ids=[*HOSTILE, "controls"])
    def test_whoever_made_it_may_have_told_a_story_too(self, prompt: str) -> None:
        once = told(prompt=prompt)
        assert metadata.untold(told(once)) == once
        assert metadata.untold(once) == PLAIN

    @pytest.mark.parametrize("body", [PLAIN, encoded("JPEG"), encoded("WEBP"), b"", SIGNATURE])
    def test_a_file_without_a_story_has_none_to_leave_out(self, body: bytes) -> None:
        assert metadata.untold(body) == body

    def test_nothing_is_told_about_a_plain_one_by_whoever_made_it_either(self) -> None:
        before = [chunk(kind, b"parameters\0a secret") for kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"caBX")]
        pixels = [header(3, 2), chunk(b"pHYs", bytes(9)), chunk(b"IDAT", zlib.compress(bytes(20)))]
        body = b"".join([SIGNATURE, *pixels[:2], *before, pixels[2], *before, chunk(b"IEND")])
        plain = metadata.plain(body)
        assert b"secret" not in plain
        assert plain == b"".join([SIGNATURE, *pixels, chunk(b"IEND")])

    @pytest.mark.parametrize("kind", [b"PLTE", b"tRNS", b"gAMA", b"iCCP", b"sRGB", b"pHYs", b"acTL", b"fdAT"])
    def test_a_plain_one_keeps_what_decides_how_it_looks(self, kind: bytes) -> None:
        body = b"".join([SIGNATURE, header(3, 2), chunk(kind, b"tEXt iTXt"), chunk(b"IDAT", b"tEXt"), chunk(b"IEND")])
        assert metadata.plain(body) == body

    def test_a_plain_one_is_still_a_whole_picture(self) -> None:
        assert pictures.check(metadata.plain(told())) == pictures.check(PLAIN)
        assert texts(metadata.plain(told())) == {}

    def test_a_plain_one_has_nothing_more_to_leave_out(self) -> None:
        plain = metadata.plain(told())
        assert metadata.plain(plain) == plain

    @pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
    def test_other_formats_come_back_as_they_are(self, kind: str) -> None:
        assert told(encoded(kind)) == encoded(kind)


@pytest.mark.django_db(transaction=True)
class TestTheWholeWay:
    def test_a_picture_of_stabilitys_is_declared_as_made_by_a_trained_model(
        self, stability_provider: StabilityStandIn
    ) -> None:
        _, file = made(provider="stability", model="core")
        assert exif(file)["XMP-iptcExt:DigitalSourceType"] == f"{metadata.SOURCE_TYPES}trainedAlgorithmicMedia"

    def test_a_picture_of_the_demos_is_declared_as_made_by_a_plain_program(self) -> None:
        _, file = made(size="64x64")
        assert exif(file)["XMP-iptcExt:DigitalSourceType"] == f"{metadata.SOURCE_TYPES}algorithmicMedia"

    def test_the_file_names_its_task_prompt_and_true_seed(self) -> None:
        job, file = made(size="64x64", seed=77)
        story = ours(file)
        assert (story["task_id"], story["prompt"], story["seed"]) == (str(job.pk), "A piano ninja", 77)

    def test_the_job_has_the_sum_of_the_file_that_is_stored(self) -> None:
        job, file = made(size="64x64")
        assert (job.sha256, job.bytes) == (hashlib.sha256(file).hexdigest(), len(file))

    def test_the_ledger_has_the_sum_of_the_picture_that_came_once_it_is_decoded(self) -> None:
        _, file = made(size="64x64")
        thumbnails.make_some()
        kept = [each for each in chunks(file) if each[0] != b"iTXt"]
        came = SIGNATURE + b"".join(chunk(kind, content) for kind, content in kept)
        attempt = Attempt.objects.get()
        assert (attempt.sha256, attempt.bytes) == (hashlib.sha256(came).hexdigest(), len(came))
