"""``emofactors predict``: emotion posteriors of audio files from trained runs."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from emofactors.errors import InputError
from emofactors.io.atomic import write_text_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from emofactors.inference.audio_files import FilePrediction
    from emofactors.inference.saved_model import SavedModel

EXAMPLES = (
    "emofactors predict results/training/emodb7_groups3/cnn_bigru/mel_center/fold0/seed0 speech.wav",
    "emofactors predict results/training/emodb7_groups3/cnn_bigru/mel_center recordings/",
    "emofactors predict runs/mel_center --also runs/stft_center call.mp3 --format json --output call.json",
)


def command(
    run_dir: Annotated[
        Path, typer.Argument(help="Folder of a run, or a folder above runs, whose posteriors are averaged.")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Audio files (wav, flac, ogg, mp3, ...), or folders of them."),
    ],
    also: Annotated[
        list[Path] | None, typer.Option(help="Folder of more runs with the same classes; repeatable.")
    ] = None,
    output_format: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="Format of the output.")
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Output file; default: the terminal.")
    ] = None,
    device: Annotated[Literal["cpu", "cuda", "mps", "auto"], typer.Option(help="Device of networks.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Number of CPU threads.", show_default="all processors")
    ] = None,
) -> None:
    """Predict emotion posteriors of audio files with trained runs.

    Files may have any sample rate and number of channels; each is predicted as one utterance. Posteriors are the
    mean over all runs; docs/predict.md explains how to read them.

    Exit status 1: a file could not be predicted; its line states the reason. Exit status 2: a run is missing or
    damaged.
    """
    # These imports take seconds, which --help and completion do not need.
    import torch

    from emofactors.features import feature_transform
    from emofactors.inference.audio_files import as_json, as_table, audio_files, predict_files
    from emofactors.inference.saved_model import find_runs, load_model
    from emofactors.jobs.device import choose_device
    from emofactors.systems import build_system

    if output is not None and (output.is_dir() or not output.parent.is_dir()):
        raise InputError(f"{output}: cannot be written, expected a file in an existing folder")
    threads = threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    folders = dict.fromkeys(folder for parent in (run_dir, *(also or ())) for folder in find_runs(parent))
    torch_device = choose_device(device)
    models = [load_model(folder, build_system, torch_device) for folder in folders]
    paths = audio_files(files)
    progress = typer.progressbar(
        predict_files(paths, models, feature_transform, threads=threads),
        length=len(paths),
        file=sys.stderr,
        hidden=not sys.stderr.isatty(),
    )
    with progress as bar:
        predictions = list(bar)

    table = as_table(predictions, models)
    match output_format:
        case "table":
            text = _as_text(table)
        case "csv":
            from emofactors.io.csv import csv_text

            text = csv_text(table, float_format="%.6f")
        case "json":
            text = json.dumps(as_json(predictions, models), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text_atomically(output, text)
    _print_summary(predictions, models)
    if any(prediction.fault for prediction in predictions):
        raise typer.Exit(1)


def _as_text(table: "pd.DataFrame") -> str:
    """Format the table for a terminal; the line of an unusable file states the reason."""
    from tabulate import tabulate

    posteriors = [name for name in table.columns if name.startswith("p_")]
    rows = table.to_dict("records")
    cells = [
        [row["file"], f"{row['duration_s']:.2f}", row["prediction"], *(f"{row[name]:.3f}" for name in posteriors)]
        if not row["problem"]
        else [row["file"]]
        for row in rows
    ]
    names = ["file", "seconds", "prediction", *(name.removeprefix("p_") for name in posteriors)]
    header, rule, *lines = tabulate(cells, names, disable_numparse=True).splitlines()
    file_width = rule.index(" ")
    for i, row in enumerate(rows):
        if row["problem"]:
            lines[i] = f"{row['file'].ljust(file_width)}  {row['problem']}"
    return "\n".join([header, rule, *lines]) + "\n"


def _print_summary(predictions: "Sequence[FilePrediction]", models: "Sequence[SavedModel]") -> None:
    """Print the models, and the number of files that are longer than a model reads, to stderr."""
    specs = [model.input_spec for model in models]
    variants = sorted({f"{spec.task}/{spec.system}/{spec.variant}" for spec in specs})
    corpora = sorted({spec.corpus for spec in specs})
    typer.echo(f"{len(models)} model(s): {', '.join(variants)}; trained on {', '.join(corpora)}", err=True)
    max_s = min(model.max_used_s for model in models)
    n_longer = sum(p.duration_s is not None and p.fault is None and p.duration_s > max_s for p in predictions)
    if n_longer:
        typer.echo(f"{n_longer} file(s) are longer than {max_s:g} s; a model reads only their center", err=True)
