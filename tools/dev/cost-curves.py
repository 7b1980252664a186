#!/usr/bin/env python3
"""What a training step costs as the batch and the number of places grow, beside what the mathematics predicts.

usage: cost-curves.py INFOMAX [--critic bilinear,encode-dot] [--batch 64,128,256,512,1024] [--size 32,40,48,56,60]
                      [--rounds 3] [-o CURVES.svg] [--json FILE]       further options go to `infomax bench step`

First the batches at images of 32x32 (64 places), then sizes at a batch of 64 (an image of S pixels has (S/4)^2 places). Rounds
alternate over all points; medians. Predictions, from the first point of each row of points:
  time    in proportion to the multiply-adds counted here from the layers' shapes, forward times three;
  memory  parameters, gradients and moments, plus temporaries in proportion to batch * places (never batch^2 * places).
encoder basic32, 2048 critic units."""
import argparse
import json
import statistics
import subprocess
import sys

UNITS, CODE = 2048, 64


def macs(critic, batch, size):
    """Multiply-adds of a forward pass over the batch."""
    sides = [size // 2, size // 4, size // 8]
    places = sides[1] ** 2
    encoder = sum(s * s * i * o * 16 for s, i, o in zip(sides, (3, 64, 128), (64, 128, 256)))
    encoder += sides[2] ** 2 * 256 * 1024 + 1024 * CODE
    side = CODE * UNITS * 2 + UNITS * UNITS                               # global head
    score = batch * places * UNITS
    if critic == 'encode-dot':
        local = places * (128 * UNITS * 2 + UNITS * UNITS)
    else:
        local = places * 128 * UNITS + UNITS * UNITS + UNITS * 128         # the wide maps act on the global side
        score += batch * places * 128
    return batch * (encoder + side + local + score)


def measure(program, critic, batch, size, further):
    command = [program, 'bench', 'step', '--json', '-q', '--encoder', 'basic32', '--critic', critic, '--batch', str(batch), '--size',
               str(size), '--critic-units', str(UNITS), *further]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f'{" ".join(command)}: ended with {done.returncode}')
    return json.loads(done.stdout)


def predict(rows):
    first = rows[0]
    for r in rows:
        r['ms_predicted'] = first['ms'] * r['macs'] / first['macs']
        grown = r['batch'] * r['places'] / (first['batch'] * first['places'])
        r['bytes_predicted'] = r['store'] + (first['bytes'] - first['store']) * grown


def picture(groups):
    """Log-log curves as one SVG: measured as points on a line, predicted dashed."""
    from math import log2
    out, width, height = [], 360, 240
    for g, rows in enumerate(groups):
        axis = 'batch' if rows[0]['batch'] != rows[-1]['batch'] else 'places'
        for v, (key, unit, name) in enumerate((('ms', 1, 'ms a step'), ('bytes', 2 ** 20, 'MiB of device memory'))):
            left, top = 60 + v * (width + 90), 40 + g * (height + 80)
            xs = [log2(r[axis]) for r in rows]
            ys = [[log2(r[k] / unit) for r in rows] for k in (key, key + '_predicted')]
            low, high = min(map(min, ys)), max(max(map(max, ys)), min(map(min, ys)) + 1)

            def at(x, y):
                return (left + width * (x - xs[0]) / max(xs[-1] - xs[0], 1e-9), top + height * (1 - (y - low) / (high - low)))
            out.append(f'<text x="{left}" y="{top - 12}">{rows[0]["critic"]}: {name} against {axis}</text>'
                       f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#ccc"/>')
            for i, y in enumerate(ys):
                points = ' '.join('%.1f,%.1f' % at(a, b) for a, b in zip(xs, y))
                dashes = ' stroke-dasharray="5 4"' if i else ''
                out.append(f'<polyline points="{points}" fill="none" stroke="{"#888" if i else "#1b6ca8"}" stroke-width="2"{dashes}/>')
            for r, a, b in zip(rows, xs, ys[0]):
                x, y = at(a, b)
                out.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1b6ca8"/><text x="{x:.1f}" y="{top + height + 16}" '
                           f'text-anchor="middle">{r[axis]}</text><text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">'
                           f'{r[key] / unit:.0f}</text>')
    w, h = 2 * (width + 90) + 20, len(groups) * (height + 80) + 20
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" font-family="sans-serif" font-size="11">'
            f'<rect width="{w}" height="{h}" fill="white"/>{"".join(out)}<text x="60" y="{h - 8}">'
            'solid: measured, dashed: predicted from the first point; both axes logarithmic</text></svg>')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('infomax')
    parser.add_argument('--critic', default='bilinear,encode-dot')
    parser.add_argument('--batch', default='64,128,256,512,1024')
    parser.add_argument('--size', default='32,40,48,56,60')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('-o', '--output')
    parser.add_argument('--json')
    o, further = parser.parse_known_args()
    groups = []
    for critic in o.critic.split(','):
        groups.append([{'critic': critic, 'batch': int(b), 'size': 32} for b in o.batch.split(',')])
        groups.append([{'critic': critic, 'batch': 64, 'size': int(s)} for s in o.size.split(',')])
    points = [p for g in groups for p in g]
    for _ in range(o.rounds):
        for p in points:
            d = measure(o.infomax, p['critic'], p['batch'], p['size'], further)
            p.setdefault('times', []).append(d['step_ms'])
            p.update(bytes=d['peak_bytes'], bound=d['lower_bound_bytes'], store=d['store_bytes'])
    print(f'{"critic":12}{"batch":>6}{"places":>7}{"ms":>9}{"predicted":>10}{"ratio":>7}{"MiB":>8}{"predicted":>10}{"ratio":>7}{"of bound":>9}')
    for g in groups:
        for p in g:
            p.update(ms=statistics.median(p['times']), places=(p['size'] // 4) ** 2, macs=macs(p['critic'], p['batch'], p['size']))
        predict(g)
        for p in g:
            print(f'{p["critic"]:12}{p["batch"]:6}{p["places"]:7}{p["ms"]:9.1f}{p["ms_predicted"]:10.1f}{p["ms"] / p["ms_predicted"]:7.2f}'
                  f'{p["bytes"] / 2 ** 20:8.0f}{p["bytes_predicted"] / 2 ** 20:10.0f}{p["bytes"] / p["bytes_predicted"]:7.2f}'
                  f'{p["bytes"] / p["bound"]:9.2f}')
    if o.output:
        with open(o.output, 'w') as f:
            f.write(picture(groups))
    if o.json:
        with open(o.json, 'w') as f:
            json.dump(points, f, indent=1)


if __name__ == '__main__':
    main()
