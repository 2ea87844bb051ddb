"""The product's own settings, in a folder of their own and deaf to whatever key the developer's machine has.

TEST_STORES=servers lets the tests run on real servers that start here; without it they run on what a laptop has.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from dotenv import dotenv_values

from tests import stores

# Short, because the path of a Unix socket may have 103 bytes on macOS.
ROOT = Path(tempfile.mkdtemp(prefix="chaotix-test-"))
atexit.register(shutil.rmtree, ROOT, ignore_errors=True)
NAMES = dotenv_values(Path(__file__).parent.parent / ".env.example")
os.environ.update(dict.fromkeys([*NAMES, *(f"{name}_FILE" for name in NAMES)], ""))
os.environ.update(DATA_DIR=str(ROOT / "var"), MEDIA_ROOT=str(ROOT / "media"))
os.environ.update(stores.installation())

from chaotix.settings import *  # noqa: E402, F403
from chaotix.settings import DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(ROOT / "test.sqlite3")}
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# Every client that a test makes would look for all files again. Who serves them is a product, and runserver in a test.
SERVESTATIC_USE_FINDERS = SERVESTATIC_USE_STATIC_ROOT = False
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
