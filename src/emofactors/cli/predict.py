"""``emofactors predict``: what trained runs make of audio files."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from emofactors.errors import InputError
from emofactors.io.atomic import write_text_atomically

EXAMPLES = (
    "emofactors predict results/training/emodb7_groups3/cnn_bigru/mel_center/fold0/seed0 speech.wav",
    "emofactors predict results/training/emodb7_groups3/cnn_bigru/mel_center recordings/",
    "emofactors predict runs/mel_center --also runs/stft_center call.mp3 --format json --output call.json",
)


def command(
    run_dir: Annotated[
        Path, typer.Argument(help="Folder of a run, or one above runs: all below it are averaged.")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Audio: wav, flac, ogg, mp3 and others; of a folder all below it."),
    ],
    also: Annotated[
        list[Path] | None, typer.Option(help="Folder of more runs, of the same classes; may be repeated.")
    ] = None,
    output_format: Annotated[Literal["table", "csv", "json"], typer.Option("--format")] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write to, instead of the terminal.")
    ] = None,
    device: Annotated[Literal["cpu", "cuda", "mps", "auto"], typer.Option(help="Where networks run.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processors to use.", show_default="all there are")
    ] = None,
) -> None:
    """Emotion posteriors of audio files, from runs that a study has trained.

    A file may have any rate and any number of channels, and is heard as one utterance. Posteriors are the mean
    over all runs; what they are and are not, docs/predict.md says.

    Status 1: a file could not be heard, and its line says why. Status 2: there is no run, or a damaged one.
    """
    # They take seconds, which help and completion have no need of.
    import torch

    from emofactors.features import feature_transform
    from emofactors.inference.audio_files import as_json, as_table, audio_files, predict_files
    from emofactors.inference.saved_model import find_runs, load_run
    from emofactors.jobs.device import choose_device
    from emofactors.systems import build_system

    if output is not None and (output.is_dir() or not output.parent.is_dir()):
        raise InputError(f"{output}: cannot be written, expected a file in a folder that exists")
    threads = threads or torch.get_num_threads()
    torch.set_num_threads(threads)
    folders = dict.fromkeys(folder for above in (run_dir, *(also or ())) for folder in find_runs(above))
    where = choose_device(device)
    runs = [load_run(folder, build_system, where) for folder in folders]
    found = audio_files(files)
    predictions = predict_files(found, runs, feature_transform, threads=threads)
    with typer.progressbar(predictions, length=len(found), file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        recordings = list(bar)

    table = as_table(recordings, runs)
    match output_format:
        case "table":
            text = _as_text(table)
        case "csv":
            from emofactors.io.csv import csv_text

            text = csv_text(table, float_format="%.6f")
        case "json":
            text = json.dumps(as_json(recordings, runs), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text_atomically(output, text)
    _note(recordings, runs)
    if any(recording.fault for recording in recordings):
        raise typer.Exit(1)


def _as_text(table: Any) -> str:
    """The table for a terminal; in the line of a file that was not heard stands why."""
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
    beside = rule.index(" ")  # where the names of files end
    for i, row in enumerate(rows):
        if row["problem"]:
            lines[i] = f"{row['file'].ljust(beside)}  {row['problem']}"
    return "\n".join([header, rule, *lines]) + "\n"


def _note(recordings: Any, runs: Any) -> None:
    """On stderr: which runs were heard, and what they do not hear."""
    named = sorted({f"{run.input_spec.task}/{run.input_spec.system}/{run.input_spec.variant}" for run in runs})
    corpora = sorted({run.input_spec.corpus for run in runs})
    typer.echo(f"{len(runs)} model(s): {', '.join(named)}; trained on {', '.join(corpora)}", err=True)
    most_s = min(run.max_heard_s for run in runs)
    n_longer = sum(recording.fault is None and recording.duration_s > most_s for recording in recordings)
    if n_longer:
        typer.echo(f"{n_longer} file(s) are longer than {most_s:g} s, of which a model hears the middle", err=True)
