#!/usr/bin/env python3
"""infomax export: the ONNX model, read by a parser of this file's own and evaluated in plain Python, gives what `infomax
embed` writes; safetensors and .npz hold the run's weights bit for bit; what cannot be exported is refused. Where the
onnx package is installed its checker must be content, too. Prints TAP.

usage: export.py INFOMAX"""
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from itertools import product
from operator import mul

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from checkpoint import read  # noqa: E402
from tap import ok, plan  # noqa: E402

INFOMAX = os.path.abspath(sys.argv[1])
top = tempfile.mkdtemp(prefix='imx-export-')


def run(*args):
    return subprocess.run([INFOMAX, *args], capture_output=True, text=True, timeout=280, cwd=top)


def path(name):
    return os.path.join(top, name)


# ---- files ----

def write_npy(name, shape, data):
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }" % (tuple(shape),)
    head += ' ' * (63 - (10 + len(head)) % 64) + '\n'
    with open(path(name), 'wb') as f:
        f.write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head.encode() + bytes(data))


def read_npy(data):
    n = struct.unpack('<H', data[8:10])[0]
    head = eval(data[10:10 + n], {})
    assert head['descr'] == '<f4' and not head['fortran_order'] and (10 + n) % 64 == 0
    size = 1
    for d in head['shape']:
        size *= d
    assert len(data) == 10 + n + 4 * size
    return list(head['shape']), data[10 + n:]


# ---- protobuf: fields of a message as {number: [values]} ----

def fields(data):
    out, at = {}, 0

    def number():
        nonlocal at
        v = shift = 0
        while True:
            b = data[at]
            at += 1
            v |= (b & 127) << shift
            shift += 7
            if not b & 128:
                return v

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            value = number()
            value -= (value >> 63) << 64
        elif tag & 7 == 2:
            n = number()
            value = data[at:at + n]
            assert len(value) == n
            at += n
        else:
            assert tag & 7 == 5
            value = struct.unpack('<f', data[at:at + 4])[0]
            at += 4
        out.setdefault(tag >> 3, []).append(value)
    return out


def text(b):
    return bytes(b).decode()


class Model:
    def __init__(self, name):
        with open(path(name), 'rb') as f:
            m = fields(memoryview(f.read()))
        self.ir, self.opset = m[1][0], fields(m[8][0])[2][0]
        self.meta = {text(fields(p)[1][0]): text(fields(p)[2][0]) for p in m[14]}
        g = fields(m[7][0])
        self.inputs, self.outputs = ([self.value(v) for v in g[k]] for k in (11, 12))
        self.const = dict(self.tensor(fields(t)) for t in g[5])
        self.nodes = [self.node(fields(n)) for n in g[1]]

    @staticmethod
    def value(data):
        v = fields(data)
        t = fields(fields(v[2][0])[1][0])
        dims = [fields(d) for d in fields(t[2][0])[1]]
        return text(v[1][0]), t[1][0], [d[1][0] if 1 in d else text(d[2][0]) for d in dims]

    @staticmethod
    def tensor(t):
        shape, n = t.get(1, []), 1
        for d in shape:
            n *= d
        raw = bytes(t[9][0])
        return text(t[8][0]), (list(shape), list(struct.unpack('<%d%s' % (n, {1: 'f', 7: 'q'}[t[2][0]]), raw)))

    @staticmethod
    def node(n):
        attrs = {}
        for a in map(fields, n.get(5, [])):
            attrs[text(a[1][0])] = a[2][0] if a[20][0] == 1 else a[3][0] if a[20][0] == 2 else a[8]
        return text(n[4][0]), [text(x) for x in n.get(1, [])], [text(x) for x in n[2]], attrs


# ---- evaluation: a tensor is (shape, flat list) ----

def strides(shape):
    s = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        s[i] = s[i + 1] * shape[i + 1]
    return s


def size(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def conv(x, w, b, a):
    (n, c, h, wd), v = x
    (o, _, k, _), f = w
    s, p = a['strides'][0], a['pads'][0]
    q, r = (h + 2 * p - k) // s + 1, (wd + 2 * p - k) // s + 1
    rows = [f[i * c * k * k:(i + 1) * c * k * k] for i in range(o)]
    out = [0.0] * (n * o * q * r)
    for i, y, z in product(range(n), range(q), range(r)):
        patch = []
        for ch, dy, dx in product(range(c), range(k), range(k)):
            yy, xx = y * s + dy - p, z * s + dx - p
            patch.append(v[((i * c + ch) * h + yy) * wd + xx] if 0 <= yy < h and 0 <= xx < wd else 0.0)
        for m in range(o):
            out[((i * o + m) * q + y) * r + z] = sum(map(mul, rows[m], patch)) + (b[1][m] if b else 0.0)
    return [n, o, q, r], out


def norm(x, gamma, beta, mean, var, eps):
    shape, v = x
    area = size(shape[2:])
    k = [g / (q + eps) ** 0.5 for g, q in zip(gamma[1], var[1])]
    return shape, [(t - mean[1][i // area % shape[1]]) * k[i // area % shape[1]] + beta[1][i // area % shape[1]]
                   for i, t in enumerate(v)]


def transpose(x, perm):
    shape, v = x
    s = strides(shape)
    to = [shape[p] for p in perm]
    return to, [v[sum(i * s[p] for i, p in zip(at, perm))] for at in product(*map(range, to))]


def cut(x, start, end, axes):
    shape, v = x
    s, span = strides(shape), [range(d) for d in shape]
    for a, b, axis in zip(start, end, axes):
        span[axis] = range(a, b)
    return [len(r) for r in span], [v[sum(map(mul, at, s))] for at in product(*span)]


def concat(xs, axis):
    shape = list(xs[0][0])
    shape[axis] = sum(x[0][axis] for x in xs)
    outer = size(shape[:axis])
    out = []
    for i in range(outer):
        for x in xs:
            n = len(x[1]) // outer
            out += x[1][i * n:(i + 1) * n]
    return shape, out


def single(x, y, f):
    return x[0], [f(a, y[1][0]) for a in x[1]] if len(y[1]) == 1 else [f(a, b) for a, b in zip(x[1], y[1])]


def gemm(x, w, b, a):
    assert a['transB'] == 1
    (n, k), v = x
    o = w[0][0]
    rows = [w[1][i * k:(i + 1) * k] for i in range(o)]
    return [n, o], [sum(map(mul, rows[m], v[i * k:(i + 1) * k])) + (b[1][m] if b else 0.0)
                    for i in range(n) for m in range(o)]


def evaluate(model, image):
    value = dict(model.const)
    value['image'] = image
    for op, ins, outs, a in model.nodes:
        x = [value[i] for i in ins]
        if op == 'Cast':
            r = x[0][0], [float(t) for t in x[0][1]]
        elif op in ('Mul', 'Sub', 'Add'):
            r = single(x[0], x[1], {'Mul': mul, 'Sub': lambda p, q: p - q, 'Add': lambda p, q: p + q}[op])
        elif op == 'Conv':
            r = conv(x[0], x[1], x[2] if len(x) > 2 else None, a)
        elif op == 'BatchNormalization':
            r = norm(*x, a['epsilon'])
        elif op == 'Relu':
            r = x[0][0], [t if t > 0 else 0.0 for t in x[0][1]]
        elif op == 'Flatten':
            r = [x[0][0][0], size(x[0][0][1:])], x[0][1]
        elif op == 'Gemm':
            r = gemm(x[0], x[1], x[2] if len(x) > 2 else None, a)
        elif op == 'Identity':
            r = x[0]
        elif op == 'Slice':
            r = cut(x[0], x[1][1], x[2][1], x[3][1])
        elif op == 'Unsqueeze':
            r = [x[0][0][0], 1] + x[0][0][1:], x[0][1]
        elif op == 'Concat':
            r = concat(x, a['axis'])
        elif op == 'Reshape':
            known = size([d for d in x[1][1] if d > 0])
            r = [d if d > 0 else len(x[0][1]) // known for d in x[1][1]], x[0][1]
        else:
            assert op == 'Transpose'
            r = transpose(x[0], a['perm'])
        value[outs[0]] = r
    return {name: value[name] for name, _, _ in model.outputs}


def checker(name):
    try:
        import onnx
    except ImportError:
        return None
    try:
        model = onnx.load(path(name))
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, strict_mode=True, check_type=True)
        return ''
    except Exception as e:  # whatever the package finds wrong
        return str(e)


# ---- the runs ----

def pixels(n, side):
    rng = random.Random(side)
    return [rng.randrange(256) for _ in range(n * side * side * 3)]


def trained(encoder, side, n, batch, *more):
    write_npy(encoder + '.npy', [n, side, side, 3], pixels(n, side))
    r = run('train', encoder + '.npy', '-o', encoder, '--encoder', encoder, '--batch', str(batch), '--epochs', '1',
            '--critic-units', '16', '--device', 'host', '-q', '--augment', 'none', *more)
    ok(r.returncode == 0, 'a run of %s: %s' % (encoder, r.stderr.strip()[-200:] or 'ok'))


def agrees(encoder, side, n, layers, form):
    """The model's outputs for the first n images against embed's."""
    name = '%s-%s.onnx' % (encoder, form)
    r = run('export', encoder, '--format', 'onnx', '--input', form, '-o', name)
    if not ok(r.returncode == 0 and r.stdout == name + '\n', 'export %s (%s): %s' % (encoder, form, r.stderr.strip())):
        return
    m = Model(name)
    v = pixels(n, side)
    chw = [v[((i * side + y) * side + x) * 3 + c] for i, c, y, x in product(range(n), range(3), range(side), range(side))]
    if form == 'float':
        chw = [(t / 255 - 0.5) / 0.5 for t in chw]
    ok(m.ir == 7 and m.opset == 13 and m.inputs == [('image', 2 if form == 'uint8' else 1, ['N', 3, side, side])] and
       [o[0] for o in m.outputs] == layers and all(o[1] == 1 and o[2][0] == 'N' for o in m.outputs),
       'opset 13, image %s, outputs %s' % (m.inputs[0][2], ', '.join('%s %s' % (o[0], o[2]) for o in m.outputs)))
    ok(m.meta['encoder'] == encoder and m.meta['height'] == str(side) and m.meta['layers'] == ','.join(layers),
       'the metadata say how to use it')
    said = checker(name)
    if said is not None:
        ok(not said, "onnx's checker: " + (said or 'content'))
    got = evaluate(m, ([n, 3, side, side], chw))
    for layer, (_, _, dims) in zip(layers, m.outputs):
        r = run('embed', encoder, encoder + '.npy', '-o', 'x.npy', '--layer', layer, '--device', 'host', '-q')
        with open(path('x.npy'), 'rb') as f:
            shape, raw = read_npy(f.read())
        width = shape[1]
        want = struct.unpack('<%df' % (n * width), raw[:4 * n * width])
        far = max(map(abs, want))
        worst = max(abs(a - b) for a, b in zip(got[layer][1], want)) / far
        ok(len(got[layer][1]) == n * width and got[layer][0][1:] == dims[1:] and far > 0 and worst < 1e-4,
           '%s of %s: %d values, worst difference %.1e of the largest' % (layer, encoder, n * width, worst))


def other_forms(encoder):
    meta, run_weights = read(path(encoder + '/encoder.safetensors'))
    r = run('export', encoder, '-o', 'w.safetensors')
    meta, weights = read(path('w.safetensors'))
    ok(r.returncode == 0 and weights == run_weights, 'safetensors: %d tensors, bit for bit' % len(weights))
    ok(meta['format'] == 'pt' and meta['encoder'] == encoder and meta['channels'] == '3' and '0.5' in
       meta['normalisation'] and len(meta['sha256']) == 64, 'with what else is needed')
    r = run('export', encoder, '--format', 'npy', '-o', 'w.npz')
    with zipfile.ZipFile(path('w.npz')) as z:
        bad, names = z.testzip(), set(z.namelist())
        same = all(read_npy(z.read(k + '.npy')) == (list(v[1]), v[2]) for k, v in run_weights.items())
        about = json.loads(z.read('meta.json'))
    ok(r.returncode == 0 and bad is None and same and names == {k + '.npy' for k in run_weights} | {'meta.json'} and
       about['encoder'] == encoder, '.npz: the same arrays, and meta.json')


def refused(args, word, code=2):
    r = run('export', *args)
    ok(r.returncode == code and word in r.stderr and not r.stdout, '%s: %s' % (' '.join(args), r.stderr.split('\n')[0]))


trained('tiny16', 16, 16, 8)
agrees('tiny16', 16, 3, ['conv', 'fc', 'y'], 'uint8')
agrees('tiny16', 16, 2, ['conv', 'fc', 'y'], 'float')
other_forms('tiny16')
trained('fold-multi-resnet19', 16, 4, 4)
agrees('fold-multi-resnet19', 16, 1, ['conv', 'y'], 'uint8')
refused(['tiny16', '-o', 'x.pth'], 'export needs --format')
refused(['tiny16', '--format', 'onx', '-o', 'x'], 'did you mean onnx?')
refused(['tiny16', '--format', 'npy', '-o', 'x.npy'], 'must end in .npz')
refused(['tiny16'], 'needs -o FILE')
refused(['nosuch', '-o', 'x.onnx'], 'no run')
refused(['tiny16', '-o', 'no/such/folder/x.onnx'], 'no/such/folder', 8)
with open(path('tiny16/config.toml')) as f:
    config = f.read()
with open(path('tiny16/config.toml'), 'w') as f:
    f.write(config.replace('"tiny16"', '"basic28"', 1) if '"tiny16"' in config else config + '\n')
r = run('export', 'tiny16', '-o', 'x.onnx')
ok(r.returncode == 5 and 'another shape' in r.stderr and not os.path.exists(path('x.onnx')),
   'weights of another encoder: ' + r.stderr.split('\n')[0])
os.remove(path('tiny16/encoder.safetensors'))
with open(path('tiny16/config.toml'), 'w') as f:
    f.write(config)
refused(['tiny16', '-o', 'x.onnx'], 'no encoder.safetensors yet')
shutil.rmtree(top)
sys.exit(plan())
