"""Settings of other programs' Pythons and of pip, with the real pip of this environment; nothing is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile

import pytest

from bridge.cli.surroundings import put_foreign_paths_last
from bridge.set_up.foreign import FOREIGN, own_environment, pip_environment

ELSEWHERE = {
    "user": "[install]\nuser = true\n",
    "target": "[install]\ntarget = {folder}/target\n",
    "prefix": "[install]\nprefix = {folder}/prefix\n",
    "root": "[install]\nroot = {folder}/root\n",
    "require-virtualenv": "[global]\nrequire-virtualenv = true\n",
    "user and target": "[install]\nuser = true\ntarget = {folder}/target\n",
    "damaged": "this is no settings file\n",
}


@pytest.fixture
def wheel(tmp_path):
    """A package of nothing."""
    path = tmp_path / "nothing_here-1.0-py3-none-any.whl"
    about = "nothing_here-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: nothing-here\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return path


def installed(wheel, environment):
    words = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", str(wheel)]
    return subprocess.run(words, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_a_file_of_pip_settings_puts_packages_nowhere_else(kind, wheel, tmp_path):
    """pip.conf with user = true (Manjaro's): "Can not perform a '--user' install", and the same command again."""
    settings = tmp_path / "pip.conf"
    settings.write_text(ELSEWHERE[kind].format(folder=tmp_path) + "[global]\nindex-url = https://here.invalid/simple\n")
    if kind == "damaged" or "[global]" in ELSEWHERE[kind]:
        settings.write_text(ELSEWHERE[kind].format(folder=tmp_path))
    environment = pip_environment([sys.executable], {**os.environ, "PIP_CONFIG_FILE": str(settings)})
    done = installed(wheel, environment)
    assert done.returncode == 0 and "Would install nothing-here-1.0" in done.stdout, done.stderr
    words = [sys.executable, "-m", "pip", "config", "list"]
    left = subprocess.run(words, env=environment, capture_output=True, text=True).stdout
    assert not {"user", "target", "prefix", "root", "require-virtualenv"} & {
        line.partition("=")[0].rpartition(".")[2] for line in left.splitlines()
    }
    assert ("https://here.invalid" in left) == (kind not in ("damaged", "require-virtualenv"))


def test_variables_of_pip_count_only_where_they_say_where_packages_come_from(wheel, tmp_path):
    given = {"PIP_TARGET": str(tmp_path), "PIP_USER": "1", "PIP_REQUIRE_VIRTUALENV": "1", "PIP_NO_DEPS": "1"}
    kept = {"PIP_INDEX_URL": "https://here.invalid/simple", "PIP_TRUSTED_HOST": "here.invalid"}
    environment = pip_environment([sys.executable], {**os.environ, **given, **kept})
    assert not given.keys() & environment.keys()
    assert kept.items() <= environment.items()
    assert installed(wheel, environment).returncode == 0


def test_without_this_the_settings_do_harm(wheel, tmp_path):
    """What the tests above would not see otherwise."""
    settings = tmp_path / "pip.conf"
    settings.write_text(f"[install]\nuser = true\ntarget = {tmp_path}\n")
    assert installed(wheel, {**os.environ, "PIP_CONFIG_FILE": str(settings)}).returncode != 0


def test_another_pythons_variables_are_left_out():
    environment = own_environment({**dict.fromkeys(FOREIGN, "x"), "PATH": "p", "PYTHONIOENCODING": "cp1252"})
    assert environment == {"PATH": "p", "PYTHONIOENCODING": "cp1252"}


def test_folders_of_another_python_come_last(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/own/packages"])
    environment = {"PYTHONPATH": f"{tmp_path}{os.pathsep}", "PYTHONHOME": "/usr"}
    put_foreign_paths_last(environment)
    assert (sys.path, environment) == (["/own/packages", str(tmp_path)], {})


@pytest.mark.parametrize("package", ["numpy", "msgspec", "typer", "zmq"])
def test_a_command_runs_beside_another_programs_packages(package, tmp_path):
    """OpenPype, Resolve and Maya set PYTHONPATH for the Python inside them: numpy was that of another one."""
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").write_text("raise ImportError('for another Python')\n")
    words = [sys.executable, "-c", "from bridge.cli import main; main()", "keys", "new"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "ACESTEP_BRIDGE_HOME": str(tmp_path / "home")}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert (done.returncode, len(done.stdout.strip())) == (0, 40), done.stderr


def test_commands_run_without_asserts_and_docstrings(tmp_path):
    words = [sys.executable, "-c", "from bridge.cli import main; main()", "jobs", "--help"]
    done = subprocess.run(words, env={**os.environ, "PYTHONOPTIMIZE": "2"}, capture_output=True, text=True)
    assert done.returncode == 0 and "delete" in done.stdout
