"""GPUs that trainings run on."""

import os
import re
import shutil
import subprocess
from functools import cache

from emofactors.config.training import ComputeSettings


@cache
def uses_gpus(compute: ComputeSettings) -> bool:
    """Return whether trainings run on GPUs: by name, or if ``auto`` finds NVIDIA's driver."""
    return compute.device == "cuda" or (compute.device == "auto" and shutil.which("nvidia-smi") is not None)


def n_gpus() -> int:
    """Return the number of GPUs that CUDA may use, or that NVIDIA's driver lists; 0 if neither is known."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([entry for entry in visible.split(",") if entry.strip()])
    if shutil.which("nvidia-smi") is None:
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    return len(re.findall(r"^GPU \d+", listed.stdout, flags=re.MULTILINE))
