#!/usr/bin/env python3
"""Deep InfoMax once more, in PyTorch and independent of the engine: the opponent of `infomax trace`.

usage: torch_dim.py check                     losses against worked test vectors, parameter counts
       torch_dim.py init  -o W.safetensors    the weights that the engine draws for a seed
       torch_dim.py trace DATA -o T.safetensors [--init W.safetensors | --write-init W.safetensors]
options of init and trace: --encoder --critic --estimator --critic-units --score-scale --batch --steps --lr --seed --channels
                           --double (compute in float64: what is left is the other side's rounding) --all --threads

DATA: folder of CIFAR-10 binaries, one such .bin, .npy uint8 N,H,W[,C], or IDX images (.gz too). Batch k holds the images
k*batch .. k*batch+batch-1 in file order, scaled to [-1,1]. A trace holds image/STEP, loss/STEP, init/NAME, grad/0/NAME and
param/LAST/NAME (--all: gradients and parameters of every step). param/STEP is the state after the update of step STEP.
Tensor names and layout are PyTorch's: conv O,I,kh,kw; linear out,in. Needs numpy and torch (Debian: python3-torch)."""
import argparse
import glob
import gzip
import math
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from safetensors_np import load_safetensors, save_safetensors  # noqa: E402

# conv: (channels, kernel, stride, pad, max-pool 3/2 after it); local: conv block whose output is the local feature map.
ENCODERS = {
    'basic28': dict(size=28, convs=[(64, 5, 2, 2, False), (128, 5, 2, 2, False)], fcs=[1024], local=2),
    'basic32': dict(size=32, convs=[(c, 4, 2, 1, False) for c in (64, 128, 256)], fcs=[1024], local=2),
    'basic64': dict(size=64, convs=[(c, 4, 2, 1, False) for c in (64, 128, 256, 512)], fcs=[1024], local=3),
    'alex64': dict(size=64, convs=[(96, 3, 1, 1, True), (192, 3, 1, 1, True), (384, 3, 1, 1, False),
                                   (384, 3, 1, 1, False), (192, 3, 1, 1, True)], fcs=[4096, 4096], local=3),
}
CODE = 64  # units of the global vector y


# ---- files ---------------------------------------------------------------------------------------------------------

def load_images(path):
    """uint8 array N,C,H,W."""
    if os.path.isdir(path):
        files = sorted(glob.glob(os.path.join(path, 'data_batch_*.bin')))
        if not files:
            sys.exit(f'{path}: no data_batch_*.bin in it')
        return np.concatenate([load_images(f) for f in files])
    if path.endswith('.bin'):
        rows = np.fromfile(path, np.uint8).reshape(-1, 3073)
        return rows[:, 1:].reshape(-1, 3, 32, 32)
    if path.endswith('.npy'):
        a = np.load(path)
        if a.dtype != np.uint8 or a.ndim not in (3, 4):
            sys.exit(f'{path}: want uint8 N,H,W[,C], have {a.dtype} with {a.ndim} axes')
        return a[:, None] if a.ndim == 3 else np.ascontiguousarray(a.transpose(0, 3, 1, 2))
    with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as f:
        raw = f.read()
    if raw[:4] != b'\0\0\x08\x03':
        sys.exit(f'{path}: neither CIFAR .bin, .npy nor IDX images')
    shape = struct.unpack_from('>3I', raw, 4)
    return np.frombuffer(raw, np.uint8, offset=16).reshape(shape)[:, None]


# ---- numbers from counters ------------------------------------------------------------------------------------------

def philox(seed, stream, count, step=0):
    """uint32 words 0..count-1: word i%4 of the draw with counter {i/4, stream, step}; ten rounds of Philox4x32."""
    draws = np.arange((count + 3) // 4, dtype=np.uint64)
    mask, low = np.uint64(0xFFFFFFFF), np.uint64(32)
    c = [draws] + [np.full_like(draws, x) for x in (stream, step & 0xFFFFFFFF, step >> 32)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> low) ^ c[1] ^ np.uint64(k0), p1 & mask, (p0 >> low) ^ c[3] ^ np.uint64(k1), p0 & mask]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, axis=1).reshape(-1)[:count].astype(np.uint32)


def uniform(seed, index, shape, bound):
    """Parameter number `index`: U(-bound, bound) in float32, exactly as the engine draws it (stream 1 + 64*index)."""
    words = philox(seed, 1 + 64 * index, int(np.prod(shape)))
    unit = (words >> np.uint32(8)).astype(np.float32) * np.float32(2.0 ** -24)
    return ((np.float32(2) * unit - np.float32(1)) * np.float32(bound)).reshape(shape)


# ---- the model ------------------------------------------------------------------------------------------------------

def layout(encoder, channels, critic, units):
    """[(name, shape, how)] in order of creation; how: fan_in of a uniform draw, 'one', 'zero' or 'shortcut'."""
    spec, out, side, width, bn = ENCODERS[encoder], [], ENCODERS[encoder]['size'], channels, 0

    def norm(name, n):
        out.extend([(name + '.weight', (n,), 'one'), (name + '.bias', (n,), 'zero')])

    for i, (o, k, s, p, pool) in enumerate(spec['convs'], 1):
        out.append((f'encoder.conv{i}.weight', (o, width, k, k), width * k * k))
        bn += 1
        norm(f'encoder.bn{bn}', o)
        side, width = (side - k + 2 * p) // s + 1, o
        side = (side - 3) // 2 + 1 if pool else side
        if i == spec['local']:
            local = width
    width *= side * side
    for i, o in enumerate(spec['fcs'], 1):
        out.append((f'encoder.fc{i}.weight', (o, width), width))
        bn += 1
        norm(f'encoder.bn{bn}', o)
        width = o
    out.append(('encoder.out.weight', (CODE, width), width))
    out.append(('encoder.out.bias', (CODE,), width))
    for side_name, n_in in (('local', local), ('global', CODE)):
        out.append((side_name + '.in.weight', (units, n_in), n_in))
        norm(side_name + '.bn', units)
        out.append((side_name + '.hidden.weight', (units, units), units))
        out.append((side_name + '.hidden.bias', (units,), units))
        out.append((side_name + '.shortcut.weight', (units, n_in), 'shortcut'))
        if side_name == 'global' or critic == 'encode-dot':
            norm(side_name + '.norm', units)
    return out


def draw(names, seed):
    """The engine's initial parameters as {name: float32 array}."""
    values = {}
    for index, (name, shape, how) in enumerate(names):
        if how in ('one', 'zero'):
            values[name] = np.full(shape, 1.0 if how == 'one' else 0.0, np.float32)
        elif how == 'shortcut':
            values[name] = uniform(seed, index, shape, 0.01)
            if shape[0] >= shape[1]:
                values[name][np.arange(shape[1]), np.arange(shape[1])] = 1
        else:
            values[name] = uniform(seed, index, shape, 1 / math.sqrt(how))
    return values


class Model:
    """Parameters in `par` (order of creation), running statistics in `run`; training mode unless told otherwise."""

    def __init__(self, encoder='basic32', critic='encode-dot', units=2048, channels=3, seed=0, dtype=torch.float32, init=None):
        self.spec, self.critic, self.units = ENCODERS[encoder], critic, units
        names = layout(encoder, channels, critic, units)
        self.fill(names, init or draw(names, seed), dtype)

    def fill(self, names, values, dtype):
        self.par, self.run = {}, {}
        for name, shape, _ in names:
            if name not in values or tuple(values[name].shape) != shape:
                sys.exit(f'{name}: missing from the initial weights or not of shape {shape}')
            self.par[name] = torch.tensor(values[name], dtype=dtype, requires_grad=True)
            stem = name.rsplit('.', 1)[0]
            if name.endswith('.weight') and stem.rsplit('.', 1)[1].startswith('bn'):
                for key, fill in (('running_mean', torch.zeros), ('running_var', torch.ones)):
                    self.run[f'{stem}.{key}'] = fill(shape, dtype=dtype)
                    if f'{stem}.{key}' in values:
                        self.run[f'{stem}.{key}'].copy_(torch.tensor(values[f'{stem}.{key}']))

    def bn(self, x, stem, training=True):
        return F.batch_norm(x, self.run[stem + '.running_mean'], self.run[stem + '.running_var'], self.par[stem + '.weight'],
                            self.par[stem + '.bias'], training=training, momentum=0.1, eps=1e-5)

    def encode(self, x, training=True):
        """N,C,H,W -> local map N,c,M,M; conv (last conv map, flat); fc (last hidden layer); y."""
        bn = 0
        for i, (_, _, s, p, pool) in enumerate(self.spec['convs'], 1):
            bn += 1
            x = F.relu(self.bn(F.conv2d(x, self.par[f'encoder.conv{i}.weight'], stride=s, padding=p), f'encoder.bn{bn}', training))
            if pool:
                x = F.max_pool2d(x, 3, 2)
            if i == self.spec['local']:
                local = x
        x = conv = x.flatten(1)
        for i in range(1, len(self.spec['fcs']) + 1):
            bn += 1
            x = F.relu(self.bn(F.linear(x, self.par[f'encoder.fc{i}.weight']), f'encoder.bn{bn}', training))
        return local, conv, x, F.linear(x, self.par['encoder.out.weight'], self.par['encoder.out.bias'])

    def embed(self, rows, side):
        """rows [R, n_in] -> [R, units]: norm(W2 relu(BN(W1 x)) + b2 + S x); the norm only where this side has one."""
        p = self.par
        h = F.relu(self.bn(F.linear(rows, p[side + '.in.weight']), side + '.bn'))
        r = F.linear(h, p[side + '.hidden.weight'], p[side + '.hidden.bias']) + F.linear(rows, p[side + '.shortcut.weight'])
        if side + '.norm.weight' in p:
            r = F.layer_norm(r, (self.units,), p[side + '.norm.weight'], p[side + '.norm.bias'], 1e-5)
        return r

    def scores(self, x, scale):
        """u[i,j,p] = scale * <global of image i, local p of image j>."""
        local, _, _, y = self.encode(x)
        n, c = local.shape[:2]
        phi = self.embed(local.flatten(2).transpose(1, 2).reshape(-1, c), 'local')
        psi = self.embed(y, 'global')
        return scale * (psi @ phi.t()).reshape(n, n, -1)


# ---- estimators: u[i,j,p] -> loss -----------------------------------------------------------------------------------

def softplus(x):
    return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))


def split(u):
    """Positives [N,P] (own image) and negatives [N, N-1, P]."""
    n = u.shape[0]
    own = torch.eye(n, dtype=torch.bool)
    return u[own], u[~own].reshape(n, n - 1, -1)


def infonce(u):
    """Negatives of global i: all locals of the other images, shared by its positives."""
    pos, neg = split(u)
    return softplus(torch.logsumexp(neg.flatten(1), 1, keepdim=True) - pos).mean()


def jsd(u):
    pos, neg = split(u)
    return (softplus(neg) - math.log(2)).mean() - (math.log(2) - softplus(-pos)).mean()


def dv(u):
    pos, neg = split(u)
    return torch.logsumexp(neg.flatten(), 0) - math.log(neg.numel()) - pos.mean()


ESTIMATORS = {'infonce': infonce, 'jsd': jsd, 'dv': dv}


def default_scale(critic, units):
    return 1.0 if critic == 'encode-dot' else 1 / math.sqrt(units)


def train_steps(model, images, estimator, scale, lr, each):
    """One Adam step per batch of the iterable (estimator None: by the model's own loss(step, batch)); each(step, batch, loss) is called between backward and update, and
    each(step, None, None) after the update."""
    optimizer = torch.optim.Adam(list(model.par.values()), lr=lr, betas=(0.5, 0.999), eps=1e-8)
    for step, x in enumerate(images):
        optimizer.zero_grad()
        loss = model.loss(step, x) if estimator is None else ESTIMATORS[estimator](model.scores(x, scale))
        loss.backward()
        each(step, x, loss)
        optimizer.step()
        each(step, None, None)


def normalise(images, dtype):
    """uint8 -> [-1,1], rounded to float32 first, as a float32 program has it."""
    x = (torch.from_numpy(images.copy()).to(torch.float32) / 255 - 0.5) / 0.5
    return x.to(dtype)


# ---- commands -------------------------------------------------------------------------------------------------------

def check():
    """The worked example: N=3, d=2, P=2; losses and two gradients each, computed elsewhere in double precision."""
    local = torch.tensor([[[((7 * i + 3 * k + 5 * p + 1) % 11) / 10 - 0.5 for p in range(2)] for k in range(2)]
                          for i in range(3)], dtype=torch.float64, requires_grad=True)
    glob = torch.tensor([[((5 * i + 2 * k + 1) % 7) / 5 - 0.6 for k in range(2)] for i in range(3)],
                        dtype=torch.float64, requires_grad=True)
    want = {'jsd': (-0.026356838, 0.0609316, 0.0337212), 'dv': (-0.052811133, 0.1226203, 0.0713203),
            'infonce': (1.570276994, 0.0945703, 0.0522377)}
    bad = 0
    for name, (loss, dl, dg) in want.items():
        local.grad = glob.grad = None
        got = ESTIMATORS[name](torch.einsum('ik,jkp->ijp', glob, local))
        got.backward()
        errors = [abs(got.item() - loss), abs(local.grad[0, 0, 0].item() - dl), abs(glob.grad[1, 1].item() - dg)]
        good = errors[0] < 1e-8 and errors[1] < 1e-6 and errors[2] < 1e-6
        bad += not good
        print(f'{"ok" if good else "WRONG"}: {name} loss {got.item():.9f}, errors {errors[0]:.1e} {errors[1]:.1e} {errors[2]:.1e}')
    zero = infonce(torch.zeros(64, 64, 64, dtype=torch.float64)).item()
    counts = {('basic28', 1): 6696960, ('basic32', 3): 4921280, ('basic64', 3): 11213760, ('alex64', 3): 58416160}
    facts = [('infonce of zero scores', round(zero, 9), 8.302265795)]
    for (encoder, channels), count in counts.items():
        names = layout(encoder, channels, 'encode-dot', 2048)
        facts.append((encoder, sum(np.prod(s) for n, s, _ in names if n.startswith('encoder')), count))
        if encoder == 'basic32':
            for side, total in (('local', 4728832), ('global', 4466688)):
                facts.append((side + ' head', sum(np.prod(s) for n, s, _ in names if n.startswith(side)), total))
    for what, got, expected in facts:
        bad += got != expected
        print(f'{"ok" if got == expected else "WRONG"}: {what} {got}, expected {expected}')
    return 1 if bad else 0


def trace(o):
    torch.set_num_threads(o.threads)
    dtype = torch.float64 if o.double else torch.float32
    images = load_images(o.data)
    if len(images) < o.steps * o.batch:
        sys.exit(f'{o.data}: {len(images)} images, {o.steps} steps of {o.batch} need {o.steps * o.batch}')
    init = load_safetensors(o.init) if o.init else None
    model = Model(o.encoder, o.critic, o.critic_units, images.shape[1], o.seed, dtype, init)
    start = {k: v.detach().float().numpy().copy() for k, v in model.par.items()}
    if o.write_init:
        save_safetensors(o.write_init, start)
    out = {'init/' + k: v for k, v in start.items()}
    scale = o.score_scale or default_scale(o.critic, o.critic_units)

    def each(step, x, loss):
        if loss is not None:
            out[f'image/{step}'] = x.float().numpy().copy()
            out[f'loss/{step}'] = np.float32(loss.item())
            print(f'step {step}  loss {loss.item():.7f}', file=sys.stderr)
            if o.all or step == 0:
                out.update({f'grad/{step}/{k}': v.grad.float().numpy().copy() for k, v in model.par.items()})
        elif o.all or step == o.steps - 1:
            out.update({f'param/{step}/{k}': v.detach().float().numpy().copy()
                        for k, v in [*model.par.items(), *model.run.items()]})

    batches = (normalise(images[k * o.batch:(k + 1) * o.batch], dtype) for k in range(o.steps))
    train_steps(model, batches, o.estimator, scale, o.lr, each)
    save_safetensors(o.output, out, {'made_by': 'torch_dim.py, torch ' + torch.__version__})
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest='command', required=True)
    sub.add_parser('check')
    for name in ('init', 'trace'):
        p = sub.add_parser(name)
        if name == 'trace':
            p.add_argument('data')
        p.add_argument('-o', '--output', required=True)
        p.add_argument('--encoder', choices=ENCODERS, default='basic32')
        p.add_argument('--critic', choices=('encode-dot', 'bilinear'), default='encode-dot')
        p.add_argument('--estimator', choices=ESTIMATORS, default='infonce')
        p.add_argument('--critic-units', type=int, default=2048)
        p.add_argument('--score-scale', type=float)
        p.add_argument('--batch', type=int, default=64)
        p.add_argument('--steps', type=int, default=20)
        p.add_argument('--lr', type=float, default=1e-4)
        p.add_argument('--seed', type=int, default=0)
        p.add_argument('--channels', type=int, default=3)
        p.add_argument('--threads', type=int, default=1)
        p.add_argument('--init')
        p.add_argument('--write-init')
        p.add_argument('--double', action='store_true')
        p.add_argument('--all', action='store_true')
    o = parser.parse_args()
    if o.command == 'check':
        return check()
    if o.command == 'init':
        save_safetensors(o.output, draw(layout(o.encoder, o.channels, o.critic, o.critic_units), o.seed))
        return 0
    return trace(o)


if __name__ == '__main__':
    sys.exit(main())
