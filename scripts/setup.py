"""Build .venv from constraints.txt, and do nothing when it is current. Needs Python 3.11 or newer and nothing else.

The first package is uv, at the pinned version and hash, and uv installs the rest several times faster than pip would.
Safe to kill: an environment that was left half done is thrown away by the next run. Safe to run twice at once: the
second waits. Once the packages are in uv's cache, no network is needed.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
PYTHON = os.path.join(BIN, "python")
UV = os.path.join(BIN, "uv")
STAMP = os.path.join(VENV, "gapless-setup")
HALF_DONE = "half done"
OLDEST = (3, 11)


def main():
    find_python()
    key = setup_key()
    if stamped(key):
        return
    with only_one():
        if not stamped(key):
            build(key)


def find_python():
    """Go on in a Python that is new enough, where this one is not."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(20, OLDEST[1] - 1, -1):
        other = shutil.which("python3.%d" % minor)  # noqa: UP031 - this file must parse in an older Python
        if other:
            os.execv(other, [other, *sys.argv])
    sys.exit("gapless needs Python 3.11 or newer, and this is %s; try: make setup BOOT=/path/to/python3" % sys.version)  # noqa: UP031


def setup_key():
    """What .venv depends on: the pins, the project's metadata, the folder it lies in, the Python under it."""
    digest = hashlib.sha256(("%s\n%s\n" % (ROOT, sys.version)).encode())  # noqa: UP031
    for name in ("constraints.txt", "pyproject.toml"):
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def stamped(key):
    return read_stamp() == key


def read_stamp():
    try:
        with open(STAMP) as file:
            return file.read()
    except OSError:
        return None


def write_stamp(text):
    with open(STAMP, "w") as file:
        file.write(text)


@contextlib.contextmanager
def only_one():
    """Hold a lock in the checkout; it goes away with the process that holds it."""
    os.makedirs(os.path.join(ROOT, ".cache"), exist_ok=True)
    with open(os.path.join(ROOT, ".cache", "setup.lock"), "w") as file:
        if os.name != "nt":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(key):
    if read_stamp() == HALF_DONE or not works():
        shutil.rmtree(VENV, ignore_errors=True)
    os.makedirs(VENV, exist_ok=True)
    write_stamp(HALF_DONE)
    if not works():
        print("setup: making .venv with Python %d.%d" % sys.version_info[:2], flush=True)  # noqa: UP031
        run(sys.executable, "-m", "venv", VENV)
    install_uv()
    print("setup: installing the pinned packages", flush=True)
    uv("sync", "--require-hashes", os.path.join(ROOT, "constraints.txt"))
    uv("install", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    write_stamp(key)


def works():
    """Whether .venv holds a Python of the version that runs this, made for this very folder."""
    command = [PYTHON, "-c", "import pip, sys; print(sys.prefix, sys.version)"]
    try:
        out = subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:
        return False
    return out == "%s %s\n" % (VENV, sys.version)  # noqa: UP031


def install_uv():
    """pip installs the one package, checked against the hashes that constraints.txt holds for it."""
    with open(os.path.join(ROOT, "constraints.txt")) as file:
        pin = re.search(r"^uv==(?:.*\\\n)*.*", file.read(), re.MULTILINE)
    requirements = os.path.join(VENV, "uv.txt")
    with open(requirements, "w") as file:
        file.write(pin.group())
    run(PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", requirements)


def uv(command, *arguments):
    run(UV, "pip", command, "--python", PYTHON, "--quiet", *arguments)


def run(*command):
    clean = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    if subprocess.run(command, env=clean).returncode:
        sys.exit("setup: this failed, run make again when its cause is mended: " + " ".join(command))


if __name__ == "__main__":
    main()
