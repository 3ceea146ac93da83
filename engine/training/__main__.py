"""`python -m engine.training train | data | latents | export | evaluate | listen`: nano made, measured and shown.

`... beats` trains the network that hears beats for the report of a fit (`engine/audio/beat_network.py`).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engine.training.recipe import STAGES, Plan, Runs
from engine.training.stages import export, make_latents, make_mels, start_from, train


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    runs = Runs(options.runs)
    match options.command:
        case "train":
            plan = _plan(options)
            if options.start:
                start_from(options.start, runs, plan)
            train(options.out, runs, plan, only=options.only)
        case "data":
            make_mels(runs, options.shards, workers=options.threads)
        case "latents":
            make_latents(runs, options.shards)
        case "export":
            export(runs, options.out)
        case "evaluate":
            _evaluate(options)
        case "beats":
            from engine.training.beats.command import run

            run(options)
        case "listen":
            from engine.training.evaluation.listen import listen

            listen(options.model, options.out, options.clips)
    return 0


def _evaluate(options: argparse.Namespace) -> None:
    from engine.training.evaluation.card import write_table
    from engine.training.evaluation.runner import MEASURES, evaluate, in_turns

    names = options.measures or [name for name in MEASURES if name != "random"]
    pieces = in_turns(names, options.samples)
    if options.random_requests:
        pieces += [("random", seed) for seed in range(options.random_requests)]
    settings: dict[str, Any] = {} if options.steps is None else {"number_of_steps": options.steps}
    lines = evaluate(options.model, pieces, options.out, settings, options.workers)
    if options.card is not None:
        write_table(options.card, lines, "steps" if options.steps else "measured")


def _plan(options: argparse.Namespace) -> Plan:
    """The shipped recipe, with the steps, minutes and shards that the options change."""
    plan = Plan()
    if options.shards is not None:
        plan = replace(plan, mel_shards=options.shards, latent_shards=options.shards)
    for stage in ("autoencoder", "decoder", "partials", "transformer"):
        if options.only in (None, stage):
            plan = plan.changed(stage, options.steps, options.minutes)
    return plan


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.training", description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("training-runs"), help="where the stages keep their files")
    parser.add_argument("--threads", type=int, default=1)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_train(commands.add_parser("train", help="every stage that is not done yet, then export"))
    for name in ("data", "latents"):
        commands.add_parser(name, help=f"only make shards of {name}").add_argument("--shards", type=int, default=157)
    export_parser = commands.add_parser("export", help="snapshots to a checkpoint folder")
    export_parser.add_argument("--out", type=Path, required=True)
    _add_evaluate(commands.add_parser("evaluate", help="rules on audio, held-out seeds; goes on where --out ends"))
    listen = commands.add_parser("listen", help="WAVs and spectrogram pictures")
    listen.add_argument("--model", default="nano")
    listen.add_argument("--out", type=Path, required=True)
    listen.add_argument("--clips", type=int, default=6)
    _add_beats(commands.add_parser("beats", help="the network that hears beats, from MIDI files and soundfonts"))
    return parser


def _add_beats(parser: argparse.ArgumentParser) -> None:
    from engine.training.beats.command import add_options

    add_options(parser)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=STAGES, help="one stage; stages may run side by side in several processes")
    parser.add_argument(
        "--from", dest="start", help="begin the last parts with the weights of this model (nano, or a folder)"
    )
    parser.add_argument("--shards", type=int, help="of 32 clips of 28 s")
    parser.add_argument("--steps", type=int, help="of each network that is trained")
    parser.add_argument("--minutes", type=float, help="end each network's schedule after so many minutes instead")


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    from engine.training.evaluation.runner import MEASURES

    parser.add_argument("--model", default="nano")
    parser.add_argument("--out", type=Path, default=Path("evaluation.jsonl"), help="JSON lines, one per sample")
    parser.add_argument("--samples", type=int, default=20, help="seeds of each measure")
    parser.add_argument("--measures", nargs="+", choices=list(MEASURES), help="all but random when not given")
    parser.add_argument("--random-requests", type=int, default=0)
    parser.add_argument("--steps", type=int, help="number_of_steps; the model's own when not given")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--card", type=Path, help="a MODEL_CARD.md whose table is to be replaced")


if __name__ == "__main__":
    raise SystemExit(main())
