"""A real S3 server: SeaweedFS from its wheel, on this machine alone, gone at the end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.ports import free_port
from tests.support.postgres import wait_for

from tenfold.backups.config import Destination
from tenfold.backups.faults import Fault
from tenfold.backups.store import open_store

WEED = Path(sys.prefix) / "bin" / "weed"
ACCESS, SECRET = "tenfold-test", "not-a-secret-of-anybody"
BUCKET = "backups"


@dataclass
class Seaweed:
    """One server; ``bucket`` is there once it was made."""

    root: Path
    most_volumes: int = 8
    volume_megabytes: int = 64
    ports: tuple[int, ...] = field(default_factory=lambda: tuple(free_port() for _ in range(8)))
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def destination(self, prefix: str = "shop", **changes: str | None) -> Destination:
        told: dict[str, str | None] = {
            "to": f"s3://{BUCKET}/{prefix}",
            "endpoint": self.endpoint,
            "access_key": ACCESS,
            "secret_key": SECRET,
            **changes,
        }
        return Destination(**told)  # type: ignore[arg-type]

    def start(self) -> None:
        s3, master, volume, filer, *grpc = self.ports
        data = self.root / "data"
        data.mkdir(exist_ok=True)
        log = (self.root / "log").open("ab")
        self.process = subprocess.Popen(
            [
                str(WEED),
                "-logtostderr=true",
                "server",
                *(f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-filer"),
                f"-s3.config={self._identities()}",
                *(f"-s3.port={s3}", f"-s3.port.grpc={grpc[0]}"),
                *("-s3.port.iceberg=0", "-s3.port.lance=0"),
                *(f"-master.port={master}", f"-master.port.grpc={grpc[1]}"),
                *(f"-volume.port={volume}", f"-volume.port.grpc={grpc[2]}"),
                *(f"-filer.port={filer}", f"-filer.port.grpc={grpc[3]}"),
                *(f"-volume.max={self.most_volumes}",),
                f"-master.volumeSizeLimitMB={self.volume_megabytes}",
                *("-master.telemetry=false", "-volume.minFreeSpace=0"),
            ],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        wait_for(self._answers, within=60, subject=f"SeaweedFS to answer at {self.endpoint}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()  # in order it takes 20 s, and nobody asks for its data then
            self.process.wait()
        self.process = None
        for (
            port
        ) in self.ports:  # it makes these whatever it is told, and one that is killed leaves them
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)

    def make_bucket(self) -> None:
        shell = f"s3.bucket.create -name {BUCKET}\n"
        _, master, _, filer, *grpc = self.ports
        done = subprocess.run(
            [
                str(WEED),
                "-logtostderr=true",
                "shell",
                f"-master=127.0.0.1:{master}.{grpc[1]}",
                f"-filer=127.0.0.1:{filer}.{grpc[3]}",
            ],
            input=shell,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def knows_its_users(self) -> bool:
        """Whether it lets in who may: it answers before it has read who that is."""
        try:
            open_store(self.destination()).folders("")
        except Fault as fault:
            return fault.kind != "refused"
        return True

    def _identities(self) -> Path:
        path = self.root / "identities.json"
        path.write_text(
            json.dumps(
                {
                    "identities": [
                        {
                            "name": "tenfold",
                            "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
                            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                        }
                    ]
                }
            )
        )
        return path

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.root / "log").read_text(errors="replace")[-3000:]
        try:
            with urllib.request.urlopen(self.endpoint, timeout=2):
                return True
        except urllib.error.HTTPError as error:
            with error:
                return error.code in (403, 404)
        except OSError:
            return False


@contextmanager
def running(**options: int) -> Iterator[Seaweed]:
    """A started server with an empty bucket."""
    root = Path(tempfile.mkdtemp(prefix="tf-weed-", dir="/tmp"))
    server = Seaweed(root, **options)
    try:
        server.start()
        server.make_bucket()
        wait_for(server.knows_its_users, within=60, subject="SeaweedFS to know its users")
        yield server
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)
