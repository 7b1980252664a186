#!/usr/bin/env python3
"""Contrastive predictive coding and coordinate prediction as a user runs them; prints TAP.

usage: cpc.py INFOMAX [DEVICE]
A small drawn set, a few steps: metrics, a stop and a resume that end with the bits of an undisturbed run, features of the
layers that were trained."""
import glob
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from checkpoint import read, tensors  # noqa: E402
from tap import ok, plan  # noqa: E402

INFOMAX = os.path.abspath(sys.argv[1])
DEVICE = sys.argv[2] if len(sys.argv) > 2 else 'auto'
COMMON = ['--device', DEVICE, '--encoder', 'tiny16', '--batch', '8', '--epochs', '4', '--report-every', '4', '--seed', '3']
KINDS = {
    'cpc': ['--objective', 'cpc'],
    'coordinates': ['--coordinates', 'both', '--coordinates-weight', '0.5', '--critic-units', '16'],
}


def call(*args):
    return subprocess.run([INFOMAX, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def metrics(run):
    with open(os.path.join(run, 'metrics.jsonl'), encoding='utf-8') as file:
        return [json.loads(line) for line in file]


def finite(values):
    return all(isinstance(v, (int, float)) and math.isfinite(v) for v in values)


def stopped(kind):
    """A run that a signal stops behind its first checkpoint, resumed."""
    run = kind + '-stopped'
    with subprocess.Popen([INFOMAX, 'train', 'set', '-o', run, *COMMON, *KINDS[kind], '--checkpoint-steps', '1'],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        for _ in range(3000):
            if os.path.exists(run + '/checkpoints/last.safetensors') or p.poll() is not None:
                break
            time.sleep(0.01)
        p.send_signal(signal.SIGTERM)
    if kind == 'cpc': # as begun by a version without the last column
        with open(run + '/metrics.csv', encoding='utf-8') as file:
            old = [line.rsplit(',', 1)[0] + '\n' for line in file]
        with open(run + '/metrics.csv', 'w', encoding='utf-8') as file:
            file.writelines(old)
    done = call('resume', run)
    if kind == 'cpc':
        with open(run + '/metrics.csv', encoding='utf-8') as file:
            lines = file.read().splitlines()
        ok(lines[0].endswith(',waited') and len(lines) > 1 and {line.count(',') for line in lines} == {9},
           'an older metrics.csv goes on with the columns that it has', lines)
    return ok(p.returncode == 143 and done.returncode == 0, '%s: stopped and resumed' % kind, done.stderr)


def trained(kind):
    done = call('train', 'set', '-o', kind, *COMMON, *KINDS[kind])
    if not ok(done.returncode == 0, '%s: trains' % kind, done.stderr) or not stopped(kind):
        return
    a, b = (tensors(r) for r in (kind, kind + '-stopped'))
    ok(a == b, '%s: the same bits as without the stop' % kind, [n for n in a if a[n] != b.get(n)])
    last = metrics(kind)[-1]
    if kind == 'cpc':
        ok(finite([last['mi_nats']]) and last['mi_nats'] <= last['mi_ceiling'] and abs(last['mi_ceiling'] - math.log(8 * 16)) < 1e-6
           and abs(last['mi_ceiling'] - last['loss'] - last['mi_nats']) < 1e-4, 'cpc: the reading in nats and its ceiling', last)
        with open('cpc/metrics.csv', encoding='utf-8') as file:
            head, *_, row = file.read().splitlines()
        ok(head.endswith(',waited,mi_ceiling') and abs(float(row.split(',')[-1]) - math.log(8 * 16)) < 1e-6,
           'cpc: the ceiling in metrics.csv', row)
        with open(glob.glob('cpc/events.out.tfevents.*')[0], 'rb') as file:
            ok(b'mi_ceiling' in file.read(), 'cpc: ... and in the events')
        ok(list(last.get('readings', {})) == ['cpc-3-accuracy'] and 0 <= last['readings']['cpc-3-accuracy'] <= 1, 'cpc: accuracy', last)
        names = set(read('cpc/encoder.safetensors')[1])
        ok('encoder.context.weight_ih' in names and not any(n.startswith(('encoder.fc', 'encoder.out', 'cpc.')) for n in names),
           'cpc: the encoder that is saved is what was trained', names)
    else:
        ok(set(last['terms']) == {'local', 'coordinates-absolute', 'coordinates-relative'} and finite(last['terms'].values())
           and abs(sum(last['terms'].values()) / 2 + last['terms']['local'] / 2 - last['loss']) < 1e-4,
           'coordinates: terms and their weights', last)
        ok(len(last['readings']) == 4 and all(0 <= v <= 1 for v in last['readings'].values()), 'coordinates: accuracies', last)


def features():
    for layer, width in (('conv', 32 * 16), ('fc', 32), ('y', 32)):
        done = call('embed', 'cpc', 'set', '-o', layer + '.npy', '--layer', layer, '--device', DEVICE)
        head = open(layer + '.npy', 'rb').read(128) if done.returncode == 0 else b''
        ok(b'(48, %d)' % width in head, 'cpc: embed --layer %s gives %d values' % (layer, width), done.stderr or head)
    done = call('probe', 'cpc', 'set', '--test', 'set', '--classifier', 'knn', '--both', '--json', '--device', DEVICE)
    rows = json.loads(done.stdout) if done.returncode == 0 else []
    ok(len(rows) == 6 and sum(r['untrained'] for r in rows) == 3, 'cpc: probes, trained and untrained', done.stderr or rows)
    done = call('finetune', 'cpc', 'set', '--test', 'set', '--layer', 'y', '--steps', '4', '--json', '-o', 'm.safetensors', '--device', DEVICE)
    row = json.loads(done.stdout or '{}')
    done = call('predict', 'm.safetensors', 'set', '--json', '--device', DEVICE)
    ok(done.returncode == 0 and json.loads(done.stdout)['accuracy'] == row['accuracy'], 'cpc: the context is fine-tuned and kept', done.stderr)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        call('synth', 'set', '--count', '48', '--size', '16', '--classes', '3', '--seed', '5')
        for kind in KINDS:
            trained(kind)
        features()
        for more in (['--gamma', '1'], ['--occlude'], ['--coordinates', 'absolute'], ['--beta', '1']):
            done = call('train', 'set', '-o', 'no', *COMMON, '--objective', 'cpc', *more)
            ok(done.returncode == 2 and more[0] in done.stderr, 'cpc refuses %s' % more[0], done.stderr)
        os.chdir('/')
    return plan()


sys.exit(main())
