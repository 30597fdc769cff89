"""Where the demo keeps its things: ports, folders and the configuration files of each program."""
import fcntl
import json
import shutil
import socket
from pathlib import Path

from processes import DemoError

MARKER = '.lineside-demo'
STATION = 'caps'
# The rejector stands so far behind the camera. The gateway fires a little earlier than that after *its* trigger, which
# is the moment a picture reached it: coding, sending and decoding have taken VIDEO_MS by then (docs/demo.md).
REJECTOR_DELAY_MS = 250
VIDEO_MS = 8
REJECTOR_WINDOW_MS = 70
# The machines are learned in about two minutes: a minute of recordings, the training, a shadow period of 15 s.
MACHINE_RATE_HZ = 10_000
MACHINE_FAULT_AFTER_S = 180


class Ports:
    """Ports of the demo: the usual ones, a block from a base on, or free ones ('auto')."""

    NAMES = ('page', 'gateway', 'broker', 'rtsp', 'machines')

    def __init__(self, base, lines):
        names = list(self.NAMES) + [f'rejector{i + 1}' for i in range(lines)]
        if base == 'auto':
            numbers = _free_ports(len(names))
        elif base:
            numbers = [base + i for i in range(len(names))]
        else:
            numbers = [8780, 9780, 8883, 8554, 1883] + [1502 + i for i in range(lines)]
        if max(numbers) > 65535:
            raise DemoError(f'there is no port {max(numbers)}: {len(names)} ports are needed from --port-base on.')
        self.by_name = dict(zip(names, numbers))
        taken = [f'{number} ({name})' for name, number in self.by_name.items() if not _is_free(number)]
        if taken:
            raise DemoError(f'these ports of this machine are in use: {", ".join(taken)}. Stop what uses them, or choose '
                            'others: --port-base 20000 (that one and those after it), or --port-base auto.')

    def __getitem__(self, name):
        return self.by_name[name]


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError:
            return False
    return True


def _free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(('127.0.0.1', 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Layout:
    """The demo's data folder. Everything below `run` is made anew at each start, `cache` stays."""

    def __init__(self, data, lines, ports):
        self.data, self.lines, self.ports = Path(data).resolve(), lines, ports
        if self.data.exists() and any(self.data.iterdir()) and not (self.data / MARKER).exists():
            raise DemoError(f'{self.data} is not empty and no folder of the demo; name another one with --data.')
        self.run, self.cache = self.data / 'run', self.data / 'cache'
        self.data.mkdir(parents=True, exist_ok=True)
        self.lock = self._locked()
        shutil.rmtree(self.run, ignore_errors=True)
        self.logs = self.run / 'logs'
        for folder in (self.logs, self.cache):
            folder.mkdir(parents=True, exist_ok=True)
        self.hub_data, self.gateway_data = self.run / 'hub', self.run / 'gateway'
        self.enrolled = self.run / 'enrolled'
        self.machines_config = self.run / 'machines.conf'
        self.plant_config, self.gateway_config = self.run / 'plant.yaml', self.run / 'gateway.yaml'
        self.truth = self.run / 'truth.jsonl'

    def _locked(self):
        """The marker, held until this demo ends: a second one would remove the folders of the first."""
        marker = open(self.data / MARKER, 'a')
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(f'another demo runs in {self.data}. Stop it, or run this one in a folder of its own: '
                            '--data FOLDER --port-base auto') from None
        return marker

    def line_names(self):
        return [f'line{i + 1}' for i in range(self.lines)]

    def station_names(self):
        return [STATION if self.lines == 1 else f'{STATION}{i + 1}' for i in range(self.lines)]

    def write_plant_config(self, seed, rate, codec, defect_share):
        lines = [{'name': name, 'items_per_minute': rate, 'defect_share': defect_share, 'codec': codec,
                  'rtsp_port': self.ports['rtsp'], 'modbus_port': self.ports[f'rejector{i + 1}'],
                  'rejector_delay_ms': REJECTOR_DELAY_MS, 'rejector_window_ms': REJECTOR_WINDOW_MS}
                 for i, name in enumerate(self.line_names())]
        _write_yaml(self.plant_config, {'truth_file': str(self.truth), 'seed': seed, 'lines': lines,
                                        'machines': self.plant_machines()})

    def plant_machines(self):
        """A motor that gets a bearing fault when it has been learned, and a pump that stays well."""
        common = {'broker_port': self.ports['machines'], 'rate_hz': MACHINE_RATE_HZ}
        return [{**common, 'name': 'motor1', 'topic': 'plant/motor1', 'fault': 'outer_race',
                 'severity': 1, 'fault_after_s': MACHINE_FAULT_AFTER_S, 'fault_grows_s': 60},
                {**common, 'name': 'pump1', 'kind': 'pump', 'topic': 'plant/pump1', 'axes': 1}]

    def assets(self):
        learning = {'minutes': 1, 'recordings': 30, 'recording_s': 1, 'shadow_minutes': 0.25}
        common = {'source': 'machines', 'rate_hz': MACHINE_RATE_HZ, 'mode': 'learning', 'learning': learning,
                  'summary_period_ms': 2000, 'spectrum_period_ms': 10_000}
        return [{**common, 'name': name, 'topic': f'plant/{name}', 'channels': [{'name': c} for c in channels]}
                for name, channels in (('motor1', 'xyz'), ('pump1', 'x'))]

    def write_machines_config(self):
        """The broker on the plant's floor: this machine only, without TLS."""
        self.machines_config.write_text(
            f'listener {self.ports["machines"]} 127.0.0.1\nallow_anonymous true\npersistence false\n')

    def write_gateway_config(self, bundle, trusted_key, uplink, share):
        cameras, stations = [], []
        for i, (line, station) in enumerate(zip(self.line_names(), self.station_names())):
            cameras.append({'name': f'{line}-cap', 'kind': 'rtsp',
                            'url': f'rtsp://127.0.0.1:{self.ports["rtsp"]}/{line}',
                            'stall_max_ms': 1000, 'reconnect_max_ms': 1000})
            stations.append({
                'name': station, 'cameras': [f'{line}-cap'], 'bundle': str(bundle), 'deadline_ms': 100,
                'fail_safe': 'reject',
                'actuator': {'kind': 'modbus', 'port': self.ports[f'rejector{i + 1}'],
                             'delay_ms': REJECTOR_DELAY_MS - VIDEO_MS, 'tolerance_ms': 20, 'pulse_ms': 20,
                             'item_register': 0, 'safe_coil': 1, 'safe_state': 'reject_all'}})
        _write_yaml(self.gateway_config, {
            'gateway': 'gw1', 'data_dir': str(self.gateway_data), 'cameras': cameras, 'stations': stations,
            'waveform_sources': [{'name': 'machines', 'port': self.ports['machines']}], 'assets': self.assets(),
            'samples': {'bytes_max': 200_000_000, 'share': {'level': share}},
            'uplink': uplink, 'inference': {'trusted_keys': [str(trusted_key)]},
            'local': {'port': self.ports['gateway']}})


def _write_yaml(path, value):
    # Every JSON text is a YAML text (YAML 1.2, section 1.3).
    path.write_text(json.dumps(value, indent=2) + '\n')
