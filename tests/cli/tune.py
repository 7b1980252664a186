#!/usr/bin/env python3
"""infomax tune and who uses it: a choice is found, kept in a file per device, used by bench and train, kept with a run so
that resume gives the same bits; damage and Ctrl-C are met well. Has a cache folder of its own. Prints TAP.

usage: tune.py INFOMAX"""
import glob
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from checkpoint import tensors  # noqa: E402
from tap import ok, plan, skip  # noqa: E402

INFOMAX = sys.argv[1]
MODEL = ['--encoder', 'basic32', '--critic-units', '16', '--batch', '4']


folder = tempfile.mkdtemp(prefix='imx-tune-')
cache = os.path.join(folder, 'cache')
env = dict(os.environ, INFOMAX_CACHE=cache)
env.pop('INFOMAX_TUNED', None)


def run(*args, **more):
    e = dict(env, **more)
    return subprocess.run([INFOMAX, *args], capture_output=True, text=True, timeout=300, env=e)


def table():
    return glob.glob(os.path.join(cache, 'tuned-*.txt'))


def seal(lines):
    body = ''.join(line + '\n' for line in lines)
    return body + 'sum ' + hashlib.sha256(body.encode()).hexdigest() + '\n'


def variants(r):
    return {(n['problem']): n['variant'] for n in json.loads(r.stdout)['nodes'] if n['problem'].startswith('m')}


def refusals():
    for args, word in ((['--problem', 'm1'], '--problem needs --op'), (['--op', 'gem'], 'no such op'),
                       (['--op', 'gemm', '--problem', 'm64'], 'expected'), (['--margin', '99'], 'margin'),
                       (['word'], 'one argument too many')):
        r = run('tune', *args)
        ok(r.returncode == 2 and word in r.stderr and not r.stdout, 'tune %s: %s' % (' '.join(args), r.stderr.split('\n')[0]))
    r = run('tune', '--device', 'host', '--json')
    ok(r.returncode == 0 and json.loads(r.stdout)['problems'] == [] and 'nothing to tune' in r.stderr, 'the host has nothing to tune')


def search(two):
    start = time.monotonic()
    r = run('tune', '--op', 'gemm', '--problem', *two, '--json')
    took = time.monotonic() - start
    j = json.loads(r.stdout) if r.returncode == 0 else {}
    if not ok(r.returncode == 0 and j['searched'] == 2 and j['left'] == 0 and j['whole'], 'two problems are tuned in %.1f s %s' % (took, r.stderr[-300:])):
        return
    ok({p['problem'] for p in j['problems']} == set(two) and all(p['ms'] > 0 and p['tried'] >= 2 for p in j['problems']),
       'each with several candidates: %s' % [(p['variant'], p['options'], p['tried']) for p in j['problems']])
    ok(len(table()) == 1 and j['file'] == table()[0], 'into one file in the cache folder')
    lines = open(table()[0]).read().split('\n')
    ok(lines[0] == 'infomax tuned choices, format 1' and seal(lines[:-2]) == '\n'.join(lines), 'which is text with its checksum')
    r = run('tune', '--op', 'gemm', '--problem', *two, '--json')
    j = json.loads(r.stdout)
    ok(j['known'] == 2 and j['searched'] == 0, 'the second time there is nothing left to do')


def use(two, pictures):
    """Another variant is written into the table: what it does must not depend on what was fastest here."""
    lines = open(table()[0]).read().split('\n')[:-2]
    for i, line in enumerate(lines):
        word = line.split(' ')
        if word[0] == 'gemm':
            lines[i] = ' '.join(['gemm', word[1], 'cl_tile_local8', '-', word[4], word[5]])
    text = seal(lines)
    with open(table()[0], 'w') as f:
        f.write(text)
    with_table = variants(run('bench', 'step', *MODEL, '--json'))
    without = [variants(run('bench', 'step', *MODEL, '--json', '--no-tuned')),
               variants(run('bench', 'step', *MODEL, '--json', INFOMAX_TUNED='off'))]
    ok(all(with_table[p] == 'cl_tile_local8' for p in two), 'a training step uses the choices')
    ok(all(w[p] != 'cl_tile_local8' for w in without for p in two), '--no-tuned and INFOMAX_TUNED=off leave them out')
    args = [pictures, *MODEL, '--epochs', '2', '--report-every', '1', '--no-selftest']
    whole, part, plain = (os.path.join(folder, n) for n in ('whole', 'part', 'plain'))
    r = run('train', '-o', whole, *args)
    ok(r.returncode == 0 and 'tuned: 2 choices, 2 of them other than without' in r.stderr, 'train says so, once')
    ok(open(os.path.join(whole, 'tuned.txt')).read() == text, 'and keeps the table with the run')
    ok('tuned choices for ' in open(os.path.join(whole, 'train.log')).read(), 'the log names the number of nodes')
    e = json.load(open(os.path.join(whole, 'env.json')))['tuned']
    ok(e['choices'] == 2 and e['changes'] == 2, 'env.json, too')
    r = run('train', '-o', plain, *args, '--no-tuned')
    ok(r.returncode == 0 and 'tuned' not in r.stderr and not os.path.exists(os.path.join(plain, 'tuned.txt')),
       'a run with --no-tuned has none')
    r = run('train', '-o', part, *args[:-1], '--no-selftest', '--max-time', '0.001s')
    config = os.path.join(part, 'config.toml')
    with open(config) as f:
        again = '\n'.join('max-time = 0' if s.startswith('max-time') else s for s in f.read().split('\n'))
    with open(config, 'w') as f:
        f.write(again)
    os.rename(table()[0], os.path.join(folder, 'away'))
    r = run('resume', part)
    ok(r.returncode == 0 and '2 choices, as the run began' in r.stderr, 'resume uses the table of the run, not the cache %s' % r.stderr[-200:])
    ok(tensors(part) == tensors(whole), 'and ends with the bits of the whole run')
    with open(os.path.join(part, 'tuned.txt'), 'a') as f:
        f.write('x')
    r = run('resume', part)
    ok(r.returncode != 0 and 'checksum' in r.stderr, 'a damaged table of a run is not ignored: exit %d' % r.returncode)
    os.rename(os.path.join(folder, 'away'), os.path.join(cache, 'tuned-' + 'x' * 24 + '.txt'))
    r = run('train', '-o', os.path.join(folder, 'other'), *args, '--max-time', '0.001s')
    ok(r.returncode == 0 and 'tuned' not in r.stderr, "another name's table is not used")
    for out, driver, words in (('b', '0.9', '2 choices were made with driver 0.9,'), ('c', lines[2][7:], '2 choices were made with another version')):
        with open(os.path.join(cache, 'tuned-' + 'x' * 24 + '.txt'), 'w') as f:
            f.write(seal(lines[:2] + ['driver ' + driver, 'key ' + '0' * 64] + lines[4:]))
        r = run('train', '-o', os.path.join(folder, out), *args, '--max-time', '0.001s')
        ok(r.returncode == 0 and r.stderr.count('tuned') == 1 and words in r.stderr and 'infomax tune would check' in r.stderr,
           "nor another key's, but train says that there is one: %s" % [x for x in r.stderr.split('\n') if 'tuned' in x])
    r = run('train', '-o', os.path.join(folder, 'd'), *args, '--max-time', '0.001s', '--no-tuned')
    ok(r.returncode == 0 and 'tuned' not in r.stderr, 'not with --no-tuned')
    os.remove(os.path.join(cache, 'tuned-' + 'x' * 24 + '.txt'))


def damage(name, two):
    with open(name, 'w') as f:
        f.write('infomax tuned choices, format 1\ngarbage\n')
    r = run('bench', '--op', 'gemm', '--problem', two[0])
    ok(r.returncode == 0 and 'tuned choices are not used' in r.stderr, 'a damaged table costs a line')
    r = run('tune', '--op', 'gemm', '--problem', two[0])
    ok(r.returncode == 0 and 'written anew' in r.stderr and open(name).read().startswith('infomax tuned choices, format 1\ndevice'),
       'and tune writes it anew')


def older(name, two):
    """The table of another driver: its choices are tried, none is taken over."""
    lines = open(name).read().split('\n')[:-2]
    lines = lines[:2] + ['driver 0.9', 'key ' + '0' * 64] + ['gemm %s cl_tile_local8 - 1.0 2.0' % p for p in two]
    with open(os.path.join(cache, 'tuned-older.txt'), 'w') as f:
        f.write(seal(lines))
    os.remove(name)
    r = run('tune', '-v', '--op', 'gemm', '--problem', *two, '--json')
    ok(r.returncode == 0 and json.loads(r.stdout)['searched'] == 2 and r.stderr.count('cl_tile_local8, best with driver 0.9') == 2,
       'choices of another driver are measured again')


def stops(name):
    p = subprocess.Popen([INFOMAX, 'tune', *MODEL], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    line = p.stdout.readline()
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=60)
    ok(line and p.returncode == 130 and 'kept' in err, 'Ctrl-C: exit %d, %s' % (p.returncode, err.strip().split('\n')[-1]))
    op, problem = line.split()[:2]
    ok(any(s.startswith('%s %s ' % (op, problem)) for s in open(name)), 'what was found is in the file: %s' % line.strip())
    r = run('tune', *MODEL, '--max-time', '1s', '--json')
    j = json.loads(r.stdout)
    ok(r.returncode == 0 and j['left'] > 0 and not j['whole'] and j['seconds'] < 15, '--max-time: %.1f s, %d left' % (j['seconds'], j['left']))


try:
    refusals()
    devices = json.loads(run('devices', '--json').stdout)
    if not any(d['usable'] and d['type'] != 'host' for d in devices):
        skip('tune', 'there is no OpenCL device')
    else:
        pictures = os.path.join(folder, 'pictures')
        run('synth', pictures, '-q', '--count', '8', '--classes', '2', '--size', '32')
        step = run('bench', 'step', *MODEL, '--json')
        two = sorted(variants(step))[:2]
        search(two)
        name = table()[0]
        use(two, pictures)
        damage(name, two)
        older(name, two)
        stops(name)
finally:
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(plan())
