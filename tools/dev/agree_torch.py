#!/usr/bin/env python3
"""The engine against PyTorch in float32 and in float64 on the same training, so that each deviation is split into PyTorch's own
rounding and the engine's.

usage: agree_torch.py INFOMAX DATA FOLDER [--critics bilinear,encode-dot] [--estimators infonce,jsd,dv] [--lrs 1e-4,1e-5]
       [--device D] [--critic-units 2048] [--batch 64] [--steps 20] [--seed 0] [--threads 1] [--jitter]

DATA as for torch_dim.py. Traces are kept in FOLDER (PyTorch's are used again: a full-size encode-dot step takes seconds). Printed for each
training, all relative: |loss - loss in float64| at the first step and the most over the steps, RMS of the first step's gradient error, the
worst tensor's, each for the engine and for PyTorch in float32; then the engine against PyTorch in float32. --jitter adds how far
PyTorch in float64 gets from itself when the first weights are changed by a float32 rounding (2^-23 of each): what the training makes of any rounding."""
import argparse
import os
import subprocess
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import torch_dim as dim  # noqa: E402
from safetensors_np import load_safetensors, save_safetensors  # noqa: E402


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def compare(a, b):
    """(relative loss deviations by step, worst relative RMS of a first-step gradient and its name), b being the truth."""
    steps = sorted(int(n.split('/')[1]) for n in b if n.startswith('loss/'))
    losses = [abs(float(a[f'loss/{k}'].reshape(-1)[0]) - float(b[f'loss/{k}'].reshape(-1)[0])) / abs(float(b[f'loss/{k}'].reshape(-1)[0]))
              for k in steps]
    names = [n for n in b if n.startswith('grad/0/')]
    size = {n: rms(b[n]) for n in names}
    typical = float(np.median(list(size.values())))
    worst, where = 0.0, ''
    for n in names:
        # zero by symmetry: rounding noise, measured by the typical gradient
        error = rms(a[n]) / typical if size[n] < 1e-5 * typical else rms(a[n].reshape(-1).astype(np.float64) - b[n].reshape(-1)) / size[n]
        if not error <= worst:
            worst, where = error, n[7:]
    return losses, worst, where


class Trainings:
    def __init__(self, o):
        self.o = o

    def path(self, *parts):
        return os.path.join(self.o.folder, '-'.join(map(str, parts)) + '.safetensors')

    def torch(self, critic, estimator, lr, *kind):
        path = self.path(critic, estimator, lr, *kind)
        if not os.path.exists(path):
            dim.trace(argparse.Namespace(**{**vars(self.o), 'critic': critic, 'estimator': estimator, 'lr': float(lr), 'encoder': 'basic32',
                                            'score_scale': None, 'output': path, 'write_init': None, 'all': False,
                                            'double': 'f64' in kind, 'init': self.init(critic, 'jitter' in kind)}))
        return load_safetensors(path)

    def engine(self, critic, estimator, lr):
        o, path = self.o, self.path(critic, estimator, lr, 'engine')
        command = [o.infomax, 'trace', o.data, '-o', path, '--init', self.init(critic), '--ends', '-q', '--device', o.device, '--critic', critic,
                   '--estimator', estimator, '--critic-units', o.critic_units, '--batch', o.batch, '--steps', o.steps, '--lr', lr,
                   '--encoder', 'basic32']
        subprocess.run([str(c) for c in command], check=True, stdout=subprocess.DEVNULL)
        return load_safetensors(path)

    def init(self, critic, jitter=False):
        path, changed = self.path('init', critic), self.path('jitter', critic)
        if not os.path.exists(path):
            save_safetensors(path, dim.draw(dim.layout('basic32', 3, critic, self.o.critic_units), self.o.seed))
        if jitter and not os.path.exists(changed):
            random = np.random.default_rng(1)
            save_safetensors(changed, {n: (v.astype(np.float64) * (1 + random.choice((-1, 1), v.shape) * 2.0 ** -23)).astype(np.float32)
                                       for n, v in load_safetensors(path).items()})
        return changed if jitter else path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ('infomax', 'data', 'folder'):
        parser.add_argument(name)
    parser.add_argument('--critics', default='bilinear,encode-dot')
    parser.add_argument('--estimators', default='infonce,jsd,dv')
    parser.add_argument('--lrs', default='1e-4,1e-5')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--critic-units', type=int, default=2048)
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--steps', type=int, default=20)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--jitter', action='store_true')
    o = parser.parse_args()
    os.makedirs(o.folder, exist_ok=True)
    runs = Trainings(o)
    print('| lr | critic | estimator | loss, first and last | engine - f64: first step | worst step | gradients | f32 - f64: first step '
          '| worst step | gradients | engine - f32: worst step | gradients |' + (' jitter |' if o.jitter else ''))
    print('|---' * (13 if o.jitter else 12) + '|')
    for critic in o.critics.split(','):
        for lr in o.lrs.split(','):
            for estimator in o.estimators.split(','):
                ours, single, double = (runs.engine(critic, estimator, lr), runs.torch(critic, estimator, lr, 'f32'),
                                        runs.torch(critic, estimator, lr, 'f64'))
                cells = [lr, critic, estimator, f'{double["loss/0"].reshape(-1)[0]:.4f} {double[f"loss/{o.steps - 1}"].reshape(-1)[0]:.4f}']
                for a in (ours, single):
                    losses, worst, where = compare(a, double)
                    cells += [f'{losses[0]:.1e}', f'{max(losses):.1e} ({losses.index(max(losses))})', f'{worst:.1e} {where}']
                losses, worst, where = compare(ours, single)
                cells += [f'{max(losses):.1e}', f'{worst:.1e}']
                if o.jitter:
                    losses, worst, where = compare(runs.torch(critic, estimator, lr, 'f64', 'jitter'), double)
                    cells += [f'{max(losses):.1e}, {worst:.1e}']
                print('| ' + ' | '.join(cells) + ' |', flush=True)


if __name__ == '__main__':
    sys.exit(main())
