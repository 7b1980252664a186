#!/usr/bin/env python3
"""Every device makes the same three training steps as the host, and makes them twice with the same bits; SGD's steps are those
of its formula.

usage: agree.py INFOMAX       needs nothing but Python; prints TAP

`infomax trace` of tiny16, 64 critic units, batch 8, from the same drawn weights, both critics with the three estimators; encode-dot also
with batch 32, where CPU devices compute the local norm from its quadratic form. Of each step the loss may differ by 1e-4 of it, and
each gradient by 1e-4 of its RMS. Gradients that are zero by symmetry (a bias before a batch norm) are rounding noise: those may have
1e-4 of the median RMS. NaN is over every bound."""
import array
import json
import os
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from checkpoint import read  # noqa: E402
from tap import ok, plan  # noqa: E402

STEPS, BOUND, NOISE = 3, 1e-4, 1e-5
TRAININGS = [(critic, estimator, 8) for critic in ('bilinear', 'encode-dot') for estimator in ('infonce', 'jsd', 'dv')]
TRAININGS.append(('encode-dot', 'infonce', 32))


def load(path):
    """{name: array of float}"""
    return {n: array.array('f', data) for n, (_, _, data) in read(path)[1].items()}


def rms(values):
    total = n = 0
    for v in values:
        total += v * v
        n += 1
    return (total / n) ** 0.5


def compare(mine, host, what):
    good = sorted(mine) == sorted(host) and all(len(mine[n]) == len(host[n]) for n in host)
    ok(good, f'{what}: the same {len(host)} tensors')
    if not good:
        return
    same = all(mine[n] == host[n] for n in host if n.startswith(('init/', 'image/')))
    ok(same, f'{what}: the same weights and images at the start')
    for k in range(STEPS):
        a, b = mine[f'loss/{k}'][0], host[f'loss/{k}'][0]
        error = abs(a - b) / abs(b)
        ok(error <= BOUND, f'{what}, step {k}: loss {a:.7f} and {b:.7f}, {error:.1e} apart')
        names = [n for n in host if n.startswith(f'grad/{k}/')]
        size = {n: rms(host[n]) for n in names}
        typical = statistics.median(size.values())
        worst, where, over = 0.0, '', []
        for n in names:
            if size[n] < NOISE * typical:
                error = rms(mine[n]) / typical
            else:
                error = rms(x - y for x, y in zip(mine[n], host[n])) / size[n]
            if not error <= BOUND:
                over.append(f'{n} {error:.1e}')
            if not error <= worst:
                worst, where = error, n
        if not ok(not over and typical > 0, f'{what}, step {k}: {len(names)} gradients, worst {worst:.1e} ({where})'):
            print('#', *over[:8])


def check_sgd(t, what):
    """m = 0.5 m + grad + 0.01 param; param -= 0.1 m, from the trace's own gradients and parameters."""
    worst = moved = 0.0
    for name in [n[len('grad/0/'):] for n in t if n.startswith('grad/0/')]:
        start, first, second, g0, g1 = (t[k + name] for k in ('init/', 'param/0/', 'param/1/', 'grad/0/', 'grad/1/'))
        for i, p in enumerate(start):
            m = g0[i] + 0.01 * p
            worst = max(worst, abs(p - 0.1 * m - first[i]), abs(first[i] - 0.1 * (0.5 * m + g1[i] + 0.01 * first[i]) - second[i]))
            moved = max(moved, abs(second[i] - p))
    ok(moved > 1e-3 and worst <= 3e-7, f'{what}: two steps of sgd with momentum and decay, {worst:.1e} off after moving {moved:.1e}')


def main():
    infomax = os.path.abspath(sys.argv[1])
    env = {**os.environ, 'RUSTICL_ENABLE': os.environ.get('RUSTICL_ENABLE', 'llvmpipe')}

    def run(*args):
        return subprocess.run([infomax, *args], env=env, check=True, stdout=subprocess.PIPE).stdout

    devices = [d for d in json.loads(run('devices', '--json')) if d['usable'] and d['type'] != 'host']
    if not devices:
        print('1..0 # SKIP there is no OpenCL device')
        return 0
    with tempfile.TemporaryDirectory() as folder:
        pictures, out = os.path.join(folder, 'pictures'), os.path.join(folder, 'trace.safetensors')
        run('synth', pictures, '-q', '--count', str(32 * STEPS), '--classes', '2', '--size', '16')
        for critic, estimator, batch in TRAININGS:
            def trace(device, what):
                """A second run must give the same bytes."""
                files = []
                for _ in range(2):
                    run('trace', pictures, '-o', out, '-q', '--device', device, '--encoder', 'tiny16', '--critic', critic, '--estimator',
                        estimator, '--critic-units', '64', '--batch', str(batch), '--steps', str(STEPS), '--lr', '1e-5', '--seed', '4')
                    with open(out, 'rb') as f:
                        files.append(f.read())
                ok(files[0] == files[1], f'{what}: two runs write the same {len(files[0])} bytes')
                return load(out)

            training = f'{critic} {estimator}, batch {batch}'
            host = trace('host', f'host, {training}')
            for d in devices:
                what = f'{d["name"]}, {training}'
                compare(trace(d['id'], what), host, what)
        for d in ['host', *[d['id'] for d in devices]]:
            run('trace', pictures, '-o', out, '-q', '--device', d, '--encoder', 'tiny16', '--critic-units', '16', '--batch', '8', '--steps', '2',
                '--optimizer', 'sgd', '--momentum', '0.5', '--weight-decay', '0.01', '--lr', '0.1')
            check_sgd(load(out), d)
    return plan()


if __name__ == '__main__':
    sys.exit(main())
