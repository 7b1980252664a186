#!/usr/bin/env python3
"""Matching a prior, in short trainings (dim_method 3.1, 11.8): every column of the codes of drawn pictures gets the prior's
mean and variance, 1/2 and 1/12 behind the sigmoid for the uniform one, 0 and 1 for the Gaussian; without the prior term
it does not. Prints TAP.

usage: prior.py INFOMAX [DEVICE]"""
import csv
import math
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import ok, plan  # noqa: E402

INFOMAX = os.path.abspath(sys.argv[1])
DEVICE = sys.argv[2] if len(sys.argv) > 2 else 'auto'


def call(*args):
    return subprocess.run([INFOMAX, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def moments(run, squash):
    """(mean, variance) of each column of the codes."""
    done = call('embed', run, 'pictures', '-o', run + '.csv', '--device', DEVICE)
    if not ok(done.returncode == 0, run + ': codes', done.stderr):
        return []
    with open(run + '.csv', encoding='utf-8', newline='') as file:
        rows = [[float(v) for v in row[2:]] for row in list(csv.reader(file))[1:]]
    result = []
    for column in zip(*rows):
        column = [1 / (1 + math.exp(-v)) for v in column] if squash else column
        mean = sum(column) / len(column)
        result.append((mean, sum((v - mean) ** 2 for v in column) / len(column)))
    return result


def trained(run, *args, squash=True):
    # Little of the local term is left, so that the steps are spent on the prior.
    done = call('train', 'pictures', '-o', run, '--encoder', 'tiny16', '--critic-units', '16', '--batch', '64', '--lr', '1e-3',
                '--beta', '0.01', '--epochs', '80', '--device', DEVICE, *args)
    return moments(run, squash) if ok(done.returncode == 0, run + ': a run', done.stderr) else []


def close(columns, mean, variance):
    """Each mean within half the deviation, each variance within a third of itself, all together within a seventh."""
    return (len(columns) > 8 and all(abs(m - mean) < variance ** 0.5 / 2 and abs(v / variance - 1) < 1 / 3 for m, v in columns)
            and abs(sum(v for _, v in columns) / len(columns) / variance - 1) < 0.15)


def said(columns):
    return 'means %.3f..%.3f, variances %.3f..%.3f' % (*(f(m for m, _ in columns) for f in (min, max)),
                                                       *(f(v for _, v in columns) for f in (min, max))) if columns else 'nothing'


with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    call('synth', 'pictures', '--count', '320', '--classes', '4', '--size', '16')
    columns = trained('uniform', '--gamma', '1')
    ok(close(columns, 1 / 2, 1 / 12), 'uniform: ' + said(columns))
    columns = trained('gaussian', '--gamma', '1', '--prior', 'gaussian', squash=False)
    ok(close(columns, 0, 1), 'gaussian: ' + said(columns))
    columns = trained('none')
    ok(columns and not close(columns, 1 / 2, 1 / 12), 'without the term: ' + said(columns))
    os.chdir('/')
sys.exit(plan())
