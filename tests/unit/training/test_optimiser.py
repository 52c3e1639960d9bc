import torch
from torch import nn

from emofactors.training.optimiser import AdamW


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv1d(3, 5, 3), nn.Flatten(), nn.Linear(5 * 6, 4))


def groups_of(model):
    """Parameters with two learning rates, as of a system with ``learning_rate_factors``."""
    return [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[2].parameters()}]


def update(optimiser, model, n, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n):
        optimiser.zero_grad()
        model(torch.randn(7, 3, 8, generator=generator)).square().mean().backward()
        optimiser.step()


def assert_equal(ours, theirs):
    """Compare nested dicts and lists, tensors bit by bit."""
    assert type(ours) is type(theirs)
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            assert_equal(ours[key], theirs[key])
    elif isinstance(ours, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_equal(one, other)
    elif isinstance(ours, torch.Tensor):
        assert torch.equal(ours, theirs)
    else:
        assert ours == theirs


def test_weights_and_state_equal_those_of_torchs_class_also_after_resuming():
    trained = []
    for kind in (AdamW, torch.optim.AdamW):
        model = network()
        optimiser = kind(groups_of(model), lr=0.01, weight_decay=0.1)
        update(optimiser, model, n=20, seed=1)
        resumed = kind(groups_of(model), lr=0.01, weight_decay=0.1)
        resumed.load_state_dict(optimiser.state_dict())
        update(resumed, model, n=20, seed=2)
        trained.append((dict(model.state_dict()), resumed.state_dict()))
    assert_equal(*map(list, trained))


def test_updates_are_not_differentiated():
    model = network()
    optimiser = AdamW(model.parameters(), lr=0.01)
    update(optimiser, model, n=1, seed=0)
    assert all(parameter.is_leaf for parameter in model.parameters())
    assert torch.is_grad_enabled()
