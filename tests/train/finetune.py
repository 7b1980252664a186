#!/usr/bin/env python3
"""Fine-tuning and learning from scratch on drawn stripes, what is kept of it, and its mistakes; prints TAP.

usage: finetune.py INFOMAX [DEVICE]"""
import csv
import gzip
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import ok, plan  # noqa: E402

INFOMAX = os.path.abspath(sys.argv[1])
DEVICE = sys.argv[2] if len(sys.argv) > 2 else 'auto'
SIDE = 16


def call(*args, device=DEVICE):
    return subprocess.run([INFOMAX, *args] + (['--device', device] if device else []), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def finetune(*args, run='run', train='set'):
    done = call('finetune', run, train, '--lr', '1e-3', '--json', '-q', *args)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def stripes(kind, draw):
    """Across, down or checked, of any phase, under noise."""
    phase, light = draw.randrange(4), draw.randrange(60, 120)
    pixels = bytearray()
    for y in range(SIDE):
        for x in range(SIDE):
            on = ((y + phase) // 2 % 2, (x + phase) // 2 % 2, ((y + phase) // 2 + x // 2) % 2)[kind]
            pixels.append(max(0, min(255, light + 70 * on + draw.randrange(-60, 61))))
    return bytes(pixels)


def write_idx(name, kinds, seed):
    draw = random.Random(seed)
    with gzip.open('set/%s-images-idx3-ubyte.gz' % name, 'wb') as file:
        file.write(struct.pack('>4I', 0x803, len(kinds), SIDE, SIDE) + b''.join(stripes(k, draw) for k in kinds))
    with gzip.open('set/%s-labels-idx1-ubyte.gz' % name, 'wb') as file:
        file.write(struct.pack('>2I', 0x801, len(kinds)) + bytes(kinds))


def prepare():
    os.mkdir('set')
    # Four of five are of class 0, and so is every second one of those that are judged.
    write_idx('train', [0 if i % 5 < 4 else 1 + i // 5 % 2 for i in range(400)], 1)
    write_idx('t10k', [0 if i % 2 else 1 + i // 2 % 2 for i in range(160)], 2)
    done = call('train', 'set', '-o', 'run', '--encoder', 'tiny16', '--epochs', '4', '--batch', '32', '--critic-units', '16')
    return ok(done.returncode == 0, 'a run of four epochs', done.stderr)


def check_rows():
    args = ['--labels', '12', '10%,100%', '--both', '--repeats', '2', '--steps', '120', '--epochs', '4', '--save']
    rows = finetune(*args)
    if not ok(isinstance(rows, list) and len(rows) == 6, 'a row for each number of labels, fine-tuned and from scratch', rows):
        return
    ok([(r['labels'], r['untrained'], r['train_images']) for r in rows] ==
       [(l, u, n) for l, n in (('12', 12), ('10%', 40), ('100%', 400)) for u in (False, True)], 'the order of the rows', rows)
    keys = {'layer', 'classifier', 'untrained', 'train_images', 'test_images', 'accuracy', 'std', 'repeats', 'seconds', 'each',
            'balanced_accuracy', 'balanced_std', 'auc', 'auc_std', 'classes', 'labels', 'draw', 'steps', 'loss', 'test', 'method'}
    ok(all(keys | ({'encoder'} if not r['untrained'] else set()) == set(r) for r in rows), 'the keys', rows[0])
    ok(all(r['repeats'] == len(r['each']) == 2 and r['steps'] == 120 and r['test_images'] == 160 and r['classes'] == 3
           and abs(sum(r['each']) / 2 - r['accuracy']) < 1e-9 and r['seconds'] > 0 and r['loss'] >= 0 for r in rows), 'the values', rows)
    ok(all(r['accuracy'] > 0.9 and r['balanced_accuracy'] > 0.9 and r['auc'] > 0.95 for r in rows[4:]),
       'all labels: right, fine-tuned and from scratch', rows[4:])
    ok(rows[0]['balanced_accuracy'] > 0.45 and rows[2]['balanced_accuracy'] > 0.55, 'few labels: better than by chance', rows[:4])
    check_saved(rows)
    again = finetune(*args)
    ok(isinstance(again, list) and [(r['each'], r['auc'], r['loss']) for r in again] ==
       [(r['each'], r['auc'], r['loss']) for r in rows], 'the same numbers the second time', again)
    probe = json.loads(call('probe', 'run', 'set', '--labels', '10%', '--repeats', '2', '--layer', 'conv', '--json', '--epochs',
                            '40', '--lr', '1e-2').stdout or '{}')
    ok(probe.get('train_images') == 40 and probe['labels'] == '10%' and probe['balanced_accuracy'] > 0.5 and probe['auc'] > 0.6
       and probe['each'][0] != probe['each'][1], 'probe learns from as few', probe)
    text = call('finetune', 'run', 'set', '--labels', '9', '--draw', 'proportional', '--steps', '3', '--layer', 'y',
                '--classifier', 'linear', '--augment', 'flip+crop')
    ok(text.returncode == 0 and text.stdout.split('\n')[0].startswith('linear on y') and
       text.stdout.split('\n')[2].split()[:3] == ['9', '9', 'fine-tuned'], 'the table', text.stdout + text.stderr)


def check_saved(rows):
    with open('run/finetune-conv-mlp.json', encoding='utf-8') as file:
        ok(json.load(file) == rows, '--save writes the same')
    one = finetune('--steps', '3', '--layer', 'y', '--classifier', 'linear', '--save')
    with open('run/finetune-y-linear.json', encoding='utf-8') as file:
        ok(json.load(file) == [one], '--save: an array also of one row', one)
    shutil.copytree('run', 'other')
    os.remove('other/finetune-conv-mlp.json')
    done = call('compare', 'run', 'other', '--json', device=None)
    runs = json.loads(done.stdout or '{"runs": [{}, {}]}')['runs']
    ok(runs[0].get('finetune') == rows + [one] and runs[1]['finetune'] == [one] and not runs[0]['probes'], 'compare has them', runs)
    done = call('compare', 'run', 'other', '-o', 'both.html', device=None)
    for row, name in zip(rows, ('conv mlp, 12', 'conv mlp from scratch, 12', 'conv mlp, 10%', 'conv mlp from scratch, 10%', 'conv mlp',
                                'conv mlp from scratch')):
        ok(any(re.fullmatch(r'%s +%.2f (\+- %.2f )?%% +-' % (name, 100 * row['accuracy'], 100 * row['std']), line.strip())
               for line in done.stdout.split('\n')), 'compare: the row "%s"' % name, done.stdout + done.stderr)
    with open('both.html', encoding='utf-8') as file:
        ok('Encoders trained with labels' in file.read(), 'compare: a chart of them')
    done = call('report', 'run', '-o', 'run.html', device=None)
    with open('run.html', encoding='utf-8') as file:
        text = file.read()
    ok(text.count('<td>from-scratch<td') == 3 and text.count('<td>fine-tuned<td') == 4, 'report has them', done.stderr)


def check_model():
    row = finetune('--steps', '120', '-o', 'm.safetensors', '--layer', 'fc', '--repeats', '2')
    told = call('predict', 'm.safetensors', 'set#test', '-o', 'p.csv', '--json', '-q')
    result = json.loads(told.stdout or '{}')
    if not ok(told.returncode == 0 and result['images'] == 160, 'predict', told.stderr):
        return
    ok(isinstance(row, dict) and result['accuracy'] == row['each'][0], 'what was kept is the first repeat, and as good', row)
    with open('p.csv', encoding='utf-8', newline='') as file:
        table = list(csv.reader(file))
    best = [max(range(3), key=lambda k, r=r: float(r[2 + k])) for r in table[1:]]
    right = sum(r[1] == table[0][2 + k] for r, k in zip(table[1:], best))
    ok(table[0] == ['path', 'class', '0', '1', '2'] and len(table) == 161 and right / 160 == result['accuracy'] and
       all(abs(sum(map(float, r[2:])) - 1) < 1e-5 for r in table[1:]), 'a table of probabilities', table[:3])
    ok([p['images'] for p in result['predicted']] == [best.count(k) for k in range(3)] and
       [p['name'] for p in result['predicted']] == ['0', '1', '2'], 'how many fall into each class', result)
    call('predict', 'm.safetensors', 'set#test', '-o', 'p.jsonl')
    with open('p.jsonl', encoding='utf-8') as file:
        first = json.loads(file.readline())
    ok(set(first['probabilities']) == {'0', '1', '2'}, 'as .jsonl', first)
    other = json.loads(call('predict', 'm.safetensors', 'set#test', '--json', device='host').stdout or '{}')
    ok(abs(other.get('accuracy', 0) - result['accuracy']) <= 0.02, 'the host says the same', other)
    with open('p.json', 'w', encoding='utf-8') as file:
        file.write('{}')
    for args, code, word in ((['run/encoder.safetensors', 'set'], 5, 'no classifier'), (['nothing', 'set'], 8, 'nothing'),
                             (['p.json', 'set'], 5, 'p.json'), (['m.safetensors', 'nowhere'], 5, 'nowhere'),
                             (['m.safetensors', 'set', '-o', 'p.txt'], 2, '.npy')):
        done = call('predict', *args)
        ok(done.returncode == code and word in done.stderr, 'predict %s ends with %d' % (' '.join(args), code), done.stderr)


def check_folder():
    """Most images of a folder have no class; they are neither learnt from nor drawn."""
    call('synth', 'pics', '--count', '60', '--classes', '2', '--size', '16', device=None)
    names = sorted(os.path.join(p, n) for p, _, files in os.walk('pics') for n in files)
    for i, name in enumerate(names[::2]):
        shutil.move(name, 'pics/unknown%d.png' % i)
    call('train', 'pics', '-o', 'colour', '--encoder', 'tiny16', '--epochs', '1', '--batch', '16', '--critic-units', '4')
    row = finetune('--steps', '5', '--labels', '100%', run='colour', train='pics')
    ok(isinstance(row, dict) and 0 < row['train_images'] <= 30 and row['classes'] == 2, 'only labelled images teach', row)
    done = call('finetune', 'colour', 'pics', '--labels', '31')
    ok(done.returncode == 2 and '--labels' in done.stderr and 'there are' in done.stderr, 'more labels than there are: exit 2', done.stderr)


def check_faults():
    for args, code, word in ((['--labels', '0'], 2, '--labels'), (['--labels', '101%'], 2, '100%'), (['--labels', '-3%'], 2, '-3%'),
                             (['--labels', 'x'], 2, 'neither'), (['--labels', '1.5'], 2, '1.5'), (['--labels', '%'], 2, 'neither'),
                             (['--both', '-o', 'x.safetensors'], 2, '--both'), (['--labels', '5', '9', '-o', 'x'], 2, 'one value'),
                             (['--layer', 'z'], 2, '--layer'), (['--steps', '0'], 2, '--steps'), (['--batch', '1'], 2, '--batch'),
                             (['--test', 'nowhere'], 5, 'nowhere'), (['--steps', '2', '-o', 'no/such/folder/x'], 8, 'no/such')):
        done = call('finetune', 'run', 'set', *args)
        ok(done.returncode == code and word in done.stderr, 'finetune %s ends with %d' % (' '.join(args), code), done.stderr)
    ok(not os.path.exists('x') and not os.path.exists('x.safetensors'), 'nothing is left behind')
    done = call('finetune', 'nothing', 'set')
    ok(done.returncode == 2 and 'nothing' in done.stderr, 'no such run', done.stderr)
    done = call('finetune', 'run', 'set', '--device', 'no such device', device=None)
    ok(done.returncode == 3, 'no such device', done.stderr)
    shutil.copytree('run', 'damaged')
    with open('damaged/encoder.safetensors', 'r+b') as file:
        file.truncate(200)
    done = call('finetune', 'damaged', 'set', '--steps', '2')
    ok(done.returncode == 5 and 'encoder.safetensors' in done.stderr, 'damaged weights', done.stderr)
    done = call('finetune', 'damaged', 'set', '--steps', '2', '--from-scratch')
    ok(done.returncode == 0, 'from scratch no weights are needed', done.stderr)


def check_signal():
    args = [INFOMAX, 'finetune', 'run', 'set', '--steps', '1000000', '-o', 'stopped.safetensors', '--device', DEVICE]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        for line in p.stderr:
            if ' steps ' in line:
                break
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=120)
    ok(p.returncode == 130 and out == '' and 'stopped at step' in err and not os.path.exists('stopped.safetensors'),
       'SIGINT ends it with 130', '%d %s' % (p.returncode, err))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if prepare():
            check_rows()
            check_model()
            check_folder()
            check_faults()
            check_signal()
        os.chdir('/')
    return plan()


sys.exit(main())
