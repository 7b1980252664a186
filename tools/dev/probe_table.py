#!/usr/bin/env python3
"""Prints the probe results of a run (RUN/probe-*.json) as a table: trained beside untrained.

usage: probe_table.py RUN"""
import glob
import json
import os
import sys


def main():
    cell = {}
    for path in sorted(glob.glob(os.path.join(sys.argv[1], 'probe-*.json'))):
        with open(path, encoding='utf-8') as file:
            rows = json.load(file)
        for row in rows if isinstance(rows, list) else [rows]:
            cell[row['layer'], row['classifier'], bool(row['untrained'])] = row['accuracy']
    if not cell:
        sys.exit('%s holds no probe-*.json' % sys.argv[1])
    scale = 100 if max(cell.values()) <= 1 else 1
    print('%-8s %-12s %10s %10s %8s' % ('layer', 'classifier', 'trained', 'untrained', 'gain'))
    for layer, classifier in sorted({k[:2] for k in cell}, key=lambda k: (k[1], ('conv', 'fc', 'y').index(k[0]))):
        values = [cell.get((layer, classifier, untrained)) for untrained in (False, True)]
        text = ['-' if v is None else '%.1f %%' % (v * scale) for v in values]
        gain = '-' if None in values else '%+.1f' % ((values[0] - values[1]) * scale)
        print('%-8s %-12s %10s %10s %8s' % (layer, classifier, text[0], text[1], gain))


main()
