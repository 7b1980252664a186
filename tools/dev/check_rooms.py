#!/usr/bin/env python3
"""Checks the rules of the house that a compiler does not see; prints TAP.

usage: check_rooms.py ROOT [COMPILER [C++ COMPILER]]
Includes point only downwards; <CL/...> only in src/dev; file names are unique; sizes; forbidden words; blanks; no atomics in
kernels; every header compiles alone, the public ones as C++ too. A file that has to be longer says so in its head
comment, in a line with "Length:"."""
import os
import re
import subprocess
import sys

ROOT = sys.argv[1]
CC = sys.argv[2:3]
CXX = sys.argv[3:4]
# A room may include the rooms of lower height; rooms of one height do not see each other.
HEIGHT = {'base': 0, 'dev': 1, 'io': 1, 'ops': 2, 'data': 2, 'graph': 3, 'nn': 4, 'objectives': 5, 'train': 6, 'eval': 6,
          'tools': 7, 'tests': 8}
LONGEST_FILE, LONGEST_FUNCTION = 600, 60
SHARED_NAMES = {'meson.build', 'README.md', '__init__.py'}
WORDS = re.compile(r'\b(TO' + r'DO|FIX' + r'ME|XX' + r'X|HA' + r'CK)\b|not ' + r'implemented|place' + r'holder', re.I)
WORD_CASE = re.compile(r'\b(TO' + r'DO|FIX' + r'ME|XX' + r'X|HA' + r'CK)\b')
MACHINE = re.compile(r'(?<![\w.])/(work|farm|root|home)/\w')
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
TEXT = ('.c', '.h', '.cl', '.py', '.sh', '.md', '.build', '.txt', '.toml')
count = 0
failed = 0


def verdict(name, faults):
    global count, failed
    count += 1
    failed += bool(faults)
    print('%sok %d - %s' % ('not ' if faults else '', count, name))
    for fault in faults[:40]:
        print('# ' + fault)
    if len(faults) > 40:
        print('# and %d more' % (len(faults) - 40))
    sys.stdout.flush()


def sources():
    """Paths under ROOT that git knows or would add; without git, everything outside build folders."""
    try:
        out = subprocess.run(['git', '-C', ROOT, 'ls-files', '-co', '--exclude-standard'], check=True,
                             capture_output=True, text=True).stdout.split('\n')
        paths = sorted({p for p in out if p and os.path.isfile(os.path.join(ROOT, p))})
    except (OSError, subprocess.CalledProcessError):
        paths = []
    if paths:
        return paths
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if not f.startswith(('build', '.git', 'runs'))]
        paths += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names]
    return sorted(paths)


PATHS = sources()
FILE = {}
for path in PATHS:
    if path.endswith(TEXT) or os.path.dirname(path) in ('tools', '.ci'):
        try:
            FILE[path] = open(os.path.join(ROOT, path), encoding='utf-8').read()
        except UnicodeDecodeError:
            FILE[path] = ''


def room_of(path):
    parts = path.split('/')
    return parts[1] if parts[0] == 'src' and len(parts) > 2 else parts[0]


def includes_point_down():
    faults = []
    for path, text in FILE.items():
        room = room_of(path)
        if not path.endswith(('.c', '.h')) or room not in HEIGHT:
            continue
        for kind, target in INCLUDE.findall(text):
            other = target.split('/')[0] if '/' in target else None
            if other == 'CL' and room not in ('dev', 'tests'):
                faults.append('%s includes <%s>: only src/dev may' % (path, target))
            if kind == '"' and other in HEIGHT and other != room and HEIGHT[other] >= HEIGHT[room]:
                faults.append('%s includes %s, which is not below it' % (path, target))
    return faults


def unique_names():
    at = {}
    for path in PATHS:
        if path.startswith(('src/', 'cl/', 'tools/', 'include/')):
            # A stem may have its kernel-side header in cl/ beside the host's in src/.
            key = os.path.basename(path), path.startswith('cl/')
            at.setdefault(key, []).append(path)
    return ['%s: %s' % (n[0], ', '.join(p)) for n, p in sorted(at.items()) if len(p) > 1 and n[0] not in SHARED_NAMES]


def excused(text):
    return 'Length:' in text[:1500]


def file_lengths():
    return ['%s has %d lines' % (p, t.count('\n')) for p, t in FILE.items()
            if p.endswith(('.c', '.h', '.cl', '.py')) and t.count('\n') > LONGEST_FILE and not excused(t)]


def function_lengths():
    """A function starts at a '{' in the first column and ends at the next '}' there."""
    faults = []
    for path, text in FILE.items():
        if not path.endswith(('.c', '.cl')) or excused(text):
            continue
        start, lines = None, text.split('\n')
        for i, line in enumerate(lines):
            if line == '{':
                start = i
            elif line == '}' and start is not None:
                if i - start - 1 > LONGEST_FUNCTION:
                    head = next((h for h in reversed(lines[max(0, start - 20):start]) if re.match(r'\w', h)), '?')
                    faults.append('%s:%d %s has %d lines' % (path, start + 1, head, i - start - 1))
                start = None
    return faults


def head_comments():
    faults = []
    for path, text in FILE.items():
        if path.endswith(('.h', '.cl')) and not text.startswith('/*'):
            faults.append('%s does not begin with a comment' % path)
    return faults


def words():
    faults = []
    for path, text in FILE.items():
        for i, line in enumerate(text.split('\n'), 1):
            hit = WORDS.search(line)
            if hit and (WORD_CASE.search(line) or not hit.group(1)):
                faults.append('%s:%d has "%s"' % (path, i, hit.group(0)))
            hit = MACHINE.search(line)
            if hit:
                faults.append('%s:%d names a path of one machine: %s' % (path, i, hit.group(0)))
    return faults


def blanks():
    faults = []
    for path, text in FILE.items():
        if path.endswith('.md'):
            continue
        if '\t' in text and not path.startswith('tests/golden'):
            faults.append('%s has a tab' % path)
        if re.search(r'[ \t]+$', text, re.M):
            faults.append('%s:%d ends in blanks' % (path, text[:re.search(r'[ \t]+$', text, re.M).start()].count('\n') + 1))
        if '\r' in text:
            faults.append('%s has carriage returns' % path)
        if text and not text.endswith('\n'):
            faults.append('%s does not end with a newline' % path)
    return faults


def no_atomics():
    return ['%s uses %s' % (p, m.group(0)) for p, t in FILE.items() if p.startswith('cl/') and p.endswith(('.cl', '.h'))
            for m in [re.search(r'\batom(ic)?_\w+', t)] if m]


def no_doubles():
    plain = {p: re.sub(r'/\*.*?\*/|//[^\n]*', '', t, flags=re.S) for p, t in FILE.items()
             if p.startswith('cl/') and p.endswith('.cl')}
    return ['%s uses double' % p for p, t in plain.items() if re.search(r'\bdouble\b', t)]


def library_is_silent():
    """The library never prints, exits or aborts; child processes of src/dev and src/data may end with _exit."""
    faults = []
    for path, text in FILE.items():
        if path.startswith('src/') and path.endswith('.c'):
            code = re.sub(r'/\*.*?\*/|//[^\n]*|"(\\.|[^"\\])*"', '', text, flags=re.S)
            for hit in re.finditer(r'(?<![\w.>])(printf|puts|putchar|perror|exit|abort|fprintf\s*\(\s*std\w+)\s*\(?', code):
                if re.match(r'(printf|puts|putchar|perror|exit|abort)\s*\($', hit.group(0)) or 'std' in hit.group(0):
                    faults.append('%s calls %s' % (path, hit.group(1)))
    return faults


def compiles(path, compiler, flags):
    source = '#include "%s"\n' % path
    run = subprocess.run(compiler + flags + ['-fsyntax-only', '-Wall', '-Wextra', '-Werror', '-I' + ROOT,
                                             '-I' + os.path.join(ROOT, 'src'), '-I' + os.path.join(ROOT, 'cl'),
                                             '-I' + os.path.join(ROOT, 'tools'), '-I' + os.path.join(ROOT, 'tests'),
                                             '-I' + os.path.join(ROOT, 'include'), '-'],
                         input=source, capture_output=True, text=True)
    return run.returncode == 0, run.stderr


def headers_alone(language):
    faults = []
    for path in FILE:
        if not path.endswith('.h') or path.startswith(('cl/', 'tests/')):
            continue
        # *_parts.h and real.h are pieces of their .c files, and say so.
        if 'not a header of its own' in FILE[path][:800]:
            continue
        if language == 'c' and CC:
            ok, err = compiles(path, CC, ['-x', 'c', '-std=gnu11', '-D_GNU_SOURCE'])
        elif language == 'c++' and CXX and path.startswith('include/'):
            ok, err = compiles(path, CXX, ['-x', 'c++', '-std=c++11'])
        else:
            continue
        if not ok:
            faults.append('%s: %s' % (path, err.strip().split('\n')[-2 if '\n' in err.strip() else 0][:200]))
    return faults


verdict('includes point downwards, OpenCL headers stay in src/dev', includes_point_down())
verdict('file names are unique', unique_names())
verdict('no file is longer than %d lines without a reason' % LONGEST_FILE, file_lengths())
verdict('no function is longer than %d lines without a reason' % LONGEST_FUNCTION, function_lengths())
verdict('headers and kernels begin with a comment', head_comments())
verdict('no unfinished work and no machine paths', words())
verdict('no tabs, no trailing blanks', blanks())
verdict('no atomics in kernels', no_atomics())
verdict('no double in kernels', no_doubles())
verdict('the library neither prints nor exits', library_is_silent())
if CC:
    verdict('every header compiles alone', headers_alone('c'))
if CXX:
    verdict('public headers compile as C++', headers_alone('c++'))
print('1..%d' % count)
sys.exit(1 if failed else 0)
