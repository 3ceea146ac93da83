"""Project texts written for the tests, in the layouts of REAPER 4 to 7. Media files are only named."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_PROJECTS = Path(__file__).resolve().parents[3] / "shared" / "rpp"


def real_projects() -> list[Path]:
    """Projects by other people, which are not ours to commit; empty where the folder is absent."""
    return sorted(p for p in REAL_PROJECTS.glob("*") if p.suffix.lower() == ".rpp") if REAL_PROJECTS.is_dir() else []


def needs_real_projects() -> None:
    if not real_projects():
        pytest.skip("no folder ../shared/rpp with projects by other people")


TAKES = """\
<REAPER_PROJECT 0.1 "7.22/linux-x86_64" 1700000000
  RECORD_PATH "media" ""
  SAMPLERATE 48000 1 0
  TEMPO 120 4 4
  SELECTION 2 6
  SELECTION2 0 0
  <TEMPOENVEX
    ACT 1 -1
    PT 0 120 1
    PT 4 90 0 524294 0 1
    PT 8 100 1
  >
  <TRACK {AAAAAAAA-0000-0000-0000-000000000001}
    NAME "Lead 'vox'"
    ISBUS 1 1
    <ITEM
      POSITION 1
      LENGTH 8
      LOOP 0
      ALLTAKES 0
      MUTE 0 0
      SEL 1
      IGUID {BBBBBBBB-0000-0000-0000-000000000001}
      <NOTES
        |TAKE SEL
        |>
      >
      NAME first.wav
      VOLPAN 0.5 -0.25 0.75 -1
      SOFFS 0.5
      PLAYRATE 2 0 -1.5 -1 0 0.0025
      CHANMODE 2
      GUID {CCCCCCCC-0000-0000-0000-000000000001}
      <SOURCE WAVE
        FILE "first.wav"
      >
      <TAKEFX
        BYPASS 0 0 0
        <VST "VST: ReaEQ" reaeq.so 0 "" 1919247729<> ""
          ZXFlcg==
        >
        FXID {DDDDDDDD-0000-0000-0000-000000000001}
      >
      TAKE NULL
      TAKE SEL
      NAME "second, edited.wav"
      TAKEVOLPAN 0.1 0.9 -1
      SOFFS 1.25
      PLAYRATE 1.5 1 0 -1 0 0.0025
      CHANMODE 0
      GUID {CCCCCCCC-0000-0000-0000-000000000002}
      <SOURCE FLAC
        FILE "sub\\second.flac" 1
      >
      <VOLENV
        EGUID {EEEEEEEE-0000-0000-0000-000000000001}
        PT 0 1 0
      >
    >
  >
  <TRACK {AAAAAAAA-0000-0000-0000-000000000002}
    NAME Child
    ISBUS 2 -1
    <ITEM
      POSITION 0
      LENGTH 4
      LOOP 1
      ALLTAKES 0
      MUTE 0
      IGUID {BBBBBBBB-0000-0000-0000-000000000002}
      TAKE
      NAME behind
      SOFFS 0
      GUID {CCCCCCCC-0000-0000-0000-000000000003}
      <SOURCE WAVE
        FILE "/abs/behind.wav"
      >
    >
    <ITEM
      POSITION 10
      LENGTH 2
      MUTE 0
      IGUID {BBBBBBBB-0000-0000-0000-000000000003}
    >
  >
>
"""

EMPTY = """\
<REAPER_PROJECT 0.1 "4.32" 1372525904
  TEMPO 90.00000000000000 3 4
  SELECTION 0.00000000000000 0.00000000000000
  <TRACK '{35FAE399-C558-4F4A-903F-4FF6F0470B4D}'
    NAME ""
  >
>
"""
