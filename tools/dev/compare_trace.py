#!/usr/bin/env python3
"""Compares two trace files (`infomax trace`, torch_dim.py trace): ours, then the one taken as the truth.

usage: compare_trace.py OURS.safetensors TRUTH.safetensors [--bound 1e-4] [--param-bound B] [--quiet]

Printed for each step: |loss - truth| / |truth|; for each tensor of grad/0 and of the last param/STEP in both files: RMS(ours - truth) /
RMS(truth). Exit 1 when a loss or a first-step gradient is over --bound, when images or initial weights differ, when something is
missing on our side, or anything is not finite. Two kinds of tensors are judged by an absolute bound instead:
- gradients that are zero by symmetry (a constant added to every local embedding cancels in infoNCE): rounding noise, so their RMS may be
  up to --bound of the median RMS of all tensors;
- the parameters that such gradients move: Adam makes full steps of the learning rate out of noise; excluded from the parameter verdict.
Parameters get --param-bound (default 10 * bound): Adam divides by the size of a gradient, so its rounding error is not scaled down."""
import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from safetensors_np import load_safetensors  # noqa: E402


def rms(x):
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) if x.size else 0.0


class Report:
    def __init__(self, quiet):
        self.bad, self.quiet = 0, quiet

    def line(self, kind, name, value, bound, note=''):
        good = value <= bound  # False for NaN
        self.bad += not good
        if not good or not self.quiet:
            print(f'{kind:6} {name:34} {value:10.2e}  bound {bound:.0e}  {"ok" if good else "OVER"}{note}')

    def missing(self, name, where):
        self.bad += 1
        print(f'{name}: missing or of another shape in {where}')


def steps_of(t, kind):
    return sorted({int(n.split('/')[1]) for n in t if n.startswith(kind + '/')})


def pairs(ours, truth, prefix, report):
    for name in sorted(n for n in truth if n.startswith(prefix)):
        if name not in ours or ours[name].size != truth[name].size:
            report.missing(name, 'our file')
            continue
        yield name[len(prefix):], ours[name].astype(np.float64).reshape(-1), truth[name].astype(np.float64).reshape(-1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('ours')
    parser.add_argument('truth')
    parser.add_argument('--bound', type=float, default=1e-4)
    parser.add_argument('--param-bound', type=float)
    parser.add_argument('--quiet', action='store_true', help='only what is over its bound, and the summary')
    o = parser.parse_args()
    param_bound = o.param_bound or 10 * o.bound
    ours, truth, report = load_safetensors(o.ours), load_safetensors(o.truth), Report(o.quiet)
    for kind in ('image/', 'init/'):
        for name, a, b in pairs(ours, truth, kind, report):
            report.line(kind[:-1], name, rms(a - b) / max(rms(b), 1e-30) if kind == 'image/' else rms(a - b), 1e-6)
    worst_loss, losses = 0.0, list(pairs(ours, truth, 'loss/', report))
    for name, a, b in sorted(losses, key=lambda x: int(x[0])):
        error = abs(a[0] - b[0]) / abs(b[0])
        worst_loss = max(worst_loss, error) if error == error else error
        report.line('loss', f'{name}: {a[0]:.7f} {b[0]:.7f}', error, o.bound)
    grads = list(pairs(ours, truth, 'grad/0/', report))
    if not losses or not grads:
        sys.exit('nothing to compare: no loss or no first-step gradient in the second file')
    typical = float(np.median([rms(b) for _, _, b in grads]))
    noise, worst_grad = set(), 0.0
    for name, a, b in grads:
        if rms(b) < 1e-5 * typical:
            noise.add(name)
            report.line('grad', name, rms(a) / typical, o.bound, '  (zero by symmetry: RMS over the typical RMS)')
        else:
            error = rms(a - b) / rms(b)
            worst_grad = max(worst_grad, error)
            report.line('grad', name, error, o.bound)
    common = sorted(set(steps_of(ours, 'param')) & set(steps_of(truth, 'param')))
    worst_param = 0.0
    for name, a, b in pairs(ours, truth, f'param/{common[-1]}/', report) if common else ():
        if name not in noise and rms(b) > 0:
            error = rms(a - b) / rms(b)
            worst_param = max(worst_param, error)
            report.line('param', name, error, param_bound)
    print(f'{"FAILED" if report.bad else "ok"}: {len(losses)} losses, worst {worst_loss:.2e}; {len(grads)} gradients, worst {worst_grad:.2e} '
          f'({len(noise)} zero by symmetry); parameters after step {common[-1] if common else "-"}, worst {worst_param:.2e}')
    return 1 if report.bad else 0


if __name__ == '__main__':
    sys.exit(main())
