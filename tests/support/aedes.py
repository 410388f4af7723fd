"""aedes, an MQTT broker for Node.js, started for a test: opt-in, since it is no package of the system.

npm install --prefix FOLDER aedes@1
CLIENTJOIN_AEDES=FOLDER python -m pytest tests/runtime/services/test_aedes.py
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runtime.mqtt.session import BrokerAddress

FOLDER = "CLIENTJOIN_AEDES"
PROGRAM = """
import { createServer } from 'node:net'
import { createRequire } from 'node:module'
const { Aedes } = createRequire(process.argv[1])('aedes')
const broker = await Aedes.createBroker()
const server = createServer(broker.handle)
server.listen(Number(process.argv[2]), '127.0.0.1', () => console.log(server.address().port))
"""


def installed() -> Path:
    """The folder in which aedes is installed; the test that asks is skipped where it, or node, is not."""
    where = os.environ.get(FOLDER, "")
    if not where:
        pytest.skip(f"{FOLDER} names no folder in which aedes is installed: npm install --prefix FOLDER aedes@1")
    if shutil.which("node") is None:
        pytest.skip("the program 'node' is not installed, on which aedes runs")
    folder = Path(where).resolve()
    if not (folder / "node_modules" / "aedes").is_dir():
        pytest.skip(f"aedes is not installed in {folder}: npm install --prefix {folder} aedes@1")
    return folder


class AedesBroker:
    """An aedes on a free port of this machine, which can be killed and started again there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.start()
        self.address = BrokerAddress("127.0.0.1", self.port)

    def start(self) -> None:
        line = ["node", "--input-type=module", "--eval", PROGRAM, str(self.folder / "package.json"), str(self.port)]
        self.process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert said.strip().isdecimal(), f"aedes does not start in {self.folder}: see above"
        self.port = int(said)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()
