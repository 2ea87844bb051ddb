"""The environment is read loudly: a bad value names its variable in one sentence, and a secret is made once."""

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chaotix import env
from chaotix.env import BadSetting, MailServer
from tests.product import PROJECT, clean_environment

NAME = "CHAOTIX_TEST_VALUE"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set the variable NAME."""
    return lambda value: monkeypatch.setenv(NAME, value)


def manage(command: str, folder: Path, **names: object) -> tuple[int, list[str]]:
    """Run a management command in a folder of its own; return its exit status and the lines it said."""
    environment = clean_environment(**{"DATA_DIR": folder / "var", "MEDIA_ROOT": folder / "media", **names})
    done = subprocess.run(
        [sys.executable, "manage.py", command], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60
    )
    return done.returncode, (done.stdout + done.stderr).strip().splitlines()


class TestText:
    @pytest.mark.parametrize(("value", "result"), [("x", "x"), ("  x y ", "x y"), ("", "default"), ("  ", "default")])
    def test_an_empty_value_is_the_default(self, given: Callable[[str], None], value: str, result: str) -> None:
        given(value)
        assert env.text(NAME, "default") == result

    def test_a_variable_that_is_not_set_is_the_default(self) -> None:
        assert (env.text(NAME, "default"), env.number(NAME, 2.5, least=0), env.listing(NAME)) == ("default", 2.5, [])

    @pytest.mark.parametrize(("value", "result"), [("a", ["a"]), (" a, b ,,c,", ["a", "b", "c"]), (",", [])])
    def test_a_list_has_commas_between(self, given: Callable[[str], None], value: str, result: list[str]) -> None:
        given(value)
        assert env.listing(NAME) == result


class TestNumbers:
    @pytest.mark.parametrize(("value", "result"), [("5", 5), (" 5 ", 5), ("0.5", 0.5), ("1e2", 100)])
    def test_a_number_is_read(self, given: Callable[[str], None], value: str, result: float) -> None:
        given(value)
        assert env.number(NAME, 1, least=0) == result

    @pytest.mark.parametrize("value", ["abc", "1,5", "5 s", "0x10", "--1", "1/2", "None"])
    def test_what_is_no_number_names_its_variable(self, given: Callable[[str], None], value: str) -> None:
        given(value)
        with pytest.raises(BadSetting, match=f"^{NAME}={value} is not a number$"):
            env.number(NAME, 1, least=0)

    @pytest.mark.parametrize("value", ["-1", "0.99", "10.01", "nan", "inf", "-inf", "1e400"])
    def test_a_number_out_of_range_names_its_variable_and_the_range(self, given: Callable[[str], None], value: str) -> None:
        given(value)
        with pytest.raises(BadSetting, match=f"^{NAME}={value} is out of range: from 1 to 10$"):
            env.number(NAME, 1, least=1, most=10)

    @pytest.mark.parametrize("value", ["inf", "1e400"])
    def test_infinity_is_no_number_even_without_an_upper_bound(self, given: Callable[[str], None], value: str) -> None:
        given(value)
        with pytest.raises(BadSetting, match=NAME):
            env.number(NAME, 1, least=0)

    @pytest.mark.parametrize("value", ["1.5", "1e-3"])
    def test_a_fraction_is_no_whole_number(self, given: Callable[[str], None], value: str) -> None:
        given(value)
        with pytest.raises(BadSetting, match=f"^{NAME}={value} is not a whole number$"):
            env.integer(NAME, 1, least=0)

    def test_infinity_is_no_whole_number(self, given: Callable[[str], None]) -> None:
        given("inf")
        with pytest.raises(BadSetting, match=NAME):
            env.integer(NAME, 1, least=0)

    def test_a_whole_number_is_an_int(self, given: Callable[[str], None]) -> None:
        given("32")
        assert repr(env.integer(NAME, 1, least=1, most=100)) == "32"


class TestWords:
    @pytest.mark.parametrize(
        ("value", "result"),
        [
            ("1", True),
            ("TRUE", True),
            ("yes", True),
            (" on ", True),
            ("0", False),
            ("False", False),
            ("no", False),
            ("off", False),
        ],
    )
    def test_yes_and_no_have_many_spellings(self, given: Callable[[str], None], value: str, result: bool) -> None:
        given(value)
        assert env.boolean(NAME, not result) is result

    @pytest.mark.parametrize("default", [True, False])
    def test_an_absent_yes_or_no_is_the_default(self, given: Callable[[str], None], default: bool) -> None:
        given("")
        assert env.boolean(NAME, default) is default

    @pytest.mark.parametrize("value", ["maybe", "2", "y", "none"])
    def test_what_is_neither_names_its_variable(self, given: Callable[[str], None], value: str) -> None:
        given(value)
        with pytest.raises(BadSetting, match=f"^{NAME}={value} is neither true nor false$"):
            env.boolean(NAME, False)

    def test_a_word_that_is_no_choice_names_its_variable_and_the_choices(self, given: Callable[[str], None]) -> None:
        given("Open")
        with pytest.raises(BadSetting, match=f"^{NAME}=Open is not one of open, closed$"):
            env.choice(NAME, "open", ("open", "closed"))

    def test_a_choice_is_taken(self, given: Callable[[str], None]) -> None:
        given("closed")
        assert env.choice(NAME, "open", ("open", "closed")) == "closed"


class TestFolder:
    def test_a_relative_folder_counts_from_the_project(self, given: Callable[[str], None]) -> None:
        given("there/../here")
        assert env.folder(NAME, "x") == PROJECT / "here"

    def test_an_absolute_folder_stays(self, given: Callable[[str], None], tmp_path: Path) -> None:
        given(str(tmp_path))
        assert env.folder(NAME, "x") == tmp_path.resolve()

    def test_a_tilde_is_the_home_folder(self, given: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/somebody")
        given("~/pictures")
        assert env.folder(NAME, "x") == Path("/home/somebody/pictures")

    def test_the_home_of_nobody_names_its_variable(self, given: Callable[[str], None]) -> None:
        given("~no-such-user/pictures")
        with pytest.raises(BadSetting, match=NAME):
            env.folder(NAME, "x")


class TestSecret:
    def test_a_secret_may_be_in_a_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("  sk-from-file\n")
        monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
        assert env.secret(NAME) == "sk-from-file"

    def test_the_variable_goes_before_the_file(
        self, given: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        given("sk-direct")
        monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "missing"))
        assert env.secret(NAME) == "sk-direct"

    @pytest.mark.parametrize("content", [None, b"\xff\xfe"])
    def test_a_file_that_cannot_be_read_is_named(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
    ) -> None:
        path = tmp_path / "secret"
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setenv(f"{NAME}_FILE", str(path))
        with pytest.raises(BadSetting, match=f"^{NAME}_FILE={path} cannot be read: "):
            env.secret(NAME)

    def test_without_either_it_is_empty(self) -> None:
        assert env.secret(NAME) == ""


class TestKeptSecret:
    def test_it_is_made_once_and_read_again(self, tmp_path: Path) -> None:
        first = env.kept_secret(tmp_path / "var" / "secret_key")
        assert env.kept_secret(tmp_path / "var" / "secret_key") == first
        assert len(first) >= 50

    def test_each_installation_has_its_own(self, tmp_path: Path) -> None:
        assert env.kept_secret(tmp_path / "one") != env.kept_secret(tmp_path / "two")

    def test_its_owner_alone_may_read_it_and_nothing_else_is_left(self, tmp_path: Path) -> None:
        env.kept_secret(tmp_path / "secret_key")
        [path] = tmp_path.iterdir()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_processes_that_start_together_agree(self, tmp_path: Path) -> None:
        path, start = tmp_path / "secret_key", tmp_path / "start"
        code = (
            "import sys; from pathlib import Path; from chaotix import env; print('here', flush=True)\n"
            "while not Path(sys.argv[2]).exists(): pass\n"
            "print(env.kept_secret(Path(sys.argv[1])))"
        )
        command = [sys.executable, "-c", code, str(path), str(start)]
        processes = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n"
        start.touch()
        assert {process.communicate(timeout=30)[0] for process in processes} == {path.read_text()}

    def test_a_place_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(BadSetting, match=f"^the secret in {tmp_path}/file/secret_key cannot be kept: .*DATA_DIR"):
            env.kept_secret(tmp_path / "file" / "secret_key")

    def test_an_empty_file_is_no_secret(self, tmp_path: Path) -> None:
        (tmp_path / "secret_key").write_text("")
        assert env.kept_secret(tmp_path / "secret_key")


class TestStart:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "pictures.example.org"])
    def test_a_host_that_others_reach_needs_a_word_about_strangers(self, tmp_path: Path, host: str) -> None:
        status, lines = manage("check", tmp_path, HOST=host)
        assert status == 1
        [line] = lines
        assert line.startswith(f"chaotix: HOST={host} can be reached from other machines: set ANONYMOUS_ACCESS to open")

    @pytest.mark.parametrize("names", [{"HOST": "0.0.0.0", "ANONYMOUS_ACCESS": "closed"}, {"HOST": "::1"}, {}])
    def test_otherwise_it_starts(self, tmp_path: Path, names: dict[str, str]) -> None:
        status, lines = manage("check", tmp_path, **names)
        assert (status, lines) == (0, ["System check identified no issues (0 silenced)."])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "0"),
            ("WORKER_CONCURRENCY", "many"),
            ("DEBUG", "perhaps"),
            ("DEFAULT_PROVIDER", "midjourney"),
            ("PUBLIC_URL", "pictures.example.org"),
            ("PUBLIC_URL", "http://[::1"),
            ("DATA_DIR", "~no-such-user/x"),
        ],
    )
    def test_a_bad_value_is_one_sentence_that_names_it(self, tmp_path: Path, name: str, value: str) -> None:
        status, lines = manage("check", tmp_path, **{name: value})
        assert status == 1
        [line] = lines
        assert line.startswith(f"chaotix: {name}={value} ")

    @pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "EMAIL_URL"])
    def test_a_bad_address_is_named_and_its_password_is_not(self, tmp_path: Path, name: str) -> None:
        status, [line] = manage("check", tmp_path, **{name: "nosuch://somebody:hidden@127.0.0.1/x"})
        assert (status, "hidden" in line) == (1, False)
        assert line.startswith(f"chaotix: {name} ")


class TestMailServer:
    @pytest.mark.parametrize(
        ("value", "result"),
        [
            ("smtps://ann:a%40b%2Fc@mail.example.org", MailServer("mail.example.org", 465, "ann", "a@b/c", True, False)),
            ("smtp+tls://ann:x@mail.example.org", MailServer("mail.example.org", 587, "ann", "x", False, True)),
            ("smtp://localhost", MailServer("localhost", 25, "", "", False, False)),
            ("smtp://[::1]:2525", MailServer("::1", 2525, "", "", False, False)),
            ("", None),
        ],
    )
    def test_an_address_says_where_mail_goes(
        self, given: Callable[[str], None], value: str, result: MailServer | None
    ) -> None:
        given(value)
        assert env.mail_server(NAME) == result

    @pytest.mark.parametrize("value", ["mail.example.org", "smtps://:hidden@", "smtp://x:99999", "http://x", "smtp://[::1"])
    def test_what_is_no_address_names_its_variable_and_no_password(self, given: Callable[[str], None], value: str) -> None:
        given(value)
        with pytest.raises(BadSetting, match=f"^{NAME} ") as raised:
            env.mail_server(NAME)
        assert "hidden" not in str(raised.value)

    def test_it_may_be_in_a_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "mail").write_text("smtp://localhost\n")
        monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "mail"))
        assert env.mail_server(NAME) == MailServer("localhost", 25, "", "", False, False)


def test_settings_are_read_from_a_file_beside_manage_py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(f"{NAME}=from the file\n")
    monkeypatch.setattr(env, "BASE_DIR", tmp_path)
    monkeypatch.setenv(NAME, "")
    monkeypatch.delenv(NAME)
    env.load_file()
    assert env.text(NAME) == "from the file"
