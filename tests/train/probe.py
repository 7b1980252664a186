#!/usr/bin/env python3
"""A small run from drawn pictures to probes and feature files; prints TAP.

usage: probe.py INFOMAX [DEVICE]
Checks what other programs rely on: the JSON, the files' shapes and order, exit codes; and that classes are matched by name."""
import ast
import csv
import json
import math
import os
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
LAYERS = ['conv', 'fc', 'y']


def call(*args, device=True):
    return subprocess.run([INFOMAX, *args] + (['--device', DEVICE] if device else []), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False)


def probe(*args):
    done = call('probe', 'run', 'train', '--json', '-q', *args)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr


def npy(path):
    with open(path, 'rb') as file:
        data = file.read()
    size, = struct.unpack_from('<H', data, 8)
    head = ast.literal_eval(data[10:10 + size].decode('latin-1').strip())
    kind = {'<f4': 'f', '<i4': 'i'}[head['descr']]
    count = math.prod(head['shape'])
    assert len(data) == 10 + size + 4 * count and not head['fortran_order']
    return head['shape'], struct.unpack_from('<%d%s' % (count, kind), data, 10 + size)


def lines(path):
    with open(path, encoding='utf-8') as file:
        return file.read().split('\n')[:-1]


def prepare():
    for args in (['train', '--count', '240'], ['test', '--count', '90', '--seed', '1']):
        done = call('synth', *args, '--classes', '3', '--size', '16', device=False)
        ok(done.returncode == 0, 'pictures are drawn', done.stderr)
    done = call('train', 'train', '-o', 'run', '--encoder', 'basic32', '--epochs', '1', '--batch', '32', '--critic-units',
                '32')
    return ok(done.returncode == 0, 'a run of one epoch', done.stderr)


def check_probe():
    args = ['--test', 'test', '--both', '--repeats', '2', '--epochs', '2', '--save']
    rows = probe(*args)
    if not ok(isinstance(rows, list) and len(rows) == 6, 'probe: a row for each layer, trained and untrained', rows):
        return
    ok([(r['layer'], r['untrained']) for r in rows] == [(n, u) for n in LAYERS for u in (False, True)],
       'probe: the order of the rows', rows)
    ok(all(0 <= r['accuracy'] <= 1 and r['std'] >= 0 and r['repeats'] == len(r['each']) == 2 and r['classifier'] == 'mlp'
           and r['train_images'] == 240 and r['test_images'] == 90 and r['seconds'] > 0
           and abs(sum(r['each']) / 2 - r['accuracy']) < 1e-9 for r in rows), 'probe: the values of the rows', rows)
    with open('run/probe-mlp.json', encoding='utf-8') as file:
        ok(json.load(file) == rows, 'probe: --save writes the same')
    again = probe(*args)
    ok(isinstance(again, list) and [r['each'] for r in again] == [r['each'] for r in rows],
       'probe: the same numbers the second time', again)


def check_other_probes():
    one = probe('--layer', 'y', '--classifier', 'linear', '--epochs', '2')
    ok(isinstance(one, dict) and one['layer'] == 'y' and one['classifier'] == 'linear' and not one['untrained'],
       'probe: one layer gives one object', one)
    ok(isinstance(one, dict) and (one['train_images'], one['test_images']) == (192, 48),
       'probe: every fifth image is held out', one)
    near = probe('--classifier', 'knn', '--test', 'test', '--untrained')
    ok(isinstance(near, list) and len(near) == 3 and all(r['untrained'] and r['repeats'] == 1 for r in near),
       'probe: knn', near)
    # The classes that are left have other numbers in this set; only their names say which they are.
    names = sorted(os.listdir('train'))
    for name in names[1:]:
        shutil.copytree('train/' + name, 'part/' + name)
    seen = probe('--test', 'part', '--classifier', 'linear', '--layer', 'conv', '--lr', '1e-2', '--epochs', '40')
    ok(isinstance(seen, dict) and seen['accuracy'] > 0.9, 'probe: classes are matched by name', seen)
    os.rename('part/' + names[1], 'part/other')
    seen = probe('--test', 'part', '--classifier', 'linear', '--layer', 'conv', '--lr', '1e-2', '--epochs', '40')
    ok(isinstance(seen, dict) and seen['accuracy'] > 0.9, 'probe: images of an unknown class do not count', seen)
    shutil.copytree('train', 'tree/train')
    shutil.copytree('test', 'tree/test')
    for data in ('tree', 'tree#train'):
        done = call('probe', 'run', data, '--classifier', 'knn', '--layer', 'y', '--json')
        row = json.loads(done.stdout or '{}')
        ok(row.get('classes') == 3 and (row['train_images'], row['test_images']) == (240, 90),
           'probe: %s is judged on its test part' % data, done.stderr)
    shutil.copytree('test', 'odd')
    for name in sorted(os.listdir('odd/' + names[0]))[5:]:
        os.remove('odd/%s/%s' % (names[0], name))
    for test, titles in (('test', []), ('odd', ['balanced', 'AUC,'])):
        args = ['--test', test, '--both', '--layer', 'fc', '--epochs', '1']
        text, rows = call('probe', 'run', 'train', *args), probe(*args)
        line = [x.split() for x in text.stdout.splitlines()]
        keys = ['accuracy', 'balanced_accuracy', 'auc'][:1 + len(titles)]
        ok(text.returncode == 0 and [x[0] for x in line[2::3] if x[0] != 'fc'] == [] and [x[0] for x in line[3::3]] == titles
           and [x[1:3] for x in line if x[0] == 'fc'] == [['%.2f' % (100 * r[k]) for r in rows] for k in keys],
           'probe: the table, test images %s' % test, text.stdout)


def check_shares():
    """Several values of --labels: what each of them alone gives."""
    args = ['--test', 'test', '--both', '--layer', 'y', '--classifier', 'linear', '--epochs', '2', '--repeats', '2']
    alone = [probe(*args, '--labels', n) for n in ('12', '10%', '100%')]
    rows = probe(*args, '--labels', '12', '10%,100%', '--save')
    drop = ('seconds',)
    ok(isinstance(rows, list) and [{k: v for k, v in r.items() if k not in drop} for r in rows]
       == [{k: v for k, v in r.items() if k not in drop} for part in alone for r in part] and
       [(r['labels'], r['train_images'], r['steps']) for r in rows[::2]] == [('12', 12, 500), ('10%', 24, 500), ('100%', 240, 504)],
       'probe: several numbers of labels', (rows, alone))
    shutil.copytree('run', 'twin')
    text = call('compare', 'run', 'twin', device=False).stdout
    ok(all('\n  %s ' % name in text for name in ('y linear, 12', 'y linear, 10%', 'y linear', 'y linear untrained, 10%')),
       'compare: a row for each of them', text)
    os.remove('run/probe-linear.json')
    shutil.rmtree('twin')
    done = call('probe', 'run', 'train', '--labels', '1%', 'x')
    ok(done.returncode == 2 and '"x"' in done.stderr, 'probe: --labels x', done.stderr)


def check_svm():
    args = ['--classifier', 'svm', '--test', 'test', '--layer', 'fc']
    first = probe(*args)
    if isinstance(first, str) and 'liblinear' in first:
        ok(True, 'probe: svm # SKIP built without liblinear')
        return
    again = probe(*args)
    ok(isinstance(first, dict) and first['repeats'] == len(first['each']) == 5 and first['svm_images'] == 240
       and first['svm_loss'] == 'hinge' and 0.4 < first['accuracy'] <= 1 and first['std'] >= 0, 'probe: five runs of svm', first)
    ok(isinstance(again, dict) and again['each'] == first['each'], 'probe: svm gives the same numbers the second time', again)
    done = call('probe', 'run', 'train', *args, '--svm-loss', 'squared', '--svm-memory', '1M', '--repeats', '2', '--json')
    row = json.loads(done.stdout or '{}')
    ok(done.returncode == 0 and row['svm_images'] == 63 and row['repeats'] == 2 and '63 of 240 images' in done.stderr,
       'probe: svm on as many images as fit, and says so', done.stderr)


def check_neighbors():
    names = lines('y.npy.paths.txt')
    table = npy('y.npy')[1]
    vectors = [table[64 * i:64 * i + 64] for i in range(240)]

    def distance(a, b):
        return sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5

    want = sorted((distance(vectors[7], v), i) for i, v in enumerate(vectors) if i != 7)[:4]
    done = call('neighbors', 'run', 'train', '--query', '7', 'train/' + names[7], '-o', 'near.png', '--k', '4', '--json')
    rows = json.loads(done.stdout or '[]')
    if not ok(done.returncode == 0 and len(rows) == 2, 'neighbors: a row for each query', done.stderr):
        return
    have = rows[0]['neighbors']
    ok([n['index'] for n in have] == [i for _, i in want] and all(abs(n['distance'] - d) <= 1e-3 * d for n, (d, _) in zip(have, want))
       and [n['path'] for n in have] == [names[i] for _, i in want], 'neighbors: by the features that embed writes', (have, want))
    ok(rows[1]['neighbors'][0]['index'] == 7 and rows[1]['neighbors'][0]['distance'] < 1e-4
       and [n['index'] for n in rows[1]['neighbors'][1:]] == [i for _, i in want[:3]], 'neighbors: a file is decoded as in training', rows)
    done = call('neighbors', 'run', 'train', '--query', '7', '-o', 'l1.png', '--k', '4', '--metric', 'l1', '--json')
    have = json.loads(done.stdout or '[{"neighbors": []}]')[0]['neighbors']
    want = sorted((sum(abs(x - y) for x, y in zip(vectors[7], v)), i) for i, v in enumerate(vectors) if i != 7)[:4]
    ok([n['index'] for n in have] == [i for _, i in want] and all(abs(n['distance'] - d) <= 1e-3 * d for n, (d, _) in zip(have, want)),
       'neighbors: by --metric l1', (have, want, done.stderr))
    with open('near.png', 'rb') as file:
        head = file.read(24)
    ok(head[:4] == b'\x89PNG' and struct.unpack('>2I', head[16:]) == (5 * 68 + 4 + 16, 2 * 68 + 4), 'neighbors: the sheet', head)
    done = call('neighbors', 'run', 'train', '--query', '240', '-o', 'x.png')
    ok(done.returncode == 5 and not os.path.exists('x.png'), 'neighbors: no such image', done.stderr)


def check_measured_svm(row, probed):
    """The support vector machines of measure are those of probe, and it says what they learnt from."""
    if isinstance(probed, str) and 'liblinear' in probed:
        ok('svm' not in row, 'measure: svm # SKIP built without liblinear')
        return
    have = row.get('svm', {})
    ok(isinstance(probed, list) and (have.get('c'), have.get('loss')) == (0.002, 'squared')
       and [(r['accuracy'], r['std'], r['svm_images'], r['svm_unconverged']) for r in probed]
       == [tuple(have[n][k] for k in ('accuracy', 'std', 'images', 'unconverged')) for n in LAYERS]
       and [have[n]['images'] for n in LAYERS] == [63, 63, 240], 'measure: the support vector machines of probe', (have, probed))


def check_measure():
    # synth's 16 pixels are enough for one scale and three strided convolutions
    args = ['measure', 'run', 'train', '--test', 'test', '--steps', '12', '--batch', '8', '--ndm-batch', '16', '--save']
    svm = ['--svm-loss', 'squared', '--svm-c', '0.002', '--svm-memory', '1M']
    done = call(*args, *svm, '--json')
    row = json.loads(done.stdout or '{}')
    keys = ('mine_nats', 'mine_heldout_nats', 'ndm', 'ndm_sigmoid', 'ssim', 'ms_ssim')
    ok(done.returncode == 0 and all(isinstance(row[k], float) and abs(row[k]) < 1000 for k in keys) and row['ssim_scales'] == 1
       and row['images'] == 240 and row['test_images'] == 90, 'measure: the whole row', (row, done.stderr))
    ok(1 <= row['ndm_step'] <= 12 and 1 <= row['ndm_sigmoid_step'] <= 12 and row['ndm_batch'] == 16 and row['ndm_heldout'] == 'on'
       and row['codes'] == 'standardised',
       'measure: where ndm stopped', row)
    check_measured_svm(row, probe('--classifier', 'svm', '--test', 'test', *svm))
    ok(os.path.exists('run/drawings.png'), 'measure: a sheet of reconstructions')
    with open('run/measure.json', encoding='utf-8') as file:
        ok(json.load(file) == row, 'measure: --save writes the same')
    done = call('measure', 'run', 'train', '--ndm', '--steps', '3')
    ok(done.returncode == 0 and 'NDM' in done.stdout and 'of learned ones' in done.stdout and 'MINE' not in done.stdout,
       'measure: only what is asked for', done.stderr)
    done = call('measure', 'run', 'train', '--test', 'test', '--mine', '--ndm', '--codes', 'as-is', *args[5:-1], '--json')
    raw = json.loads(done.stdout or '{}')
    ok(done.returncode == 0 and raw['codes'] == 'as-is' and all(raw[k] != row[k] for k in keys[:4]), 'measure: codes as they are',
       (raw, row, done.stderr))
    done = call('measure', 'run', 'train', '--ndm', '--ndm-heldout', 'off', '--steps', '3', '--test', 'test', '--json')
    seen = json.loads(done.stdout or '{}')
    ok(done.returncode == 0 and (seen['ndm_step'], seen['ndm_sigmoid_step'], seen['ndm_batch'], seen['ndm_heldout']) == (3, 3, 240, 'off')
       and seen['ndm'] == seen['ndm_learned'], 'measure: ndm with no codes held out', (seen, done.stderr))
    with open('run/drawings.png', 'rb') as file:
        sheet = file.read()
    done = call(*args, '--ssim', '--untrained')
    ok(done.returncode == 0 and json.load(open('run/measure-untrained.json', encoding='utf-8'))['untrained'],
       'measure: --save --untrained has a file of its own', done.stderr)
    with open('run/drawings.png', 'rb') as file:
        ok(file.read() == sheet and os.path.exists('run/drawings-untrained.png'), 'measure: and a sheet of its own')
    return row


def check_missing_layer():
    """An encoder without a layer fc: its place in the table is empty."""
    done = call('synth', 'few', '--count', '60', '--classes', '3', '--size', '16', device=False)
    done = call('train', 'few', '-o', 'multi', '--encoder', 'fold-multi-resnet19', '--epochs', '1', '--batch', '30', '--critic-units', '16')
    if not ok(done.returncode == 0, 'a run of an encoder with several globals', done.stderr):
        return
    args = ['measure', 'multi', 'few', '--steps', '1', '--batch', '2', '--svm-memory', '64K']
    row = call(*args, '--json')
    text = call(*args).stdout
    svm = json.loads(row.stdout or '{}').get('svm')
    if svm is None and 'liblinear' in row.stderr:
        ok(True, 'measure: an encoder without fc # SKIP built without liblinear')
        return
    ok(row.returncode == 0 and isinstance(svm, dict) and 'conv' in svm and 'y' in svm and 'fc' not in svm
       and 'SVM (fc)     -' in text and 'SVM (Y)      -' not in text, 'measure: an encoder without fc', (row.stderr, svm, text))
    ok('hinge loss, C 1)  (%d of 48 images)' % svm['conv']['images'] in text, 'measure: how many images memory held', (svm, text))


def check_compare(measured):
    """What probe and measure saved arrives in the comparison, and what was not asked for does not."""
    shutil.copytree('run', 'bare')
    for name in os.listdir('bare'):
        if name.startswith(('probe-', 'measure')):
            os.remove('bare/' + name)
    done = call('compare', 'run', 'bare', '--json', device=False)
    runs = json.loads(done.stdout or '{"runs": []}')['runs']
    if not ok(len(runs) == 2, 'compare: two runs', done.stderr):
        return
    ok(measured in runs[0]['measure'] and len(runs[0]['measure']) == 2 and not runs[1]['measure'] and not runs[1]['probes'],
       'compare: what measure saved', runs)
    with open('run/probe-mlp.json', encoding='utf-8') as file:
        ok(all(r in runs[0]['probes'] for r in json.load(file)), 'compare: what probe saved', runs)
    text = call('compare', 'run', 'bare', device=False).stdout
    cell = {line[2:].rsplit(None, 2)[0]: line.split()[-2:] for line in text.splitlines() if line.startswith('  ') and len(line.split()) > 2}
    wanted = [('mine_nats', measured['mine_nats']), ('ndm', measured['ndm']), ('ms_ssim', measured['ms_ssim'])]
    ok(all(cell.get(k) == ['%.4g' % v, '-'] for k, v in wanted) and 'untrained ssim' in cell, 'compare: the table has them', text)


def check_faults():
    os.makedirs('flat')
    for i, path in enumerate(lines('y.npy.paths.txt')[:40]):
        shutil.copy('train/' + path, 'flat/%d.png' % i)
    done = call('probe', 'run', 'flat')
    ok(done.returncode == 5 and 'labels' in done.stderr, 'probe: images without labels are bad data', done.stderr)
    with open('flat.npy.labels.npy', 'w', encoding='utf-8') as file:
        file.write('old')
    done = call('embed', 'run', 'flat', '-o', 'flat.npy')
    ok(done.returncode == 0 and npy('flat.npy')[0] == (40, 64) and not os.path.exists('flat.npy.labels.npy'),
       'embed: no labels, no file of them', done.stderr)
    for args, code in ((['probe', 'train', 'train'], 2), (['embed', 'run', 'train', '-o', 'x.txt'], 2),
                       (['probe', 'run', 'nowhere'], 5), (['embed', 'run', 'nowhere', '-o', 'x.npy'], 5)):
        done = call(*args)
        ok(done.returncode == code and 'error' in done.stderr, '%s ends with %d' % (' '.join(args), code), done.stderr)


def check_embed():
    table = {}
    for layer, width in (('conv', 1024), ('fc', 1024), ('y', 64)):
        done = call('embed', 'run', 'train', '-o', layer + '.npy', '--layer', layer)
        if not ok(done.returncode == 0 and done.stdout == layer + '.npy\n', 'embed: ' + layer, done.stderr):
            return
        shape, table[layer] = npy(layer + '.npy')
        ok(shape == (240, width) and all(map(math.isfinite, table[layer])), 'embed: %s has %d values' % (layer, width),
           shape)
    paths = lines('y.npy.paths.txt')
    ok(len(paths) == 240 and paths == sorted(paths, key=os.fsencode) and all(os.path.exists('train/' + p) for p in paths),
       'embed: the rows are the sorted paths')
    names = lines('y.npy.classes.txt')
    shape, label = npy('y.npy.labels.npy')
    ok(shape == (240,) and [names[k] for k in label] == [p.split('/')[0] for p in paths], 'embed: labels')
    call('embed', 'run', 'train', '-o', 'y.csv')
    call('embed', 'run', 'train', '-o', 'y.jsonl')
    with open('y.csv', encoding='utf-8', newline='') as file:
        rows = list(csv.reader(file))
    single = struct.Struct('<f')
    ok(rows[0][:3] == ['path', 'class', 'f0'] and [r[0] for r in rows[1:]] == paths
       and tuple(single.unpack(single.pack(float(v)))[0] for r in rows[1:] for v in r[2:]) == table['y'],
       'embed: .csv has the same values')
    rows = [json.loads(line) for line in lines('y.jsonl')]
    ok([r['path'] for r in rows] == paths and [r['class'] for r in rows] == [p.split('/')[0] for p in paths]
       and tuple(single.unpack(single.pack(v))[0] for r in rows for v in r['features']) == table['y'],
       'embed: .jsonl has the same values')
    subprocess.run([INFOMAX, 'embed', 'run', 'train', '-o', 'host.npy', '--device', 'host', '-q'], check=False,
                   stdout=subprocess.DEVNULL)
    worst = max(abs(a - b) for a, b in zip(npy('host.npy')[1], table['y']))
    ok(worst <= 1e-4 * max(map(abs, table['y'])), 'embed: the host gives the same features', worst)
    call('embed', 'run', 'train', '-o', 'drawn.npy', '--untrained')
    ok(max(abs(a - b) for a, b in zip(npy('drawn.npy')[1], table['y'])) > 1e-3, 'embed: --untrained gives others')


def check_outdated():
    """Results of weights that the run no longer has are not taken for its own: training on, and beginning anew."""
    def said():
        notes = json.loads(call('compare', 'run', 'bare', '--json', device=False).stdout or '{"warnings": []}')['warnings']
        call('report', 'run', '-o', 'run.html', device=False)
        with open('run.html', encoding='utf-8') as file:
            return [n.split(': ')[1].split()[0] for n in notes if 'learned on since' in n], file.read().count(', but has learned on since')
    before = said()
    results = sorted(n for n in os.listdir('run') if n.startswith(('probe-', 'measure')))
    ok(len(results) > 2 and before == ([], 0), 'results of the weights that are there', (results, before))
    done = call('resume', 'run', '--epochs', '2', device=False)
    after = said()
    trained = [n for n in results if n != 'measure-untrained.json']
    ok(done.returncode == 0 and after[0] == trained and after[1] > 0, 'results of weights that learned on: compare and report say so',
       (done.stderr, after))
    probe('--classifier', 'mlp', '--epochs', '1', '--save')
    again = said()
    ok(again == (['measure.json'], 1), 'until they are taken again', again)
    call('embed', 'run', 'train', '-o', 'run/features-y.npy')
    with open('run/measurements.json', 'w', encoding='utf-8') as file:
        file.write('mine')
    done = call('train', 'train', '-o', 'run', '--overwrite', '--encoder', 'basic32', '--epochs', '1', '--batch', '32', '--critic-units', '16')
    left = sorted(os.listdir('run'))
    ok(done.returncode == 0 and left == ['checkpoints', 'config.toml', 'encoder.safetensors', 'env.json']
       + [n for n in left if n.startswith('events.')] + ['measurements.json', 'metrics.csv', 'metrics.jsonl', 'train.log'],
       'train --overwrite leaves no results of the run before', (done.stderr, left))


def check_signal():
    args = [INFOMAX, 'probe', 'run', 'train', '--epochs', '100000', '--layer', 'y', '--device', DEVICE]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        for line in p.stderr:
            if ' images of ' in line:
                break
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=120)
    ok(p.returncode == 130 and out == '', 'probe: SIGINT ends it with 130', '%d %s' % (p.returncode, err))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if prepare():
            check_embed()
            check_probe()
            check_other_probes()
            check_shares()
            check_svm()
            check_neighbors()
            check_compare(check_measure())
            check_missing_layer()
            check_faults()
            check_signal()
            check_outdated()
        os.chdir('/')
    return plan()


sys.exit(main())
