#!/usr/bin/env python3
"""Compiles every kernel of cl/ for real GPUs, without one: AMD through clang and libclc, NVIDIA through clang and, where
CUDA's ptxas is at hand, on to machine code, Intel through ocloc. Shows what each kernel takes of a GPU.

usage: offline.py [--target T]... [--kernel TEXT] [--all] [--brief] [--json] [--check] [--list-cpu]
  --target T   gfx900, gfx1030 (any -mcpu of clang), sm_75 (any architecture of ptxas), tgllp (any device of ocloc);
               default: those four
  --kernel T   only kernels with T in their name
  --all        also with the options that only devices of type CPU get
  --brief      a line per kernel and target: the worst of its options
  --json       an array of rows on stdout, and nothing else
  --check      TAP: each file compiles for each target; no kernel that a GPU runs keeps variables in memory
  --quick      only the files for GPUs, and a few of their options
  --cache F    keeps what came out in F, and compiles only what is not there
  --cpu-names  prints a pattern: the names of the kernels that no variant meant for a GPU launches

Columns: reg = vector registers (of 256; NVIDIA: 255; Intel: 128 of 32 bytes for a whole sub-group), sreg = scalar
registers, scratch = bytes per work-item that live in memory instead of registers (spills and private arrays), local =
bytes of local memory per work-group, waves = most waves that a SIMD unit holds at once, simd = width of a sub-group."""
import argparse
import concurrent.futures
import glob
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CL = os.path.join(ROOT, 'cl')
TARGETS = ['gfx900', 'gfx1030', 'sm_75', 'tgllp']
# GPUs get launches in pieces, and there this definition (src/dev/cl_program.c).
PRELUDE = '#define get_group_id(d) ((get_global_id(d) - get_local_id(d)) / get_local_size(d))\n'

# The options that src/ops gives each file on a GPU, and those that it gives on devices of type CPU alone. An option
# text that stands in src/ops and not here fails the check.
GROUPS = [''] + ['-DGROUP=%d' % g for g in (32, 16, 8, 4, 2, 1)]
TILES = ['-DTS=16', '-DTS=8', '-DTS=4']
HALVES = ['-DTS=16 -DHALF', '-DTS=8 -DHALF']
ON_GPU = {
    'batchnorm': [''],
    'conv2d': TILES + HALVES,
    'conv2d_cpu': ['-DVW=4', '-DVW=4 -DA_STEP=MR'],
    'conv2d_winograd': [t + ' -DWM=%d' % m for t in TILES for m in (2, 4)],
    'conv2d_winograd_cpu': ['-DVW=4 -DWM=2', '-DVW=4 -DWM=4'],
    'critic': ['-DVEC=1'],
    'gemm': TILES + HALVES,
    'gemm_cpu': ['-DVW=4', '-DVW=4 -DA_STEP=MR'],
    'gram': TILES,
    'layernorm': GROUPS,
    'quadnorm': GROUPS,
    'reduce': GROUPS,
    'xent': GROUPS,
    'peak': ['-DWIDE=float4 -DLANES=4', '-DWIDE=float4 -DLANES=4 -DFUSED'],
    'act': ['-DVEC=4'],
    'dropout': ['-DVEC=4'],
    'eltwise': ['-DVEC=4'],
    'gather': ['-DVEC=4'],
    'gru': ['-DVEC=4'],
    'optim': ['-DVEC=4'],
    'random': ['-DVEC=4'],
    'shuffle': ['-DVEC=4'],
    'spread': ['-DVEC=4'],
    'unfold': ['-DVEC=4'],
}
# Only where a device has sub-groups; of these compilers, Intel's alone knows them.
SUBS = ['-DSUB=32', '-DSUB=16', '-DSUB=8', '-DSUB=0 -cl-std=CL2.0', '-DSUB=0 -cl-std=CL3.0']
ON_SUB_GROUPS = dict({f: SUBS[1:3] for f in ('conv2d', 'gemm')}, **{f: SUBS for f in ('layernorm', 'quadnorm', 'reduce', 'subgroup', 'xent')})
WIDE_VEC = {f: ['-DVEC=16'] for f in ('act', 'critic', 'dropout', 'eltwise', 'gather', 'gru', 'optim', 'random', 'shuffle', 'spread',
                                            'unfold')}
ON_CPU = dict(WIDE_VEC, gemm_cpu=['-DVW=8', '-DVW=8 -DA_STEP=MR', '-DVW=16', '-DVW=16 -DA_STEP=MR'],
              conv2d_cpu=['-DVW=8', '-DVW=8 -DA_STEP=MR', '-DVW=16', '-DVW=16 -DA_STEP=MR'],
              conv2d_winograd_cpu=['-DVW=8 -DWM=2', '-DVW=8 -DWM=4', '-DVW=16 -DWM=2', '-DVW=16 -DWM=4'], peak=['', '-DFUSED', '-DWIDE=float8 -DLANES=8', '-DWIDE=float8 -DLANES=8 -DFUSED'])
QUICK = {
    'conv2d_cpu': [],
    'conv2d_winograd': ['-DTS=16 -DWM=2', '-DTS=8 -DWM=4'],
    'conv2d_winograd_cpu': [],
    'gemm_cpu': [],
}
QUICK.update({f: TILES[:2] + HALVES[:1] for f in ('conv2d', 'gemm')}, gram=TILES[:2], **{f: [''] for f in ON_GPU if ON_GPU[f] == GROUPS})
# Kernels of variants that are meant for devices of type CPU: one work-item does much, in private arrays that such a
# device keeps in its first-level cache. tests/unit/gpu_choice.c sees that a GPU gets none of them by default.
CPU_KERNELS = re.compile(r'_cpu(_|$)|^gemm_pack$|^gram_mirror$|_strip$|'
                         r'^(broadcast|gradnorm|ln_fwd|ln_back|quad_fwd|quad_bwd|rowreduce|rowreduce_spread)_row$')


class Failed(Exception):
    pass


def tool(*names):
    """The first of these programs that is there; None when none is."""
    return next((p for p in map(shutil.which, names) if p), None)


CLANG = os.environ.get('CLANG') or tool('clang-15', 'clang-16', 'clang-14', 'clang')
OCLOC = tool('ocloc')
PTXAS = tool('ptxas') or next((p for p in ['/usr/local/cuda/bin/ptxas'] if os.access(p, os.X_OK)), None)


def clc(name):
    """Folder and all of a file of libclc; None when it is not installed."""
    found = sorted(glob.glob('/usr/lib/clc/' + name) + glob.glob('/usr/lib/llvm-*/lib/clang/*/clc/' + name))
    return found[0] if found else None


def run(*command, text=None):
    p = subprocess.run(command, input=text, capture_output=True, text=True)
    if p.returncode:
        said = p.stderr.strip() or p.stdout.strip()
        raise Failed(said or '%s ended with %d' % (command[0], p.returncode))
    return p.stdout + p.stderr


def clang(target, options, library, stem, flags, out):
    source = PRELUDE + '#include "%s.cl"\n' % stem
    run(CLANG, '-x', 'cl', '-cl-std=CL1.2', '-target', target, *options, '-O3', '-Xclang', '-finclude-default-header',
        '-Xclang', '-mlink-builtin-bitcode', '-Xclang', library, '-I' + CL, '-DIMX_CUT', *flags.split(), '-S', '-o', out,
        '-', text=source)
    with open(out, encoding='utf-8') as f:
        return f.read()


# ---- AMD ----

AMD_LIBRARY = 'tahiti-amdgcn-mesa-mesa3d.bc'  # the one that all its other names are links to


def amd(target, stem, flags, work):
    asm = clang('amdgcn-mesa-mesa3d', ['-mcpu=' + target], clc(AMD_LIBRARY), stem, flags, os.path.join(work, 'a.s'))
    for part in re.split(r'^\s*\.amdgpu_hsa_kernel\s+', asm, flags=re.M)[1:]:
        info = part[part.index('\n; Kernel info:'):]
        number = {}
        for key, value in re.findall(r'^; (\w+): (\d+)', info, flags=re.M):
            number.setdefault(key, int(value))
        yield {'kernel': part.split()[0], 'reg': number['NumVgprs'], 'sreg': number['NumSgprs'],
               'scratch': number['ScratchSize'], 'local': number['LDSByteSize'], 'waves': number['Occupancy']}


# ---- NVIDIA ----

NVIDIA_LIBRARY = 'nvptx64--nvidiacl.bc'


def nvidia(target, stem, flags, work):
    ptx = os.path.join(work, 'a.ptx')
    text = clang('nvptx64--nvidiacl', ['-Xclang', '-target-cpu', '-Xclang', target], clc(NVIDIA_LIBRARY), stem, flags, ptx)
    if not PTXAS:
        for name in re.findall(r'^\.entry (\w+)|^\.visible \.entry (\w+)', text, flags=re.M):
            yield {'kernel': name[0] or name[1]}
        return
    said = run(PTXAS, '-v', '-arch', target, '-o', os.devnull, ptx)
    for part in said.split("Compiling entry function '")[1:]:
        stack, stores, loads = map(int, re.search(r'(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill '
                                                  r'loads', part).groups())
        local = re.search(r'(\d+) bytes smem', part)
        yield {'kernel': part.split("'")[0], 'reg': int(re.search(r'Used (\d+) registers', part).group(1)),
               'scratch': max(stack, stores, loads), 'local': int(local.group(1)) if local else 0}


# ---- Intel ----

def intel_section(data):
    """The part of an ELF file of ocloc that holds the kernels as patch tokens, or None."""
    start, = struct.unpack_from('<Q', data, 0x28)
    size, count, names = struct.unpack_from('<HHH', data, 0x3a)
    heads = [struct.unpack_from('<IIQQQQ', data, start + i * size) for i in range(count)]
    for name, _, _, _, offset, length in heads:
        at = heads[names][4] + name
        if data[at:].startswith(b'Intel(R) OpenCL Device Binary'):
            return data[offset:offset + length]
    return None


def tokens(data, at, end):
    while at + 8 <= end:
        token, size = struct.unpack_from('<II', data, at)
        if size < 8:
            return
        yield token, struct.unpack_from('<%dI' % ((size - 8) // 4), data, at + 8)
        at += size


def intel_kernels(data):
    """What the driver is told of each kernel, as patch tokens: 15 (local memory), 18 and 55 (scratch for spills), 23 (how
    it was compiled) and 38 (private arrays in memory)."""
    count, = struct.unpack_from('<I', data, 16)
    at = 28 + struct.unpack_from('<I', data, 24)[0]
    for _ in range(count):
        name_size, patches, *heaps, _ = struct.unpack_from('<7I', data, at + 12)
        row = {'kernel': data[at + 40:at + 40 + name_size].split(b'\0')[0].decode(), 'scratch': 0, 'local': 0}
        at += 40 + name_size + sum(heaps)
        for token, value in tokens(data, at, at + patches):
            if token == 15:
                row['local'] += value[1]
            elif token in (18, 55):
                row['scratch'] += value[1]
            elif token == 23:
                row['simd'], row['reg'] = value[3], value[20]
            elif token == 38:
                row['scratch'] += value[3]
        at += patches
        yield row


def intel(target, stem, flags, work):
    source = os.path.join(work, 'a.cl')
    with open(source, 'w', encoding='utf-8') as f:
        f.write(PRELUDE + '#include "%s.cl"\n' % stem)
    said = run(OCLOC, 'compile', '-file', source, '-device', target, '-options',
               '%s -DIMX_CUT -I%s %s' % ('' if '-cl-std=' in flags else '-cl-std=CL1.2', CL, flags), '-output', 'out', '-output_no_suffix', '-out_dir', work)
    with open(os.path.join(work, 'out'), 'rb') as f:
        section = intel_section(f.read())
    if section is None:
        raise Failed('this version of ocloc writes another format than patch tokens')
    rows = list(intel_kernels(section))
    spilt = set(re.findall(r'kernel (\w+)\s+compiled SIMD\d+ allocated \d+ regs and spilled', said))
    if spilt != {r['kernel'] for r in rows if r['scratch']} & spilt:
        raise Failed('ocloc speaks of spills that its output does not show: ' + ' '.join(sorted(spilt)))
    return rows


# ---- the work ----

def family(target):
    return amd if target.startswith('gfx') else nvidia if target.startswith('sm_') else intel


def missing(target):
    """What keeps the target from being compiled for; None when nothing does."""
    if family(target) is intel:
        return None if OCLOC else 'ocloc is not installed (Debian package intel-opencl-icd)'
    if not CLANG:
        return 'clang is not installed (Debian package clang-15)'
    library = AMD_LIBRARY if family(target) is amd else NVIDIA_LIBRARY
    return None if clc(library) else 'libclc is not installed (Debian package libclc-15)'


class Cache:
    """Rows by a hash of all that they depend on: sources, options, target, compilers, this script. Only the entries in use
    are kept."""

    def __init__(self, path):
        self.path, self.old, self.new = path, {}, {}
        if not path:
            return
        try:
            with open(path, encoding='utf-8') as f:
                self.old = json.load(f)
        except (OSError, ValueError):
            pass
        digest = hashlib.sha256()
        for tool_path in (CLANG, OCLOC, PTXAS):
            what = os.stat(tool_path) if tool_path else None
            digest.update(repr(what and (os.path.realpath(tool_path), what.st_size, what.st_mtime_ns)).encode())
        for source in sorted(glob.glob(os.path.join(CL, '*.h'))) + [os.path.abspath(__file__)]:
            with open(source, 'rb') as f:
                digest.update(f.read())
        self.common = digest.digest()

    def key(self, job):
        with open(os.path.join(CL, job[1] + '.cl'), 'rb') as f:
            return hashlib.sha256(self.common + repr(job).encode() + f.read()).hexdigest()

    def compile(self, job):
        if not self.path:
            return compile_one(job)
        key = self.key(job)
        rows = self.old.get(key)
        if rows:
            self.new[key] = rows
            return job, rows, None
        result = compile_one(job)
        if result[1]:
            self.new[key] = result[1]
        return result

    def write(self):
        if self.path:
            with open(self.path + '.new', 'w', encoding='utf-8') as f:
                json.dump(self.new, f)
            os.replace(self.path + '.new', self.path)


def compile_one(job):
    """The rows of one file with one set of options for one target, or what the compiler said."""
    target, stem, flags, gpu = job
    with tempfile.TemporaryDirectory() as work:
        try:
            rows = list(family(target)(target, stem, flags, work))
        except Failed as e:
            return job, None, str(e)
    for row in rows:
        row.update(file=stem, options=flags, target=target, gpu=gpu and not CPU_KERNELS.search(row['kernel']))
    return job, rows, None if rows else 'there is no kernel in what came out'


def stems():
    return sorted(f[:-3] for f in os.listdir(CL) if f.endswith('.cl'))


def jobs(targets, everything, quick):
    gpu = dict(ON_GPU, **QUICK) if quick else ON_GPU
    for target in targets:
        for stem in stems():
            for flags in gpu.get(stem, ['']):
                yield target, stem, flags, True
            for flags in ON_SUB_GROUPS.get(stem, [])[:1 if quick else None] if family(target) is intel else []:
                yield target, stem, flags, True
            for flags in ON_CPU.get(stem, []) if everything else []:
                yield target, stem, flags, False


def unknown_options():
    """Option texts of src/ops and of the peak measurement that the tables do not have."""
    known = {f for table in (ON_GPU, ON_CPU, ON_SUB_GROUPS) for sets in table.values() for f in sets}
    out = []
    more = [os.path.join(ROOT, 'src', 'dev', f) for f in ('dev.c', 'peak.c')]
    for path in sorted(glob.glob(os.path.join(ROOT, 'src', 'ops', '*.[ch]'))) + more:
        with open(path, encoding='utf-8') as f:
            found = re.findall(r'"(-D[^"]*)"', f.read())
        out += ['%s: %s' % (os.path.basename(path), flags) for flags in found
                if flags not in known]
    return out


COLUMNS = ['reg', 'sreg', 'scratch', 'local', 'waves', 'simd']


def table(rows):
    rows = sorted(rows, key=lambda r: (r['file'], r['kernel'], r['options'], r['target']))
    head = ['kernel', 'options', 'target'] + COLUMNS
    lines = [[r['kernel'], r['options'] or '-', r['target']] + [str(r.get(c, '')) for c in COLUMNS] for r in rows]
    width = [max(map(len, column)) for column in zip(head, *lines)]
    for line in [head] + lines:
        print('  '.join(x.ljust(w) if i < 3 else x.rjust(w) for i, (x, w) in enumerate(zip(line, width))).rstrip())


def brief(rows):
    """The worst of each kernel's options; waves and simd are the better the larger."""
    best = {}
    for row in rows:
        at = best.setdefault((row['kernel'], row['target']), dict(row, options=''))
        for c in COLUMNS:
            if c in row:
                at[c] = (min if c in ('waves', 'simd') else max)(at[c], row[c])
    return list(best.values())


def check(results, skipped, targets):
    """TAP: a line per file and target, and one for the options. False when something is wrong, or nothing was compiled."""
    count = failed = 0

    def ok(good, name, notes=()):
        nonlocal count, failed
        count += 1
        failed += not good
        print('%sok %d - %s' % ('' if good else 'not ', count, name))
        for note in notes:
            print('# ' + note)

    strange = unknown_options()
    ok(not strange, 'every option of src/ops is known here', strange)
    for target in targets:
        if target in skipped:
            count += 1
            print('ok %d - %s # SKIP %s' % (count, target, skipped[target]))
            continue
        for stem in sorted({stem for (where, stem, _, _), _, _ in results if where == target}):
            notes, seen = [], 0
            for (where, of, flags, _), rows, said in results:
                if where != target or of != stem:
                    continue
                if said:
                    notes += ['%s: %s' % (flags, line) for line in said.splitlines()[:12]]
                seen += len(rows or [])
                notes += ['%s %s: %d bytes of scratch' % (r['kernel'], flags, r['scratch']) for r in rows or []
                          if r['gpu'] and r.get('scratch')]
            ok(not notes and seen, '%s for %s: %d kernels' % (stem, target, seen), notes)
    if not PTXAS and any(t.startswith('sm_') for t in targets):
        print('# NVIDIA: to PTX only, because ptxas (CUDA) is not at hand: no registers, no spills')
    print('1..%d' % count)
    return failed == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--target', action='append')
    parser.add_argument('--kernel', default='')
    parser.add_argument('--cache')
    for flag in ('all', 'quick', 'brief', 'json', 'check', 'cpu-names'):
        parser.add_argument('--' + flag, action='store_true')
    o = parser.parse_args()
    if o.cpu_names:
        print(CPU_KERNELS.pattern)
        return 0
    targets = o.target or TARGETS
    skipped = {t: missing(t) for t in targets if missing(t)}
    cache = Cache(o.cache)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        # The slow ones first, so that none is left alone at the end.
        work = sorted(jobs([t for t in targets if t not in skipped], o.all, o.quick), key=lambda j: family(j[0]) is not intel)
        results = list(pool.map(cache.compile, work))
    cache.write()
    if o.check:
        return 0 if check(results, skipped, targets) else 1
    rows = [r for _, got, _ in results for r in got or [] if o.kernel in r['kernel']]
    if o.brief:
        rows = brief(rows)
    if o.json:
        print(json.dumps(rows, indent=1))
    else:
        table(rows)
    for target, why in skipped.items():
        print('%s is left out: %s' % (target, why), file=sys.stderr)
    for (target, stem, flags, _), _, said in results:
        if said:
            print('%s %s for %s: %s' % (stem, flags, target, said), file=sys.stderr)
    return 1 if any(said for _, _, said in results) else 0


sys.exit(main())
