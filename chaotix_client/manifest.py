"""The manifest: what was asked for, under which key, and each picture with its file; written before anything is asked."""

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

NAME = "manifest.json"


class OtherRun(Exception):
    """The folder belongs to another run."""


class Manifest:
    """One run in one folder: `key` stands for what was asked, `batch` is empty until the server has it.

    `tasks` has an entry for each picture, in the order asked.
    """

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self._folder = folder
        self._content = content
        # Files that were written or looked at by this run: a thousand pictures are not read again with every one that comes.
        self._whole: set[str] = set()

    @classmethod
    def open(cls, folder: Path, *, server: str, asked: dict[str, Any]) -> "Manifest":
        """Begin a run, or go on with the one that this folder holds. Raises OtherRun where it holds another."""
        path = folder / NAME
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            key = f"client-{uuid.uuid4()}"
            manifest = cls(folder, {"server": server, "asked": asked, "key": key, "batch": "", "tasks": []})
            manifest.save()
            return manifest
        content = _read(path)
        if (content["server"], content["asked"]) != (server, asked):
            raise OtherRun(f"{path} is about other prompts, options or another server: choose another folder.")
        return cls(folder, content)

    @property
    def key(self) -> str:
        return str(self._content["key"])

    @property
    def tasks(self) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self._content["tasks"]
        return tasks

    def begin(self, batch: str, ids: list[str]) -> None:
        """Note what the server made; what is known of a picture already stays."""
        known = {task["task_id"]: task for task in self.tasks}
        self._content.update(batch=batch, tasks=[known.get(task, {"task_id": task}) for task in ids])
        self.save()

    def has_picture(self, task: dict[str, Any]) -> bool:
        """Whether a task's file is there, whole."""
        path = self._folder / task.get("file", "")
        if not path.is_file():
            return False
        if str(path) not in self._whole and hashlib.sha256(path.read_bytes()).hexdigest() == str(task["sha256"]):
            self._whole.add(str(path))
        return str(path) in self._whole

    def keep(self, task: dict[str, Any], name: str, body: bytes) -> None:
        """Write a picture, whole or not at all, and note it."""
        _write(self._folder / name, body)
        task.update(file=name, sha256=hashlib.sha256(body).hexdigest())
        self._whole.add(str(self._folder / name))

    def save(self) -> None:
        _write(self._folder / NAME, json.dumps(self._content, indent=2, ensure_ascii=False).encode() + b"\n")


def _read(path: Path) -> dict[str, Any]:
    """Return what a manifest holds. Raises OtherRun where it is somebody else's."""
    try:
        content = json.loads(path.read_bytes())
        if {"server", "asked", "key", "batch", "tasks"} <= content.keys():
            return dict(content)
    except (ValueError, AttributeError):
        pass
    raise OtherRun(f"{path} is no manifest of this program: choose another folder.")


def _write(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(content)
    os.replace(draft, path)
