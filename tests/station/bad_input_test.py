#!/usr/bin/env python3
"""One gateway with a station for each bad input: each says what is wrong, in its words, its event and its counter, and
gives every item a verdict; the good station beside them never notices. A settings file with three mistakes starts
nothing and names all three."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from gateway import (BIN, Gateway, draw_pictures, expect, expect_no_gap, folder_camera, free_port, main,  # noqa: E402
                     make_bundles, reasons, run, station, wait_for)

# Bundle that the station has: the error, and a word of its message.
BAD_BUNDLES = {'wrong_hash': ('bundle.signature', 'model.onnx'), 'stranger': ('bundle.signature', 'trusted'),
               'wrong_shape': ('bundle.invalid', '[1,3,64,64]'), 'dynamic': ('model.unsupported', 'dynamic size'),
               'wrong_type': ('model.unsupported', 'int64')}
LIVE = 'videotestsrc is-live=true ! video/x-raw,format=RGB,width={},height=48,framerate=25/1'
MISTAKES = """gateway: g1
data_dir: data
cameras:
  - {name: cap, kind: folder, path: .}
stations:
  - name: caps
    cameras: [camp]
    bundle: good.lsb
    deadline_ms: 0
    colour: red
"""


def three_mistakes(work, bundles):
    folder = work / 'mistakes'
    folder.mkdir()
    (folder / 'good.lsb').write_bytes((bundles / 'one.lsb').read_bytes())
    settings = folder / 'gateway.yaml'
    settings.write_text(MISTAKES)
    for command in ((BIN / 'lineside', 'check', settings), (BIN / 'lineside-gateway', '--config', settings)):
        said = run(*command, code=78)
        for line in ("gateway.yaml:7: stations[0].cameras[0]: there is no camera 'camp'",
                     'gateway.yaml:9: stations[0].deadline_ms: 0 ms is below the limit of 1 ms',
                     'gateway.yaml:10: stations[0].colour: there is no such key'):
            expect(line in said, f'{command[0].name} does not say "{line}":\n{said}')
    expect(not (folder / 'data').exists(), 'the gateway began although its settings have mistakes')


def settings_for(work, bundles):
    """Stations that are named after what is wrong with them."""
    broken = work / 'broken'
    draw_pictures(broken)
    (broken / 'item-zz.jpg').write_bytes(b'\xff\xd8\xff\xe0 this was a JPEG once')
    cameras = [folder_camera('good', work / 'pictures'), folder_camera('broken_jpeg', broken)]
    cameras += [folder_camera(name, work / 'pictures', rate_hz=10) for name in BAD_BUNDLES]
    quick = {'reconnect_min_ms': 100, 'reconnect_max_ms': 300, 'stall_max_ms': 400}
    cameras += [{'name': 'absent', 'kind': 'rtsp', 'url': f'rtsp://127.0.0.1:{free_port()}/x'} | quick,
                {'name': 'frozen', 'kind': 'pipeline', 'pipeline': LIVE.format(64) + ' ! identity sleep-time=1000000'} | quick,
                {'name': 'other_size', 'kind': 'pipeline', 'pipeline': LIVE.format(64), 'width': 160, 'height': 120} | quick]
    return {'cameras': cameras,
            'stations': [station(camera['name'], bundles / f'{camera["name"] if camera["name"] in BAD_BUNDLES else "one"}.lsb')
                         for camera in cameras],
            'inference': {'trusted_keys': [str(bundles / 'key.pem.pub')]}}


def check_bundles(gateway):
    for name, (code, word) in BAD_BUNDLES.items():
        state = gateway.station(name)
        expect(word in state['trouble'], f'{name}: "{state["trouble"]}"')
        expect(state['items'] == state['fail_safe'] > 0, f'{name}: {state}')
        expect(gateway.metric('lineside_events_total', station=name, type='model.unavailable') == 1, f'{name} is not counted')
        expect(gateway.metric('lineside_verdicts_total', station=name, reason='fail_inference') > 0, f'{name}: no verdicts')
        print(f'{name}: {state["trouble"]}')


def check_cameras(gateway):
    for name, word in (('absent', '127.0.0.1'), ('frozen', 'no frame for 400 ms'),
                       ('other_size', '64x48 instead of 160x120')):
        wait_for(f'{name} went down twice', lambda: gateway.metric('lineside_camera_failures_total', camera=name) >= 2)
        trouble = wait_for(name, lambda: gateway.station(name)['trouble'])
        expect(word in trouble, f'{name}: "{trouble}"')
        expect(gateway.metric('lineside_events_total', station=name, type='camera.lost') >= 1, f'{name}: no event')
        expect(gateway.metric('lineside_camera_connects_total', camera=name) >= 2, f'{name} is not opened again')
        print(f'{name}: {trouble}')
    expect(gateway.metric('lineside_camera_bad_frames_total', camera='other_size') >= 2, 'frames of another size not counted')
    expect(gateway.metric('lineside_camera_bad_frames_total', camera='broken_jpeg') >= 1, 'the broken JPEG is not counted')
    expect('item-zz.jpg' in gateway.log.read_text(), 'the log does not name the broken JPEG')


def check_what_stays(gateway):
    for name, expected in (('good', {'score'}), ('broken_jpeg', {'score', 'fail_camera'})):
        ledger = gateway.ledger(name)
        expect_no_gap(ledger, name)
        expect(reasons(ledger).keys() == expected, f'{name}: {reasons(ledger)}')
    for name, (code, _) in BAD_BUNDLES.items():
        ledger = gateway.ledger(name)
        expect_no_gap(ledger, name)
        expect(reasons(ledger).keys() == {'fail_inference'}, f'{name}: {reasons(ledger)}')
        expect(('model.unavailable', code) in [event[:2] for event in gateway.events(name)], f'{name}: no event {code}')
    for name in ('absent', 'frozen', 'other_size'):
        expect(('camera.lost', 'camera.unavailable') in [event[:2] for event in gateway.events(name)], f'{name}: no event')


def test(work):
    draw_pictures(work / 'pictures')
    bundles = work / 'bundles'
    make_bundles(bundles)
    three_mistakes(work, bundles)
    with Gateway(work, settings_for(work, bundles)) as gateway:
        for name in BAD_BUNDLES:
            gateway.items_pass(name, 5)
        check_bundles(gateway)
        check_cameras(gateway)
        gateway.items_pass('good', 50)
        expect(not gateway.station('good')['trouble'], 'the good station is in trouble')
        gateway.stop()
        check_what_stays(gateway)


if __name__ == '__main__':
    sys.exit(main(test))
