"""The story of a picture, written into its file: how to make it again, and that a machine made it.

Text chunks are inserted behind a PNG's header and nothing is encoded again, so the pixels stay the provider's and equal
stories give equal bytes. Three readers are served: `parameters` as Automatic1111 writes it, which most tools read; our own
JSON, which says everything and has a version; and XMP with IPTC's DigitalSourceType: the picture is synthetic.
"""

import json
import struct
import zlib
from dataclasses import asdict, dataclass
from xml.sax.saxutils import escape

from imagegen.pictures import Picture

OURS = "chaotix"
VERSION = 1
# The keywords of the chunks that make up a story, in their order behind the header.
_STORY = ("parameters", OURS, "XML:com.adobe.xmp")
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# The signature and the IHDR chunk, which must come first.
_HEADER_BYTES = 33
_SIGNATURE_BYTES = 8
# What a chunk has besides its content: length, kind and sum.
_CHUNK_BYTES = 12
# Chunks that tell about a picture and are no part of it (PNG specification, 11.3.3 and 11.3.5; caBX holds a C2PA manifest).
_TELLING = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"caBX"})
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" \
xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">\
<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>\
<xmp:CreatorTool>{tool}</xmp:CreatorTool>\
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{prompt}</rdf:li></rdf:Alt></dc:description>\
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


@dataclass(frozen=True)
class Story:
    """What is written into the file. Absent options are empty; `digital_source` is IPTC's word."""

    task_id: str
    prompt: str
    negative_prompt: str
    provider: str
    model: str
    size: str
    aspect_ratio: str
    style: str
    quality: str
    seed: int | None
    origin: str
    digital_source: str


def tell(body: bytes, picture: Picture, story: Story) -> bytes:
    """Return the file with its story; formats other than PNG come back as they are."""
    if picture.content_type != "image/png":
        return body
    ours = json.dumps({"version": VERSION, **asdict(story)}, ensure_ascii=False, sort_keys=True)
    chunks = map(_text, _STORY, (_parameters(picture, story), ours, _xmp(story)))
    return b"".join((body[:_HEADER_BYTES], *chunks, memoryview(body)[_HEADER_BYTES:]))


def untold(body: bytes) -> bytes:
    """Return the file as it came, without the story that `tell` put in; one that has none as it is."""
    offset = _HEADER_BYTES
    for keyword in _STORY:
        if not body.startswith(b"iTXt" + keyword.encode() + b"\0", offset + 4):
            return body
        offset += _CHUNK_BYTES + int(struct.unpack_from(">I", body, offset)[0])
    return body[:_HEADER_BYTES] + body[offset:]


def plain(body: bytes) -> bytes:
    """Return a PNG without anything that is told about it, by us or by whoever made it; its pixels stay as they are."""
    kept, offset = [body[:_SIGNATURE_BYTES]], _SIGNATURE_BYTES
    while offset < len(body):
        end = offset + _CHUNK_BYTES + int(struct.unpack_from(">I", body, offset)[0])
        if body[offset + 4 : offset + 8] not in _TELLING:
            kept.append(body[offset:end])
        offset = end
    return b"".join(kept)


def _parameters(picture: Picture, story: Story) -> str:
    """Return the text that Automatic1111 writes: the prompt, the negative prompt, and a line of settings."""
    settings = {
        # Readers know the line of settings by these words; what a service does not tell is said to be so.
        "Steps": "unknown",
        "Sampler": "unknown",
        "Schedule type": "unknown",
        "Seed": "" if story.seed is None else str(story.seed),
        "Size": f"{picture.width}x{picture.height}",
        "Model": story.model,
        "Style": story.style,
        "Version": f"Chaotix, {story.provider}",
    }
    lines = [story.prompt]
    if story.negative_prompt:
        lines.append(f"Negative prompt: {story.negative_prompt}")
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in settings.items() if value))
    return "\n".join(lines)


def _quoted(value: str) -> str:
    """Quote a value as Automatic1111 does, so that a comma in it does not begin the next setting."""
    return json.dumps(value, ensure_ascii=False) if any(sign in value for sign in ',:\n"') else value


def _xmp(story: Story) -> str:
    return _XMP.format(
        source=SOURCE_TYPES + story.digital_source,
        tool=escape(f"Chaotix, {story.provider} {story.model}"),
        prompt=escape(_xml_text(story.prompt)),
    )


def _xml_text(text: str) -> str:
    """Drop the control characters that no XML document may hold."""
    return "".join(sign for sign in text if (sign >= " " and sign not in "\ufffe\uffff") or sign in "\t\n\r")


def _text(keyword: str, text: str) -> bytes:
    """Return an iTXt chunk: a keyword and text in UTF-8, not compressed (PNG specification, 11.3.3.4)."""
    content = keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    kind = b"iTXt"
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
