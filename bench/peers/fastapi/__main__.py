"""The API of the bench on FastAPI: `python bench/peers/fastapi --listen 127.0.0.1:0 --workers 2`."""

import argparse
import socket

import uvicorn
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

BACKLOG = 2048


class Workers(Multiprocess):
    """Workers with a socket each. With a shared one, the first worker to wake up takes every waiting
    connection, and the others have nothing to do."""

    def init_processes(self):
        for listener in self.sockets:
            process = Process(self.config, [listener])
            process.start()
            self.processes.append(process)


def listen(host, port):
    """A socket that shares its port with others: the kernel spreads connections over them."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    return listener


def main():
    parser = argparse.ArgumentParser(description="Serves the users API of the bench until SIGTERM.")
    parser.add_argument("--listen", default="127.0.0.1:0", help="where to listen; port 0 takes a free one")
    parser.add_argument("--workers", type=int, default=1, help="processes: one for each core")
    arguments = parser.parse_args()
    config = uvicorn.Config(
        "peer.app:create",
        factory=True,
        workers=arguments.workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    host, _, port = arguments.listen.rpartition(":")
    # Before the workers start: connections made meanwhile wait in a queue.
    listeners = [listen(host, int(port))]
    address, port = listeners[0].getsockname()
    listeners += [listen(address, port) for _ in range(1, arguments.workers)]
    print(f"Serving http://{address}:{port}", flush=True)
    Workers(config, sockets=listeners).run()


if __name__ == "__main__":
    main()
