"""What a run's last checkpoint holds, for tests in Python."""
import json
import os

LAST = 'checkpoints/last.safetensors'


def tensors(run):
    """{name: (type, shape, bytes)}"""
    with open(os.path.join(run, LAST), 'rb') as f:
        head = json.loads(f.read(int.from_bytes(f.read(8), 'little')))
        data = f.read()
    head.pop('__metadata__')
    return {n: (t['dtype'], t['shape'], data[t['data_offsets'][0]:t['data_offsets'][1]]) for n, t in head.items()}


def metadata(run):
    """{key: text}: step, seed, seconds, data_hash, network, sha256"""
    with open(os.path.join(run, LAST), 'rb') as f:
        return json.loads(f.read(int.from_bytes(f.read(8), 'little')))['__metadata__']
