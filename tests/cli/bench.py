#!/usr/bin/env python3
"""infomax bench --compare: rows find their counterparts, ratios are those of the numbers, what one run lacks is listed.
Prints TAP.

usage: bench.py INFOMAX"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

INFOMAX = sys.argv[1]
SMALL = ['--op', 'axpby', '--problem', 'n1000_alpha2_beta3', '--device', 'host']
count = failed = 0


def ok(good, name):
    global count, failed
    count += 1
    failed += not good
    print('%sok %d - %s' % ('' if good else 'not ', count, name.replace('\n', ' | ')), flush=True)
    return good


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
    global count
    small = ['bench', '--op', 'gemm', '--problem', 'm64n64k64_ta0tb0_bias0add0_act0', '--no-tuned', '--json']
    r = run(*small)
    j = json.loads(r.stdout) if r.returncode == 0 else {}
    if not j.get('peak_gflops'):
        count += 1
        print('ok %d - limits # SKIP there is no OpenCL device' % count)
        return
    j['rows'][0]['of_limit'] = 0.125
    before = os.path.join(folder, 'limits.json')
    with open(before, 'w') as f:
        json.dump(j, f)
    now = json.loads(run(*small, '--compare', before).stdout)
    got = now['compare']['rows'][0]
    ok(near(got['ratio_of_limit'], 0.125 / now['rows'][0]['of_limit']), 'ratio of the fractions of the limit: %g' % got['ratio_of_limit'])


folder = tempfile.mkdtemp(prefix='imx-bench-')
try:
    compare(folder)
    limits(folder)
finally:
    shutil.rmtree(folder, ignore_errors=True)
print('1..%d' % count)
sys.exit(failed > 0)
