#!/usr/bin/env python3
"""The rivals of Deep InfoMax, from pictures to pages: their loss falls (but bigan's, a game), their terms are logged, an earlier checkpoint goes on to the
same bits, features and probes work as with any run, originals and reconstructions become a sheet.

usage: rivals.py INFOMAX [DEVICE]       needs nothing but Python; prints TAP"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from checkpoint import LAST, tensors  # noqa: E402
from tap import ok, plan  # noqa: E402

BEFORE, SHEET = 'checkpoints/previous-1.safetensors', 'reconstructions.png'


def call(*args):
    done = subprocess.run([infomax, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        print('# ' + done.stderr.strip().replace('\n', '\n# '))
    return done


def metrics(run):
    with open(os.path.join(run, 'metrics.jsonl')) as f:
        return [json.loads(line) for line in f]


def png_size(path):
    with open(path, 'rb') as f:
        head = f.read(24)
    return struct.unpack('>II', head[16:24]) if head[:8] == b'\x89PNG\r\n\x1a\n' else None


def trained(name):
    run = os.path.join(folder, name)
    options = ['--objective', name, '--device', device, '--no-selftest', '--encoder', 'tiny16', '--batch', '8', '--epochs', '15', '--lr',
               '2e-3', '--checkpoint-steps', '20', '--report-every', '10']
    done = call('train', pictures, '-o', run, '-q', *options)
    if not ok(done.returncode == 0, f'{name}: the training ends with {done.returncode}'):
        return
    weights = {'ae': {}, 'vae': {'reconstruction': 1, 'kl': 1}, 'beta-vae': {'reconstruction': 1, 'kl': 4},
               'aae': {'reconstruction': 1, 'prior': 1, 'discriminator': 0}, 'bigan': {'encoder': 1, 'generator': 1, 'discriminator': 0},
               'nat': {'alignment': 1}}[name]
    rows, terms = metrics(run), sorted(weights)
    first, last = rows[0]['loss'], rows[-1]['loss']
    if name == 'bigan':
        ok(0.1 < last < 5 and 0.1 < rows[-1]['terms']['discriminator'] < 5, f'{name}: neither side wins, losses {last:.2f} and '
           f'{rows[-1]["terms"]["discriminator"]:.2f}')
    elif name == 'nat':
        ok(last < first - 0.05, f'nat: the loss falls from {first:.3f} to {last:.3f}')
    else:
        ok(last < 0.8 * first, f'{name}: the loss falls from {first:.1f} to {last:.1f}')
    named = [sorted(r.get('terms', {})) for r in rows]
    ok(all(n == terms for n in named), f'{name}: terms {named[-1]}')
    ok(all(r.get('mi_nats') is None and r.get('mi_ceiling') is None for r in rows), f'{name}: no mutual information is claimed')
    with open(os.path.join(run, 'metrics.csv')) as f:
        lines = f.read().splitlines()
    ok('nan' not in lines[-1] and all(line.count(',') == lines[0].count(',') for line in lines), f'{name}: what there is not is empty in '
       'metrics.csv')
    if terms:
        sums = [sum(w * r['terms'][t] for t, w in weights.items()) - r['loss'] for r in rows]
        ok(max(map(abs, sums)) < 1e-3 * abs(last), f'{name}: the weighted terms add up to the loss')
    resumed(name, run)
    if name == 'nat':
        kind, shape, held = tensors(run)['nat.assignment']
        held = struct.unpack('<32f', held)
        ok((kind, shape) == ('F32', [32]) and sorted(held) == [float(i) for i in range(32)] and held != tuple(sorted(held)),
           'nat: each image holds a target of its own, not the one that it began with')
        used(name, run)
        return
    ok(png_size(os.path.join(run, SHEET)) == (3 + 8 * 67, 2 * (2 * 67 + 12) - 12 + 3), f'{name}: the sheet has 16 images of 64 pixels, '
       'twice')
    used(name, run)


def resumed(name, run):
    again = os.path.join(folder, name + '-again')
    os.makedirs(os.path.join(again, 'checkpoints'))
    for file in 'config.toml', 'env.json':
        shutil.copy(os.path.join(run, file), os.path.join(again, file))
    shutil.copy(os.path.join(run, BEFORE), os.path.join(again, LAST))
    done, whole = call('resume', again, '-q'), tensors(run)
    ok(done.returncode == 0 and metrics(again)[0]['step'] > 10, f'{name}: goes on from an earlier checkpoint')
    ok(whole == tensors(again), f'{name}: and ends with the same bits in {len(whole)} tensors')
    if name != 'nat':
        with open(os.path.join(run, SHEET), 'rb') as a, open(os.path.join(again, SHEET), 'rb') as b:
            ok(a.read() == b.read(), f'{name}: and with the same sheet')


def used(name, run):
    done = call('probe', run, pictures, '--test', pictures, '--layer', 'y', '--classifier', 'knn', '--json', '-q')
    ok(done.returncode == 0 and 0 <= json.loads(done.stdout)['accuracy'] <= 100, f'{name}: y is probed')
    done = call('embed', run, pictures, '-o', os.path.join(folder, 'y.npy'), '-q')
    ok(done.returncode == 0, f'{name}: y is written')
    if name == 'nat':
        return
    os.remove(os.path.join(run, SHEET))
    page = os.path.join(run, 'report.html')
    done = call('report', run, '-q')
    with open(page) as f:
        ok(done.returncode == 0 and 'src="data:image/png;base64,iVBORw0KGgo' in f.read() and os.path.exists(os.path.join(run, SHEET)),
           f'{name}: the page shows a sheet, which it draws when there is none')


def refused():
    run = os.path.join(folder, 'refused')
    for word, options in (('--vae-beta', ['vae', '--beta', '4']), ('--gamma', ['ae', '--gamma', '1']), ('basic28', ['ae', '--decoder', 'x']), ('--beta', ['bigan', '--beta', '1']),
                          ('vae', ['vea'])):
        done = subprocess.run([infomax, 'train', pictures, '-o', run, '--overwrite', '--device', 'host', '--encoder', 'tiny16', '--batch', '8',
                               '--objective', *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ok(done.returncode == 2 and word in done.stderr, f'--objective {" ".join(options)}: exit code {done.returncode}, '
           f'{done.stderr.strip().splitlines()[-1]}')


infomax, device = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else 'auto'
with tempfile.TemporaryDirectory() as folder:
    pictures = os.path.join(folder, 'pictures')
    if ok(call('synth', pictures, '-q', '--count', '32', '--classes', '2', '--size', '16').returncode == 0, 'pictures are drawn'):
        for objective in 'ae', 'vae', 'beta-vae', 'aae', 'bigan', 'nat':
            trained(objective)
        refused()
sys.exit(plan())
