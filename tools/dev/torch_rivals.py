"""Rivals and the concat critic in PyTorch, for golden files: encoder and decoder tiny16 on 32x32 images, named and drawn as the engine
does it (torch_dim.py); noise and shuffles from the engine's counters. Formulas: src/objectives/rebuild.c, src/nn/critic_concat.c."""
import math

import numpy as np
import torch
import torch.nn.functional as F

import torch_dim as dim

CODE, HIDDEN, LOCALS, MAP, CRITIC = 16, 64, 32, 8, 64
STREAM_SHUFFLE, STREAM_CODE = 13, 14
KINDS = {'ae': 5, 'vae': 2, 'concat-jsd': 3}  # and the seeds of their weights, noise and shuffles


def norm(name, n):
    return [(name + '.weight', (n,), 'one'), (name + '.bias', (n,), 'zero')]


def linear(name, out, n_in):
    return [(name + '.weight', (out, n_in), n_in), (name + '.bias', (out,), n_in)]


def layout(kind):
    names = [('encoder.conv1.weight', (16, 3, 4, 4), 48), *norm('encoder.bn1', 16),
             ('encoder.conv2.weight', (LOCALS, 16, 4, 4), 256), *norm('encoder.bn2', LOCALS),
             ('encoder.fc1.weight', (HIDDEN, LOCALS * MAP * MAP), LOCALS * MAP * MAP), *norm('encoder.bn3', HIDDEN),
             *linear('encoder.out', CODE, HIDDEN)]
    if kind == 'concat-jsd':
        return names + linear('critic.fc1', CRITIC, LOCALS + CODE) + linear('critic.fc2', CRITIC, CRITIC) + linear('critic.fc3', 1, CRITIC)
    if kind == 'vae':
        names += linear('vae.logsigma', CODE, HIDDEN)
    return names + [('decoder.fc1.weight', (32 * MAP * MAP, CODE), CODE), *norm('decoder.bn1', 32),
                    ('decoder.up1.weight', (32, 16, 4, 4), 256), *norm('decoder.bn2', 16),
                    ('decoder.up2.weight', (16, 16, 4, 4), 256), *norm('decoder.bn3', 16),
                    ('decoder.out.weight', (3, 16, 3, 3), 144)]


def normal(seed, step, count):
    """Box-Muller on the word pairs (0,1) and (2,3) of each draw."""
    unit = (dim.philox(seed, STREAM_CODE, count, step) >> np.uint32(8)).astype(np.float64).reshape(-1, 2) * 2.0 ** -24
    radius, angle = np.sqrt(-2 * np.log(1 - unit[:, 0])), 2 * math.pi * unit[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1).astype(np.float32)


def shuffles(seed, step, n, sets):
    """[n, sets]: each column an order of the images, by Fisher-Yates from the end."""
    words = dim.philox(seed, STREAM_SHUFFLE, n * sets, step).astype(np.uint64)
    perm = np.tile(np.arange(n)[:, None], (1, sets))
    for s in range(sets):
        for i in range(n - 1, 0, -1):
            j = int(words[s * n + i] * np.uint64(i + 1) >> np.uint64(32))
            perm[[i, j], s] = perm[[j, i], s]
    return torch.from_numpy(perm)


class Rival(dim.Model):
    def __init__(self, kind, seed, dtype):
        self.kind, self.seed, self.dtype = kind, seed, dtype
        self.spec = {'convs': [(16, 4, 2, 1, False), (LOCALS, 4, 2, 1, False)], 'local': 2, 'fcs': [HIDDEN]}
        names = layout(kind)
        self.fill(names, dim.draw(names, seed), dtype)

    def decode(self, code):
        p = self.par
        x = F.linear(code, p['decoder.fc1.weight']).reshape(-1, 32, MAP, MAP)
        x = F.relu(self.bn(x, 'decoder.bn1'))
        for i in (1, 2):
            x = F.relu(self.bn(F.conv_transpose2d(x, p[f'decoder.up{i}.weight'], stride=2, padding=1), f'decoder.bn{i + 1}'))
        return torch.tanh(F.conv2d(x, p['decoder.out.weight'], padding=1))

    def pairs(self, local, y):
        """local [N,P,c], y [N,code] -> scores [N,P]"""
        p = self.par
        x = torch.cat([local, y[:, None].expand(-1, local.shape[1], -1)], 2)
        for i in (1, 2):
            x = F.relu(F.linear(x, p[f'critic.fc{i}.weight'], p[f'critic.fc{i}.bias']))
        return F.linear(x, p['critic.fc3.weight'], p['critic.fc3.bias'])[..., 0]

    def loss(self, step, x):
        local, _, hidden, y = self.encode(x)
        if self.kind == 'concat-jsd':
            local = local.flatten(2).transpose(1, 2)
            perm = shuffles(self.seed, step, *local.shape[:2])
            fake = torch.gather(local, 0, perm[..., None].expand(-1, -1, local.shape[2]))
            pos, neg = self.pairs(local, y), self.pairs(fake, y)
            return (dim.softplus(neg) - math.log(2)).mean() - (math.log(2) - dim.softplus(-pos)).mean()
        if self.kind == 'ae':
            return (self.decode(y) - x).square().sum() / len(x)
        ls = F.linear(hidden, self.par['vae.logsigma.weight'], self.par['vae.logsigma.bias'])
        eps = torch.tensor(normal(self.seed, step, y.numel()), dtype=self.dtype).reshape(y.shape)
        kl = ((2 * ls).exp() + y.square() - 2 * ls - 1).sum() / 2 / len(x)
        return (self.decode(y + ls.exp() * eps) - x).square().sum() / len(x) + kl
