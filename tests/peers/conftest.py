"""What a peer test needs beyond the project: Java, the jars of Yamcs, and its Python client."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess

import pytest

_JAVA = 17


def missing() -> str:
    """Why no Yamcs can be started here; empty when one can."""
    for module in ("fprime_yamcs_bundle", "yamcs"):
        if importlib.util.find_spec(module) is None:
            return f"no module {module}: make peers installs it (extra peers)"
    java = shutil.which("java")
    if java is None:
        return "no Java: a runtime of version 17 or later is needed"
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < _JAVA:
        return f"Java {_JAVA} or later is needed: {said.splitlines()[:1]}"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is below this folder where there is no Yamcs."""
    reason = missing()
    for item in items:
        if reason and "peers" in item.path.parts:
            item.add_marker(pytest.mark.skip(reason=reason))
