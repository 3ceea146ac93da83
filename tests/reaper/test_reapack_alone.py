"""An installation by ReaPack alone: the files that index.xml names, where ReaPack puts them, and nothing else."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from bridge.reaper.reapack import index_xml
from tests.support.paths import SCRIPTS

FOLDERS = {"data": Path("Data"), "tracktpl": Path("TrackTemplates")}
URL = "https://example.org/raw/v1/reaper_scripts/"


def install_by_index(resources: Path) -> Path:
    """What ReaPack does with the index: each source to Scripts/<repository>/<category>/<file>, or by its type."""
    root = ElementTree.fromstring(index_xml(URL, datetime.now(UTC)))
    (category,) = root.findall("category")
    place = resources / "Scripts" / root.attrib["name"] / category.attrib["name"]
    for source in category.iter("source"):
        target = FOLDERS.get(source.get("type", ""), place.relative_to(resources)) / source.attrib["file"]
        target = resources / target
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SCRIPTS / unquote((source.text or "").removeprefix(URL)), target)
    return place


def test_its_files_suffice(make_studio):
    studio = make_studio("sub")
    place = install_by_index(studio.folder)
    shutil.rmtree(studio.folder / "scripts")
    studio.save_tags()
    item = studio.song(seconds=6.0)
    studio.select(2.0, 4.0)
    studio.fake.answers = [1]
    studio.host.run(place / "acestep_Setup.py")
    studio.host.run(place / "acestep_Regenerate time selection as new take.py")
    studio.finish()
    assert len(item.takes) == 2
    studio.host.close()
    studio.check()
