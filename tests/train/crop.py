#!/usr/bin/env python3
"""Learning from parts of the images (--crop): what uses the encoder later sees the middle of each; prints TAP.

usage: crop.py INFOMAX [DEVICE]"""
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import ok, plan  # noqa: E402

INFOMAX = os.path.abspath(sys.argv[1])
DEVICE = sys.argv[2] if len(sys.argv) > 2 else 'auto'
HEIGHT, WIDTH, CROP, N = 21, 24, 16, 96


def call(*args):
    return subprocess.run([INFOMAX, *args, '--device', DEVICE, '-q'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)


def write_idx(folder, images, h, w, labels):
    os.mkdir(folder)
    with open(folder + '/train-images-idx3-ubyte', 'wb') as file:
        file.write(struct.pack('>4I', 0x803, len(images), h, w) + b''.join(images))
    with open(folder + '/train-labels-idx1-ubyte', 'wb') as file:
        file.write(struct.pack('>2I', 0x801, len(labels)) + bytes(labels))


def middle(image):
    top, left = (HEIGHT - CROP) // 2, (WIDTH - CROP) // 2
    return b''.join(image[(top + y) * WIDTH + left:][:CROP] for y in range(CROP))


def prepare():
    draw = random.Random(3)
    images = [bytes(draw.randrange(90) + 120 * ((x // (2 + i % 2) + y) % 2) for y in range(HEIGHT) for x in range(WIDTH))
              for i in range(N)]
    write_idx('set', images, HEIGHT, WIDTH, [i % 2 for i in range(N)])
    write_idx('middle', [middle(i) for i in images], CROP, CROP, [i % 2 for i in range(N)])


def train(run, data, *args):
    return call('train', data, '-o', run, '--encoder', 'tiny16', '--epochs', '3', '--batch', '16', '--critic-units', '16',
                '--report-every', '1', *args)


def losses(run):
    with open(run + '/metrics.jsonl', encoding='utf-8') as file:
        return [json.loads(line)['loss'] for line in file]


def as_whole(run, other):
    """The same encoder, as if it had been trained on images that are the parts."""
    shutil.copytree(run, other)
    with open(other + '/config.toml', encoding='utf-8') as file:
        text = file.read()
    with open(other + '/config.toml', 'w', encoding='utf-8') as file:
        file.write(re.sub(r'(?m)^crop = .*$', 'crop = 0', text))
    with open(other + '/env.json', encoding='utf-8') as file:
        env = json.load(file)
    env['data']['height'] = env['data']['width'] = CROP
    with open(other + '/env.json', 'w', encoding='utf-8') as file:
        json.dump(env, file)
    return 'crop = %d\n' % CROP in text


def embedded(run, data):
    done = call('embed', run, data, '-o', 'codes.npy', '--layer', 'conv')
    if done.returncode:
        return done.stderr
    with open('codes.npy', 'rb') as file:
        return file.read()


def check_training():
    done = train('run', 'set', '--crop', str(CROP))
    ok(done.returncode == 0, 'a run on parts', done.stderr)
    ok(train('mid', 'middle').returncode == 0 and losses('mid') != losses('run') and len(losses('run')) == 3 * (N // 16),
       'the parts are not always the middles', done.stderr)
    ok(train('again', 'set', '--crop', str(CROP)).returncode == 0 and losses('again') == losses('run'), 'they are drawn alike again')
    with open('run/train.log', encoding='utf-8') as file:
        text = file.read()
    ok(' crop=%d' % CROP in text and '%dx%dx1' % (HEIGHT, WIDTH) in text, 'the log says so', text)
    done = train('large', 'set', '--crop', '22')
    ok(done.returncode == 2 and '--crop 22' in done.stderr and '24x21' in done.stderr, 'larger than the images', done.stderr)
    done = train('small', 'set', '--crop', '2')
    ok(done.returncode == 2 and 'tiny16' in done.stderr, 'too small for the encoder', done.stderr)
    done = call('trace', 'set', '-o', 'trace', '--encoder', 'tiny16', '--crop', '16', '--batch', '16')
    ok(done.returncode == 2 and '--crop' in done.stderr, 'trace takes whole images', done.stderr)


def check_features():
    ok(as_whole('run', 'whole'), 'the configuration is kept')
    codes = embedded('run', 'set')
    ok(isinstance(codes, bytes) and codes == embedded('whole', 'middle'), 'features are those of the middles', codes[:300])
    ok(embedded('whole', 'set') != codes, 'which are not those of other sizes')
    told = [call('probe', run, data, '--json', '--layer', 'conv', '--epochs', '5') for run, data in (('run', 'set'), ('whole', 'middle'))]
    rows = [json.loads(t.stdout or '{"accuracy": null}') for t in told]
    ok(rows[0]['accuracy'] is not None and rows[0]['accuracy'] == rows[1]['accuracy'], 'a classifier finds the same', told)


def check_model():
    done = call('finetune', 'run', 'set', '--steps', '40', '--json', '-o', 'm.safetensors')
    told = call('predict', 'm.safetensors', 'set', '--json', '-o', 'p.csv')
    ok(done.returncode == 0 and told.returncode == 0, 'a classifier', done.stderr + told.stderr)
    with open('p.csv', encoding='utf-8') as file:
        first = file.read()
    with open('m.safetensors', 'rb') as file:
        head = json.loads(file.read(struct.unpack('<Q', file.read(8))[0]))['__metadata__']
    ok((head['height'], head['stored-height'], head['stored-width']) == ('16', '21', '24'), 'it says of what its images are parts', head)
    refused = call('predict', 'm.safetensors', 'middle', '-o', 'q.csv')
    ok(refused.returncode == 5 and '24x21' in refused.stderr, 'parts alone are not what it knows', refused.stderr)
    done = call('finetune', 'whole', 'middle', '--steps', '40', '--json', '-o', 'w.safetensors')
    call('predict', 'w.safetensors', 'middle', '-o', 'q.csv')
    with open('q.csv', encoding='utf-8') as file:
        ok(file.read() == first, 'and says what one of the middles says', done.stderr)


def check_rebuilt():
    done = train('ae', 'set', '--objective', 'ae', '--crop', str(CROP))
    ok(done.returncode == 0 and os.path.getsize('ae/reconstructions.png') > 100, 'a sheet of parts rebuilt', done.stderr)
    os.remove('ae/reconstructions.png')
    done = subprocess.run([INFOMAX, 'report', 'ae'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    ok(done.returncode == 0 and os.path.exists('ae/reconstructions.png'), 'again by report', done.stderr)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        check_training()
        check_features()
        check_model()
        check_rebuilt()
        os.chdir('/')
    plan()


main()
