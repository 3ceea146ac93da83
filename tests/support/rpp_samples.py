"""Project texts written for the tests, in the layouts of REAPER 4 to 7. Media files are only named."""

from __future__ import annotations

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

CONSTRUCTS = """\
<REAPER_PROJECT 0.1 "7.40/win64" 1757000000
  <NOTES 0 2
  >
  TEMPO 93 4 4
  SELECTION 4 5
  <TRACK {AAAAAAAA-0000-0000-0000-00000000000A}
    NAME Drums
    FREEMODE 0
    FIXEDLANES 9 0 0 0 0
    <ITEM
      POSITION 2
      SNAPOFFS 0
      LENGTH 6
      LOOP 1
      ALLTAKES 0
      FADEIN 1 0 0 1 0 0 0
      BEAT 2
      BLENATTACH 0
      COLOR 21068144 B
      MUTE 0 0
      SEL 0
      IGUID {BBBBBBBB-0000-0000-0000-00000000000A}
      IID 5
      NAME "first's"
      VOLPAN 1 0 1 -1
      SOFFS 0 0
      PLAYRATE 1 1 0 -1 0 0.0025
      CHANMODE 0
      GUID {CCCCCCCC-0000-0000-0000-00000000000A}
      RECPASS 3
      <SOURCE SECTION
        LENGTH 4
        STARTPOS 1
        OVERLAP 0.01
        <SOURCE WAVE
          FILE "Media\\01-first.wav" 1
        >
      >
      SM 0 0 + 1.5 1.25 0.2 + 3 3
      TKM 1.5 "chorus 'b'" 0
      TAKE
      NAME second.flac
      TAKEVOLPAN 0 1 -1
      SOFFS 0
      PLAYRATE 1 1 0 -1 0 0.0025
      CHANMODE 0
      TAKECOLOR 16777216 B
      GUID {CCCCCCCC-0000-0000-0000-00000000000B}
      RECPASS 4
      <SOURCE FLAC
        FILE "second.flac"
      >
      <TAKEFX
        WNDRECT 0 0 0 0
        SHOW 0
        LASTSEL 0
        DOCKED 0
        BYPASS 0 0 0
        <JS loser/3BandEQ ""
          200 0 2000 0 0 0 - -
        >
        FLOATPOS 0 0 0 0
        FXID {DDDDDDDD-0000-0000-0000-00000000000A}
        WAK 0 0
      >
      <PITCHENV
        EGUID {EEEEEEEE-0000-0000-0000-00000000000A}
        ACT 1 -1
        PT 0 0 0
      >
      TAKE NULL SEL
      TAKE NULL
    >
    <ITEM
      POSITION 20
      LENGTH 1
      IGUID {BBBBBBBB-0000-0000-0000-00000000000B}
      NAME click
      GUID {CCCCCCCC-0000-0000-0000-00000000000C}
      <SOURCE CLICK
      >
    >
  >
  <TRACK {AAAAAAAA-0000-0000-0000-00000000000A}
    NAME `double "and" 'single'`
    FREEMODE 2
    <ITEM
      POSITION 4
      LENGTH 2
      IGUID {BBBBBBBB-0000-0000-0000-00000000000C}
      NAME lane
      GUID {CCCCCCCC-0000-0000-0000-00000000000D}
      <SOURCE RPP_PROJECT
        FILE "sub/sub.rpp"
      >
    >
  >
  <EXTENSIONS
  >
>
"""
