import signal

import pytest

from emofactors.training.checkpoint import Checkpoint
from emofactors.training.resume import checkpoint_path, fit_resumably

pytestmark = pytest.mark.usefixtures("restored_process")


@pytest.fixture(autouse=True)
def _in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_killed_training_resumes_from_its_checkpoint_in_results(run, fresh_system, monkeypatch, tmp_path):
    offers = []

    def interrupted(self, state):
        offers.append(self.path)
        if len(offers) == 8:
            signal.raise_signal(signal.SIGTERM)
        original(self, state)

    original = Checkpoint.offer
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "offer", interrupted)
        with pytest.raises(SystemExit):
            fit_resumably(run, code="c0de")
    (file,) = (tmp_path / "results" / "checkpoints").iterdir()
    assert file.name == offers[0].name

    run.system.load_state_dict(fresh_system().state_dict())  # a new process builds the same system
    trained, checkpoint = fit_resumably(run, code="c0de")
    assert trained.resumed_at_step == 7
    assert (tmp_path / checkpoint.path) == file
    checkpoint.remove()
    assert not file.exists()


def test_trainings_with_other_code_have_other_checkpoints(run, fresh_system):
    _, one = fit_resumably(run, code="one")
    run.system.load_state_dict(fresh_system().state_dict())
    _, two = fit_resumably(run, code="two")
    assert one.path != two.path
    assert one.path.parent == two.path.parent == checkpoint_path("").parent
