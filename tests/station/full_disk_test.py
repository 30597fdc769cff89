#!/usr/bin/env python3
"""A gateway whose disk (a small tmpfs) becomes full: verdicts go on, it says what is wrong and counts it, and when there
is room again every record is in the outbox or declared lost. Also one that starts while the disk is full already."""
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from gateway import (Gateway, draw_pictures, expect, folder_camera, main, make_bundles,  # noqa: E402
                     reasons, station, wait_for)

DISK_BYTES = 6 << 20
SKIPPED = 77


def in_own_mounts():
    """Runs this test again where it may mount a tmpfs of its own; None if that's not possible here."""
    for options in (['--mount'], ['--mount', '--map-root-user']):
        able = subprocess.run(['unshare', *options, 'mount', '-t', 'tmpfs', 'none', '/mnt'], capture_output=True)
        if able.returncode == 0:
            return subprocess.run(['unshare', *options, sys.executable, '-B', __file__, '--mounted']).returncode
    return None


def fill(disk):
    """Takes all the room there is."""
    with open(disk / 'filler', 'ab', buffering=0) as filler:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    filler.write(b'x' * size)
            except OSError:
                pass


def check_sums(gateway):
    """Law 2 without a hub: each lane's records and losses are whole from 1 on."""
    for lane in ('urgent', 'bulk'):
        expected, lost = 1, 0
        for record in (r for r in gateway.records() if r['lane'] == lane):
            first = record['first'] if record['kind'] == 'loss' else record['sequence']
            expect(first == expected, f'{lane}: sequence {expected} is missing or twice (next is {first})')
            lost += record['sequence'] - first + 1 if record['kind'] == 'loss' else 0
            expected = record['sequence'] + 1
        print(f'{lane}: {expected - 1} produced = {expected - 1 - lost} kept + {lost} declared lost')


def test(work):
    disk = work / 'disk'
    disk.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_BYTES}', 'none', str(disk)], check=True)
    draw_pictures(work / 'pictures')
    make_bundles(work / 'bundles')
    # Smaller budgets than the disk, so that only the filler makes it full; a queue that does not last until the end.
    settings = {'cameras': [folder_camera('caps', work / 'pictures')],
                'stations': [station('caps', work / 'bundles' / 'one.lsb')],
                'ledger': {'bytes_max': 400_000}, 'samples': {'bytes_max': 1_000_000},
                'outbox': {'queue_records': 100, 'urgent_bytes_max': 1_000_000, 'bulk_bytes_max': 1_000_000},
                'inference': {'trusted_keys': [str(work / 'bundles' / 'key.pem.pub')]}}
    try:
        with Gateway(work, settings, disk / 'data') as gateway:
            gateway.items_pass('caps', 50)
            fill(disk)
            wait_for('retries', lambda: gateway.metric('lineside_outbox_retries_total') > 0)
            gateway.items_pass('caps', 200)
            trouble = gateway.get('/healthz')
            expect('"ok":false' in trouble, f'with a full disk the gateway says {trouble}')
            print(trouble)
            expect(gateway.metric('lineside_outbox_lost_total') > 0, 'the queue of 100 did not overflow; this proves nothing')
            (disk / 'filler').unlink()
            wait_for('all well again', lambda: '"ok":true' in gateway.get('/healthz'))
            gateway.items_pass('caps', 50)
            gateway.stop()
            expect(reasons(gateway.ledger('caps')).keys() == {'score'}, f'{reasons(gateway.ledger("caps"))}')
            check_sums(gateway)
            fill(disk)
            gateway.start()
            gateway.items_pass('caps', 50)
            (disk / 'filler').unlink()
            wait_for('all well again', lambda: '"ok":true' in gateway.get('/healthz'))
            gateway.stop()
            check_sums(gateway)
    finally:
        subprocess.run(['umount', '--lazy', str(disk)], check=False)


if __name__ == '__main__':
    if '--mounted' in sys.argv:
        sys.exit(main(test))
    code = in_own_mounts()
    if code is None:
        print('SKIP: this user may not mount a tmpfs, not even in a namespace of its own')
    sys.exit(SKIPPED if code is None else code)
