#!/usr/bin/env python3
"""Every device makes the same three training steps as the host.

usage: agree.py INFOMAX       needs nothing but Python; prints TAP

`infomax trace` of tiny16, 64 critic units, batch 8, from the same drawn weights. Of each step the loss may differ by 1e-4 of it, and
each gradient by 1e-4 of its RMS. Gradients that are zero by symmetry (a bias before a batch norm) are rounding noise: those may have
1e-4 of the median RMS. NaN is over every bound."""
import array
import json
import os
import statistics
import subprocess
import sys
import tempfile

STEPS, BOUND, NOISE = 3, 1e-4, 1e-5
TRAININGS = (('bilinear', 'infonce'), ('encode-dot', 'jsd'))
cases = failed = 0


def ok(good, text):
    global cases, failed
    cases += 1
    failed += not good
    print(f'{"ok" if good else "not ok"} {cases} - {text}', flush=True)
    return good


def load(path):
    """{name: array of float}"""
    with open(path, 'rb') as f:
        head = json.loads(f.read(int.from_bytes(f.read(8), 'little')))
        data = f.read()
    head.pop('__metadata__')
    return {n: array.array('f', data[t['data_offsets'][0]:t['data_offsets'][1]]) for n, t in head.items()}


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
        run('synth', pictures, '-q', '--count', str(8 * STEPS), '--classes', '2', '--size', '16')
        for critic, estimator in TRAININGS:
            def trace(device):
                run('trace', pictures, '-o', out, '-q', '--device', device, '--encoder', 'tiny16', '--critic', critic, '--estimator',
                    estimator, '--critic-units', '64', '--batch', '8', '--steps', str(STEPS), '--lr', '1e-5', '--seed', '4')
                return load(out)

            host = trace('host')
            for d in devices:
                compare(trace(d['id']), host, f'{d["name"]}, {critic} {estimator}')
    print(f'1..{cases}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
