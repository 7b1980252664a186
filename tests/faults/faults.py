#!/usr/bin/env python3
"""Fault loops: every command with the k-th request for memory, the k-th file call failing, and killed at the k-th file call,
for k = 1, 2, ... until a run sees no fault (after the first 100 in steps of a prime). Prints TAP.

usage: faults.py INFOMAX_FAULTY [NAME...]      NAME: workloads to run (default all)

INFOMAX_FAULTY is infomax linked with fault.c. After each fault:
- the exit code is the manual's (6 for memory, 8 or 5 for files), or 0 when the fault did no harm, and then the result is the one
  of a run without faults; the message says what failed;
- nothing stands half written under its final name, and after a failure that was no crash no temporary file is left;
- a training run goes on from there, or begins again when it had not begun, and ends with the same bits as without the fault."""
import base64
import concurrent.futures
import gzip
import hashlib
import json
import os
import re
import resource
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import zipfile

WORKERS, DENSE, TIMEOUT = 2 + (os.cpu_count() or 2), 100, 120
JPEG = base64.b64decode(
    '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk'
    '//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAQABADASIAAhEBAxEB'
    '/8QAFgABAQEAAAAAAAAAAAAAAAAABQQG/8QAHRAAAAUFAAAAAAAAAAAAAAAAAAECBBEFISIxQf/EABUBAQEAAAAAAAAAAAAAAAAAAAAC/8QAHBEAAQMFAA'
    'AAAAAAAAAAAAAAAQADBQQRIzFx/9oADAMBAAIRAxEAPwDLMGUQlRW4Yea07WIra07WIdYMohKitwxDE5bG4eFIyv0QV//Z')
TRAIN = ['--device', 'host', '--encoder', 'tiny16', '--critic-units', '4', '--batch', '8', '--seed', '3', '--threads', '1',
         '--checkpoint-steps', '1', '--report-every', '1', '--augment', 'flip', '-q']


class Bad(Exception):
    pass


def need(good, text):
    if not good:
        raise Bad(text)


# ---- whole files ----

def safetensors(path):
    """{name: bytes}; Bad when the file is not whole. The metadata's seconds differ from run to run."""
    with open(path, 'rb') as f:
        data = f.read()
    need(len(data) >= 8, f'{path} is cut off')
    size = int.from_bytes(data[:8], 'little')
    need(len(data) >= 8 + size, f'{path} is cut off')
    head = json.loads(data[8:8 + size])
    body = data[8 + size:]
    meta = head.pop('__metadata__')
    need(hashlib.sha256(body).hexdigest() == meta['sha256'], f'{path}: its hash is wrong')
    need(max(t['data_offsets'][1] for t in head.values()) == len(body), f'{path} is cut off')
    return {n: body[t['data_offsets'][0]:t['data_offsets'][1]] for n, t in head.items()}


def npy(path):
    with open(path, 'rb') as f:
        data = f.read()
    need(data[:6] == b'\x93NUMPY', f'{path} is no .npy')
    offset = 10 + struct.unpack('<H', data[8:10])[0]
    shape = data[10:offset].split(b'(')[1].split(b')')[0]
    count = 1
    for n in shape.split(b','):
        count *= int(n) if n.strip() else 1
    width = int(data[10:offset].split(b"'descr': '")[1][2:3])
    need(len(data) == offset + width * count, f'{path} is cut off')
    return data


def whole(folder):
    """Every file that has its final name is whole."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            if name.endswith('.safetensors'):
                safetensors(path)
            elif name.endswith('.npy'):
                npy(path)
            elif name.endswith(('.json', '.html', '.toml')):
                with open(path, encoding='utf-8') as f:
                    text = f.read()
                need(text, f'{path} is empty')
                if name.endswith('.json'):
                    json.loads(text)
                need(not name.endswith('.html') or text.rstrip().endswith('</html>'), f'{path} is cut off')


def temporaries(folder):
    return [os.path.join(p, n) for p, _, names in os.walk(folder) for n in names if '.tmp-' in n or '.part' in n]


# ---- what is run ----

def points(n, stride):
    yield from range(1, min(n, DENSE) + 1)
    yield from range(DENSE + stride, n + 1, stride)


def few(n):
    return range(1, n + 1, max(1, n // 12))

class Work:
    """A command in a fresh copy of a folder. result() is compared with the one of a run without faults; again() goes on after
    a fault, None: nothing to go on from."""
    crash = True

    def __init__(self, name, faulty, template, args, env=None):
        self.name, self.faulty, self.template, self.args = name, faulty, template, args
        self.env = {**os.environ, 'INFOMAX_CACHE': 'off', **(env or {})}
        self.memory = self.io = 0

    def run(self, folder, fault=None, args=None):
        env = {**self.env, **{'FAULT_' + k if k else 'FAULT': str(v) for k, v in (fault or {}).items()}}
        r = subprocess.run([self.faulty, *(args or self.args)], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=TIMEOUT)
        r.stderr = r.stderr.decode(errors='replace')
        return r

    def fresh(self, parent):
        folder = tempfile.mkdtemp(dir=parent)
        os.rmdir(folder)
        shutil.copytree(self.template, folder)
        return folder

    def result(self, folder, ran):
        return ran.stdout

    def same(self, have, want, ran):
        # An unreadable image or folder is left out, with a line.
        return have == want or 'left out ' in ran.stderr

    def again(self, folder):
        return None

    def loops(self):
        """(title, faults)"""
        yield 'a request for memory fails', [{'': 'mem', 'AT': k} for k in points(self.memory, 23)]
        yield 'memory stays out', [{'': 'mem', 'AT': k, 'EVER': 1} for k in few(self.memory)]
        yield 'a file call fails', [{'': 'io', 'AT': k} for k in points(self.io, 13)]
        if self.crash:
            yield 'the disk stays full', [{'': 'full', 'AT': k} for k in few(self.io)]
            yield 'killed at a file call', [{'': 'crash', 'AT': k} for k in points(self.io, 11)]

    def measure(self, parent):
        """Without faults: the result that is right and the numbers of calls."""
        folder = self.fresh(parent)
        counts = os.path.join(parent, self.name + '.count')
        ran = self.run(folder, {'COUNT': counts})
        need(ran.returncode == 0, f'without faults: exit {ran.returncode}: {ran.stderr}')
        with open(counts, encoding='ascii') as f:
            self.memory, self.io = map(int, f.read().split())
        self.want = self.result(folder, ran)
        shutil.rmtree(folder)


class Data(Work):
    """Reads only."""
    crash = False

    def same(self, have, want, ran):
        if have == want:
            return True
        return 'left out ' in ran.stderr and json.loads(have)['images'] < json.loads(want)['images']


class Files(Work):
    """Compares files that the command writes."""

    def __init__(self, name, faulty, template, args, files, env=None):
        super().__init__(name, faulty, template, args, env)
        self.files = files

    def result(self, folder, ran):
        out = []
        for name in self.files:
            path = os.path.join(folder, name)
            if name.endswith('.safetensors'):
                out.append(safetensors(path))
            else:
                with open(path, 'rb') as f:
                    out.append(re.sub(rb'report of [^<]*', b'', f.read()))
        return out

    def again(self, folder):
        return self.result(folder, self.run_well(folder, self.args))

    def run_well(self, folder, args):
        ran = self.run(folder, args=args)
        need(ran.returncode == 0, f'the next run ends with {ran.returncode}: {ran.stderr.strip()}')
        need(not temporaries(folder), f'after the next run there is {temporaries(folder)}')
        return ran


class Train(Files):
    """The next run is a resume, or the same command where nothing had begun."""

    def __init__(self, name, faulty, template, args):
        super().__init__(name, faulty, template, args, ['run/checkpoints/last.safetensors', 'run/encoder.safetensors'])

    def result(self, folder, ran):
        with open(os.path.join(folder, 'run/metrics.jsonl'), encoding='utf-8') as f:
            rows = [json.loads(line) for line in f]
        return [(r['step'], r['loss']) for r in rows], super().result(folder, ran)

    def again(self, folder):
        begun = os.path.exists(os.path.join(folder, 'run/config.toml'))
        return self.result(folder, self.run_well(folder, ['resume', 'run', '-q'] if begun else self.args))


class Forked(Work):
    """With child processes, whose pipes break without a reason of the system; Work's probe has the same file calls."""

    def loops(self):
        yield 'a request for memory fails', [{'': 'mem', 'AT': k} for k in points(self.memory, 23)]
        yield 'memory stays out', [{'': 'mem', 'AT': k, 'EVER': 1} for k in few(self.memory)]
        yield 'killed at a file call', [{'': 'crash', 'AT': k} for k in points(self.io, 11)]


class Cache(Files):
    """A device whose programs, or what the drivers answered, are cached: only calls about those files count, and none of
    them may matter."""

    def __init__(self, name, faulty, template, device, path='.clbin'):
        super().__init__(name, faulty, template, ['embed', 'run', 'pics', '-o', 'x.npy', '--device', device, '-q'], ['x.npy'],
                         {'INFOMAX_CACHE': 'cache', 'FAULT_PATH': path, 'INFOMAX_BINARIES': 'all'})

    def loops(self):
        yield 'a request for memory fails', [{'': 'mem', 'AT': k} for k in few(self.memory)]
        yield 'a file call fails', [{'': 'io', 'AT': k} for k in points(self.io, 7)]
        yield 'the disk stays full', [{'': 'full', 'AT': k} for k in (1, self.io // 2)]
        yield 'killed at a file call', [{'': 'crash', 'AT': k} for k in range(1, self.io + 1, 5)]


# ---- the loops ----

WORDS = {'mem': ('memory', 'thread'), 'io': ('Input/output error', 'damaged'), 'full': ('No space left',)}
CODES = {'mem': (0, 6), 'io': (0, 5, 8), 'full': (0, 8), 'crash': (0, -9)}


def one(work, parent, fault):
    """One fault and what follows; Bad or nothing."""
    folder = work.fresh(parent)
    ran = work.run(folder, fault)
    code, kind = ran.returncode, fault['']
    said = ran.stderr.strip().split('\n')[-1]
    need(code in CODES[kind], f'exit {code}: {said}')
    if code > 0:
        told = any(w in said for w in WORDS[kind]) or 'left out ' in ran.stderr
        need('error: ' in said and told, f'exit {code} with the message {said!r}')
    if kind != 'crash':
        need(not temporaries(folder), f'exit {code} leaves {temporaries(folder)}')
    whole(folder)
    if code == 0:
        need(work.same(work.result(folder, ran), work.want, ran), f'exit 0 with another result: {said}')
    elif kind != 'mem' or fault['AT'] % 5 == 0:
        result = work.again(folder)
        need(result is None or work.same(result, work.want, ran), 'the next run has another result')
    shutil.rmtree(folder)


def loop(work, pool, parent, title, faults):
    def safe(fault):
        try:
            one(work, parent, fault)
            return None
        except (Bad, OSError, ValueError, KeyError, subprocess.TimeoutExpired) as e:
            return f'{" ".join("FAULT%s%s=%s" % ("_" if k else "", k, v) for k, v in fault.items())}: {type(e).__name__}: {e}'

    wrong = [w for w in pool.map(safe, faults) if w]
    for w in wrong[:8]:
        print('#', w.replace('\n', ' '))
    return not wrong and len(faults) > 0, f'{work.name}: {title}: {len(faults)} faults, {len(wrong)} wrong'


# ---- material ----

def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)


def make_data(root, faulty):
    pixels = bytes(i * 7 % 251 for i in range(6 * 16 * 16))
    subprocess.run([faulty, 'synth', os.path.join(root, 'folder/pics'), '-q', '--count', '5', '--classes', '2', '--size', '16'],
                   check=True, stdout=subprocess.DEVNULL)
    write(os.path.join(root, 'folder/pics/disc/photo.jpg'), JPEG)
    for k in range(1, 6):
        write(os.path.join(root, f'cifar/set/data_batch_{k}.bin'), bytes([k] + [k * 9] * 3072) * 2)
    write(os.path.join(root, 'cifar/set/batches.meta.txt'), ''.join(f'class{i}\n' for i in range(10)).encode())
    images = struct.pack('>4I', 0x803, 6, 16, 16) + pixels
    labels = struct.pack('>2I', 0x801, 6) + bytes(range(6))
    write(os.path.join(root, 'idx/set/train-images-idx3-ubyte'), images)
    write(os.path.join(root, 'idx/set/train-labels-idx1-ubyte'), labels)
    write(os.path.join(root, 'gz/set/train-images-idx3-ubyte.gz'), gzip.compress(images))
    write(os.path.join(root, 'gz/set/train-labels-idx1-ubyte.gz'), gzip.compress(labels))
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (6, 16, 16), }"
    array = b'\x93NUMPY\x01\x00' + struct.pack('<H', 118) + head.ljust(117) + b'\n' + pixels
    write(os.path.join(root, 'npy/set.npy'), array)
    os.makedirs(os.path.join(root, 'npz'))
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }"
    y = b'\x93NUMPY\x01\x00' + struct.pack('<H', 118) + head.ljust(117) + b'\n' + bytes(range(6))
    with zipfile.ZipFile(os.path.join(root, 'npz/set.npz'), 'w', zipfile.ZIP_DEFLATED) as z:
        z.writestr('train_images.npy', array)
        z.writestr('train_labels.npy', y)


def make_run(root, faulty):
    """half: two steps of four are done; done: all, with features and a probe."""
    half, done = os.path.join(root, 'half'), os.path.join(root, 'done')
    shutil.copytree(os.path.join(root, 'folder'), half)
    for i in range(4):  # eight images, two of them to hold out
        shutil.copy(os.path.join(half, 'pics/disc/photo.jpg'), os.path.join(half, f'pics/square/copy{i}.jpg'))
    os.remove(os.path.join(half, 'pics/square/copy3.jpg'))
    env = {**os.environ, 'INFOMAX_CACHE': 'off'}

    def run(folder, *args):
        subprocess.run([faulty, *args], cwd=folder, check=True, env=env, stdout=subprocess.DEVNULL)

    run(half, 'train', 'pics', '-o', 'run', '--epochs', '1', *TRAIN)
    config = os.path.join(half, 'run/config.toml')
    with open(config, encoding='utf-8') as f:
        text = f.read()
    need('epochs = 1\n' in text, 'config.toml has no epochs = 1')
    with open(config, 'w', encoding='utf-8') as f:
        f.write(text.replace('epochs = 1\n', 'epochs = 2\n').replace(half, '.'))
    shutil.copytree(half, done)
    run(done, 'resume', 'run', '-q')
    run(done, 'embed', 'run', 'pics', '-o', 'run/features-y.npy', '--device', 'host', '-q')
    fresh = os.path.join(root, 'fresh')
    shutil.copytree(half, fresh)
    shutil.rmtree(os.path.join(fresh, 'run'))


def workloads(root, faulty):
    def at(name):
        return os.path.join(root, name)

    for kind, path in (('folder', 'pics'), ('cifar', 'set'), ('idx', 'set'), ('gz', 'set'), ('npy', 'set.npy'), ('npz', 'set.npz')):
        yield Data('data-' + kind, faulty, at(kind), ['data', path, '--json'])
    host = ['--device', 'host', '-q']
    yield Train('train', faulty, at('fresh'), ['train', 'pics', '-o', 'run', '--epochs', '2', *TRAIN])
    yield Train('resume', faulty, at('half'), ['resume', 'run', '-q'])
    yield Files('embed', faulty, at('done'), ['embed', 'run', 'pics', '-o', 'x.npy', *host],
                ['x.npy', 'x.npy.paths.txt', 'x.npy.labels.npy', 'x.npy.classes.txt'])
    yield Work('probe', faulty, at('done'), ['probe', 'run', 'pics', '--classifier', 'linear', '--epochs', '1', '--save', *host])
    yield Files('finetune', faulty, at('done'), ['finetune', 'run', 'pics', '--steps', '2', '--epochs', '1', '-o', 'm.safetensors', *host],
                ['m.safetensors'])
    predict = Files('predict', faulty, at('kept'), ['predict', 'm.safetensors', 'pics', '-o', 'x.csv', *host],
                    ['x.csv', 'x.csv.paths.txt', 'x.csv.labels.npy', 'x.csv.classes.txt'])
    shutil.copytree(at('done'), at('kept'))
    subprocess.run([faulty, 'finetune', 'run', 'pics', '--steps', '2', '-o', 'm.safetensors', *host], cwd=at('kept'), check=True,
                   stdout=subprocess.DEVNULL)
    yield predict
    if 'liblinear' not in subprocess.run([faulty, 'probe', at('done') + '/run', at('done') + '/pics', '--classifier', 'svm', *host],
                                         capture_output=True, text=True, check=False).stderr:
        yield Forked('probe-svm', faulty, at('done'), ['probe', 'run', 'pics', '--classifier', 'svm', '--repeats', '2', *host])
    yield Files('neighbors', faulty, at('done'), ['neighbors', 'run', 'pics', '--query', '0', 'pics/disc/photo.jpg', '-o', 'near.png', *host],
                ['near.png'])
    for out in ('x.onnx', 'x.npz', 'x.safetensors'):
        yield Files('export-' + out[2:], faulty, at('done'), ['export', 'run', '-o', out, '-q'], [out])
    found = json.loads(subprocess.run([faulty, 'devices', '--json'], check=True, capture_output=True).stdout)
    usable = [d['id'] for d in found if d['usable'] and d['type'] != 'host']
    if usable:
        yield Cache('cache-cold', faulty, at('done'), usable[0])
        yield Cache('cache-drivers', faulty, at('done'), usable[0], 'drivers.')
        warm = Cache('cache-warm', faulty, at('warm'), usable[0])
        shutil.copytree(at('done'), at('warm'))
        warm.run_well(at('warm'), warm.args)
        yield warm
    yield Files('report', faulty, at('done'), ['report', 'run', '-o', 'page.html'], ['page.html'])
    yield Files('compare', faulty, at('done'), ['compare', 'run', 'run', '-o', 'page.html', '-q'], ['page.html'])
    yield Files('lab', faulty, at('done'), ['lab', '--estimator', 'dv', '--joint', 'equal', '--batch', '4', '--steps', '2', '--tests', '1', '--seeds',
                                            '1', '--hidden', '4', '--embed', '2', '--tables', '3', '-o', 'page.html', '--csv', 'x.csv', *host],
                ['page.html', 'x.csv'])
    yield Files('trace', faulty, at('fresh'), ['trace', 'pics', '-o', 't.safetensors', '--encoder', 'tiny16', '--critic-units', '4',
                                               '--batch', '4', '--threads', '1', *host], ['t.safetensors'])
    yield Files('synth', faulty, at('npy'), ['synth', 'out', '-q', '--count', '3', '--classes', '2', '--size', '16'],
                ['out/disc/000000.png', 'out/square/000001.png', 'out/disc/000002.png'])


# ---- limits without a shim ----

def refused(ran, words, folder, text):
    """Exit 8 with the system's reason and no temporary file."""
    said = ran.stderr.decode(errors='replace').strip()
    good = ran.returncode == 8 and words in said and not temporaries(folder)
    return good, f'{text}: exit {ran.returncode}, {said.split(chr(10))[-1]}'


def limits(root, faulty):
    """Files that may not grow (ulimit -f), as on a disk that is full; and /dev/full under the name of a result."""
    folder = os.path.join(root, 'limits')
    shutil.copytree(os.path.join(root, 'half'), folder)

    def run(most, *args):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        env = {**os.environ, 'INFOMAX_CACHE': 'off'}
        return subprocess.run([faulty, *args], cwd=folder, env=env, capture_output=True, preexec_fn=limit if most else None,
                              timeout=TIMEOUT)

    want = safetensors(os.path.join(root, 'done/run/checkpoints/last.safetensors'))
    last = os.path.join(folder, 'run/checkpoints/last.safetensors')
    before = safetensors(last)
    for share in (4, 2):
        yield refused(run(os.path.getsize(last) * (share - 1) // share, 'resume', 'run', '-q'), 'File too large', folder,
                      f'training, files limited to {share - 1}/{share} of a checkpoint')
        yield safetensors(last) == before, 'the last checkpoint is as it was'
    ran = run(0, 'resume', 'run', '-q')
    yield ran.returncode == 0 and safetensors(last) == want, f'without the limit the run ends with the same bits: {ran.returncode}'
    yield refused(run(200, 'embed', 'run', 'pics', '-o', 'x.npy', '--device', 'host', '-q'), 'File too large', folder,
                  'embed, files limited to 200 bytes')
    if not os.path.exists('/dev/full'):
        return
    for name in ('x.npy', 'x.csv', 't.safetensors', 'p.html'):
        os.symlink('/dev/full', os.path.join(folder, name))
    for args in (['embed', 'run', 'pics', '-o', 'x.npy', '--device', 'host'], ['embed', 'run', 'pics', '-o', 'x.csv', '--device', 'host'],
                 ['report', 'run', '-o', 'p.html'],
                 ['trace', 'pics', '-o', 't.safetensors', '--encoder', 'tiny16', '--batch', '4', '--critic-units', '4', '--device', 'host']):
        yield refused(run(0, *args, '-q'), 'No space left', folder, f'{args[0]} -o {args[args.index("-o") + 1]}, a link to /dev/full')
    yield stat.S_ISCHR(os.stat('/dev/full').st_mode), '/dev/full is still a device'


def main():
    faulty, names = os.path.abspath(sys.argv[1]), sys.argv[2:]
    count = failed = 0

    def tell(good, text):
        nonlocal count, failed
        count += 1
        failed += not good
        print(f'{"ok" if good else "not ok"} {count} - {text}', flush=True)

    memory = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # thousands of small folders: no disk needs to see them
    with tempfile.TemporaryDirectory(dir=memory) as root, concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        make_data(root, faulty)
        make_run(root, faulty)
        scratch = os.path.join(root, 'scratch')
        os.mkdir(scratch)
        for work in workloads(root, faulty):
            if names and work.name not in names:
                continue
            work.measure(scratch)
            for title, faults in work.loops():
                tell(*loop(work, pool, scratch, title, faults))
        if not names or 'limits' in names:
            for good, text in limits(root, faulty):
                tell(good, text)
    print(f'1..{count}')
    return 1 if failed or not count else 0


if __name__ == '__main__':
    sys.exit(main())
