#!/usr/bin/env python3
"""Interrupted trainings end with the bits of uninterrupted ones.

usage: resume.py INFOMAX DEVICE [SEED [memory]]       needs nothing but Python; prints TAP

A small drawn set, tiny16, 16 critic units. The last checkpoint (parameters, moments, running statistics) is compared tensor by tensor,
bit for bit; its metadata (seconds) and the speeds in the metrics may differ. SEED chooses the moments of the kills (default, and for 0:
the time; it is printed); memory: under the least --memory that the step can be made to fit, with batches of 32."""
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from checkpoint import LAST, metadata, tensors  # noqa: E402
from tap import failures, ok, plan  # noqa: E402

EPOCHS, KILLS = 50, 10  # three steps an epoch
STEPS = 3 * EPOCHS


def losses(run):
    with open(os.path.join(run, 'metrics.jsonl')) as f:
        return [(row['step'], row['loss']) for row in map(json.loads, f)]


class Trainer:
    def __init__(self, infomax, device, folder, memory):
        self.infomax, self.folder, self.said = infomax, folder, ''
        self.pictures = os.path.join(folder, 'pictures')
        subprocess.run([infomax, 'synth', self.pictures, '-q', '--count', '96' if memory else '12', '--classes', '2', '--size', '16'],
                       check=True, stdout=subprocess.DEVNULL)
        self.options = ['--device', device, '--no-selftest', '--encoder', 'tiny16', '--critic-units', '64' if memory else '16', '--batch',
                        '32' if memory else '4', '--epochs', str(EPOCHS), '--seed', '5', '--augment', 'flip+crop',
                        '--checkpoint-steps', '3', '--report-every', '1']
        if not memory: # an average that is a state of its own, locals and negatives that are drawn
            self.options += ['--critic', 'concat', '--estimator', 'dv-ema', '--locals', '5']

        if memory:
            refused = os.path.join(folder, 'refused')
            tried = self.finish(self.start(refused, more=['--memory', '100K']))
            least = re.search(r'at least ([0-9.]+) MB', self.said)
            ok(tried == 6 and least is not None, f'100 KB are refused with exit code {tried} and the least that will do')
            self.options += ['--memory', str(int(float(least.group(1)) * 1024 + 1)) + 'K']

    def start(self, run, resume=False, more=()):
        args = ['resume', run, *more] if resume else ['train', self.pictures, '-o', run, *self.options, *more]
        return subprocess.Popen([self.infomax, *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        self.said = process.communicate()[1]
        return process.returncode

    def whole(self, name):
        run = os.path.join(self.folder, name)
        code = self.finish(self.start(run))
        if not ok(code == 0, f'{name}: the training ends with {code}'):
            print('# ' + self.said.strip().replace('\n', '\n# '))
        return run

    def resume(self, run, *more):
        return self.finish(self.start(run, resume=True, more=more))


def wait_for(path, process, bytes_at_least=1):
    """Until the file has content; False when the process ended before."""
    while process.poll() is None:
        if os.path.exists(path) and os.path.getsize(path) >= bytes_at_least:
            return True
        time.sleep(0.005)
    return False


def same(run, truth, what):
    have, want = tensors(run), tensors(truth)
    other = sorted(n for n in have.keys() | want.keys() if have.get(n) != want.get(n))
    if not ok(len(want) > 30 and not other, f'{what}: {len(want)} tensors, {len(other)} differ'):
        print('#', *other[:8])
    ok(len(losses(truth)) > 1 and losses(run) == losses(truth), f'{what}: the same losses, every step once')


def last_step(run):
    """The last whole line of the metrics; -1: none."""
    try:
        with open(os.path.join(run, 'metrics.jsonl'), 'rb') as f:
            lines = f.read().split(b'\n')
        return json.loads(lines[-2])['step'] if len(lines) > 1 else -1
    except (OSError, ValueError):
        return -1


def killed(trainer, truth, dice, took):
    """SIGKILL at random moments: mostly some steps and a moment after the process went on, now and then while it starts.
    Moments are counted in steps so that a busy machine does not move them behind the end."""
    run = os.path.join(trainer.folder, 'killed')
    process, hits, starts = trainer.start(run), 0, 0
    wait_for(os.path.join(run, 'config.toml'), process)
    for _ in range(KILLS):
        if dice.random() < 0.25:
            time.sleep(dice.uniform(0, 0.05) * took)
            starts += 1
        else:
            target, limit = last_step(run) + dice.randint(1, 8), time.monotonic() + 120
            while process.poll() is None and last_step(run) < target and time.monotonic() < limit:
                time.sleep(0.001)
            time.sleep(dice.uniform(0, 2 * took / STEPS))
        process.kill()
        hits += trainer.finish(process) == -signal.SIGKILL
        process = trainer.start(run, resume=True)
    code = trainer.finish(process)
    ok(hits == KILLS, f'killed: {hits} of {KILLS} kills hit a running program, {starts} of them by the clock')
    ok(code == 0, f'killed: the last resume ends with {code}')
    same(run, truth, 'killed')
    left = [n for _, _, names in os.walk(run) for n in names if '.tmp-' in n]
    ok(not left, f'killed: no temporary file is left: {left}')


def stopped(trainer, truth, number, name):
    """A polite signal: exit code 128 + number with a checkpoint, and on from there. Returns a copy of the stopped run."""
    run, copy = os.path.join(trainer.folder, name), os.path.join(trainer.folder, name + '-stopped')
    process = trainer.start(run)
    wait_for(os.path.join(run, 'checkpoints/previous-1.safetensors'), process)
    process.send_signal(number)
    code = trainer.finish(process)
    steps = len(losses(run))
    ok(code == 128 + number, f'{name}: exit code {code} after {steps} of {len(losses(truth))} steps')
    ok('resume' in trainer.said, f'{name}: the message says how to go on')
    shutil.copytree(run, copy)
    code = trainer.resume(run)
    ok(code == 0, f'{name}: resume ends with {code}')
    same(run, truth, name)
    return copy


def damage(path, how):
    size = os.path.getsize(path)
    if how == 'cut':
        os.truncate(path, size // 2)
        return
    with open(path, 'r+b') as f:
        f.seek(size // 2)
        byte = f.read(1)[0]
        f.seek(size // 2)
        f.write(bytes([byte ^ 1]))


def damaged(trainer, truth, stopped_run):
    for how in ('cut', 'bit'):
        run = os.path.join(trainer.folder, how)
        shutil.copytree(stopped_run, run)
        damage(os.path.join(run, LAST), how)
        code = trainer.resume(run)
        ok(code == 0 and 'checkpoint before' in trainer.said, f'damaged ({how}): resume warns and ends with {code}')
        same(run, truth, f'damaged ({how})')
    folder = os.path.join(stopped_run, 'checkpoints')
    for name in os.listdir(folder):
        damage(os.path.join(folder, name), 'bit')
    code = trainer.resume(stopped_run)
    ok(code == 5, f'damaged (all): resume refuses with {code}')


def hashes(run):
    """The images' hash in env.json and in the last checkpoint; None where there is none."""
    with open(os.path.join(run, 'env.json'), encoding='utf-8') as f:
        env = json.load(f)['data']['hash']
    return env, metadata(run)['data_hash'] if os.path.exists(os.path.join(run, LAST)) else None


def images(trainer, device):
    """The hash of the images is made while the first steps are: a set that is large enough for the first steps to be faster."""
    data, run = os.path.join(trainer.folder, 'many.npy'), os.path.join(trainer.folder, 'many')
    n = 200000
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({n}, 16, 16, 1), }}".ljust(117).encode() + b'\n'
    with open(data, 'wb') as f:
        f.write(b'\x93NUMPY\x01\x00' + len(head).to_bytes(2, 'little') + head)
        f.write(bytes(range(251)) * (n * 256 // 251 + 1))
        f.truncate(10 + len(head) + n * 256)
    known = subprocess.run([trainer.infomax, 'data', data, '--json'], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    known = json.loads(known.stdout)['hash']

    def start():
        return subprocess.Popen([trainer.infomax, 'train', data, '-o', run, '--device', device, '--no-selftest', '--encoder',
                                 'tiny16', '--critic-units', '16', '--batch', '4', '--max-time', '1s', '--report-every', '1'],
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    early = 0
    for after in 0, 0.005, 0.02:
        shutil.rmtree(run, ignore_errors=True)
        process = start()
        log = os.path.join(run, 'train.log')
        while process.poll() is None:
            if os.path.exists(log) and 'the first step begins' in open(log, encoding='utf-8').read():
                break
            time.sleep(0.001)
        time.sleep(after)
        process.kill()
        ok(trainer.finish(process) == -signal.SIGKILL and hashes(run) in ((None, None), (known, None)),
           f'images: killed {after} s after the first step began, the hash is {hashes(run)[0]}')
        early += hashes(run)[0] is None
    print(f'# {early} of these kills hit before the hash was known')
    code = trainer.resume(run)
    ok(code == 0 and hashes(run) == (known, known), f'images: begun again it ends with {code} and the hash of `infomax data`')
    shutil.rmtree(run)
    process = start()
    while process.poll() is None and last_step(run) < 1:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    code = trainer.finish(process)
    ok(code == 130 and hashes(run) == (known, known), f'images: stopped at step {last_step(run)} with {code}, and the same hash')
    with open(data, 'r+b') as f:
        f.seek(-1, os.SEEK_END)
        f.write(b'\xff')
    before = open(os.path.join(run, LAST), 'rb').read()
    steps, code = last_step(run), trainer.resume(run)
    ok(code == 5 and 'not those that the run began with' in trainer.said, f'images: with one other pixel resume refuses with {code}')
    ok(last_step(run) == steps and open(os.path.join(run, LAST), 'rb').read() == before, 'images: and makes no step')


def longer(trainer, truth):
    """A run that ended and is then given more epochs is the run that had them from its start."""
    run = os.path.join(trainer.folder, 'longer')
    code = trainer.finish(trainer.start(run, more=['--epochs', '1']))
    ok(code == 0 and last_step(run) < last_step(truth), f'longer: one epoch ends with {code} at step {last_step(run)}')
    code = trainer.resume(run, '--epochs', str(EPOCHS))
    ok(code == 0, f'longer: resume --epochs ends with {code}')
    same(run, truth, 'longer')
    code = trainer.resume(run)
    ok(code == 0 and 'complete already' in trainer.said, f'longer: the run keeps its new length ({code})')


def main():
    infomax, device = sys.argv[1:3]
    seed = int(sys.argv[3]) if len(sys.argv) > 3 and sys.argv[3] != '0' else int(time.time())
    print(f'# seed {seed}', flush=True)
    probe = subprocess.run([infomax, 'devices', '--json'], stdout=subprocess.PIPE, text=True, check=True)
    if device == 'auto' and not any(d['usable'] and d['type'] != 'host' for d in json.loads(probe.stdout)):
        print('1..0 # SKIP there is no OpenCL device; the host has its own test')
        return 0
    shm = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None  # hundreds of checkpoints: no disk needs to see them
    with tempfile.TemporaryDirectory(dir=shm) as folder:
        memory = sys.argv[4:5] == ['memory']
        trainer = Trainer(infomax, device, folder, memory)
        truth = trainer.whole('first')
        if memory:
            with open(os.path.join(truth, 'train.log')) as log:
                ok(' slices of the batch' in log.read(), 'the log says how it was made to fit')
        began = time.monotonic()
        second = trainer.whole('second')
        took = time.monotonic() - began
        if not failures():
            code = trainer.resume(second)
            ok(code == 0 and 'complete already' in trainer.said and f'loss {losses(second)[-1][1]:.4f}' in trainer.said,
               f'a complete run: resume ends with {code} and tells its last loss')
            same(second, truth, 'second run')
            shutil.rmtree(second)
            longer(trainer, truth)
            killed(trainer, truth, random.Random(seed), took)
            stopped_run = stopped(trainer, truth, signal.SIGINT, 'SIGINT')
            stopped(trainer, truth, signal.SIGTERM, 'SIGTERM')
            damaged(trainer, truth, stopped_run)
            if not memory:
                images(trainer, device)
    return plan()


if __name__ == '__main__':
    sys.exit(main())
