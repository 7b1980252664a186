#!/usr/bin/env python3
"""On a fifth of the real CIFAR-10, whether objectives come in the paper's order. dim_method 11.10: a classifier on the codes of
an untrained encoder knows less than after Deep InfoMax between the code and the whole last map, and that less than after the
one with each place of the local map. With critic and prior as published, the global objective comes in this time no further
than the untrained encoder, and must not fall behind it. 11.11: both objectives at once keep more of the image in the code than
the local one alone, a decoder draws it better, by structural similarity; and the classifier knows less. Prints TAP.

usage: cifar.py INFOMAX [DEVICE]
IMX_TEST_CIFAR10 names the folder of the binary version (data_batch_1.bin ... test_batch.bin); without it this is skipped.
Twenty minutes on two cores."""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import ok, plan, skip  # noqa: E402

INFOMAX = os.path.abspath(sys.argv[1])
DEVICE = sys.argv[2] if len(sys.argv) > 2 else 'auto'
RECORD = 3073
FILES = ['data_batch_%d.bin' % k for k in range(1, 6)] + ['test_batch.bin']
# Points by which one must be better than the other: about twice what a probe's accuracy on 2,000 images deviates.
MARGIN = 0.02
RUNS = {
    'global': ['--objective', 'dim-global'],
    'global-published': ['--objective', 'dim-global', '--critic', 'concat', '--estimator', 'jsd', '--gamma', '1'],
    'local': ['--objective', 'dim-local'],
    'local-global': ['--objective', 'dim-local-global'],
}


def call(*args):
    return subprocess.run([INFOMAX, *args, '--device', DEVICE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


def cut(source, to):
    """The first 2,000 images of each file."""
    os.mkdir(to)
    for name in FILES:
        with open(os.path.join(source, name), 'rb') as file, open(os.path.join(to, name), 'wb') as part:
            part.write(file.read(2000 * RECORD))


def train(run):
    done = call('train', 'set', '-o', run, *RUNS[run], '--critic-units', '512', '--epochs', '3', '--seed', '1')
    return ok(done.returncode == 0, run + ': a run of three epochs', done.stderr)


def accuracy(run):
    """(trained, untrained) of a classifier on the codes; None: something went wrong."""
    done = call('probe', run, 'set', '--layer', 'y', '--both', '--json', '-q')
    rows = json.loads(done.stdout or '[]')
    if not ok(len(rows) == 2, run + ': a probe', done.stderr):
        return None
    return next(r['accuracy'] for r in rows if not r['untrained']), next(r['accuracy'] for r in rows if r['untrained'])


def order(found):
    for worse, better, margin in (('untrained', 'global', MARGIN), ('global', 'local', MARGIN), ('untrained', 'global-published', -MARGIN),
                                  ('global-published', 'local', MARGIN), ('local-global', 'local', MARGIN)):
        ok(found[worse] + margin < found[better],
           '%s %.2f %% %+.0f < %s %.2f %%' % (worse, 100 * found[worse], 100 * margin, better, 100 * found[better]))


def similarity(run):
    """Of test images and what a decoder, trained on frozen codes, draws; -1: something went wrong."""
    done = call('measure', run, 'set', '--ssim', '--steps', '300', '--json', '-q')
    return json.loads(done.stdout)['ssim'] if ok(done.returncode == 0, run + ': a measurement', done.stderr) else -1.0


def reconstruction():
    local, both = similarity('local'), similarity('local-global')
    ok(0 < local < both, 'SSIM of the local term %.3f < of local and global %.3f' % (local, both))


def main():
    source = os.path.abspath(os.environ['IMX_TEST_CIFAR10']) if os.environ.get('IMX_TEST_CIFAR10') else None
    lacking = [name for name in FILES if source and not os.path.exists(os.path.join(source, name))]
    if not source or lacking:
        skip('CIFAR-10', '%s has no %s' % (source, lacking[0]) if lacking else 'IMX_TEST_CIFAR10 names no folder of its binary version')
        return plan()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        cut(source, 'set')
        if all([train(run) for run in RUNS]):
            probes = {run: accuracy(run) for run in RUNS}
            if None not in probes.values():
                order({**{run: trained for run, (trained, _) in probes.items()}, 'untrained': probes['local'][1]})
            reconstruction()
        os.chdir('/')
    return plan()


sys.exit(main())
