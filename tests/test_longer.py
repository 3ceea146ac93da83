"""Which tests the longer check takes over, by the table of `tests/support/longer.py`."""

import re

from tests.support.longer import ONE_DAEMON, left_out, place, some_of, stale, together
from tests.support.paths import ROOT

IDS = [f"tests/a/test_b.py::test_c[{number}]" for number in range(6)] + ["tests/a/test_b.py::test_d"]


def test_a_number_keeps_so_many_cases_spread_over_the_list():
    assert left_out(IDS, {"a/test_b.py::test_c": 2}) == {IDS[1], IDS[2], IDS[4], IDS[5]}
    assert left_out(IDS, {"a/test_b.py::test_c": 9}) == set()
    assert left_out(IDS, {"a/test_b.py::*": 0}) == set(IDS)


def test_names_keep_these_cases():
    assert left_out(IDS, {"a/test_b.py::test_c": ("1", "5")}) == {IDS[0], *IDS[2:5]}


def test_what_no_test_is_called_is_stale():
    table = {"a/test_b.py::test_c": ("1", "9"), "a/test_b.py::test_d": 0, "a/test_e.py::test_f": 3}
    assert stale(IDS, table) == ["a/test_b.py::test_c[9]", "a/test_e.py::test_f"]


def test_some_are_the_first_case_of_each_function_that_the_suite_does_not_run():
    assert some_of(IDS, []) == [IDS[0], IDS[6]]
    assert some_of(IDS[1:], IDS[:1]) == [IDS[6]]


def test_other_files_stay_in_their_order():
    assert sorted(IDS, key=place) == IDS


def test_files_that_share_a_daemon_go_to_one_worker_and_are_those_that_use_it():
    assert len({together(f"tests/{path}::test_a[b]") for path in ONE_DAEMON}) == 1
    assert together(IDS[0]) == "tests/a/test_b.py"
    texts = {path.name: path.read_text("utf-8") for path in (ROOT / "tests" / "end_to_end").glob("test_*.py")}
    users = {name for name, text in texts.items() if re.search(r"def \w+\([^)]*\bhome\b", text)}
    own = {name for name, text in texts.items() if "def home(" in text}
    assert users - own == {path.rpartition("/")[2] for path in ONE_DAEMON}
