"""What safetensors files and a run's last checkpoint hold, for tests in Python."""
import json
import os

LAST = 'checkpoints/last.safetensors'


def read(path):
    """{key: text}, {name: (type, shape, bytes)}"""
    with open(path, 'rb') as f:
        head = json.loads(f.read(int.from_bytes(f.read(8), 'little')))
        data = f.read()
    meta = head.pop('__metadata__')
    return meta, {n: (t['dtype'], t['shape'], data[slice(*t['data_offsets'])]) for n, t in head.items()}


def tensors(run):
    """{name: (type, shape, bytes)}"""
    return read(os.path.join(run, LAST))[1]


def metadata(run):
    """{key: text}: step, seed, seconds, data_hash, network, sha256"""
    return read(os.path.join(run, LAST))[0]
