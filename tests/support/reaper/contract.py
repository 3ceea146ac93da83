"""What REAPER's SDK header says about each API function, and code made from it.

Knows: names, C types, Python arity and return shape (`contract_7.78.json`), how to write
a shim `reaper_python.py` and the C side of the test host from them. Does not know what
any function does: that is the fake's part.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

CONTRACT_FILE = Path(__file__).parent / "contract_7.78.json"
TEXT_BYTES = 1 << 19  # of each text that comes back, whatever size is told to C; REAPER's module makes 4 MB ready

# one letter an argument, as host.c and the fake read it
_EXACT = {
    "int": "i",
    "unsigned int": "u",
    "size_t": "u",
    "bool": "b",
    "double": "d",
    "const char*": "s",
    "char*": "S",
    "int*": "I",
    "unsigned int*": "I",
    "const int*": "I",
    "double*": "D",
    "const double*": "D",
    "bool*": "B",
    "const bool*": "B",
    "const char**": "N",
}
# functions of extensions that scripts call through their address where they are installed (SWS documents this one)
_EXTENSIONS = {
    "NF_GetSWSMarkerRegionSub": {"c_ret": "const char*", "c_args": ["int markerRegionIdx"], "py_return": "r",
                                 "in_reaper_python_7_40": False},
}  # fmt: skip


@dataclass(frozen=True)
class Function:
    """One API function as letters: see `_EXACT`; P pointer, A array of doubles, Z big text buffer."""

    name: str
    letters: str
    types: tuple[str, ...]
    names: tuple[str, ...]
    ret: str
    ret_type: str
    py_return: object
    exposed: bool

    @property
    def arity(self) -> int:
        return len(self.letters)


def _split(argument: str) -> tuple[str, str]:
    match = re.match(r"(.*?)\s*(\w+)$", argument.strip())
    assert match is not None
    return match.group(1), match.group(2)


def _letter(function: str, c_type: str) -> str:
    if function == "GetAudioAccessorSamples" and c_type == "double*":
        return "A"
    return _EXACT.get(c_type, "P")


def _function(name: str, entry: dict) -> Function:
    pairs = [_split(a) for a in entry["c_args"]]
    letters = [_letter(name, t) for t, _ in pairs]
    for i, letter in enumerate(letters):
        sized = i + 1 < len(pairs) and pairs[i + 1][1].endswith("_sz")
        letters[i] = "Z" if letter == "S" and not sized else letter
    ret = entry["c_ret"]
    return Function(
        name=name,
        letters="".join(letters),
        types=tuple(t for t, _ in pairs),
        names=tuple(n for _, n in pairs),
        ret="v" if ret == "void" else _EXACT.get(ret, "P"),
        ret_type=ret,
        py_return=entry["py_return"],
        exposed=entry["in_reaper_python_7_40"],
    )


@lru_cache(maxsize=1)
def functions() -> dict[str, Function]:
    """All functions of the header by name, without the RPR_ prefix."""
    data = json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))
    entries = {**data["functions"], **_EXTENSIONS}
    found = {n: _function(n, e) for n, e in entries.items() if not n.startswith("__")}
    return found


@lru_cache(maxsize=1)
def builtins() -> dict[str, int]:
    """RPR_defer and friends: put into `__main__` by REAPER; name to arity."""
    return json.loads(CONTRACT_FILE.read_text(encoding="utf-8"))["py_builtins"]


# --- reaper_python.py ---------------------------------------------------------------------------

_SHIM_HEAD = '''"""Made by tests/support/reaper/contract.py from the SDK header: calls as REAPER's module does."""
from ctypes import *
import re

_ft = {}
_TEXT_BYTES = %d
_POINTER = re.compile(r"\\((\\w+\\*|HWND)\\)0x([0-9A-F]+)$")


def rpr_initft(table):
    if not _ft:
        _ft.update(table)


def rpr_getfp(name):
    return _ft[name]


def rpr_packsc(v):
    return c_char_p(str(v).encode("utf-8"))


def rpr_packs(v):
    return create_string_buffer(str(v).encode("utf-8"), _TEXT_BYTES)


def rpr_unpacks(v):
    return v.value.decode("utf-8")


def RPR_ValidatePtr(p, t):
    f = CFUNCTYPE(c_byte, c_uint64, c_char_p)(_ft["ValidatePtr"])
    return f(c_uint64(p), rpr_packsc(t))


def rpr_packp(t, v):
    m = _POINTER.match(str(v))
    if m is None or m.group(1) != t and t != "void*":
        return 0
    address = int(m.group(2), 16)
    return address if RPR_ValidatePtr(address, t) else 0


def rpr_unpackp(t, v):
    return "(%%s)0x%%016X" %% (t, v or 0)


def RPR_GetAudioAccessorSamples(p0, p1, p2, p3, p4, p5):
    f = CFUNCTYPE(c_int, c_uint64, c_int, c_int, c_double, c_int, c_void_p)(_ft["GetAudioAccessorSamples"])
    v = (c_double * (p2 * p4))()
    r = f(rpr_packp("void*", p0), c_int(p1), c_int(p2), c_double(p3), c_int(p4), cast(v, c_void_p))
    p5[: p2 * p4] = v
    return (r, p5)

'''

_OF_THE_HEAD = ("ValidatePtr", "GetAudioAccessorSamples")  # REAPER's module has these two by hand, as above

_CTYPE = {
    "i": "c_int",
    "u": "c_uint64",
    "b": "c_byte",
    "d": "c_double",
    "s": "c_char_p",
    "S": "c_char_p",
    "Z": "c_char_p",
    "I": "c_void_p",
    "D": "c_void_p",
    "B": "c_void_p",
    "N": "c_void_p",
    "A": "c_void_p",
    "P": "c_uint64",
    "v": "None",
}


def _pack(function: Function, index: int) -> str:
    value = f"p{index}"
    letter = function.letters[index]
    simple = {
        "i": f"c_int({value})",
        "u": f"c_uint64({value})",
        "b": f"c_byte({value})",
        "d": f"c_double({value})",
        "s": f"rpr_packsc({value})",
        "I": f"c_int(int({value}))",
        "D": f"c_double(float({value}))",
        "B": f"c_byte({value})",
        "N": f"rpr_packp('char**', {value})",
        "P": f"rpr_packp({function.types[index]!r}, {value})",
    }
    return f"rpr_packs({value})" if letter in "SZ" else simple[letter]


def _call_argument(letter: str, index: int) -> str:
    return f"byref(t[{index}])" if letter in "IDB" else f"t[{index}]"


def _shim_function(f: Function) -> str:
    arguments = ", ".join(f"p{i}" for i in range(f.arity))
    packed = ", ".join(_pack(f, i) for i in range(f.arity)) + ("," if f.arity == 1 else "")
    types = ", ".join(_CTYPE[letter] for letter in f.letters)
    call = ", ".join(_call_argument(letter, i) for i, letter in enumerate(f.letters))
    lines = [
        f"def RPR_{f.name}({arguments}):",
        f"    t = ({packed})",
        f"    r = CFUNCTYPE({_CTYPE[f.ret]}{', ' + types if types else ''})(_ft[{f.name!r}])({call})",
    ]
    if f.py_return is not None:
        shape = f.py_return
        lines.append(f"    return {shape if isinstance(shape, str) else '(' + ', '.join(shape) + ')'}")
    return "\n".join(lines) + "\n\n"


def shim_source() -> str:
    """Text of a `reaper_python.py` with every function REAPER 7.40 exposes."""
    chosen = [f for f in functions().values() if f.exposed and f.name not in _OF_THE_HEAD]
    return _SHIM_HEAD % TEXT_BYTES + "\n".join(_shim_function(f) for f in chosen)


# --- the C side ---------------------------------------------------------------------------------

_C_TYPE = {
    "i": "int",
    "u": "uint64_t",
    "b": "signed char",
    "d": "double",
    "s": "const char *",
    "S": "char *",
    "Z": "char *",
    "I": "int *",
    "D": "double *",
    "B": "signed char *",
    "N": "const char **",
    "A": "double *",
    "P": "uint64_t",
    "v": "void",
}
_C_FIELD = {"i": "i", "u": "u", "b": "i", "d": "d", "P": "u"}


def _c_function(index: int, f: Function) -> str:
    parameters = ", ".join(f"{_C_TYPE[x]} a{i}" for i, x in enumerate(f.letters)) or "void"
    slots = "".join(
        f"  a[{i}].{_C_FIELD.get(x, 'p')} = {'' if x in _C_FIELD else '(void *)'}a{i};\n"
        for i, x in enumerate(f.letters)
    )
    results = {"v": "", "d": "  return r.d;\n", "s": "  return r.p;\n", "P": "  return r.u;\n"}
    result = results.get(f.ret, "  return r.i;\n")
    return (
        f"static {_C_TYPE[f.ret]} f_{f.name}({parameters}) {{\n"
        f"  slot a[{max(f.arity, 1)}], r;\n{slots}"
        f"  forward({index}, \"{f.letters}\", '{f.ret}', a, &r);\n{result}}}\n"
    )


def host_table(names: list[str]) -> str:
    """C text: one function of the right ABI for each name, and the table that rpr_initft gets."""
    known = functions()
    body = "".join(_c_function(i, known[n]) for i, n in enumerate(names))
    rows = "".join(f'  {{"{n}", (void *)f_{n}}},\n' for n in names)
    return f"{body}\nstatic const entry TABLE[] = {{\n{rows}  {{0, 0}}\n}};\n"
