#!/usr/bin/env python3
"""Somebody deletes the outbox's and the ledger's folders under a running gateway: health says so, and after a stop
every item and every record is there, none declared lost."""
import shutil
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from gateway import (Gateway, draw_pictures, expect, expect_no_gap, folder_camera, main, make_bundles,  # noqa: E402
                     station, wait_for)


def test(work):
    draw_pictures(work / 'pictures')
    make_bundles(work / 'bundles')
    settings = {'cameras': [folder_camera('caps', work / 'pictures')],
                'stations': [station('caps', work / 'bundles' / 'one.lsb')],
                'inference': {'trusted_keys': [str(work / 'bundles' / 'key.pem.pub')]}}
    with Gateway(work, settings) as gateway:
        gateway.items_pass('caps', 50)
        expect('"ok":true' in gateway.get('/healthz'), f'not well before: {gateway.get("/healthz")}')
        for folder in ('outbox', 'ledger'):
            shutil.rmtree(gateway.data_dir / folder)
        wait_for('health names both', lambda: gateway.get('/healthz').count('deleted while in use') == 2)
        expect(gateway.metric('lineside_outbox_missing_total') >= 1, 'the outbox does not count it')
        expect(gateway.metric('lineside_ledger_missing_total') >= 1, 'the ledger does not count it')
        gateway.items_pass('caps', 50)
        gateway.stop()
        expect_no_gap(gateway.ledger('caps'), 'caps')
        records = gateway.records()
        expect([r for r in records if r['kind'] == 'loss'] == [], 'records are declared lost')
        expect('outbox.files_deleted' in [event[0] for event in gateway.events()], 'no event')


if __name__ == '__main__':
    sys.exit(main(test))
