"""`python -m engine.training beats`: excerpts from MIDI files, then the network, and how often it is right."""

from __future__ import annotations

import argparse
from pathlib import Path

from engine.training.beats.excerpts import Excerpt, Maker, load, save
from engine.training.beats.judging import Shares, shares
from engine.training.beats.learn import learn
from engine.training.progress import Progress

_VALID_SHARE = 16  # one excerpt of so many is held out, of songs of its own


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--midi", type=Path, nargs="+", required=True, metavar="FOLDER", help="chosen alike; may recur")
    parser.add_argument("--soundfonts", type=Path, nargs="+", required=True, metavar="FILE", help="SF2 or SF3")
    parser.add_argument("--kits", type=Path, metavar="FOLDER", help="Hydrogen's drum kits, anywhere below it")
    parser.add_argument("--excerpts", type=int, default=5600, help="of 20 s, 128 kB each")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("beat_network.npz"))


def run(options: argparse.Namespace) -> Shares:
    """Make what is not made yet in RUNS/beats, train, and judge."""
    folder = options.runs / "beats"
    for split, count in (("valid", options.excerpts // _VALID_SHARE), ("train", options.excerpts)):
        _make(options, folder / split, split, count)
    learn(folder / "train", folder / "valid", options.out, options.steps, options.seed)
    held: list[Excerpt] = [load(path) for path in sorted((folder / "valid").glob("*.npz"))]
    judged = shares(held, options.out)
    print(judged.in_words())
    return judged


def _make(options: argparse.Namespace, folder: Path, split: str, count: int) -> None:
    """The excerpts of a split that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {int(path.stem) for path in folder.glob("*.npz") if path.stem.isdigit()}
    if len(made) >= count:
        return
    maker = Maker(options.midi, options.soundfonts, options.kits, split)
    with Progress(f"excerpts to {split} with") as progress:
        for done, (number, excerpt) in enumerate(maker.excerpts(count, options.seed, made)):
            save(folder / f"{number:06}.npz", excerpt)
            progress.step(len(made) + done + 1, count)
