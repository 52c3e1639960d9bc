from pathlib import Path

import pytest
import yaml

from emofactors.config.load import load_study

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture
def study_of_all_variants(tmp_path):
    """Function of a system: a study of all its variants, with the settings of its file."""

    def make(system):
        variants = yaml.safe_load((CONFIG / "systems" / f"{system}.yaml").read_text())["variants"]
        for kind in ("corpora", "tasks", "features", "systems", "tables"):
            (tmp_path / kind).symlink_to(CONFIG / kind)
        figure = {"kind": "confusion", "title": "t", "caption": "c", "system": system}
        (tmp_path / "figures").mkdir()
        figure |= {"variants": {variant: variant for variant in variants}}
        (tmp_path / "figures" / "all.yaml").write_text(yaml.safe_dump(figure))
        request = {"study": "s", "title": "t", "tasks": ["emodb7_speakers"], "seeds": [0], "tables": []}
        return load_study(request | {"figures": ["all"]}, tmp_path)

    return make
