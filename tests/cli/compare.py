#!/usr/bin/env python3
"""infomax compare: numbers of the folders arrive in table, JSON and page; more runs than colours are told apart; damaged and
unfinished ones are shown with what there is; what is no run is refused. infomax lab: table, JSON, CSV and page say the same;
Ctrl-C keeps what is done.
Prints TAP.

usage: compare.py INFOMAX"""
import csv
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import ok, plan  # noqa: E402

INFOMAX = sys.argv[1]


def run(*args):
    return subprocess.run([INFOMAX, *args], capture_output=True, text=True, timeout=120)


def write(path, text):
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text)


LONG = 'absolute-column-accuracy-of-places'


def make(run, estimator, losses, nats=True, device='box', data='aaaa', log='finished: step 30, loss 1, 9 s', terms=None, accuracies=()):
    os.makedirs(run)
    write(run + '/config.toml', '[objective]\nobjective = "dim-local"\nestimator = "%s"\n[train]\nlr = 0.0001\n' % estimator)
    write(run + '/env.json', json.dumps({'infomax': '1', 'device': {'name': device, 'driver': '2'}, 'memory': {'peak_bytes': 3145728},
                                         'data': {'images': 70, 'hash': data}}))
    rows = [{'step': 10 * (i + 1), 'epoch': i + 1, 'loss': x, 'mi_nats': 8 - x if nats else None, 'mi_ceiling': 8 if nats else None,
             'images_per_s': 100 + i, 'seconds': 5.0 * (i + 1), **({'terms': terms} if terms else {}),
             **({'readings': {LONG: accuracies[i]}} if accuracies else {})} for i, x in enumerate(losses)]
    write(run + '/metrics.jsonl', ''.join(json.dumps(r) + '\n' for r in rows))
    write(run + '/train.log', '2026-01-01T00:00:00Z started from step 0\n2026-01-01T00:01:00Z %s\n' % log)


def compare(folder):
    a, b, c = (os.path.join(folder, x) for x in ('one/a', 'b<&', 'two/a'))
    make(a, 'infonce', [6, 5.5, 5.25])
    make(b, 'jsd', [0.5, -0.25], nats=False, device='card', data='bbbb', log='stopped at step 20 of 90; go on', terms={'local': -0.25, 'prior': 1.5},
         accuracies=[0.25, 0.5])
    make(c, 'infonce', [6, 4])
    write(a + '/probe-mlp.json', json.dumps([{'layer': 'y', 'classifier': 'mlp', 'untrained': u, 'accuracy': 0.5 - 0.25 * u,
                                              'std': 0.125 * (1 - u)} for u in (False, True)]))
    write(a + '/measure.json', json.dumps({'mine_nats': 3.5, 'ndm': None, 'ssim': 0.25, 'sheet': 'a/drawn.png',
                                         'svm': {'conv': {'accuracy': 0.5, 'images': 63}, 'loss': 'hinge'}}))
    write(a + '/probe-linear.json', json.dumps([
        {'layer': 'y', 'classifier': 'linear', 'accuracy': 0.75, 'balanced_accuracy': 0.5, 'auc': 0.625, 'auc_std': 0.03125},
        {'layer': 'fc', 'classifier': 'linear', 'accuracy': 0.75, 'balanced_accuracy': 0.75, 'auc': 0.625}]))
    write(c + '/probe-mlp.json', '[{"layer": "y",')
    with open(c + '/metrics.jsonl', 'a', encoding='utf-8') as f:
        f.write('{"step": 30, "lo')
    page = os.path.join(folder, 'page.html')
    r = run('compare', a, b, c, '-o', page)
    line = {x[:22].strip(): x[22:].split() for x in r.stdout.split('\n')}
    ok(r.returncode == 0 and 'one/a' in r.stdout and 'two/a' in r.stdout, 'runs of one name are told apart')
    ok(line['estimator'] == ['infonce', 'jsd', 'infonce'] and 'lr' not in line, 'settings that differ, and those alone')
    ok(line['loss'] == ['5.25', '-0.25', '4'] and line['mi_nats'] == ['2.75', '-', '4'] and line['mi_ceiling'] == ['8', '-', '8'],
       'last losses, nats and ceilings; none for jsd')
    ok(line['loss: prior'] == ['-', '1.5', '-'], 'terms of the loss')
    ok(re.search(r'reading: absolute-column-\S* +- +0\.5 +-', r.stdout), 'a reading of a long name: its last value')
    ok('50.00 +- 12.50 %' in r.stdout and line['y mlp untrained'][:2] == ['25.00', '%'] and line['mine_nats'][0] == '3.5' and
       'ndm' not in line, 'probes and measurements')
    ok(line.get('y linear, balanced', [''])[0] == '50.00' and line.get('y linear, AUC', [])[:3] == ['62.50', '+-', '3.12'] and
       'fc linear, AUC' not in line, 'balanced accuracy and AUC where classes are unequal', line)
    report = os.path.join(folder, 'report.html')
    done = run('report', a, '-o', report)
    with open(report, encoding='utf-8') as f:
        html = f.read()
    ok(done.returncode == 0 and '<td>trained<td class=n>75.0 %<td class=n>50.0 %<td class=n>62.5 % &plusmn; 3.1<td' in html and
       '<td>untrained<td class=n>25.0 %<td class=n><td class=n><td' in html, 'report: all three', done.stderr)
    ok('<th>I(X;Y) by MINE, nats<td class=n>3.5\n' in html and '<th>SSIM of what a decoder draws<td class=n>0.25\n' in html and
       '(NDM)' not in html, 'report: what was measured')
    ok(line.get('svm loss', ['-'])[0] == 'hinge' and line.get('svm conv images', ['-'])[0] == '63' and 'sheet' not in line, 'what the support vector machines learnt')
    ok(line['peak memory'][:2] == ['3.0', 'MB'] and line['images/s'] == ['101', '101', '101'], 'cost')
    for word in ('different images', 'different devices', 'estimators differ', 'b<& is not finished: stopped at step 20 of 90'):
        ok(word in r.stderr, 'it is said: ' + word)
    with open(page, encoding='utf-8') as f:
        html = f.read()
    ok('b&lt;&amp;' in html and 'b<&' not in html, 'names are escaped in the page')
    ok(not re.search(r'<script|https?://|url\(|@import|\bsrc=', html), 'the page needs no network and no script')
    ok('different images' in html and html.count('<figure') >= 5, 'the page has the notes and %d charts' % html.count('<figure'))
    ok(html.count('class="line s1"') == 6 and html.count('class="line s1 dash"') == 1, 'loss twice, nats with their ceiling, speed, two whiskers')
    r = run('compare', a, b, c, '--json')
    j = json.loads(r.stdout)
    ok([x['loss'] for x in j['runs']] == [5.25, -0.25, 4] and j['runs'][1]['terms'] == {'local': -0.25, 'prior': 1.5} and
       j['runs'][1]['readings'] == {LONG: 0.5} and
       [p['accuracy'] for p in j['runs'][0]['probes']] == [0.75, 0.75, 0.5, 0.25] and j['runs'][0]['measure'][0]['mine_nats'] == 3.5 and
       j['runs'][2]['probes'] == [] and j['runs'][1]['data_hash'] == 'bbbb' and len(j['warnings']) == 4, 'as JSON')
    for name in ('config.toml', 'env.json', 'metrics.jsonl'):
        write(os.path.join(b, name), '\x00{')
    r = run('compare', a, b, '-o', page)
    ok(r.returncode == 0 and 'no metrics' in r.stderr and 'no settings' in r.stderr and 'device and data' in r.stderr,
       'a run whose files are damaged is still shown')
    for args, code, word in (((a,), 2, 'missing'), ((a, folder), 5, 'no run folder'), ((a, a + '/none'), 5, 'none'),
                             ((a, c, '-o', folder + '/no/where.html'), 8, 'where.html')):
        r = run('compare', *args)
        ok(r.returncode == code and word in r.stderr and not r.stdout, r.stderr.split('\n')[0])


def charts(html):
    """Title to the rest of each chart."""
    return {x.split('<')[0].strip(): x for x in html.split('<figcaption>')[1:]}


MEASURES = {'mine_nats': 40.5, 'mine_heldout_nats': 30.5, 'ndm': 9.25, 'ndm_sigmoid': 0.5, 'ssim': 0.25, 'ms_ssim': 0.375,
            'svm': {layer: {'accuracy': 0.5, 'std': 0.015625} for layer in ('conv', 'fc', 'y')}}


def many(folder):
    """More runs than colours, with everything that is measured."""
    names = ['run-%d' % k for k in range(11)] + ['a-run-of-which-the-name-is-longer-than-there-is-room']
    runs = [os.path.join(folder, 'many', name) for name in names]
    for k, path in enumerate(runs):
        make(path, 'jsd' if k == 3 else 'infonce', [6 - k / 8, 4 - k / 8])
        write(path + '/measure.json', json.dumps({**MEASURES, 'ssim': 0.25 + k / 64, 'untrained': False}))
    write(runs[0] + '/measure-untrained.json', json.dumps({'ssim': 0.125, 'untrained': True}))
    page = os.path.join(folder, 'many.html')
    r = run('compare', *runs, '-o', page)
    line = {x[:22].strip(): x[22:].split() for x in r.stdout.split('\n')}
    ok(r.returncode == 0 and line['svm y'][:4] == ['50.00', '+-', '1.56', '%'] and line['untrained ssim'][:2] == ['0.125', '-'],
       'accuracies of support vector machines with their deviation; the untrained encoder', r.stderr)
    with open(page, encoding='utf-8') as f:
        html = f.read()
    # what the heads of the table show: a class of colour, a shape; the same in every key
    key = r'<svg class="look (s\d)" viewBox="[^"]*"><path class=line d="[^"]*"/><path class="dot pin " d="M0\.0 0\.0([^"]*)"></path></svg>(?:<b>)?'
    looks = [re.search(key + name + '<', html).groups() for name in names]
    ok(len(set(looks)) == len(names) and looks[0][0] == looks[8][0], '%d runs have a colour and a shape of their own' % len(set(looks)))
    chart = charts(html)
    loss = next(x for title, x in chart.items() if title.startswith('Loss: dim-local, infonce'))
    ok([re.search(key + name + '<', loss).groups() for k, name in enumerate(names) if k != 3] == looks[:3] + looks[4:] and
       all(loss.count('class="dot pin %s"' % look[0]) >= 2 for look in looks), 'lines carry the shapes, the key names them')
    alone = next(x for title, x in chart.items() if title.startswith('Loss: dim-local, jsd'))
    ok('>run-3</b>' in alone, 'a run that has a chart for itself is named, too')
    for title, values in (('Linear support vector machines', ('run-7, svm conv: 50 &plusmn; 1.6', 'run-0, svm y: 50')),
                          ('Likeness of images', ('run-2, ssim: 0.2812', 'run-2, ms_ssim: 0.375', 'run-0, untrained ssim: 0.125')),
                          ('Information of codes', ('run-1, mine_nats: 40.5', 'run-1, mine_heldout_nats: 30.5')),
                          ('Dependence', ('run-9, ndm: 9.25', 'run-9, ndm_sigmoid: 0.5')),
                          ('Training time', ('run-5: 0.1667',)), ('Speed', ('run-10: 101<',)), ('Peak memory', ('run-4: 3<',))):
        found = next((x for name, x in chart.items() if name.startswith(title)), '')
        ok(all('<title>' + v in found for v in values), title + ': a dot for each', [re.findall('<title>(.*?)</title>', found), values])
    speed = chart['Speed']
    left = [float(x) for x in re.findall(r'<text x=(\S+) y=\S+ text-anchor=end', speed)]
    ok(len(left) == len(names) and len(set(left)) == 1 and speed.count('textLength=') == 1 and float(re.search(r'textLength=(\d+)', speed)[1]) < left[0],
       'names stand beside the dots, one too long is squeezed', left)
    low = [float(x) for x in re.findall(r'class="dot pin s\d" d="M\S+ ([\d.]+)m', chart['Linear support vector machines'])]
    ok(all(b - a >= 6 for a, b in zip(low, low[1:])), 'dots of a row and of the next do not meet', low)


FAST = ['--device', 'host', '--hidden', '8', '--embed', '4', '--tests', '4', '-q']


def lab(folder):
    page, table = os.path.join(folder, 'lab.html'), os.path.join(folder, 'lab.csv')
    r = run('lab', *FAST, '--steps', '5', '--seeds', '2', '--batch', '4,8', '--tables', '50', '-o', page, '--csv', table, '--json')
    if not ok(r.returncode == 0, 'lab runs %s' % r.stderr):
        return
    j = json.loads(r.stdout)
    names = {x['estimator'] for x in j['rows']}
    ok({'infonce', 'jsd', 'dv'} <= names and len(j['rows']) == 4 * 2 * len(names) and all(x['seeds'] == 2 for x in j['rows']),
       'four joints, two batch sizes, %d estimators' % len(names))
    exact = sorted({round(x['exact'], 6) for x in j['rows'] if x['joint'] != 'table'})
    ok(exact == [0.830366, 2.302585, 2.876821], 'exact values: %s' % exact)
    ok(all(abs(x['reading'] - x['exact'] - x['bias']) < 1e-9 for x in j['rows'] if x['reading'] is not None), 'bias = reading - exact')
    ok(all((x['ceiling'] is not None) == (x['estimator'] == 'infonce') for x in j['rows']), 'infonce alone has a ceiling')
    ok(len(j['tables']['mi']) == 50 and j['tables']['rank_correlation'] > 0.9, 'JSD against mutual information')
    with open(table, encoding='utf-8') as f:
        rows = list(csv.DictReader(f))
    ok(len(rows) == len(j['rows']) and all(a['reading'] == ('' if b['reading'] is None else a['reading']) and
                                           (not a['reading'] or float(a['reading']) == b['reading']) for a, b in zip(rows, j['rows'])),
       'the CSV has the same numbers')
    with open(page, encoding='utf-8') as f:
        html = f.read()
    ok(html.count('<figure') == 9 and not re.search(r'<script|https?://|url\(|@import|\bsrc=', html), 'the page has its charts')
    again = json.loads(run('lab', *FAST, '--steps', '5', '--seeds', '1', '--batch', '8', '--estimator', 'dv', '--joint', 'gauss', '--json').stdout)
    first = [x for x in j['rows'] if x['estimator'] == 'dv' and x['batch'] == 8 and x['joint'] == 'gauss']
    ok(len(again['rows']) == 2 and first[0]['exact'] == again['rows'][0]['exact'], '--estimator and --joint choose')
    r = run('lab', *FAST, '--steps', '300', '--max-time', '0.001')
    ok(r.returncode == 0 and 'not done' in r.stdout, '--max-time: what is not done is said')
    p = subprocess.Popen([INFOMAX, 'lab', '--device', 'host', '--steps', '40', '--seeds', '1000', '--estimator', 'dv', '--joint', 'gauss',
                          '--dims', '1', '--batch', '4', '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(3)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    rows = json.loads(out)['rows'] if out else []
    ok(p.returncode == 130 and (not rows or rows[0]['seeds'] > 0), 'Ctrl-C keeps %s critics: %s' % (rows and rows[0]['seeds'], err[-60:]))
    for args, word in ((['--estimator', 'infonc'], 'did you mean infonce'), (['--rho', '1'], 'correlation'), (['--dims', '0'], 'dimensions'),
                       (['--batch', '1'], 'batch'), (['--joint', 'gaus'], 'did you mean gauss'), (['--symbols', '1x'], 'whole number'),
                       (['--joint', 'table', '--concentration', '0'], 'concentration'), (['--steps', '0'], 'steps')):
        r = run('lab', *args)
        ok(r.returncode == 2 and word in r.stderr and not r.stdout, '%s: %s' % (' '.join(args), r.stderr.split('\n')[0]))


with tempfile.TemporaryDirectory(prefix='imx-compare-') as folder:
    compare(folder)
    many(folder)
    lab(folder)
sys.exit(plan())
