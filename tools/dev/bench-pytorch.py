#!/usr/bin/env python3
"""Times PyTorch on the engine's own work, in alternation with the engine and with other programs if asked.

usage: bench-pytorch.py [--work NAME,...] [--setting NAME,...] [--rounds 5] [--json FILE] [--engine build/infomax]
                        [--against [NAME=]COMMAND]...

Work:     published, published-bilinear  a training step of local Deep InfoMax as the authors' program states it: heads made of
                                         1x1 convolutions, all pairs of scores, own pairs shifted to -10, the logits repeated
                                         for each positive and concatenated with it, log-softmax over 1 + N*P classes
          tuned, tuned-bilinear          the same step written for speed: channels_last, heads on rows, log-sum-exp of the
                                         negatives shared by the positives; bilinear: the wide maps act on the N globals
          tuned-conv                     as tuned, but the wide maps as 1x1 convolutions (oneDNN instead of the BLAS)
          encoder                        basic32, forward and backward
          gemm-MxNxK, conv-NAME-{fwd,bwd-data,bwd-weights}     (--list names all; NAME: 1 to 3 basic32's, alex1 to alex5
                                         alex64's, 64 a residual network's)
          Without --work: published, tuned, tuned-bilinear; "all" is all.
Settings: installed (nothing set) · best (an allocator that keeps its pages and, where the processor has them, the OpenBLAS
          kernel of skylakex with AVX-512 dispatch in ATen, or that of haswell) · with AVX2, zen and haswell, and with AVX-512,
          skylakex and cooperlake (the OpenBLAS kernel alone) and aten512. Without --setting: installed and best.
          One process for each setting; a round visits each in turn, then the engine, then the other programs.
Batch 64, 3x32x32, 2048 critic units, Adam, float32, all cores. A visit repeats the work for about a second after a warm-up;
medians over all rounds are reported, with the spread, the ratio to each other program, and the most memory resident.
--engine times the same work with `infomax bench`: the published step against encode-dot and against bilinear, a product or
convolution against its own row, the encoder against its nodes of a step, each with a wait behind it.
--against COMMAND: a JSON answer with step_ms or rows is taken as its time, anything else is timed from outside. May be given
several times, each under a NAME of its own (small letters; without: against, against2, ...); {work} in it becomes the work's
name: --against 'tinygrad=env DEV=CL python3 tools/dev/bench-tinygrad.py {work}' --work encoder,gemm-1024x1024x1024."""
import argparse
import json
import math
import os
import re
import shlex
import statistics
import subprocess
import sys
import time

CPU = set(re.findall(r'\bavx2\b|\bavx512f\b', open('/proc/cpuinfo').read()))
KEEP_PAGES = {'MALLOC_MMAP_THRESHOLD_': '4294967296', 'MALLOC_TRIM_THRESHOLD_': '4294967296',
              'MALLOC_TOP_PAD_': '268435456'}
SETTINGS = {'installed': {}, 'best': KEEP_PAGES}
if 'avx2' in CPU:
    SETTINGS.update({
        'zen': {'OPENBLAS_CORETYPE': 'Zen'},
        'haswell': {'OPENBLAS_CORETYPE': 'Haswell'},
        'best': {'OPENBLAS_CORETYPE': 'Haswell', **KEEP_PAGES},
    })
if 'avx512f' in CPU:
    SETTINGS.update({
        'skylakex': {'OPENBLAS_CORETYPE': 'SkylakeX'},
        'cooperlake': {'OPENBLAS_CORETYPE': 'Cooperlake'},
        'aten512': {'OPENBLAS_CORETYPE': 'SkylakeX', 'ATEN_CPU_CAPABILITY': 'avx512'},
        'best': {'OPENBLAS_CORETYPE': 'SkylakeX', 'ATEN_CPU_CAPABILITY': 'avx512', **KEEP_PAGES},
    })
GEMMS = [(4096, 2048, 2048), (4096, 2048, 128), (1024, 1024, 1024)]
CONVS = {'1': (64, 3, 32, 64, 4, 2, 1), '2': (64, 64, 16, 128, 4, 2, 1), '3': (64, 128, 8, 256, 4, 2, 1),
         'alex1': (64, 3, 64, 96, 3, 1, 1), 'alex2': (64, 96, 31, 192, 3, 1, 1), 'alex3': (64, 192, 15, 384, 3, 1, 1),
         'alex4': (64, 384, 15, 384, 3, 1, 1), 'alex5': (64, 384, 15, 192, 3, 1, 1), '64': (16, 64, 56, 64, 3, 1, 1)}  # n, c, side, o, k, stride, pad
STEPS = ['published', 'published-bilinear', 'tuned', 'tuned-conv', 'tuned-bilinear']
WORKS = STEPS + ['encoder'] + [f'gemm-{m}x{n}x{k}' for m, n, k in GEMMS] + [
    f'conv-{c}-{d}' for c in CONVS for d in ('fwd', 'bwd-data', 'bwd-weights')]
BATCH, UNITS = 64, 2048


def step_of(work):
    """A function that does one training step; the model's weights are those of torch_dim.py."""
    import torch
    import torch.nn.functional as F
    import torch_dim as dim
    tuned, critic = work.startswith('tuned'), 'bilinear' if work.endswith('bilinear') else 'encode-dot'
    model = dim.Model('basic32', critic, UNITS)
    par, scale = model.par, dim.default_scale(critic, UNITS)
    images = torch.randn(BATCH, 3, 32, 32)
    if tuned:
        images = images.contiguous(memory_format=torch.channels_last)
        for name, p in par.items():
            if p.dim() == 4:
                par[name] = p.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    optimizer = torch.optim.Adam(list(par.values()), lr=1e-4, betas=(0.5, 0.999), **({'foreach': True} if tuned else {}))

    def one(x, side, weight, bias=None):
        return F.conv2d(x, par[f'{side}.{weight}.weight'][:, :, None, None], bias)

    def published_head(x, side):
        h = F.relu(model.bn(one(x, side, 'in'), side + '.bn'))
        r = one(h, side, 'hidden', par[side + '.hidden.bias']) + one(x, side, 'shortcut')
        if side + '.norm.weight' not in par:
            return r
        r = F.layer_norm(r.permute(0, 2, 3, 1), (UNITS,), par[side + '.norm.weight'], par[side + '.norm.bias'])
        return r.permute(0, 3, 1, 2)

    def published():
        local, _, _, y = model.encode(images)
        phi = published_head(local, 'local').flatten(2).transpose(1, 2)            # N,P,d
        psi = published_head(y[:, :, None, None], 'global').flatten(1)             # N,d
        n, p = phi.shape[:2]
        positive = scale * torch.matmul(phi, psi[:, :, None])[:, :, None]          # N,P,1,1
        scores = scale * torch.mm(psi, phi.reshape(-1, UNITS).t())
        scores = scores.reshape(n, n, p, 1)
        own = torch.eye(n)[:, :, None, None]
        negative = (1 - own) * scores - 10 * own
        negative = negative.reshape(n, 1, n * p, 1).expand(-1, p, -1, -1)
        return -F.log_softmax(torch.cat([positive, negative], 2), 2)[:, :, 0].mean()

    def tuned_loss():
        local, _, _, y = model.encode(images)
        n, c = local.shape[:2]
        if work == 'tuned-conv':
            phi = published_head(local, 'local').permute(0, 2, 3, 1).reshape(-1, UNITS)
            u = (model.embed(y, 'global') @ phi.t()).reshape(n, n, -1)
            return dim.infonce(u)
        x = local.permute(0, 2, 3, 1).reshape(-1, c)
        if critic == 'encode-dot':
            u = model.embed(y, 'global') @ model.embed(x, 'local').t()
        else:
            v = model.embed(y, 'global') * scale
            h = F.relu(model.bn(F.linear(x, par['local.in.weight']), 'local.bn'))
            u = (v @ par['local.hidden.weight']) @ h.t() + (v @ par['local.shortcut.weight']) @ x.t()
            u = u + (v @ par['local.hidden.bias'])[:, None]
        u = u.reshape(n, n, -1)
        own = torch.eye(n, dtype=torch.bool)
        lse = torch.logsumexp(u.masked_fill(own[:, :, None], -math.inf).flatten(1), 1, keepdim=True)
        return F.softplus(lse - u[own]).mean()

    def run():
        optimizer.zero_grad(set_to_none=tuned)
        loss = (tuned_loss if tuned else published)()
        loss.backward()
        optimizer.step()
        return loss.item()
    return run


def work_of(work):
    """(function, multiply-adds or 0)"""
    import torch
    if work in STEPS:
        return step_of(work), 0
    kind, rest = (work.split('-', 1) + [''])[:2]
    if kind == 'gemm':
        m, n, k = map(int, rest.split('x'))
        a, b = torch.randn(m, k), torch.randn(k, n)
        out = torch.empty(m, n)
        return (lambda: torch.mm(a, b, out=out)), m * n * k
    if kind == 'conv':
        name, direction = rest.split('-', 1)
        n, c, side, o, k, s, p = CONVS[name]
        x = torch.randn(n, c, side, side).contiguous(memory_format=torch.channels_last)
        w = torch.randn(o, c, k, k).contiguous(memory_format=torch.channels_last)
        y = torch.nn.functional.conv2d(x, w, stride=s, padding=p)
        g = torch.randn_like(y)
        macs = y.numel() * c * k * k
        if direction == 'fwd':
            return (lambda: torch.nn.functional.conv2d(x, w, stride=s, padding=p)), macs
        mask = (True, False, False) if direction == 'bwd-data' else (False, True, False)
        return (lambda: torch.ops.aten.convolution_backward(g, x, w, [0], [s, s], [p, p], [1, 1], False, [0, 0], 1, mask)), macs
    import torch_dim as dim
    model = dim.Model('basic32', 'encode-dot', 64)
    mine = [p for n, p in model.par.items() if n.startswith('encoder')]
    for name, p in model.par.items():
        if p.dim() == 4:
            model.par[name].data = p.data.contiguous(memory_format=torch.channels_last)
    x = torch.randn(BATCH, 3, 32, 32).contiguous(memory_format=torch.channels_last)

    def run():
        y = model.encode(x)[3]
        torch.autograd.grad(y.square().sum(), mine)
    return run, 0


def worker():
    """Reads work names, answers each with a JSON line of milliseconds."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import torch
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    cache = {}
    print(json.dumps({'torch': torch.__version__, 'blas': blas(), 'aten': torch.__config__.show().split('usage: ')[1].split()[0]}),
          flush=True)
    for line in sys.stdin:
        name = line.strip()
        if name not in cache:
            cache.clear()  # one model at a time: memory
            with open('/proc/self/clear_refs', 'w') as f:
                f.write('5')  # VmHWM begins again
            cache[name] = work_of(name)
            for _ in range(2):
                cache[name][0]()
        run, macs = cache[name]
        run()
        times, begin = [], time.perf_counter()
        while len(times) < 3 or (time.perf_counter() - begin < 1 and len(times) < 200):
            t = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - t))
        print(json.dumps({'ms': times, 'macs': macs, 'mib': peak_mib()}), flush=True)


def peak_mib():
    """The most memory that was resident since VmHWM last began."""
    with open('/proc/self/status') as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith('VmHWM'))


def blas():
    """The BLAS that this process has really loaded, and the kernel that it chose."""
    import ctypes
    with open('/proc/self/maps') as f:
        paths = {line.split()[-1] for line in f if 'blas' in line or 'mkl' in line}
    for path in sorted(paths):
        try:
            name = ctypes.CDLL(path).openblas_get_config
            name.restype = ctypes.c_char_p
            return f'{os.path.basename(path)}: {name().decode()}'
        except (OSError, AttributeError):
            continue
    return ', '.join(sorted(map(os.path.basename, paths))) or 'built in'


class Worker:
    def __init__(self, setting, python):
        keep = {k: v for k, v in os.environ.items() if k not in {x for s in SETTINGS.values() for x in s}}
        self.process = subprocess.Popen([python, '-B', os.path.abspath(__file__), '--worker'], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env={**keep, **SETTINGS[setting]})
        self.about = json.loads(self.process.stdout.readline())

    def visit(self, work):
        self.process.stdin.write(work + '\n')
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def against(command, part=()):
    """(milliseconds, MiB at its peak); part: of the nodes whose names begin so"""
    begin = time.perf_counter()
    program = subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE, text=True)
    text = program.stdout.read()
    _, status, usage = os.wait4(program.pid, 0)
    outside, program.returncode = 1e3 * (time.perf_counter() - begin), os.waitstatus_to_exitcode(status)
    if program.returncode:
        sys.exit(f'{command}: ended with {program.returncode}')
    try:
        answer = json.loads(text)
        if part:
            ms = sum(n['ms'] for n in answer['nodes'] if n['node'].startswith(part))
        else:
            ms = float(answer['step_ms'] if 'step_ms' in answer else answer['rows'][0]['ms'])
    except (ValueError, KeyError, TypeError, IndexError):
        ms = outside
    return ms, usage.ru_maxrss / 1024


def other_programs(o, work):
    """{name: (command, parts)} of the engine and of --against, for one work."""
    parts = ('encoder.', 'd_encoder.') if work == 'encoder' else ()
    programs = {n: (c, parts) for n, c in engine_commands(o.engine, work).items()} if o.engine else {}
    for i, text in enumerate(o.against or []):
        name, command = re.fullmatch(r'(?:([a-z][a-z0-9-]*)=)?(.*)', text, re.DOTALL).groups()
        name = name or 'against' + (str(i + 1) if i else '')
        if name in programs or name in SETTINGS:
            sys.exit(f'there are two programs named "{name}"; --against OTHER=COMMAND names one')
        programs[name] = (command.replace('{work}', work), ())
    return programs


def engine_commands(engine, work):
    """{name: command} of `infomax bench` for the same work; none for what it does not time alone."""
    run = shlex.quote(engine) + ' bench --json -q '
    if work in STEPS:
        return {c: f'{run} step --critic {c} --batch {BATCH} --critic-units {UNITS}' for c in ('encode-dot', 'bilinear')}
    if work == 'encoder':
        return {'engine': f'{run} step --critic bilinear --batch {BATCH} --critic-units 128'}
    kind, rest = (work.split('-', 1) + [''])[:2]
    if kind == 'gemm':
        m, n, k = rest.split('x')
        return {'engine': f'{run} --op gemm --problem m{m}n{n}k{k}_ta0tb0_bias0add0_act0'}
    if kind == 'conv':
        name, direction = rest.split('-', 1)
        n, c, side, o, k, s, p = CONVS[name]
        op = {'fwd': 'conv2d_fwd', 'bwd-data': 'conv2d_bwd_data', 'bwd-weights': 'conv2d_bwd_wei'}[direction]
        return {'engine': f'{run} --op {op} --problem n{n}h{side}w{side}c{c}_o{o}k{k}s{s}p{p}_bias0'}
    return {}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--work', default='published,tuned,tuned-bilinear')
    parser.add_argument('--setting', default='installed,best')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--against', action='append', metavar='[NAME=]COMMAND')
    parser.add_argument('--engine', metavar='INFOMAX')
    parser.add_argument('--python', default=sys.executable, help='an interpreter with another PyTorch')
    parser.add_argument('--json', help='also write the figures to this file')
    parser.add_argument('--list', action='store_true')
    parser.add_argument('--worker', action='store_true', help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.worker:
        return worker()
    if o.list:
        return print('\n'.join(WORKS))
    settings, rows = o.setting.split(','), []
    works = WORKS if o.work == 'all' else o.work.split(',')
    for name in [*works, *settings]:
        if name not in WORKS and name not in SETTINGS:
            sys.exit(f'no work or setting "{name}"; see --help and --list')
    for work in works:
        other_programs(o, work)  # two of one name end here, not after the first work
    workers = {s: Worker(s, o.python) for s in settings}
    for s, w in workers.items():
        print(f'{s}: torch {w.about["torch"]}, ATen {w.about["aten"]}, {w.about["blas"]}')
    print(f'load before: {os.getloadavg()[0]:.2f}')
    print(f'{"work":28}{"program":12}{"median":>9}{"min":>9}{"max":>9} ms{"GFLOP/s":>9}{"MiB":>7}   ratio')
    for work in works:
        others = other_programs(o, work)
        times, other, macs, mib = {s: [] for s in settings}, {name: [] for name in others}, 0, {}
        for _ in range(o.rounds):
            for s in settings:
                answer = workers[s].visit(work)
                times[s] += answer['ms']
                macs, mib[s] = answer['macs'], answer['mib']
            for name, (command, parts) in others.items():
                ms, mib[name] = against(command, parts)
                other[name].append(ms)
        theirs = {name: statistics.median(t) for name, t in other.items()}
        for name, t in {**times, **other}.items():
            m = statistics.median(t)
            rows.append({'work': work, 'program': name, 'ms': m, 'ms_min': min(t), 'ms_max': max(t), 'gflops': 2e-6 * macs / m, 'peak_mib': mib[name],
                         'ratios': {other: m / ms for other, ms in theirs.items()} if name in times else {}})
            ratios = '  '.join(f'{m / ms:.2f} x {other}' for other, ms in theirs.items()) if name in times else ''
            print(f'{work:28}{name:12}{m:9.2f}{min(t):9.2f}{max(t):9.2f}   ' + (f'{2e-6 * macs / m:9.0f}' if macs else ' ' * 9) +
                  f'{mib[name]:7.0f}   ' + ratios, flush=True)
    print(f'load after: {os.getloadavg()[0]:.2f}')
    if o.json:
        with open(o.json, 'w') as f:
            json.dump({'rows': rows, 'settings': {s: w.about for s, w in workers.items()}}, f, indent=1)


if __name__ == '__main__':
    sys.exit(main())
