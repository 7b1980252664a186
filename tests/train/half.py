#!/usr/bin/env python3
"""A training whose products store their factors in half precision: only with --half, written down in the run, kept by resume, and
within its own bound when audited.

usage: half.py INFOMAX       needs nothing but Python; prints TAP

The device counts as a GPU (IMX_TYPE=gpu), where such variants are chosen. Small drawn pictures, tiny16, 16 critic units."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from checkpoint import tensors  # noqa: E402
from tap import failures, ok, plan  # noqa: E402

INFOMAX = os.path.abspath(sys.argv[1])
env = dict(os.environ, IMX_TYPE='gpu')
TRAIN = ['--encoder', 'tiny16', '--critic-units', '16', '--batch', '4', '--epochs', '20', '--seed', '5', '--checkpoint-steps', '3',
         '--report-every', '1', '--no-tuned']


def run(*args):
    return subprocess.run([INFOMAX, *args], env=env, capture_output=True, text=True)


def text(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def main(folder):
    path = lambda name: os.path.join(folder, name)
    pictures, plain, half, killed = map(path, ['pictures', 'plain', 'half', 'killed'])
    run('synth', pictures, '-q', '--count', '12', '--classes', '2', '--size', '16')
    r = run('train', pictures, '-o', plain, *TRAIN)
    info = json.loads(text(os.path.join(plain, 'env.json')))
    if info['device']['id'] == 'host':
        print('ok 1 - half precision # SKIP there is no OpenCL device')
        print('1..1')
        return 0
    ok(r.returncode == 0 and info['half'] is False and 'half precision' not in text(os.path.join(plain, 'train.log')),
       'without --half there is none')
    r = run('train', pictures, '-o', half, '--half', '--audit', '1', *TRAIN)
    info, log = json.loads(text(os.path.join(half, 'env.json'))), text(os.path.join(half, 'train.log'))
    nodes = re.search(r'half precision in (\d+) of (\d+) nodes', log)
    if not ok(r.returncode == 0 and info['half'] is True and nodes and int(nodes.group(1)) > 3 and
              re.search(r'^half = true', text(os.path.join(half, 'config.toml')), re.M),
              'with it, config.toml, env.json and train.log say so: %s' % (nodes.group(0) if nodes else 'nothing')):
        print('# ' + r.stderr.strip().replace('\n', '\n# '))
    ok('the reference says' not in log + r.stderr, 'every audited step is within its bound')
    want = tensors(half)
    ok(len(want) > 30 and want != tensors(plain), 'it rounds otherwise')
    # Killed in the middle, resumed without a word about half precision.
    process = subprocess.Popen([INFOMAX, 'train', pictures, '-o', killed, '--half', '--audit', '1', *TRAIN], env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lines = os.path.join(killed, 'metrics.jsonl')
    while process.poll() is None and not (os.path.exists(lines) and text(lines).count('\n') > 10):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hit = process.returncode == -signal.SIGKILL
    r = run('resume', killed)
    ok(hit and r.returncode == 0 and tensors(killed) == want and json.loads(text(os.path.join(killed, 'env.json')))['half'],
       'killed and resumed: the same bits')
    r = run('selftest', '--op', 'gemm', '--variant', 'cl_tile_half8', '--quick')
    ok(r.returncode == 2 and 'nothing was tested' in r.stderr, 'selftest leaves such kernels out')
    r = run('selftest', '--op', 'gemm', '--variant', 'cl_tile_half8', '--quick', '--half')
    ok(r.returncode == 0 and ' 0 failed' in r.stdout, 'and tests them with --half')
    plan()
    return failures()


with tempfile.TemporaryDirectory() as tmp:
    sys.exit(main(tmp) != 0)
