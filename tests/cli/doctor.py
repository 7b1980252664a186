#!/usr/bin/env python3
"""infomax doctor on faked machines: each trouble is found, by its id, with the line that mends it, and nothing is found
where nothing is wrong. Prints TAP.

usage: doctor.py INFOMAX

A machine is a folder that INFOMAX_DOCTOR_ROOT names; the loader itself is sent where nothing is, so there is no
device."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
from tap import ok, plan  # noqa: E402

INFOMAX = sys.argv[1]
VENDORS = '/nonexistent/vendors'
USER = 'ann'
top = tempfile.mkdtemp(prefix='imx-doctor-')
AMD, INTEL, NVIDIA = '0x1002', '0x8086', '0x10de'


class Machine:
    """A machine with a driver that loads, a cache that can be written, and no GPU."""
    made = 0

    def __init__(self, system='ID=debian\n'):
        Machine.made += 1
        self.root = os.path.join(top, str(Machine.made))
        self.env = {}
        self.put('/etc/os-release', system)
        self.put('/etc/passwd', 'root:x:0:0:::\n%s:x:12345:12345:::\n' % USER)
        self.groups(False)
        self.put('/users/ann/.cache/x', '')
        self.icd('pocl.icd', '/usr/lib/libpocl.so')
        self.library('/usr/lib/libpocl.so')

    def put(self, path, text):
        os.makedirs(os.path.dirname(self.root + path), exist_ok=True)
        with open(self.root + path, 'w') as f:
            f.write(text)

    def groups(self, member):
        # as root the node can be given to any group; otherwise it has this process's
        self.gid = 105 if os.getuid() == 0 else os.getgid()
        self.put('/etc/group', 'root:x:0:\nrender:x:%d:%s\n' % (self.gid, 'joe,' + USER if member else 'joe'))

    def icd(self, name, library):
        self.put(VENDORS + '/' + name, library + '\n')

    def library(self, path):
        shutil.copy(real_library, self.root + path) if os.path.isdir(os.path.dirname(self.root + path)) else (
            os.makedirs(os.path.dirname(self.root + path)), shutil.copy(real_library, self.root + path))

    def gpu(self, vendor, driver, at='0000:03:00.0', kind='0x030000'):
        d = '/sys/bus/pci/devices/' + at
        self.put(d + '/vendor', vendor + '\n')
        self.put(d + '/device', '0x1234\n')
        self.put(d + '/class', kind + '\n')
        if driver:
            os.symlink('../../../bus/pci/drivers/' + driver, self.root + d + '/driver')

    def node(self, path, mode=0o660):
        self.put(path, '')
        os.chmod(self.root + path, mode)
        if os.getuid() == 0:
            os.chown(self.root + path, 0, self.gid)

    def run(self, *args):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(('RUSTICL_', 'OCL_', 'XDG_', 'INFOMAX_', 'POCL_', 'OPENCL_'))}
        env.update(INFOMAX_DOCTOR_ROOT=self.root, INFOMAX_DOCTOR_USER=USER, OCL_ICD_VENDORS=VENDORS, HOME='/users/ann')
        env.update(self.env)
        return subprocess.run([INFOMAX, 'doctor', *args], capture_output=True, text=True, timeout=120, env=env)

    def findings(self):
        r = self.run('--json')
        if r.returncode != 3 or 'error:' not in r.stderr:
            return {'exit %d' % r.returncode: {'mend': ''}}
        self.seen = json.loads(r.stdout)
        # a build without OpenCL says so on every machine
        return {f['id']: f for f in self.seen['findings'] if f['id'] != 'no-opencl-build'}


def find(m, want, mend, what):
    found = m.findings()
    good = set(found) == {want} if want else not found
    line = found.get(want, {}).get('mend', '') if want else ''
    ok(good and mend in line, '%s: %s -> %s' % (what, ', '.join(found) or 'nothing found', line))


def without(m, path):
    os.remove(m.root + path)
    return m


# Any library of this machine that loads will do for a driver's.
real_library = None
with open('/proc/self/maps') as f:
    for word in f.read().split():
        if '/libz.so' in word or '/libm.so' in word or '/libm-' in word or '/libc.so' in word:
            real_library = word

m = Machine()
find(m, None, '', 'a machine where all is well')
ok(m.seen['usable'] is False and m.seen['device'] == '', 'the JSON says that there is no device')
r = m.run()
ok(r.returncode == 3 and not r.stdout and 'no OpenCL device' in r.stderr or 'built without' in r.stdout,
   'exit code 3: ' + r.stderr.strip())

m = Machine()
shutil.rmtree(m.root + '/nonexistent')
found = m.findings()
ok(set(found) == {'vendors-nowhere', 'no-driver'} and found['vendors-nowhere']['mend'] == 'unset OCL_ICD_VENDORS' and
   found['no-driver']['mend'] == 'sudo apt-get install pocl-opencl-icd', 'no folder of drivers: ' + ', '.join(found))
r = m.run()
ok('    -> sudo apt-get install pocl-opencl-icd\n' in r.stdout, 'the text has the line to type')
for system, line in (('ID=fedora\n', 'sudo dnf install pocl'), ('ID="arch"\n', 'sudo pacman -S pocl'),
                     ('NAME=x\nID=linuxmint\nID_LIKE="ubuntu debian"\n', 'sudo apt-get install pocl-opencl-icd'),
                     ('ID=plan9\n', '# install what Debian calls pocl-opencl-icd')):
    m = Machine(system)
    without(m, VENDORS + '/pocl.icd')
    find(m, 'no-driver', line, 'no driver on ' + system.split('ID=')[1].split('\n')[0])

m = without(Machine(), VENDORS + '/pocl.icd')
m.icd('intel.icd', '/usr/lib/libpocl.so')
find(m, 'no-pocl', 'pocl-opencl-icd', 'a GPU driver alone, without its GPU')
find(without(Machine(), '/usr/lib/libpocl.so'), 'library-missing', '--reinstall pocl-opencl-icd',
     'a driver whose library is gone')
m = Machine()
m.put('/usr/lib/libpocl.so', 'this is no library')
find(m, 'library-broken', '--reinstall pocl-opencl-icd', 'a damaged library')
m = Machine()
m.icd('other.icd', '')
find(m, 'icd-empty', 'sudo mv %s/other.icd' % VENDORS, 'an .icd file that names nothing')
m = Machine()
m.icd('other.icd', 'libnosuch.so.7')
find(m, 'library-missing', 'other.icd.off', 'a bare name that no folder has')
m = Machine()
m.icd('other.icd', 'libpocl.so')
find(m, None, '', 'a bare name that a usual folder has')

m = Machine()
m.gpu(INTEL, 'i915')
m.node('/dev/dri/renderD128', 0o666)
find(m, 'gpu-without-driver', 'intel-opencl-icd', 'an Intel GPU without its OpenCL driver')
m.icd('intel.icd', '/usr/lib/libpocl.so')
find(m, None, '', 'and with it')
m.put('/etc/os-release', 'ID=fedora\n')
find(without(m, VENDORS + '/intel.icd'), 'gpu-without-driver', 'sudo dnf install intel-compute-runtime', 'on Fedora')

m = Machine()
m.gpu(AMD, 'amdgpu')
m.node('/dev/dri/renderD128')
m.icd('rusticl.icd', '/usr/lib/libpocl.so')
m.env['RUSTICL_ENABLE'] = 'radeonsi'
find(m, 'not-in-group', 'sudo usermod -a -G render ann', 'a render node of a group that the user is not in')
m.groups(True)
find(m, None, '', 'the user is in the group')
del m.env['RUSTICL_ENABLE']
find(m, 'rusticl-off', 'export RUSTICL_ENABLE=radeonsi', 'rusticl is not switched on')
find(without(m, VENDORS + '/rusticl.icd'), 'gpu-without-driver', 'mesa-opencl-icd', 'an AMD GPU without a driver')
m.icd('amdocl64.icd', '/usr/lib/libpocl.so')
m.groups(False)
m.node('/dev/dri/renderD128', 0o666)
m.node('/dev/kfd')
find(m, 'not-in-group', 'usermod -a -G render ann', '/dev/kfd is closed')
m.node('/dev/kfd', 0o600)
find(m, 'node-closed', 'sudo chgrp render /dev/kfd', '/dev/kfd is closed to its group, too')
without(m, '/dev/kfd')
find(without(m, '/dev/dri/renderD128'), 'no-render-node', 'dmesg', 'no render node')

m = Machine()
m.gpu(NVIDIA, 'nouveau')
find(m, 'nvidia-module', 'nvidia-driver nvidia-opencl-icd', 'an NVIDIA GPU on nouveau')
m.put('/etc/os-release', 'ID=ubuntu\n')
find(m, 'nvidia-module', 'sudo ubuntu-drivers install', 'on Ubuntu')
m = Machine()
m.gpu(NVIDIA, 'nvidia', kind='0x030200')
m.node('/dev/nvidia0', 0o666)
find(m, 'gpu-without-driver', 'nvidia-opencl-icd', "NVIDIA's module without its OpenCL part")
m.icd('nvidia.icd', '/usr/lib/libpocl.so')
find(m, None, '', 'and with it')
find(without(m, '/dev/nvidia0'), 'no-nvidia-node', 'nvidia-modprobe', 'without device nodes')
m = Machine()
m.gpu(INTEL, '')
find(m, 'no-module', 'sudo modprobe i915', 'a GPU without a kernel driver')
m = Machine()
m.gpu(AMD, 'vfio-pci')
find(m, 'gpu-passed-on', '', 'a GPU that a virtual machine has')
m = Machine()
m.gpu(INTEL, 'e1000', kind='0x020000')
m.gpu('0x1af4', 'virtio', at='0000:00:02.0')
find(m, None, '', 'a network card and a virtual display are no GPUs')

m = Machine()
shutil.rmtree(m.root + '/users/ann/.cache')
m.put('/users/ann/.cache', 'a file')
found = m.findings()
ok(set(found) == {'cache-closed'} and found['cache-closed']['mend'].startswith('mv '), 'a file in the cache\'s place')
m = Machine()
m.env['INFOMAX_CACHE'] = 'off'
find(m, 'cache-off', 'unset INFOMAX_CACHE', 'the cache is switched off')

r = subprocess.run([INFOMAX, 'doctor', '--no-selftest', '--json'], capture_output=True, text=True, timeout=120)
here = json.loads(r.stdout)
there = json.loads(subprocess.run([INFOMAX, 'devices', '--json'], capture_output=True, text=True, timeout=120).stdout)
usable = any(d['usable'] and d['type'] != 'host' for d in there)
ok(here['usable'] == usable and r.returncode == (0 if usable else 3),
   'this machine: %s, %d findings' % (here['device'] or 'no device', len(here['findings'])))
ok(all(f['level'] in ('note', 'warning', 'fault') and f['what'] and f['why'] for f in here['findings']),
   'every finding says what and why')
shutil.rmtree(top)
sys.exit(plan())
