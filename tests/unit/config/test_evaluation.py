import pytest
from pydantic import ValidationError

from emofactors.config.evaluation import InformationSettings, ProbeSettings


@pytest.mark.parametrize(
    ("section", "keys"),
    [
        (ProbeSettings, {"folds": 1}),
        (ProbeSettings, {"clusters": 1}),
        (InformationSettings, {"permutations": 19}),
        (InformationSettings, {"other_clusters": (1,)}),
    ],
)
def test_too_few_draws_are_refused(section, keys):
    assert section()
    with pytest.raises(ValidationError):
        section(**keys)
