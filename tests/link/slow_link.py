"""A slow link for tests: a TCP relay that carries so many bytes a second each way, each of them late, and can stall."""
import asyncio
import socket
import threading

CHUNK_BYTES = 1500
BUFFER_BYTES = 64 * 1024  # what a modem holds before it makes the sender wait


class SlowLink:
    """Relays from `port` (on loopback) to `to_port`, on a thread of its own, between start and stop."""

    def __init__(self, to_port, bytes_per_s, delay_s):
        self.to_port, self.bytes_per_s, self.delay_s = to_port, bytes_per_s, delay_s
        self.port = 0
        self.up_bytes = 0
        self._open = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError('the relay does not start')
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def stall(self):
        """Nothing moves; connections stay."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def go_on(self):
        self._loop.call_soon_threadsafe(self._open.set)

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _listen(self):
        self._open = asyncio.Event()
        self._open.set()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        listener.bind(('127.0.0.1', 0))
        self.port = listener.getsockname()[1]
        await asyncio.start_server(self._relay, sock=listener, limit=CHUNK_BYTES)

    async def _relay(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection('127.0.0.1', self.to_port, limit=CHUNK_BYTES)
        except OSError:
            writer.close()
            return
        ways = [asyncio.create_task(way) for way in (self._carry(reader, far_writer, True),
                                                     self._carry(far_reader, writer, False))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            writer.close()
            far_writer.close()

    async def _carry(self, reader, writer, is_up):
        on_the_way = asyncio.Queue(maxsize=BUFFER_BYTES // CHUNK_BYTES)
        arriving = asyncio.create_task(self._arrive(on_the_way, writer))
        free_at = self._loop.time()
        try:
            while data := await reader.read(CHUNK_BYTES):
                await self._open.wait()
                free_at = max(free_at, self._loop.time()) + len(data) / self.bytes_per_s
                await asyncio.sleep(free_at - self._loop.time())
                if is_up:
                    self.up_bytes += len(data)
                await on_the_way.put((free_at + self.delay_s, data))
        except ConnectionError:
            pass
        finally:
            arriving.cancel()

    async def _arrive(self, on_the_way, writer):
        while True:
            at, data = await on_the_way.get()
            await asyncio.sleep(max(0.0, at - self._loop.time()))
            await self._open.wait()
            writer.write(data)
