#!/usr/bin/env python3
"""Adds up test results and prints "N passed, N failed, N skipped" as its last line.

usage: count_tests.py FILE...   FILE: meson's LOG.junit.xml (one case per TAP line; LOG.json beside it, so that programs
which crashed, ran out of time or could not start count too), or a text of lines "pass|fail|skip NAME".
Leaves with 1 when something failed or nothing ran."""
import json
import os
import sys
import xml.etree.ElementTree as ElementTree

BAD = ('FAIL', 'ERROR', 'TIMEOUT', 'INTERRUPT', 'UNEXPECTEDPASS')


def junit(path, count):
    failed_suites = {}
    for suite in ElementTree.parse(path).getroot().iter('testsuite'):
        for case in suite.iter('testcase'):
            name = '%s: %s' % (suite.get('name'), case.get('name'))
            if case.find('failure') is not None or case.find('error') is not None:
                count['failed'].append(name)
                failed_suites[suite.get('name')] = True
                failed_suites[case.get('name')] = True
            elif case.find('skipped') is not None:
                count['skipped'].append(name)
            else:
                count['passed'].append(name)
    log = path[:-len('.junit.xml')] + '.json'
    if not os.path.exists(log):
        return
    for line in open(log, encoding='utf-8'):
        test = json.loads(line)
        short = test['name'].split(' / ')[-1]
        known = any(s and (s == short or s.endswith('.' + short)) for s in failed_suites)
        if test['result'] in BAD and not known:
            count['failed'].append('%s: %s' % (short, test['result'].lower()))


def plain(path, count):
    for line in open(path, encoding='utf-8'):
        verdict, _, name = line.strip().partition(' ')
        if verdict:
            count[{'pass': 'passed', 'fail': 'failed', 'skip': 'skipped'}[verdict]].append(name)


def main():
    count = {'passed': [], 'failed': [], 'skipped': []}
    for path in sys.argv[1:]:
        (junit if path.endswith('.junit.xml') else plain)(path, count)
    for name in count['skipped']:
        print('skipped: ' + name)
    for name in count['failed']:
        print('FAILED: ' + name)
    print('%d passed, %d failed, %d skipped' % tuple(len(count[k]) for k in ('passed', 'failed', 'skipped')))
    return 1 if count['failed'] or not count['passed'] else 0


sys.exit(main())
