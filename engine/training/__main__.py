"""`python -m engine.training train | latents | export | evaluate | listen`: nano from nothing, measured and shown."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from engine.training.pipeline import Plan, Runs, export, make_latents, make_mels, train, train_transformer_only


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    runs = Runs(options.runs)
    match options.command:
        case "train":
            run_train = train_transformer_only if options.only_transformer else train
            run_train(options.out, runs, _plan(options))
        case "data":
            make_mels(runs, options.shards)
        case "latents":
            make_latents(runs, options.shards)
        case "export":
            export(runs, options.out)
        case "evaluate":
            from engine.training.evaluate import evaluate

            evaluate(options.model, options.samples, options.out)
        case "listen":
            from engine.training.listen import listen

            listen(options.model, options.out, options.clips)
    return 0


def _plan(options: argparse.Namespace) -> Plan:
    plan = Plan()
    if options.minutes is not None:
        plan = replace(plan, transformer=replace(plan.transformer, minutes=options.minutes))
    if options.steps is not None:
        plan = replace(plan, transformer=replace(plan.transformer, steps=options.steps))
    return plan


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.training", description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("training-runs"), help="where the stages keep their files")
    parser.add_argument("--threads", type=int, default=1)
    commands = parser.add_subparsers(dest="command", required=True)
    train_parser = commands.add_parser("train", help="every stage that is not done yet, then export")
    train_parser.add_argument("--out", type=Path, required=True)
    train_parser.add_argument(
        "--only-transformer", action="store_true", help="on the latents there are, while another process makes more"
    )
    train_parser.add_argument("--steps", type=int, help="of the transformer")
    train_parser.add_argument("--minutes", type=float, help="end the transformer's schedule after so many minutes")
    for name in ("data", "latents"):
        commands.add_parser(name, help=f"only make shards of {name}").add_argument("--shards", type=int, default=60)
    commands.add_parser("export", help="snapshots to a checkpoint folder").add_argument(
        "--out", type=Path, required=True
    )
    for name in ("evaluate", "listen"):
        sub = commands.add_parser(name)
        sub.add_argument("--model", default="nano")
        sub.add_argument("--out", type=Path, required=name == "listen")
        sub.add_argument("--samples" if name == "evaluate" else "--clips", type=int, default=20)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
