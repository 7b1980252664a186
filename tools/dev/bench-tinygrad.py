#!/usr/bin/env python3
"""Times tinygrad's OpenCL backend on the engine's own work; bench-pytorch.py --against runs it in alternation.

usage: DEV=CL bench-tinygrad.py WORK [--repeat 3]

Work: step (a training step of local Deep InfoMax, encode-dot: encoder basic32, both heads, all pairs of scores, infoNCE,
Adam), encoder (basic32, forward and backward), gemm-MxNxK. Batch 64, 3x32x32, 2048 critic units, float32, under TinyJit.
Prints {"step_ms": median, "ms": [...], "device": NAME}; the first three calls, which compile and capture, do not count.
Needs tinygrad 0.14 (not in Debian)."""
import argparse
import json
import statistics
import sys
import time

from tinygrad import Device, Tensor, TinyJit, nn
from tinygrad.helpers import Context

BATCH, UNITS, CODE, PLACES = 64, 2048, 64, 64


class Encoder:
    def __init__(self):
        wide = (3, 64, 128, 256)
        self.convs = [nn.Conv2d(i, o, 4, stride=2, padding=1, bias=False) for i, o in zip(wide, wide[1:])]
        self.norms = [nn.BatchNorm(o) for o in wide[1:]]
        self.fc, self.norm = nn.Linear(256 * 16, 1024, bias=False), nn.BatchNorm(1024)
        self.out = nn.Linear(1024, CODE)

    def __call__(self, x):
        maps = []
        for conv, norm in zip(self.convs, self.norms):
            x = norm(conv(x)).relu()
            maps.append(x)
        return maps[1], self.out(self.norm(self.fc(x.flatten(1))).relu())


class Head:
    def __init__(self, width):
        self.first, self.norm = nn.Linear(width, UNITS, bias=False), nn.BatchNorm(UNITS)
        self.hidden, self.shortcut, self.layer = nn.Linear(UNITS, UNITS), nn.Linear(width, UNITS, bias=False), nn.LayerNorm(UNITS)

    def __call__(self, x):
        return self.layer(self.hidden(self.norm(self.first(x)).relu()) + self.shortcut(x))


def step():
    encoder, local, globals_ = Encoder(), Head(128), Head(CODE)
    optimizer = nn.optim.Adam([p for m in (encoder, local, globals_) for p in nn.state.get_parameters(m)], lr=1e-4, b1=0.5)
    own = Tensor.eye(BATCH).reshape(BATCH, BATCH, 1)

    def run(x):
        optimizer.zero_grad()
        places, y = encoder(x)
        phi = local(places.permute(0, 2, 3, 1).reshape(BATCH * PLACES, 128))
        u = (globals_(y) @ phi.transpose()).reshape(BATCH, BATCH, PLACES)
        negatives = (u - 1e9 * own).reshape(BATCH, BATCH * PLACES).logsumexp(1).reshape(BATCH, 1)
        loss = (negatives - (u * own).sum(1)).softplus().mean()
        loss.backward()
        optimizer.step()
        return loss.realize()
    return run, (BATCH, 3, 32, 32)


def encoder():
    model = Encoder()
    mine = [p for p in nn.state.get_parameters(model) if p.is_param]

    def run(x):
        for p in mine:
            p.grad = None
        model(x)[1].square().sum().backward()
        Tensor.realize(*[p.grad for p in mine if p.grad is not None])
    return run, (BATCH, 3, 32, 32)


def gemm(shape):
    m, n, k = map(int, shape.split('x'))
    other = Tensor.randn(k, n).realize()
    return (lambda x: (x @ other).realize()), (m, k)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('work')
    parser.add_argument('--repeat', type=int, default=3)
    o = parser.parse_args()
    if o.work.startswith('gemm-'):
        function, shape = gemm(o.work[5:])
    elif o.work in ('step', 'encoder'):
        function, shape = {'step': step, 'encoder': encoder}[o.work]()
    else:
        sys.exit(f'no work "{o.work}"; see --help')
    function, times = TinyJit(function), []
    with Context(TRAINING=1):
        for _ in range(3 + o.repeat):
            x = Tensor.randn(*shape).realize()
            Device[Device.DEFAULT].synchronize()
            begin = time.perf_counter()
            result = function(x)
            if result is not None and o.work == 'step':
                result.item()
            Device[Device.DEFAULT].synchronize()
            times.append(1e3 * (time.perf_counter() - begin))
    print(json.dumps({'step_ms': statistics.median(times[3:]), 'ms': times[3:], 'device': Device.DEFAULT}))


if __name__ == '__main__':
    main()
