#!/usr/bin/env python3
"""Starts that go wrong in part or as a whole: a station without its bundle stops only itself and begins when the bundle
comes; a data folder that can't be written starts nothing; the simulated plant and the
training refuse what they can't do."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from gateway import (BIN, Gateway, draw_pictures, expect, expect_no_gap, folder_camera, main, make_bundles,  # noqa: E402
                     put_in_place, reasons, run, station, wait_for)


def settings_for(work, second_bundle):
    cameras = [folder_camera('first', work / 'pictures'), folder_camera('second', work / 'pictures')]
    return {'cameras': cameras, 'stations': [station('first', work / 'bundles' / 'one.lsb'), station('second', second_bundle)],
            'inference': {'trusted_keys': [str(work / 'bundles' / 'key.pem.pub')]}}


def one_bundle_missing(work):
    missing = work / 'later.lsb'
    with Gateway(work, settings_for(work, missing)) as gateway:
        gateway.items_pass('first', 50)
        gateway.items_pass('second', 10)
        state = gateway.station('second')
        expect('later.lsb' in state['trouble'], f'the second station does not name its bundle: {state["trouble"]}')
        expect(state['items'] == state['fail_safe'] > 0, f'the second station: {state}')
        expect(not gateway.station('first')['trouble'], 'the first station is in trouble too')
        expect('later.lsb' in gateway.get('/healthz'), 'health does not say it')
        put_in_place(work / 'bundles' / 'one.lsb', missing)
        wait_for('the second station takes up its bundle', lambda: not gateway.station('second')['trouble'])
        gateway.items_pass('second', 20)
        gateway.stop()
        for name in ('first', 'second'):
            expect_no_gap(gateway.ledger(name), name)
        expect(reasons(gateway.ledger('first')).keys() == {'score'}, f'first: {reasons(gateway.ledger("first"))}')
        expect(set(reasons(gateway.ledger('second'))) == {'score', 'fail_inference'},
               f'second: {reasons(gateway.ledger("second"))}')


def data_folder_read_only(work):
    """/proc takes no folder from anybody, root included."""
    refused = Gateway(work, settings_for(work, work / 'bundles' / 'one.lsb'), data_dir='/proc/lineside-data')
    said = run(BIN / 'lineside-gateway', '--config', refused.settings, code=74)
    expect('/proc/lineside-data' in said and 'data_dir' in said, f'it does not name the folder and its key:\n{said}')
    print(said.strip())


def plant_bad_input(work):
    folder = work / 'drawn'
    for options, code, word in ((['--count', '0'], 2, 'count'), (['--count', '-1'], 2, 'count'), (['--count', 'many'], 2, 'many'),
                                (['--shifts', '0'], 2, 'shifts'), (['--defect-share', '1.5'], 2, 'defect-share'),
                                (['--width', '0'], 2, 'width'), (['--width', '100000'], 2, 'width'),
                                (['--format', 'ppm'], 2, 'format')):
        said = run(BIN / 'lineside-plant', 'draw', '--out', folder, *options, code=code)
        expect(word in said, f'{options}: it does not say what is wrong:\n{said}')
    expect(not folder.exists() or not any(folder.rglob('*.png')), 'pictures were drawn all the same')
    run(BIN / 'lineside-plant', 'draw', '--out', '/proc/lineside-drawn', '--count', '1', code=74)
    for text, word in (('lines: [', 'plant.yaml'), ('lines: 7', 'lines'), ('colour: red', 'colour'),
                       ('\x00\x01', 'plant.yaml')):
        (work / 'plant.yaml').write_text(text)
        said = run(BIN / 'lineside-plant', '--config', work / 'plant.yaml', code=78)
        expect(word in said, f'{text!r}: {said}')
    run(BIN / 'lineside-plant', '--config', work / 'none.yaml', code=66)


def training_bad_input(work):
    for share in ('1e-9', '0.6', '-0.1'):
        said = run(BIN / 'lineside-train', 'inspection', '--images', work, '--out', work / 'x.lsb', '--false-reject-target',
                   share, code=2)
        expect('false-reject-target' in said and '0.5' in said, f'--false-reject-target {share}: no limits named:\n{said}')


def test(work):
    plant_bad_input(work)
    training_bad_input(work)
    draw_pictures(work / 'pictures')
    make_bundles(work / 'bundles')
    data_folder_read_only(work)
    one_bundle_missing(work)


if __name__ == '__main__':
    sys.exit(main(test))
