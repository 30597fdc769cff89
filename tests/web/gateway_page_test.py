#!/usr/bin/env python3
"""The gateway's own page in headless Chromium: what a camera sees now is shown while somebody looks, and asked for only
then; tags, and the alarm of one that is beyond its limit. Screenshots: screenshots/ in the build folder."""
import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'station'))
from gateway import Gateway, draw_pictures, expect, folder_camera, main, make_bundles, station  # noqa: E402

PROJECT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get('LINESIDE_BUILD_DIR', PROJECT / 'build' / 'release'))


def test(work):
    draw_pictures(work / 'pictures')
    make_bundles(work / 'bundles')
    # The second station has no model yet: that is when its camera is aimed.
    names = ('caps', 'labels')
    settings = {'cameras': [folder_camera(name, work / 'pictures') for name in names],
                'stations': [station('caps', work / 'bundles' / 'one.lsb'), station('labels', work / 'none.lsb')],
                'inference': {'trusted_keys': [str(work / 'bundles' / 'key.pem.pub')]},
                'tag_sources': [{'name': 'trend', 'kind': 'file', 'path': str(work / 'trend.csv'), 'period_ms': 200, 'loop': True}],
                'tags': [{'name': f'pump/t{i}', 'source': 'trend', 'unit': 'bar', 'file': {'column': f't{i}'}, 'max_error': 0.1}
                         for i in range(14)]}
    settings['tags'][5] |= {'high': 5}
    rows = [','.join(f't{i}' for i in range(14))] + [','.join(str(i + n / 10) for i in range(14)) for n in range(1, 6)]
    (work / 'trend.csv').write_text('\n'.join(rows) + '\n')
    with Gateway(work, settings) as gateway:
        gateway.items_pass('caps', 20)
        looked = subprocess.run(['node', PROJECT / 'tests' / 'web' / 'gateway_page.mjs', f'http://127.0.0.1:{gateway.port}/',
                                 BUILD / 'screenshots', PROJECT / 'web' / 'package.json'], timeout=200)
        expect(looked.returncode == 0, 'the page is not as it should be')
        gateway.stop()


if __name__ == '__main__':
    sys.exit(main(test))
