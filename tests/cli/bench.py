#!/usr/bin/env python3
"""infomax bench --compare: rows find their counterparts, ratios are those of the numbers, what one run lacks is listed.
infomax bench io: the numbers are there and fit together. tools/dev/bench-pytorch.py with a stand-in for PyTorch: its own
settings suit any processor, and engine and other programs take their turns. Prints TAP.

usage: bench.py INFOMAX"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import ok, plan, skip  # noqa: E402

INFOMAX = sys.argv[1]
SMALL = ['--op', 'axpby', '--problem', 'n1000_alpha2_beta3', '--device', 'host']


def run(*args):
    return subprocess.run([INFOMAX, *args], capture_output=True, text=True, timeout=120)


def near(a, b):
    return abs(a - b) <= 1e-9 * abs(b)


def compare(folder):
    before = os.path.join(folder, 'before.json')
    r = run('bench', *SMALL, '--json')
    j = json.loads(r.stdout)
    if not ok(r.returncode == 0 and len(j['rows']) == 1, 'one row'):
        return
    row = j['rows'][0]
    old = dict(row, ms=3 * row['ms'], of_limit=0.25)
    gone = dict(row, problem='n2000_alpha2_beta3', ms=5.0)
    j['rows'] = [old, gone]
    with open(before, 'w') as f:
        json.dump(j, f)
    r = run('bench', *SMALL, '--json', '--compare', before)
    now = json.loads(r.stdout)
    c = now['compare']
    ok(r.returncode == 0 and len(c['rows']) == 1 and not c['only_now'], 'the row has its counterpart')
    got = c['rows'][0]
    ok(near(got['ms_before'], old['ms']) and near(got['ms'], now['rows'][0]['ms']) and
       near(got['ratio'], got['ms'] / got['ms_before']), 'ratio = ms now / ms then: %g' % got['ratio'])
    ok(got['ratio_of_limit'] is None, 'the host has no measured limit, so there is no ratio of limits')
    ok([x['problem'] for x in c['only_before']] == ['n2000_alpha2_beta3'], 'a row of the earlier run alone is listed')
    r = run('bench', *SMALL, '--compare', before)
    ok(r.returncode == 0 and 'only then: axpby  n2000_alpha2_beta3' in r.stdout and 'ms then' in r.stdout, 'as text, too')
    j['rows'] = [gone]
    with open(before, 'w') as f:
        json.dump(j, f)
    r = run('bench', *SMALL, '--json', '--compare', before)
    c = json.loads(r.stdout)['compare']
    ok(r.returncode == 0 and not c['rows'] and len(c['only_now']) == 1 and len(c['only_before']) == 1, 'rows of this run alone are listed')
    j['rows'] = [dict(old, variant='another')]
    with open(before, 'w') as f:
        json.dump(j, f)
    got = json.loads(run('bench', *SMALL, '--json', '--compare', before).stdout)['compare']['rows']
    ok(len(got) == 1 and got[0]['variant_before'] == 'another', 'a row may have changed its variant')
    for text, word in (('{"rows":', 'before.json'), ('{"device":"x"}', 'rows'), ('[]', 'rows')):
        with open(before, 'w') as f:
            f.write(text)
        r = run('bench', *SMALL, '--compare', before)
        ok(r.returncode == 5 and word in r.stderr and not r.stdout, 'what is no benchmark is refused at once: %s' % r.stderr.strip())
    r = run('bench', *SMALL, '--compare', os.path.join(folder, 'none.json'))
    ok(r.returncode == 8 and 'none.json' in r.stderr, 'no file: %s' % r.stderr.strip())


def limits(folder):
    """Where peak and copy rate are measured, both ratios are there."""
    small = ['bench', '--op', 'gemm', '--problem', 'm64n64k64_ta0tb0_bias0add0_act0', '--no-tuned', '--json']
    r = run(*small)
    j = json.loads(r.stdout) if r.returncode == 0 else {}
    if not j.get('peak_gflops'):
        skip('limits', 'there is no OpenCL device')
        return
    j['rows'][0]['of_limit'] = 0.125
    before = os.path.join(folder, 'limits.json')
    with open(before, 'w') as f:
        json.dump(j, f)
    now = json.loads(run(*small, '--compare', before).stdout)
    got = now['compare']['rows'][0]
    ok(near(got['ratio_of_limit'], 0.125 / now['rows'][0]['of_limit']), 'ratio of the fractions of the limit: %g' % got['ratio_of_limit'])


STEP = ['bench', 'step', '--size', '16', '--encoder', 'tiny16', '--batch', '4', '--critic-units', '16', '--no-tuned']


def steps(folder):
    """Numbers of a step's nodes fit together, and only the same work is compared."""
    before = os.path.join(folder, 'step.json')
    r = run(*STEP, '--json')
    j = json.loads(r.stdout) if r.returncode == 0 else {}
    if not ok(j.get('encoder') == 'tiny16' and j['height'] == j['width'] == 16 and j['channels'] == 3 and j['critic_units'] == 16,
              'a step says what it is of %s' % r.stderr.strip()[-200:]):
        return
    known = bool(j['peak_gflops'])
    nodes = j['nodes']
    ok(nodes and all(n['ms_min'] <= n['ms'] <= n['ms_max'] and n['gbps'] > 0 for n in nodes) and
       near(1e6 * sum(n['gflops'] * n['ms'] for n in nodes), j['flop_per_step']), 'its %d nodes add up to its operations' % len(nodes))
    ok(all((n['of_limit'] is not None) == known and n['limit'] in (('peak', 'copy') if known else ('',)) for n in nodes) and
       (not known or {n['limit'] for n in nodes} == {'peak', 'copy'}), 'with the limit that applies, where it was measured')
    copied = [n for n in nodes if n['limit'] == 'copy']
    ok(all(near(n['gbps'] / n['of_limit'], j['copy_gbps']) for n in copied), 'the copy rate for %d of them' % len(copied))
    ok(j['launches'] >= len(nodes) and j['programs'] > 1 if known else j['launches'] == j['programs'] == 0,
       '%d launches a step, %d programs' % (j['launches'], j['programs']))
    text = run(*STEP).stdout
    ok(('kernel launches a step' in text) == known and 'limit' in text and 'tiny16, batch 4 of 16x16x3' in text, 'as text, too')

    def paired(*args, **change):
        with open(before, 'w') as f:
            json.dump({k: v for k, v in dict(j, **change).items() if v is not None}, f)
        r = run(*STEP, *args, '--json', '--compare', before)
        c = json.loads(r.stdout)['compare'] if r.returncode == 0 else {}
        return c.get('step'), c.get('nodes')
    step, rows = paired()
    ok(step and near(step['ms_before'], j['step_ms']), 'the same step has its counterpart')
    ok(rows and len(rows) == len(nodes) and all(near(a['ms_before'], b['ms']) and a['problem'] == b['problem'] for a, b in zip(rows, nodes)),
       'so has every node')
    for args in (['--size', '20'], ['--channels', '1'], ['--memory', '1G'], ['--objective', 'dim-global'], ['--score-clip', '3']):
        step, rows = paired(*args)
        ok(not step and not rows, 'other work is not compared: %s' % ' '.join(args))
    ok(bool(paired('--half')[0]) != known, 'nor is half storage, which the host has none of')
    ok(paired(work=None, encoder='auto')[0], 'an older output is, if what it tells is the same')
    ok(not paired(work=None, flop_per_step=j['flop_per_step'] + 2)[0], 'but not if its step had other operations')
    ok(json.loads(run('bench', 'step', '--size', '16', '--batch', '2', '--critic-units', '16', '--json').stdout)['encoder'] != 'auto',
       'the encoder is named where it was chosen by size')
    r = run('bench', 'pool')
    ok(r.returncode == 2 and 'batchnorm, pool2d, layernorm, adam' in r.stderr, 'no such part: %s' % r.stderr.strip().split('\n')[0])


def images(folder):
    pictures, tmp = os.path.join(folder, 'pictures'), os.path.join(folder, 'tmp')
    os.mkdir(tmp)
    run('synth', pictures, '-q', '--count', '80', '--classes', '2', '--size', '40')
    r = run('bench', 'io', '--device', 'host', '--data', pictures, '--size', '32', '--json')
    j = json.loads(r.stdout) if r.returncode == 0 else {}
    io = j.get('io', [{}])[0]
    ok(r.returncode == 0 and io['source'] == 'pictures' and io['images'] == 80 and io['width'] == 40 and io['side'] == 32,
       'io: a folder of images %s' % r.stderr.strip()[-100:])
    row = j['rows'][0]
    ok(row['op'] == 'io' and near(io['decode_images_per_s'], 80e3 / row['ms']) and io['batch_images_per_s'] > 0,
       'with a row of the table: %.0f images/s decoded, %.0f batched' % (io['decode_images_per_s'], io['batch_images_per_s']))
    ok(io['step_images_per_s'] is None and io['waited'] is None, 'on the host without the step')
    env = dict(os.environ, TMPDIR=tmp)
    r = subprocess.run([INFOMAX, 'bench', 'io', '--device', 'host', '--json'], capture_output=True, text=True, timeout=200, env=env)
    io = json.loads(r.stdout)['io'] if r.returncode == 0 else []
    ok([(x['source'], x['images'] > 100, x['decode_images_per_s'] > 0) for x in io] == [('jpeg', True, True), ('cifar10', True, True)],
       'without data: drawn JPEG files and CIFAR-10 %s' % r.stderr.strip()[-100:])
    ok(not os.listdir(tmp) and 'warning' not in r.stderr, 'the temporary folder is gone')
    r = run('bench', 'io', '--device', 'host', '--data', os.path.join(folder, 'nothing'))
    ok(r.returncode == 5 and 'nothing' in r.stderr, 'no data: %s' % r.stderr.strip().split('\n')[-1])


# Answers as `bench-pytorch.py --worker` does, and notes its turn.
STAND_IN = """#!/usr/bin/env python3
import json, sys
print(json.dumps({'torch': 'none', 'blas': 'none', 'aten': 'none'}), flush=True)
for line in sys.stdin:
    with open(%r, 'a') as f:
        f.write('torch ' + line)
    print(json.dumps({'ms': [30, 20, 40], 'macs': 10 ** 6, 'mib': 5}), flush=True)
"""
OTHER = """#!/usr/bin/env python3
import json, sys
with open(%r, 'a') as f:
    f.write(sys.argv[0].split('/')[-1] + ' ' + ' '.join(sys.argv[1:]) + '\\n')
print(json.dumps({'step_ms': 10, 'nodes': [{'node': 'encoder.x', 'ms': 4}, {'node': 'd_encoder.x', 'ms': 1}, {'node': 'adam', 'ms': 9}]}))
"""


def rivals(folder):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, 'tools', 'dev', 'bench-pytorch.py')
    turns, out = os.path.join(folder, 'turns'), os.path.join(folder, 'rivals.json')
    for name, text in (('python', STAND_IN), ('engine', OTHER), ('other', OTHER)):
        with open(os.path.join(folder, name), 'w') as f:
            f.write(text % turns)
        os.chmod(os.path.join(folder, name), 0o755)
    python, engine, other = (os.path.join(folder, n) for n in ('python', 'engine', 'other'))

    def compare(*args):
        if os.path.exists(turns):
            os.remove(turns)
        r = subprocess.run([sys.executable, '-B', script, '--python', python, '--json', out, *args], capture_output=True, text=True, timeout=60)
        if r.returncode:
            return r, {}, []
        with open(turns) as f, open(out) as g:
            return r, json.load(g), f.read().split('\n')[:-1]
    r, j, order = compare('--rounds', '1')
    works = ['published', 'tuned', 'tuned-bilinear']
    ok(list(j.get('settings', {})) == ['installed', 'best'] and order == ['torch ' + w for w in works for _ in range(2)],
       'PyTorch alone, as it is by itself: %s %s' % (sorted(j.get('settings', {})), r.stderr[-200:]))
    r, j, order = compare('--rounds', '2', '--setting', 'installed', '--work', 'encoder', '--engine', engine, '--against', 'tiny=%s {work}' % other,
                          '--against', other + ' b')
    row = {x['program']: x for x in j.get('rows', [])}
    ok(order == 2 * ['torch encoder', 'engine bench --json -q step --critic bilinear --batch 64 --critic-units 128', 'other encoder', 'other b'],
       'engine and two programs in turn: %s %s' % (order, r.stderr[-200:]))
    ok(list(row) == ['installed', 'engine', 'tiny', 'against2'] and row['engine']['ms'] == 5 and row['tiny']['ms'] == 10 and
       row['installed']['ms'] == 30 and row['installed']['ratios'] == {'engine': 6, 'tiny': 3, 'against2': 3},
       'each has its time and ratio; of the engine those of the encoder: %s' % r.stdout.split('\n')[-3])
    r, j, order = compare('--against', 'x=a', '--against', 'x=b')
    ok(r.returncode == 1 and '"x"' in r.stderr, 'two programs of one name are refused: %s' % r.stderr.strip())
    r, j, order = compare('--work', 'conv-alex3-fwd', '--rounds', '1', '--setting', 'installed', '--engine', engine)
    ok(order[1:] == ['engine bench --json -q --op conv2d_fwd --problem n64h15w15c192_o384k3s1p1_bias0'],
       "alex64's convolutions are among the works: %s %s" % (order, r.stderr.strip()))


folder = tempfile.mkdtemp(prefix='imx-bench-')
try:
    compare(folder)
    limits(folder)
    steps(folder)
    images(folder)
    rivals(folder)
finally:
    shutil.rmtree(folder, ignore_errors=True)
sys.exit(plan())
