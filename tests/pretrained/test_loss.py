"""The loss of the pretraining is proper, and free of the scale of a series."""

import pytest
import torch

from revin_forecast.pretrained.loss import MIN_WIDTH, compute_loss, compute_pinball, scale_truth

LEVELS = (0.1, 0.5, 0.9)


def test_true_values_are_put_on_the_common_scale():
    location, scale = torch.full((1, 1, 1), 1.0), torch.full((1, 1, 1), 4.0)
    assert scale_truth(torch.tensor([[3.0, -3]]), location, scale).tolist() == [[0.5, -1]]


def test_explosions_have_a_bounded_loss():
    quantiles = torch.tensor([[[-1.0, 0, 1]]]) + 1e6
    losses = [compute_loss(quantiles, torch.full((1, 1), 1e6 + far), LEVELS) for far in (1e3, 1e5)]
    assert losses[0] == losses[1]
    assert compute_loss(quantiles, torch.full((1, 1), 1e6 + 500), LEVELS) < losses[0]


def test_true_quantiles_are_the_best_at_any_width():
    truth = torch.randn(1, 4001, generator=torch.Generator().manual_seed(0)).sort().values
    best = truth.quantile(torch.tensor(LEVELS))
    for width in (0.5, 1.0, 3.0):
        quantiles = (best * torch.tensor([width, 1.0, width])).expand(1, 4001, 3).clone()
        quantiles[..., 1] = best[1]
        quantiles.requires_grad_(True)
        compute_loss(quantiles, truth, LEVELS).backward()
        shift = quantiles.grad.sum(1)[0]
        # A quantile too far out has a loss that grows with it, one too far in the opposite.
        assert torch.equal(shift.abs() > 1e-3, torch.tensor([width != 1, False, width != 1]))
        if width != 1:
            assert (shift[2] > 0) == (width > 1)
            assert (shift[0] < 0) == (width > 1)


def test_loss_is_free_of_the_scale_of_a_series():
    generator = torch.Generator().manual_seed(0)
    quantiles = torch.randn(2, 5, 3, generator=generator).sort(dim=2).values
    truth = torch.randn(2, 5, generator=generator)
    factors = torch.tensor([10.0, 0.5])[:, None]
    scaled = compute_loss(quantiles * factors[..., None], truth * factors, LEVELS)
    torch.testing.assert_close(scaled, compute_loss(quantiles, truth, LEVELS))


def test_width_is_a_constant_for_the_gradient_and_bounded_below():
    quantiles = torch.zeros(1, 1, 3, requires_grad=True)
    truth = torch.ones(1, 1)
    loss = compute_loss(quantiles, truth, LEVELS)
    expected = compute_pinball(quantiles, truth, LEVELS).mean() / MIN_WIDTH
    assert loss.item() == pytest.approx(expected.item())
    loss.backward()
    torch.testing.assert_close(quantiles.grad, -torch.tensor([[LEVELS]]) / 3 / MIN_WIDTH)
