#!/usr/bin/env python3
"""A critic and an estimator of its own for the global term, and drawn globals: what a run writes down of them, what it resumes and what
it refuses. Prints TAP.

usage: terms.py INFOMAX

A dozen drawn pictures, tiny16 on the host."""
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from checkpoint import LAST, metadata, tensors  # noqa: E402
from tap import ok, plan, skip  # noqa: E402

INFOMAX = os.path.abspath(sys.argv[1])
BEFORE = 'checkpoints/previous-2.safetensors'
TRAIN = ['--device', 'host', '--no-selftest', '--encoder', 'tiny16', '--critic-units', '4', '--batch', '4', '--epochs', '4', '--report-every',
         '1', '--checkpoint-steps', '2', '--seed', '3']
BOTH = ['--objective', 'dim-local-global']


def call(*args):
    return subprocess.run([INFOMAX, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)


def train(run, *options):
    return call('train', 'pictures', '-o', run, *TRAIN, *options)


def rows(run):
    with open(os.path.join(folder, run, 'metrics.jsonl'), encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def setting(run, key):
    with open(os.path.join(folder, run, 'config.toml'), encoding='utf-8') as f:
        return next((line.split(' = ')[1].strip('"\n') for line in f if line.startswith(key + ' = ')), None)


def chosen(run):
    return [setting(run, key) for key in ('critic', 'estimator', 'global-critic', 'global-estimator')]


def resolved(name, options, want):
    done = train(name, *BOTH, *options, '--epochs', '1')
    ok(done.returncode == 0 and chosen(name) == want, '%s: the run says %s' % (' '.join(options) or 'nothing', chosen(name)), done.stderr)


def refused(word, *options):
    done = train('no', *options)
    ok(done.returncode == 2 and word in done.stderr, '%s: %s' % (' '.join(options), done.stderr.strip().split('\n')[-2]))
    shutil.rmtree(os.path.join(folder, 'no'), ignore_errors=True)


def copy(run, to, **settings):
    """The run at an earlier checkpoint, some settings changed."""
    old, new = os.path.join(folder, run), os.path.join(folder, to)
    os.makedirs(os.path.join(new, 'checkpoints'))
    shutil.copy(os.path.join(old, 'env.json'), new)
    shutil.copy(os.path.join(old, BEFORE), os.path.join(new, LAST))
    with open(os.path.join(old, 'config.toml'), encoding='utf-8') as f:
        lines = f.read().split('\n')
    for key, value in settings.items():
        lines = ['%s = "%s"' % (key.replace('_', '-'), value) if line.startswith(key.replace('_', '-') + ' = ') else line for line in lines]
    with open(os.path.join(new, 'config.toml'), 'w', encoding='utf-8') as f:
        f.write('\n'.join(lines))


def published():
    done = train('paper', *BOTH, '--global-critic', 'concat')
    if not ok(done.returncode == 0, 'the paper\'s critics: the training ends with %d' % done.returncode, done.stderr):
        return
    ok(chosen('paper') == ['bilinear', 'infonce', 'concat', 'jsd'], 'config.toml says %s' % chosen('paper'))
    with open(os.path.join(folder, 'paper', 'env.json'), encoding='utf-8') as f:
        env = f.read()
    network = metadata(os.path.join(folder, 'paper'))['network']
    ok(' global=concat jsd units=4 scale=1' in network and network in env, 'env.json and checkpoints say %s' % network)
    row, ceiling = rows('paper')[-1], math.log(1 + 3 * 16)
    ok('local-nats' in row['readings'] and 'global-nats' not in row['readings'] and abs(row['mi_ceiling'] - ceiling) < 1e-5 and
       abs(row['mi_nats'] - row['readings']['local-nats']) < 1e-5, 'nats are those of the places: %s' % row)
    ok(abs(0.5 * row['terms']['global'] + 0.1 * row['terms']['local'] - row['loss']) < 1e-4, 'both terms add up to the loss')
    held = tensors(os.path.join(folder, 'paper'))
    ok('whole.critic.fc1.map.weight' in held and 'local.hidden.weight' in held and 'whole.local.hidden.weight' not in held,
       'each term has the parameters of its critic')
    done = call('train', 'pictures', '-o', 'replayed', '--config', 'paper/config.toml', '-q')
    ok(done.returncode == 0 and tensors(os.path.join(folder, 'replayed')) == held, 'config.toml replayed ends with the same bits', done.stderr)
    copy('paper', 'again')
    done = call('resume', 'again', '-q')
    ok(done.returncode == 0 and rows('again')[0]['step'] > 0 and tensors(os.path.join(folder, 'again')) == held,
       'from an earlier checkpoint it ends with the same bits', done.stderr)
    for key, value in (('global_critic', 'encode-dot'), ('global_estimator', 'gan')):
        copy('paper', value, **{key: value})
        done = call('resume', value, '-q')
        ok(done.returncode == 5 and ('the checkpoint is of' in done.stderr or ' is missing' in done.stderr), 'resume with %s %s: %s' % (key, value, done.stderr.strip()))


def globals_drawn():
    """fold-multi-resnet19, the smallest encoder with several globals, takes the host many seconds a step."""
    devices = json.loads(call('devices', '--json').stdout)
    if not any(d['usable'] and d['type'] != 'host' for d in devices):
        skip('globals are drawn', 'there is no OpenCL device, and the host is too slow')
        return
    call('synth', 'large', '-q', '--count', '8', '--classes', '2', '--size', '32')
    done = call('train', 'large', '-o', 'drawn', *TRAIN[2:3], *TRAIN[5:], *BOTH, '--encoder', 'fold-multi-resnet19', '--globals', '6', '--locals',
                '5', '--batch', '2', '--epochs', '1', '--checkpoint-steps', '1')
    network = metadata(os.path.join(folder, 'drawn'))['network'] if done.returncode == 0 else done.stderr
    ok(setting('drawn', 'globals') == '6' and network.endswith(' locals=5 globals=6'), 'drawn globals: the run says %s' % network)
    copy('drawn', 'drawn-again')
    done = call('resume', 'drawn-again', '-q')
    ok(done.returncode == 0 and rows('drawn-again')[0]['step'] > 0 and
       tensors(os.path.join(folder, 'drawn-again')) == tensors(os.path.join(folder, 'drawn')), 'and ends with the same bits when resumed',
       done.stderr)


def options():
    """Each option reaches the network, which says so, and changes what is computed."""
    done = train('plain', '--epochs', '1')
    base = rows('plain') if ok(done.returncode == 0, 'a plain run', done.stderr) else []
    for name, word, *given in (
            ('occlude', ' occlude', '--occlude'),
            ('filled', ' occlude fill=0.5 min=6 max=9 own', '--occlude', '--occlude-fill', '0.5', '--occlude-min', '6', '--occlude-max', '9',
             '--occlude-statistics', 'own'),
            ('residual', ' coordinates=both weight=2 residual', '--coordinates', 'both', '--coordinates-weight', '2', '--coordinates-net',
             'residual'),
            ('scale', ' scale=0.25 ', '--score-scale', '0.25'),
            ('scale2', ' concat jsd units=4 scale=0.25 ', '--critic', 'concat', '--score-scale', '0.25'),
            ('l2', ' l2=0.125', '--score-l2', '0.125'),
            ('clip', ' clip=0.25', '--score-clip', '0.25'),
            ('tau', ' par=3', '--estimator', 'smile', '--smile-tau', '3'),
            ('decay', ' par=0.5', '--estimator', 'dv-ema', '--ema-decay', '0.5'),
            ('penalty', ' prior=uniform penalty=2', '--gamma', '0.5', '--prior-penalty', '2'),
            ('init', 'tiny16', '--bn-init', 'uniform'),
            ('prior', ' alpha=0 beta=0 gamma=1 prior=gaussian penalty=1', '--beta', '0', '--gamma', '1', '--prior', 'gaussian'),
            ('places', ' alpha=0 beta=0 gamma=0 coordinates=absolute', '--beta', '0', '--coordinates', 'absolute')):
        done = train(name, '--epochs', '1', *given)
        network = metadata(os.path.join(folder, name))['network'] if done.returncode == 0 else done.stderr
        ok(done.returncode == 0 and word in network, '%s: the run says %s' % (' '.join(given), network))
        ok(done.returncode != 0 or [r['loss'] for r in rows(name)] != [r['loss'] for r in base], '%s: another loss' % ' '.join(given))


def bench():
    options = ['bench', 'step', '--json', '-q', '--size', '16', *TRAIN[:1], 'host', *TRAIN[3:9], *BOTH]
    plain, other = (json.loads(call(*options, *more).stdout) for more in ([], ['--global-critic', 'concat', '--global-estimator', 'dv']))
    ok([plain[k] for k in ('critic', 'global_critic', 'global_estimator')] == ['bilinear', 'bilinear', 'infonce'] and
       [other[k] for k in ('critic', 'global_critic', 'global_estimator')] == ['bilinear', 'concat', 'dv'] and
       plain['work'] + ', global concat dv, units 4 scale 1 par 0 negatives 0' == other['work'], 'bench step says which critics it timed',
       other.get('work'))


def main():
    made = call('synth', 'pictures', '-q', '--count', '12', '--classes', '2', '--size', '16')
    if not ok(made.returncode == 0, 'pictures are drawn', made.stderr):
        return plan()
    published()
    resolved('b', ['--critic', 'concat', '--global-critic', 'bilinear'], ['concat', 'jsd', 'bilinear', 'infonce'])
    resolved('c', ['--estimator', 'dv', '--global-critic', 'concat'], ['bilinear', 'dv', 'concat', 'same'])
    resolved('d', ['--global-critic', 'concat', '--negatives', '2', '--activation-penalty', '0.1'], ['bilinear', 'infonce', 'concat', 'jsd'])
    resolved('e', ['--global-critic', 'concat', '--alpha', '0'], ['bilinear', 'infonce', 'concat', 'jsd'])
    resolved('f', ['--global-estimator', 'smile', '--beta', '0'], ['bilinear', 'infonce', 'same', 'smile'])
    ok(rows('f')[-1]['mi_ceiling'] is None and rows('f')[-1]['mi_nats'] is not None, 'alone, the global critic\'s reading and ceiling count')
    resolved('a', [], ['bilinear', 'infonce', 'same', 'same'])
    row = rows('b')[-1]
    ok(row['mi_nats'] == row['readings']['global-nats'] and abs(row['mi_ceiling'] - math.log(4)) < 1e-5,
       'of two critics, the one whose estimator reads nats is told of', row)
    with open(os.path.join(folder, 'a', 'train.log'), encoding='utf-8') as f:
        log = f.read()
    ok('global-nats cannot pass %.4f' % math.log(4) in log and 'local-nats cannot pass %.4f' % math.log(1 + 3 * 16) in log,
       'the log has the ceilings of both critics', log)
    ok(abs(rows('d')[-1]['mi_ceiling'] - math.log(1 + 2 * 16)) < 1e-5, '--negatives is for the critic that scores all pairs')
    refused('the global term', *BOTH, '--global-critic', 'concat', '--estimator', 'infonce')
    refused('such as jsd', *BOTH, '--global-critic', 'concat', '--global-estimator', 'infonce')
    refused('no global term', '--global-critic', 'concat')
    refused('no global term', '--global-estimator', 'dv', '--objective', 'vae')
    refused('did you mean concat?', *BOTH, '--global-critic', 'conct')
    refused('same|encode-dot|bilinear|concat', *BOTH, '--global-critic', 'x')
    refused('--negatives', *BOTH, '--critic', 'concat', '--negatives', '2')
    refused('--activation-penalty', *BOTH, '--critic', 'concat', '--activation-penalty', '1')
    refused('there is nothing to draw from', '--globals', '3')
    refused('out of range', '--globals', '-1')
    refused('needs --occlude', '--occlude-fill', '1')
    refused('must stay uncovered', '--occlude', '--occlude-min', '14', '--occlude-max', '16')
    refused('no coordinates', '--coordinates-net', 'residual')
    refused('for the global term', '--critic', 'encode-copy')
    options()
    bench()
    globals_drawn()
    return plan()


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as folder:
        code = main()
    sys.exit(code)
