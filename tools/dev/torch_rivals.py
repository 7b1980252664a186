"""Rivals, the concat critic, and what Deep InfoMax has beside the local term, in PyTorch, for golden files: encoder and decoder tiny16
on 32x32 images, named and drawn as the engine does it (torch_dim.py); noise, shuffles, rectangles and places from the engine's counters.
Formulas: src/objectives/rebuild.c, prior.c, coordinates.c, src/nn/critic_concat.c."""
import math

import numpy as np
import torch
import torch.nn.functional as F

import torch_dim as dim

CODE, HIDDEN, LOCALS, MAP, CRITIC, SIDE, FIELD, PREDICTOR = 16, 64, 32, 8, 64, 32, 10, 512
STREAM_PRIOR, STREAM_OCCLUDE, STREAM_COORDINATES, STREAM_SHUFFLE, STREAM_CODE = range(10, 15)
# and the seeds of their weights and draws. global-prior: the published global critic with prior matching; places: infonce from occluded
# images, with both predictions of coordinates
KINDS = {'ae': 5, 'vae': 2, 'concat-jsd': 3, 'global-prior': 8, 'places': 1}


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
    if kind == 'global-prior':
        width = LOCALS * MAP * MAP + CODE
        return names + [('whole.critic.fc1.map.weight', (CRITIC, LOCALS, MAP, MAP), width), ('whole.critic.fc1.code.weight', (CRITIC, CODE), width),
                        ('whole.critic.fc1.bias', (CRITIC,), width), *linear('whole.critic.fc2', CRITIC, CRITIC),
                        *linear('whole.critic.fc3', 1, CRITIC), *linear('prior.fc1', 1000, CODE), *linear('prior.fc2', 200, 1000),
                        *linear('prior.fc3', 1, 200)]
    if kind == 'places':
        for side, n_in in (('local', LOCALS), ('global', CODE)):
            names += [(side + '.in.weight', (CRITIC, n_in), n_in), *norm(side + '.bn', CRITIC), *linear(side + '.hidden', CRITIC, CRITIC),
                      (side + '.shortcut.weight', (CRITIC, n_in), 'shortcut')]
        names += norm('global.norm', CRITIC)
        for how, n_in, classes in (('absolute', LOCALS + CODE, MAP), ('relative', 2 * LOCALS + CODE, 2 * MAP - 1)):
            stem = f'coordinates.{how}'
            names += [(stem + '.fc1.weight', (PREDICTOR, n_in), n_in), *norm(stem + '.bn1', PREDICTOR),
                      (stem + '.fc2.weight', (PREDICTOR, PREDICTOR), PREDICTOR), *norm(stem + '.bn2', PREDICTOR),
                      *linear(stem + '.row', classes, PREDICTOR), *linear(stem + '.column', classes, PREDICTOR)]
        return names
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


class Below:
    """Whole numbers below a limit, each from a draw of its own: the first word times the limit, rejected where that would be uneven."""

    def __init__(self, seed, step, stream):
        self.words, self.at = dim.philox(seed, stream, 4096, step)[::4].astype(np.uint64), -1

    def __call__(self, limit):
        while True:
            self.at += 1
            wide = int(self.words[self.at]) * limit
            if (wide & 0xFFFFFFFF) >= (2 ** 32 - limit) % limit:
                return wide >> 32


def occluded(x, seed, step):
    """The images, each with a rectangle of 0."""
    x = x.clone()
    for i, image in enumerate(x):
        below, room = Below(seed, step, STREAM_OCCLUDE + 64 * i), False
        while not room:
            at, size = [0, 0], [0, 0]
            for k in range(2):
                size[k] = FIELD + below(SIDE - 2 * FIELD + 1)
                at[k] = below(SIDE - size[k] + 1)
            room = any(at[k] >= FIELD or SIDE - at[k] - size[k] >= FIELD for k in range(2))
        image[:, at[0]:at[0] + size[0], at[1]:at[1] + size[1]] = 0
    return x


class Rival(dim.Model):
    def __init__(self, kind, seed, dtype):
        self.kind, self.seed, self.dtype, self.units = kind, seed, dtype, CRITIC
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

    def discriminate(self, step, v, par):
        # make_golden.py watches F.relu. A thousand units in eight rows come near zero in any 20 steps, where one of them moves little but
        # the gradient of its own weights: only the first step's are compared.
        relu = F.relu if step == 0 else torch.relu
        for i in (1, 2):
            v = relu(F.linear(v, par[f'prior.fc{i}.weight'], par[f'prior.fc{i}.bias']))
        return F.linear(v, par['prior.fc3.weight'], par['prior.fc3.bias'])

    def prior(self, step, y):
        """The encoder's term, and the discriminator's loss with its penalty."""
        v = torch.sigmoid(y)
        words = dim.philox(self.seed, STREAM_PRIOR, y.numel(), step)
        unit = (words >> np.uint32(8)).astype(np.float32) * np.float32(2.0 ** -24)
        real = torch.tensor(unit.reshape(y.shape), dtype=self.dtype).requires_grad_()
        fake = v.detach().requires_grad_()
        on_real, on_fake = self.discriminate(step, real, self.par), self.discriminate(step, fake, self.par)
        steep = [torch.autograd.grad(d.sum(), x, create_graph=True)[0].square().sum(1).mean() for d, x in ((on_real, real), (on_fake, fake))]
        rival = dim.softplus(-on_real).mean() + dim.softplus(on_fake).mean() + sum(steep) / 2
        fixed = {k: p.detach() for k, p in self.par.items()}
        return dim.softplus(-self.discriminate(step, v, fixed)).mean(), rival

    def whole(self, maps, y):
        p = self.par
        x = F.linear(maps.flatten(1), p['whole.critic.fc1.map.weight'].flatten(1)) + F.linear(
            y, p['whole.critic.fc1.code.weight'], p['whole.critic.fc1.bias'])
        x = F.linear(F.relu(x), p['whole.critic.fc2.weight'], p['whole.critic.fc2.bias'])
        return F.linear(F.relu(x), p['whole.critic.fc3.weight'], p['whole.critic.fc3.bias'])

    def global_prior(self, step, maps, y):
        turn = 1 + (int(dim.philox(self.seed, STREAM_SHUFFLE + 64, 1, step)[0]) * (len(y) - 1) >> 32)
        pos, neg = self.whole(maps, y), self.whole(maps.roll(-turn, 0), y)
        own, rival = self.prior(step, y)
        loss = (dim.softplus(neg) - math.log(2)).mean() - (math.log(2) - dim.softplus(-pos)).mean() + own
        return loss + (rival - rival.detach())  # the discriminator's loss has a gradient, but is not told of

    def predict(self, how, x, rows, columns):
        """x [N*P, n_in]; labels, -1: none."""
        stem, p = f'coordinates.{how}', self.par
        for i in (1, 2):
            x = F.relu(self.bn(F.linear(x, p[f'{stem}.fc{i}.weight']), f'{stem}.bn{i}'))
        return sum(F.cross_entropy(F.linear(x, p[f'{stem}.{axis}.weight'], p[f'{stem}.{axis}.bias']), label, ignore_index=-1)
                   for axis, label in (('row', rows), ('column', columns)))

    def places(self, step, local, y):
        """local [N,c,M,M]"""
        n, c = local.shape[:2]
        local = local.flatten(2).transpose(1, 2)
        below, at = Below(self.seed, step, STREAM_COORDINATES), torch.arange(MAP * MAP)
        source = torch.tensor([below(MAP * MAP) for _ in range(n)])
        phi, psi = self.embed(local.reshape(-1, c), 'local'), self.embed(y, 'global')
        u = (psi @ phi.t()).reshape(n, n, -1) / math.sqrt(CRITIC)
        wide = y[:, None].expand(-1, MAP * MAP, -1)
        there = local[torch.arange(n), source][:, None].expand(-1, MAP * MAP, -1)
        rows = at // MAP - source[:, None] // MAP + MAP - 1
        columns = at % MAP - source[:, None] % MAP + MAP - 1
        itself = at == source[:, None]
        return dim.infonce(u) + self.predict('absolute', torch.cat([local, wide], 2).flatten(0, 1), (at // MAP).repeat(n), (at % MAP).repeat(n)) + \
            self.predict('relative', torch.cat([local, there, wide], 2).flatten(0, 1), rows.masked_fill(itself, -1).flatten(),
                         columns.masked_fill(itself, -1).flatten())

    def loss(self, step, x):
        if self.kind == 'places':
            y = self.encode(occluded(x, self.seed, step))[3]
            return self.places(step, self.encode(x)[0], y)
        local, _, hidden, y = self.encode(x)
        if self.kind == 'global-prior':
            return self.global_prior(step, local, y)
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
