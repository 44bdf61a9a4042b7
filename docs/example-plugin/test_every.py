"""Two objects, a bank of tiny memories and recorded scores: no weights are needed."""

import torch

from vot_memory.bank import Bank
from vot_memory.candidates import Candidates
from vot_memory.registry import load_policy

CPU = torch.device("cpu")


def test_every_third_frame_with_a_visible_object_is_stored():
    policy = load_policy("every", {"n": 3})
    bank = Bank(7, 16, memory_shape=(1, 1, 1), pointer_dim=4, num_maskmem=7, device=CPU)
    bank.grow(torch.tensor([0, 1]))  # one row for each of two objects
    bank.frame[:, 0] = 0  # their prompts
    bank.frame[:, 1:3] = torch.tensor([3, 6])
    state = policy.reset(rows=2, device=CPU, num_frames=None)

    t = torch.tensor([9, 9])
    plan = policy.read(state, bank, t)
    assert plan.slots[0].tolist() == [0, 1, 2, -1, -1, -1, -1]
    assert plan.tpos[0, :3].tolist() == [6, 1, 0]  # the prompt has the last temporal row

    candidates = Candidates.recorded(
        ious=torch.tensor([[0.9, 0.5, 0.4], [0.2, 0.8, 0.1]]),
        obj=torch.tensor([5.0, -5.0]),  # the second object is out of sight
    )
    selection = policy.select(state, bank, candidates, t)
    assert selection.mask.tolist() == [0, 1]
    assert policy.write(state, bank, candidates, selection, t).slot.tolist() == [3, -1]
    assert policy.write(state, bank, candidates, selection, t + 1).slot.tolist() == [-1, -1]
