"""Safetensors files with numpy alone, for the tools beside this file."""
import json
import struct
import sys

import numpy as np


def save_safetensors(path, tensors, metadata=None):
    """8 bytes little-endian header length, JSON header padded to 8 bytes, then the tensors without gaps."""
    names = {np.dtype('float32'): 'F32', np.dtype('float64'): 'F64', np.dtype('uint8'): 'U8', np.dtype('int32'): 'I32'}
    header, at = ({'__metadata__': metadata} if metadata else {}), 0
    arrays = {k: np.ascontiguousarray(v).reshape(np.shape(v)) for k, v in tensors.items()}
    for name, a in arrays.items():
        header[name] = {'dtype': names[a.dtype], 'shape': list(a.shape), 'data_offsets': [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for a in arrays.values():
            f.write(a.tobytes())


def load_safetensors(path):
    """{name: numpy array}; arrays are views of one read."""
    kinds = {'F32': '<f4', 'F64': '<f8', 'U8': 'u1', 'I32': '<i4', 'I64': '<i8', 'U64': '<u8', 'F16': '<f2'}
    with open(path, 'rb') as f:
        data = f.read()
    size = struct.unpack_from('<Q', data)[0]
    if size > len(data) - 8:
        sys.exit(f'{path}: header longer than the file')
    out = {}
    for name, t in json.loads(data[8:8 + size]).items():
        if name != '__metadata__':
            lo, hi = (8 + size + x for x in t['data_offsets'])
            out[name] = np.frombuffer(data[lo:hi], kinds[t['dtype']]).reshape(t['shape'])
    return out
