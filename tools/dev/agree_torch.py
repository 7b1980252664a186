#!/usr/bin/env python3
"""The engine against PyTorch in float32 and in float64 on the same training, so that each deviation is split into PyTorch's own
rounding and the engine's.

usage: agree_torch.py INFOMAX DATA FOLDER [--critics bilinear,encode-dot] [--estimators infonce,jsd,dv] [--lrs 1e-4,1e-5]
       [--device D] [--critic-units 2048] [--batch 64] [--steps 20] [--seed 0] [--threads 1] [--jitter]

DATA as for torch_dim.py. Traces are kept in FOLDER (PyTorch's are used again: a full-size encode-dot step takes seconds). Printed for each
training, all relative: the deviation of the loss at the first step and the most over the steps, RMS of the error of the first step's
gradients, the worst tensor's and the median; for engine and PyTorch in float32 against float64, then for the two. --jitter adds how far
PyTorch in float64 gets from itself when the first weights are changed by 2^-23 of each: what the training makes of any rounding. Last, the
encoder's ReLU input that is nearest to zero in the first step: within about 5e-7 of it, rounding decides whether a gradient flows, and the
gradients of all layers below have an error of one element in so many (1/sqrt of their number) that is nobody's fault."""
import argparse
import json
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
    """(relative loss deviations by step; relative RMS of the first step's gradients: the worst, its name, the median), b the truth."""
    steps = sorted(int(n.split('/')[1]) for n in b if n.startswith('loss/'))
    losses = [abs(float(a[f'loss/{k}'].reshape(-1)[0]) - float(b[f'loss/{k}'].reshape(-1)[0])) / abs(float(b[f'loss/{k}'].reshape(-1)[0]))
              for k in steps]
    names = [n for n in b if n.startswith('grad/0/')]
    size = {n: rms(b[n]) for n in names}
    typical = float(np.median(list(size.values())))
    errors = {}
    for n in names:
        # zero by symmetry: rounding noise, measured by the typical gradient
        errors[n] = rms(a[n]) / typical if size[n] < 1e-5 * typical else rms(a[n].reshape(-1).astype(np.float64) - b[n].reshape(-1)) / size[n]
    worst = max(errors, key=lambda n: errors[n] if errors[n] == errors[n] else np.inf)
    return losses, errors[worst], worst[7:], float(np.median(list(errors.values())))


class Nearest:
    """While active: the inputs of the first step's ReLUs that are nearest to zero, {batch norm: (distance, channel)}. Where one lies within
    rounding of zero, rounding decides whether a gradient flows."""

    def __enter__(self):
        self.of, self.bn = {}, dim.Model.bn
        dim.Model.bn = lambda model, x, stem, training=True: self.watch(self.bn(model, x, stem, training), stem)
        return self

    def __exit__(self, *_):
        dim.Model.bn = self.bn

    def watch(self, y, stem):
        if stem not in self.of:
            nearest = y.detach().abs().transpose(0, 1).flatten(1).min(1).values
            self.of[stem] = (float(nearest.min()), int(nearest.argmin()))
        return y


class Trainings:
    def __init__(self, o):
        self.o = o

    def path(self, *parts):
        return os.path.join(self.o.folder, '-'.join(map(str, parts)) + '.safetensors')

    def torch(self, critic, estimator, lr, *kind):
        path = self.path(critic, estimator, lr, *kind)
        if os.path.exists(path):
            return load_safetensors(path)
        with Nearest() as nearest:
            dim.trace(argparse.Namespace(**{**vars(self.o), 'critic': critic, 'estimator': estimator, 'lr': float(lr), 'encoder': 'basic32',
                                            'score_scale': None, 'output': path, 'write_init': None, 'all': False,
                                            'double': 'f64' in kind, 'init': self.init(critic, 'jitter' in kind)}))
        with open(path + '.relu', 'w') as f:
            json.dump(nearest.of, f)
        return load_safetensors(path)

    def nearest(self, *parts):
        """In words."""
        try:
            with open(self.path(*parts) + '.relu') as f:
                of = json.load(f)
        except FileNotFoundError:
            return ''
        stem = min((n for n in of if n.startswith('encoder')), key=lambda n: of[n][0])
        return f'{of[stem][0]:.0e} {stem} {of[stem][1]}'

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
    titles = ['lr', 'critic', 'estimator', 'loss, first and last']
    for pair in ('engine - f64', 'f32 - f64', 'engine - f32', *(['jitter'] if o.jitter else [])):
        titles += [f'{pair}: first loss', 'worst (step)', 'worst gradient', 'median gradient']
    titles.append('nearest ReLU input')
    print('| ' + ' | '.join(titles) + ' |\n' + '|---' * len(titles) + '|')
    for critic in o.critics.split(','):
        for lr in o.lrs.split(','):
            for estimator in o.estimators.split(','):
                ours, single, double = (runs.engine(critic, estimator, lr), runs.torch(critic, estimator, lr, 'f32'),
                                        runs.torch(critic, estimator, lr, 'f64'))
                cells = [lr, critic, estimator, f'{double["loss/0"].reshape(-1)[0]:.4f} {double[f"loss/{o.steps - 1}"].reshape(-1)[0]:.4f}']
                pairs = [(ours, double), (single, double), (ours, single)]
                if o.jitter:
                    pairs.append((runs.torch(critic, estimator, lr, 'f64', 'jitter'), double))
                for a, b in pairs:
                    losses, worst, where, median = compare(a, b)
                    cells += [f'{losses[0]:.1e}', f'{max(losses):.1e} ({losses.index(max(losses))})', f'{worst:.1e} {where}', f'{median:.1e}']
                print('| ' + ' | '.join([*cells, runs.nearest(critic, estimator, lr, 'f64')]) + ' |', flush=True)


if __name__ == '__main__':
    sys.exit(main())
