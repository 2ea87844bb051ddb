"""`manage.py up`: broker, web and workers in one command."""

import contextlib
import sys
import urllib.request
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.core.management import BaseCommand, call_command
from django.db import DatabaseError, connection

from imagegen import conf, first_run, memory, readiness, redis
from imagegen.management import links, parts, preflight
from imagegen.management.parts import Part
from imagegen.management.preflight import CannotStart
from imagegen.management.supervisor import Supervisor


class Command(BaseCommand):
    help = "Start all that pictures need; print `ready http://HOST:PORT` when they can be made; stop with Ctrl-C."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._up()
        except CannotStart as error:
            sys.exit(f"chaotix: {error}")

    def _up(self) -> None:
        memory.stop_searching_what_stays()
        preflight.check_providers()
        preflight.check_folder("DATA_DIR", settings.DATA_DIR)
        preflight.check_folder("MEDIA_ROOT", settings.MEDIA_ROOT)
        with preflight.lock(settings.DATA_DIR), self._supervisor() as supervisor:
            preflight.check_address(settings.HOST, settings.PORT)
            preflight.check_database()
            supervisor.start_broker(until=_broker_answers)
            preflight.check_broker()
            if settings.S3_BUCKET:
                preflight.check_bucket(storages["default"])
            call_command("migrate", verbosity=0, interactive=False)
            # Of the API's page only one of two looks is there.
            call_command("collectstatic", verbosity=0, interactive=False, ignore_patterns=["redoc*"])
            connection.close()
            supervisor.start_serving(until=_is_ready)
            if not supervisor.stopping:
                self._say(f"ready {links.served_at()}")
                self._offer_administration()
            supervisor.serve()

    def _supervisor(self) -> Supervisor:
        return Supervisor(
            broker=_broker() if settings.OWN_BROKER else None,
            serving=[_web(), Part("thumbnailer", [sys.executable, "manage.py", "thumbnails"])],
            workers=[*map(_worker, range(1, settings.WORKER_PROCESSES + 1)), *_local_workers()],
            say=self._say,
            calls_in_flight=_calls_in_flight,
            stop_seconds=settings.STOP_SECONDS,
        )

    def _offer_administration(self) -> None:
        """Where nobody has an account, print beside what programs read how somebody becomes the administrator."""
        with contextlib.suppress(DatabaseError, redis.Error):
            if secret := first_run.offer():
                link = links.complete(first_run.path(secret))
                self.stderr.write(f"Nobody has an account yet. This link makes an administrator, once: {link}", str)
                self.stderr.flush()

    def _say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()


def _broker() -> Part:
    """Return a Valkey of our own on a private socket; its append-only file keeps hints over a restart."""
    settings.BROKER_SOCKET.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    preflight.check_private(settings.BROKER_SOCKET.parent)
    options = {
        "port": "0",
        "unixsocket": str(settings.BROKER_SOCKET),
        "unixsocketperm": "700",
        "dir": str(settings.BROKER_SOCKET.parent),
        "appendonly": "yes",
        "save": "",
        "logfile": str(settings.BROKER_SOCKET.parent / "valkey.log"),
    }
    return Part("broker", [str(preflight.valkey_program()), *parts.flags(options)])


def _web() -> Part:
    options = {
        "host": settings.HOST,
        "port": str(settings.PORT),
        "log-level": "warning",
        # Without it uvicorn never stops while a stream is open.
        "timeout-graceful-shutdown": "3",
    }
    command = [sys.executable, "-m", "uvicorn", "chaotix.asgi:application", "--no-server-header", *parts.flags(options)]
    return Part("web server", command)


def _worker(number: int) -> Part:
    return Part(f"worker {number}", [*_celery(), "--hostname", f"worker{number}@%h"])


def _local_workers() -> list[Part]:
    """Return a worker for each device of this machine that draws: others never wait for it, nor it for them."""
    options = {"queues": conf.queue_name("local"), "concurrency": str(settings.LOCAL_CONCURRENCY)}
    found = []
    for number, device in enumerate(settings.LOCAL_DEVICES, 1):
        command = ["env", f"DIFFUSERS_DEVICE={device}", *_celery(), *parts.flags(options), "--hostname", f"local{number}@%h"]
        found.append(Part(f"local worker {device}".strip(), command))
    return found


def _celery() -> list[str]:
    return [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "chaotix",
        "--quiet",
        "worker",
        "--without-gossip",
        "--without-mingle",
    ]


def _broker_answers() -> bool:
    try:
        return bool(redis.client().ping())
    except redis.Error:
        return not settings.OWN_BROKER


def _is_ready() -> bool:
    """Return whether it serves and pictures can be made; where workers run elsewhere, whether it serves."""
    try:
        urllib.request.urlopen(f"{links.served_at(local=True)}/healthz", timeout=2).close()
    except OSError:
        return False
    faults = readiness.faults()
    return not any(fault for part, fault in faults.items() if part != "worker" or settings.WORKER_PROCESSES)


def _calls_in_flight() -> int:
    try:
        return readiness.calls_in_flight()
    except DatabaseError:
        return 0
