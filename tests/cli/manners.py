#!/usr/bin/env python3
"""The command line's manners: exit codes, help, near misses, strict numbers, where results and talk go. Prints TAP.

usage: manners.py INFOMAX"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import ok, plan  # noqa: E402

INFOMAX = sys.argv[1]


def run(*args, **more):
    return subprocess.run([INFOMAX, *args], capture_output=True, text=True, timeout=120, **more)


def refused(args, word, code=2):
    r = run(*args)
    ok(r.returncode == code and word in r.stderr and not r.stdout, '%s: %s' % (' '.join(args), r.stderr.split('\n')[0]))


r = run()
ok(r.returncode == 2 and 'Commands:' in r.stderr and not r.stdout, 'without arguments the commands are listed on stderr')
r = run('--version')
ok(r.returncode == 0 and r.stdout.startswith('infomax '), '--version')
r = run('--help')
names = [line.split()[0] for line in r.stdout.split('Commands:\n')[1].split('\n\n')[0].split('\n') if line.startswith('  ')]
ok(r.returncode == 0 and 'train' in names and 'devices' in names, '--help lists the commands on stdout')
for name in names:
    r = run(name, '--help')
    longest = max(map(len, r.stdout.split('\n')))
    ok(r.returncode == 0 and 'Usage: infomax ' + name in r.stdout and 'Examples:' in r.stdout and not r.stderr,
       '%s --help has usage and examples (longest line %d)' % (name, longest))
    ok(run('help', name).stdout == r.stdout, 'help %s says the same' % name)
    refused([name, '--no-such-option'], 'unknown option --no-such-option')
refused(['trian'], 'did you mean train?')
refused(['zzzzzzzz'], 'there is no command')
refused(['devices', '--jsn'], 'did you mean --json?')
refused(['devices', 'x'], 'one argument too many')
refused(['train', 'x', '-o', 'y', '--batch', '6x4'], 'is not a whole number')
refused(['train', 'x', '-o', 'y', '--bacth', '64'], 'did you mean --batch?')
refused(['train', 'x', '-o', 'y', '--batch'], '--batch needs a value')
refused(['train', 'x', '-o', 'y', '--lr', 'inf'], 'is not a number')
refused(['train', 'x', '-o', 'y', '--max-time', '5 parsecs'], 'is not a time')
refused(['train', 'x', '-o', 'y', '--critic', 'bilinar'], 'did you mean bilinear?')
refused(['probe', 'x', 'y', '--classifier', 'svn'], 'did you mean svm?')
refused(['probe', 'x', 'y', '--classifier', 'svm', '--svm-c', '0'], '--svm-c')
refused(['probe', 'x', 'y', '--labels', '200%'], '--labels')
refused(['finetune', 'x', 'y', '--labels', '1%', 'few'], 'few')
refused(['finetune', '/nonexistent/run', 'y'], '/nonexistent/run')
refused(['predict', 'x', 'y', '-o', 'z.txt'], '.csv')
refused(['neighbors', 'x', 'y'], '--query')
refused(['neighbors', 'x', 'y', '--query', 'a', '-o', 'b.png', '--metric', 'l3'], '--metric')
refused(['measure', 'x', 'y', '--steps', '0'], '--steps')
refused(['measure', '/nonexistent/run', 'y'], '/nonexistent/run', 2)
refused(['selftest', '--quick', '--full'], 'exclude each other')
refused(['selftest', '--device', 'no such device'], 'device', 3)
refused(['data', '/nonexistent/folder'], '/nonexistent/folder', 5)
refused(['report', tempfile.gettempdir()], 'no run folder', 5)
refused(['compare', tempfile.gettempdir(), tempfile.gettempdir()], 'no run folder', 5)

r = run('devices', '--json')
devices = json.loads(r.stdout)
keys = {'id', 'platform', 'name', 'type', 'driver', 'opencl', 'compute_units', 'memory_bytes', 'max_alloc_bytes',
        'local_bytes', 'unified', 'usable', 'why'}
ok(r.returncode == 0 and all(keys <= set(d) for d in devices) and devices[-1]['id'] == 'host',
   'devices --json has its keys, the host comes last')
r = run('selftest', '--device', 'host', '--quick', '--json', '-q')
result = json.loads(r.stdout)
ok(r.returncode == 0 and not r.stderr and result['failed'] == 0 and result['cases'] > 0 and
   {'device', 'cases', 'exact_cases', 'failed', 'skipped', 'worst_of_bound', 'seconds', 'failures',
    'quarantined'} <= set(result), 'selftest --json has its keys; -q is quiet')

if os.path.exists('/dev/full'):
    with open('/dev/full', 'w') as full:
        r = subprocess.run([INFOMAX, 'devices'], stdout=full, stderr=subprocess.PIPE, text=True)
    ok(r.returncode == 8 and 'standard output' in r.stderr, 'a full disk behind stdout is exit 8')
else:
    ok(True, 'a full disk behind stdout is exit 8 # SKIP there is no /dev/full')
r = subprocess.run(['bash', '-c', '"$0" devices >&-', INFOMAX], stderr=subprocess.PIPE, text=True)
ok(r.returncode == 8 and 'standard output' in r.stderr, 'a closed stdout is exit 8')
r = subprocess.run(['bash', '-c', 'set -o pipefail; { "$0" devices; echo $? >&2; } | true', INFOMAX],
                   stderr=subprocess.PIPE, text=True)
ok(r.stderr.strip().split('\n')[-1] in ('0', '8'), 'a closed pipe is no crash')

with tempfile.TemporaryDirectory() as folder:
    config = os.path.join(folder, 'c.toml')
    for text, word in (('bach = 64\n', 'did you mean batch?'), ('batch = "64"\n', 'another kind'), ('batch = \n', 'line 1'),
                       ('[model]\nbatch = 64\n', 'belongs to')):
        with open(config, 'w', encoding='utf-8') as file:
            file.write(text)
        r = run('train', 'x', '-o', os.path.join(folder, 'run'), '--config', config)
        ok(r.returncode in (2, 5) and word in r.stderr and config in r.stderr, 'config %r: %s' % (text, r.stderr.split('\n')[0]))
    ok(sorted(os.listdir(folder)) == ['c.toml'], 'a refused command leaves nothing behind')

with tempfile.TemporaryDirectory() as folder:
    pictures, result = os.path.join(folder, 'pictures'), os.path.join(folder, 'run')
    run('synth', pictures, '--count', '8', '--classes', '2', '--size', '16')
    for critic, estimator in (('concat', 'jsd'), ('bilinear', 'infonce')):
        train = ['train', pictures, '-o', result, '--overwrite', '--encoder', 'tiny16', '--critic', critic, '--critic-units', '4',
                 '--batch', '4', '--epochs', '1', '--device', 'host']
        r = run(*train)
        with open(os.path.join(result, 'config.toml'), encoding='utf-8') as file:
            ok(r.returncode == 0 and 'estimator = "%s"' % estimator in file.read() and '%s %s ' % (critic, estimator) in r.stderr,
               'the estimator of %s is %s: %s' % (critic, estimator, r.stderr.split('\n')[-2]))
    refused([*train, '--critic', 'concat', '--estimator', 'infonce'], 'such as jsd')

sys.exit(plan())
