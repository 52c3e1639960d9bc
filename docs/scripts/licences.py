"""Write the table of licences in NOTICE.md: the licence of each package of the lock, from its metadata."""

from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
BEGIN, END = "<!-- table: docs/scripts/licences.py -->\n", "<!-- end of table -->\n"
#: Licences of packages whose metadata state none or a full text, or that only another Python installs.
STATED = {
    "audioop-lts": "PSF-2.0 (Python 3.13 and later only)",
    "cuda-toolkit": "not stated in its metadata; it holds no code, and requires the packages of NVIDIA",
    "cycler": "BSD-3-Clause",
    "conda-inject": "not stated in its metadata",
    "espeakng-loader": "not stated in its metadata; it contains eSpeak NG, which is GPL-3.0-or-later",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "the licence of matplotlib, after that of Python",
    "mergedeep": "MIT",
    "nvidia-nvtx": "Apache-2.0, proprietary by its classifier",
    "scipy": "BSD-3-Clause",
    "snakemake-interface-common": "not stated in its metadata",
    "snakemake-interface-logger-plugins": "not stated in its metadata",
    "snakemake-interface-report-plugins": "not stated in its metadata",
    "snakemake-interface-scheduler-plugins": "not stated in its metadata",
    "snakemake-interface-storage-plugins": "not stated in its metadata",
    "standard-aifc": "PSF-2.0 (Python 3.13 and later only)",
    "standard-chunk": "PSF-2.0 (Python 3.13 and later only)",
    "standard-sunau": "PSF-2.0 (Python 3.13 and later only)",
}


def names() -> list[str]:
    """Return the packages of the lock."""
    lines = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [Requirement(line).name for line in lines if line and not line.startswith("#")]


def licence(name: str) -> str:
    """Return the licence of a package, or an empty text if it is unknown."""
    if name.lower() in STATED:
        return STATED[name.lower()]
    try:
        package = metadata(name)
    except PackageNotFoundError:  # another platform's
        return "LicenseRef-NVIDIA-Proprietary" if name.startswith("nvidia-") else ""
    classifiers = [
        c.rpartition(" :: ")[2] for c in package.get_all("Classifier") or [] if c.startswith("License ::")
    ]
    return package.get("License-Expression") or " or ".join(classifiers) or package.get("License") or ""


def table() -> str:
    """Return the table as Markdown."""
    rows = [f"| {name} | {licence(name)} |" for name in sorted(names(), key=str.lower)]
    return "\n".join(["| package | licence |", "|---|---|", *rows]) + "\n"


def main() -> None:
    """Replace the table in NOTICE.md."""
    notice = REPOSITORY / "NOTICE.md"
    before, _, rest = notice.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    notice.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
