#!/usr/bin/env python3
"""Writes tests/golden/: what PyTorch computes for short trainings and for single ops, small enough to commit.

usage: make_golden.py [FOLDER]          (default: tests/golden beside this tree; a minute on one core)

The training values are computed in float64 from float32 weights and images, so that what remains is the other side's rounding; the same
run in float32 says how much rounding a sound program shows, and no golden is written whose own tolerance that run would not meet, or
where the input of a ReLU is so near to zero that rounding decides about its gradient.
Formats: tests/golden/README.md."""
import math
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
import torch_dim as dim  # noqa: E402
import torch_rivals as rivals  # noqa: E402
from safetensors_np import save_safetensors  # noqa: E402

SEED, BATCH, UNITS, STEPS, LR, SAMPLES, BOUND = 2, 8, 64, 20, 1e-5, 4, 1e-4


def golden_images(count):
    """uint8 N,H,W,C: blocks of 4x4 pixels plus noise, bytes of streams 7 and 71, (3*block + noise) >> 2."""
    def stream(number, shape):
        return dim.philox(SEED, number, int(np.prod(shape)) // 4).astype('<u4').view(np.uint8).reshape(shape).astype(np.uint16)
    blocks = np.kron(stream(7, (count, 8, 8, 3)), np.ones((1, 4, 4, 1), np.uint16))
    return ((3 * blocks + stream(71, (count, 32, 32, 3))) >> 2).astype(np.uint8)


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


class Margin:
    """While active: how near to zero the input of any ReLU came, on either side of which rounding decides between two gradients.
    first: anywhere in the first step; rows: in later steps, where an element is one of BATCH rows and moves a whole gradient."""

    def __enter__(self):
        self.first = self.rows = math.inf
        self.step, self.relu = 0, F.relu
        F.relu = self.watch
        return self

    def __exit__(self, *_):
        F.relu = self.relu

    def watch(self, x):
        nearest = float(x.detach().abs().min())
        if self.step == 0:
            self.first = min(self.first, nearest)
        if len(x) == BATCH and x.dim() == 2:
            self.rows = min(self.rows, nearest)
        return self.relu(x)


def run(critic, estimator, dtype, margin):
    """[(name, value, tolerance)] of one training; estimator None: critic names a kind of torch_rivals.py."""
    images = golden_images(STEPS * BATCH).transpose(0, 3, 1, 2)
    model = dim.Model('basic32', critic, UNITS, 3, SEED, dtype) if estimator else rivals.Rival(critic, rivals.KINDS[critic], dtype)
    losses, grads = [], {}

    def each(step, _, loss):
        if loss is None:
            margin.step += 1
            return
        losses.append(loss.item())
        if step == 0:
            grads.update({k: v.grad.double().numpy().reshape(-1).copy() for k, v in model.par.items()})

    batches = (dim.normalise(images[k * BATCH:(k + 1) * BATCH], dtype) for k in range(STEPS))
    dim.train_steps(model, batches, estimator, dim.default_scale(critic, UNITS), LR, each)
    out = [(f'loss/{k}', v, BOUND * abs(v)) for k, v in enumerate(losses)]
    typical = float(np.median([rms(g) for g in grads.values()]))
    for name, g in grads.items():
        scale = rms(g) if rms(g) >= 1e-5 * typical else typical  # the latter: zero by symmetry, so rounding noise
        out.append((f'grad_rms/{name}', rms(g), BOUND * scale))
        for k in range(SAMPLES):
            at = k * g.size // SAMPLES + k
            if at >= g.size:
                break
            out.append((f'grad/{name}/{at}', g[at], BOUND * max(scale, abs(g[at]))))
    for name, p in model.par.items():
        v = p.detach().double().numpy().reshape(-1)
        moved = LR * STEPS  # at most about this far in each element
        out.append((f'param_rms/{name}', rms(v), BOUND * rms(v) + 0.02 * moved))
        out.append((f'param_mean/{name}', float(v.mean()), BOUND * rms(v) + 0.02 * moved))
    for name, v in model.run.items():
        v = v.double().numpy()
        out.append((f'param_rms/{name}', rms(v), BOUND * rms(v)))
        out.append((f'param_mean/{name}', float(v.mean()), BOUND * rms(v)))
    # by symmetry a gradient can be zero, and Adam makes full steps of its rounding noise: nothing is said of these parameters
    noise = {n for n, g in grads.items() if rms(g) < 1e-5 * typical}
    return [r for r in out if not (r[0].startswith('param') and r[0].split('/', 1)[1] in noise)]


def training(folder, critic, estimator):
    path = os.path.join(folder, f'{critic}-{estimator}.txt' if estimator else f'{critic}.txt')
    with Margin() as margin:
        truth = run(critic, estimator, torch.float64, margin)
    if not (margin.first >= 2e-6 and margin.rows >= 5e-6):
        sys.exit(f'{path}: a ReLU has an input of {margin.first:.1e} in the first step or {margin.rows:.1e} later: rounding would choose '
                 'its gradient; take another seed')
    with Margin() as margin:
        single = {n: v for n, v, _ in run(critic, estimator, torch.float32, margin)}
    share = 0.0
    with open(path, 'w') as f:
        for name, value, tolerance in truth:
            if not (name in single and abs(single[name] - value) <= tolerance):
                sys.exit(f'{path}: {name}: PyTorch in float32 is {abs(single[name] - value) / tolerance:.2f} tolerances off')
            share = max(share, abs(single[name] - value) / tolerance)
            f.write(f'{name} {value:.9e} {tolerance:.3e}\n')
    print(f'{path}: {len(truth)} values; PyTorch in float32 uses {share:.2f} of the tolerance')


def ops(folder):
    """Inputs, outputs and gradients of single ops; sums in float64, stored as float32."""
    out, generator = {}, torch.Generator().manual_seed(SEED)

    def leaf(*shape):
        return torch.randn(*shape, generator=generator).double().requires_grad_()

    def record(name, inputs, result):
        g = torch.randn(result.shape, generator=generator).double()
        grads = torch.autograd.grad(result, list(inputs.values()), g)
        tensors = {**inputs, 'dst': result, 'ddst': g, **{'d' + k: v for k, v in zip(inputs, grads)}}
        out.update({f'{name}/{k}': v.detach().float().numpy() for k, v in tensors.items()})

    for n, c, side, o, k, s, p in ((2, 3, 9, 5, 4, 2, 1), (2, 4, 7, 6, 3, 1, 1), (1, 2, 10, 3, 5, 2, 2), (2, 3, 6, 4, 3, 1, 0)):
        src, wei, bia = leaf(n, c, side, side), leaf(o, c, k, k), leaf(o)
        record(f'conv2d_n{n}c{c}h{side}o{o}k{k}s{s}p{p}', dict(src=src, wei=wei, bia=bia), F.conv2d(src, wei, bia, s, p))
        src, wei, bia = leaf(n, c, side, side), leaf(c, o, k, k), leaf(o)
        record(f'deconv2d_n{n}c{c}h{side}o{o}k{k}s{s}p{p}', dict(src=src, wei=wei, bia=bia), F.conv_transpose2d(src, wei, bia, s, p))
    src, gamma, beta = leaf(24, 5), leaf(5), leaf(5)
    mean, var = torch.zeros(5).double(), torch.ones(5).double()
    record('batchnorm_r24c5', dict(src=src, gamma=gamma, beta=beta), F.batch_norm(src, mean, var, gamma, beta, True, 0.1, 1e-5))
    out['batchnorm_r24c5/run_mean'], out['batchnorm_r24c5/run_var'] = mean.float().numpy(), var.float().numpy()
    src, gamma, beta = leaf(6, 37), leaf(37), leaf(37)
    record('layernorm_r6c37', dict(src=src, gamma=gamma, beta=beta), F.layer_norm(src, (37,), gamma, beta, 1e-5))
    src = leaf(2, 3, 9, 9)
    record('maxpool_n2c3h9k3s2p0', dict(src=src), F.max_pool2d(src, 3, 2))
    src = leaf(2, 3, 8, 8)
    record('avgpool_n2c3h8k2s2p0', dict(src=src), F.avg_pool2d(src, 2, 2))
    cell = torch.nn.GRUCell(4, 6)
    src, h = leaf(5, 4), leaf(5, 6)
    weights = {short: leaf(*getattr(cell, full).shape)
               for short, full in (('wih', 'weight_ih'), ('whh', 'weight_hh'), ('bih', 'bias_ih'), ('bhh', 'bias_hh'))}
    gates = torch.nn.utils.stateless.functional_call(
        cell, dict(weight_ih=weights['wih'], weight_hh=weights['whh'], bias_ih=weights['bih'], bias_hh=weights['bhh']), (src, h))
    record('gru_n5i4c6', dict(src=src, h=h, **weights), gates)
    path = os.path.join(folder, 'ops.safetensors')
    save_safetensors(path, out)
    print(f'{path}: {len(out)} tensors, {os.path.getsize(path)} bytes')


def main():
    torch.set_num_threads(1)
    default = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'tests', 'golden')
    folder = os.path.normpath(sys.argv[1] if len(sys.argv) > 1 else default)
    os.makedirs(folder, exist_ok=True)
    images = golden_images(STEPS * BATCH)
    with open(os.path.join(folder, 'images.txt'), 'w') as f:
        f.write(f'sum {int(images.sum())}\n' + ''.join(f'pixel/{at} {images.reshape(-1)[at]}\n' for at in (0, 1, 3071, 100000, 491519)))
    for critic in ('encode-dot', 'bilinear'):
        for estimator in dim.ESTIMATORS:
            training(folder, critic, estimator)
    for kind in rivals.KINDS:
        training(folder, kind, None)
    ops(folder)


if __name__ == '__main__':
    main()
