"""Scores of a network's convolutions: by hand, and against the whole Hessian."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nasdip_bench.fit.objective import Problem
from nasdip_bench.proxies import score_network
from nasdip_bench.proxies.passes import Convolutions
from nasdip_bench.proxies.scoring import initialisations
from nasdip_bench.seeding import BitStream
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import Denoise, get_task
from tests.proxies.networks import image, seeded, small_network

Z, CORRUPTED = seeded(1, 1, 6, 6), image(1, 6, 6)


def loss(output: Tensor) -> Tensor:
    return (output - torch.from_numpy(CORRUPTED)).square().mean()


def found(name: str, network: nn.Module) -> float:
    return score_network(name, network, Z, CORRUPTED, Denoise())


def weights(network: nn.Module) -> list[Tensor]:
    return [parameter for parameter in network.parameters() if parameter.ndim == 4]


def test_sums_over_weights() -> None:
    network = small_network()
    gradients = torch.autograd.grad(loss(network(Z)), weights(network))
    pairs = zip(weights(network), gradients, strict=True)
    assert found("plain", network) == pytest.approx(
        sum(float((w.detach() * g).sum()) for w, g in pairs)
    )
    lengths = [math.sqrt(float(w.detach().square().sum())) for w in weights(network)]
    assert found("l2_norm", network) == pytest.approx(sum(lengths))


def test_fisher_is_the_square_of_the_gradient_by_a_gate_on_each_channel() -> None:
    """Scaling an output channel by 1 + t changes the loss by t times the sum that is squared."""
    network = small_network()
    expected = 0.0
    for layer in (network[0], network[3]):
        for channel in range(layer.out_channels):
            gate = torch.zeros(layer.out_channels, dtype=torch.float64, requires_grad=True)
            hook = layer.register_forward_hook(
                lambda _layer, _given, out, gate=gate: out * (1 + gate[:, None, None])
            )
            (slope,) = torch.autograd.grad(loss(network(Z)), gate)
            hook.remove()
            expected += float(slope[channel]) ** 2 / 2
    assert found("fisher", network) == pytest.approx(expected)


def test_grasp_is_that_of_the_whole_hessian() -> None:
    network = small_network()
    w = torch.cat([weight.detach().flatten() for weight in weights(network)])
    shapes = [weight.shape for weight in weights(network)]
    names = [name for name, p in network.named_parameters() if p.ndim == 4]

    def of_weights(flat: Tensor) -> Tensor:
        parts = flat.split([shape.numel() for shape in shapes])
        changed = {n: p.view(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return loss(torch.func.functional_call(network, changed, (Z,)))

    gradient = torch.autograd.functional.jacobian(of_weights, w)
    hessian = torch.autograd.functional.hessian(of_weights, w)
    assert found("grasp", network) == pytest.approx(-float(w @ hessian @ gradient))


def test_zen_by_hand() -> None:
    network = small_network()
    x, noise = (
        torch.from_numpy(BitStream("zen", name, 1, 1, 6, 6).normal64((1, 1, 6, 6)))
        for name in ("input", "noise")
    )
    before_norm, last = network[0](x).detach(), network[:4]
    change = (last(x) - last(x + 0.01 * noise)).norm().item()
    variance = np.mean([np.var(channel.numpy(), ddof=1) for channel in before_norm[0]])
    expected = math.log(change) + math.log(math.sqrt(variance))
    assert found("zen", network) == pytest.approx(expected)
    # Scaling what is normalised away changes the second term alone.
    with torch.no_grad():
        network[0].weight.mul_(1000)
        network[0].bias.mul_(1000)
    assert found("zen", network) == pytest.approx(expected + math.log(1000), abs=1e-3)


def test_a_network_that_does_nothing() -> None:
    silent = nn.Conv2d(1, 1, 1, bias=False).double()
    with torch.no_grad():
        silent.weight.zero_()
    assert [found(name, silent) for name in ("plain", "l2_norm", "fisher", "grasp")] == [0, 0, 0, 0]
    assert found("zen", silent) == -math.inf


@pytest.mark.parametrize("name", ["inpaint", "super_resolve_x2"])
def test_layers_of_a_network_of_the_space(name: str) -> None:
    """Gradients are those of the plain network; a shared layer's outputs count at every use."""
    truth, task = image(1, 64, 64), get_task(name)
    seen = task.corrupt(truth, "noise")
    arch = Architecture(13, "1" * 25)
    ((_, (network, z, _)),) = initialisations(arch, (1, 64, 64), 16, 1, "cpu")
    kept: list[Tensor] = []
    layers = [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.ConvTranspose2d)]
    for layer in layers:
        layer.register_forward_hook(lambda _layer, _given, output: kept.append(output))
    total = Problem(task, seen, None).losses(network(z)).sum()
    parts = torch.autograd.grad(total, kept, retain_graph=True)
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(total, parameters)
    assert len(kept) > len(layers)
    sums = [(a.detach() * g).double().sum(dim=(0, 2, 3)) for a, g in zip(kept, parts, strict=True)]
    expected = sum(float(one.square().sum()) / 2 for one in sums)
    for layer in layers:
        layer._forward_hooks.clear()
    weights = [p * g for p, g in zip(parameters, gradients, strict=True) if p.ndim == 4]
    wanted = {
        "fisher": expected,
        "grad_norm": math.sqrt(sum(g.double().square().sum().item() for g in gradients)),
        "snip": sum(one.abs().sum().item() for one in weights),
    }
    for score, value in wanted.items():
        found = score_network(score, network, z, seen.corrupted, task, mask=seen.mask)
        assert found == pytest.approx(value, rel=1e-3), score
    assert len(Convolutions(network, z).outputs) == len(kept)
