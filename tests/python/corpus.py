"""Files and keys to move around: the same on every run."""

import hashlib
import os
import random
from pathlib import Path

STRANGE = [
    "with space.txt",
    "hash#tag",
    "100% sure",
    "a+b=c",
    "emoji 🚀/日本語",
    "quote'and\"double",
    "semi;colon&and=equals?question",
    "tilde~star*paren(1)",
    "é-composed",
    "e\u0301-decomposed",
    "long/" + "ü" * 60 + "/" + "k" * 200,
]
# One name of 900 bytes is more than a file can have, so it goes by key only.
LONG_KEY = "l" * 900

MIB = 1024 * 1024


def make(root: Path, count: int = 1000) -> dict[str, Path]:
    """Writes `count` files of mixed sizes below `root`: key → file."""
    rng = random.Random(7)
    sizes = [0, 1, 5 * MIB + 1, 200 * MIB, 255, 256 * 1024, 256 * 1024 + 1, 8 * MIB]
    sizes += [rng.choice((rng.randrange(1, 2000), rng.randrange(1, 60_000))) for _ in range(count)]
    names = list(STRANGE)
    names += [f"dir-{i % 23}/sub {i % 7}/file-{i:04}.bin" for i in range(count - len(names))]
    files = {}
    for name, size in zip(names, sizes):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as f:
            for at in range(0, size, MIB):
                block = rng.randbytes(min(MIB, size - at))
                # Half of each block repeats, so that compression has work.
                half = len(block) // 2
                f.write(block[:half] + block[: len(block) - half])
        files[name] = path
    return files


def md5(path: Path) -> str:
    return _digest(path, "md5")


def sha256(path: Path) -> str:
    return _digest(path, "sha256")


def _digest(path: Path, algorithm: str) -> str:
    with open(path, "rb") as f:
        return hashlib.file_digest(f, algorithm).hexdigest()


def peak_mib(pid: int) -> float:
    """The most memory that the process had resident, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no VmHWM for process {pid}")


def assert_peak_below(pid: int, limit: int) -> None:
    peak = peak_mib(pid)
    print(f"peak memory of the server: {peak:.0f} MiB (limit {limit})", flush=True)
    assert peak < limit, f"the server used {peak:.0f} MiB, more than {limit}"


def environment(name: str) -> str:
    return os.environ[name]
