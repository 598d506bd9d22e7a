"""Pulsar's Node client: the package from npm, and its binary.

The package's installer fetches the binary from another place than npm's registry. Where that is not to be had, it is built from the package's own sources
with the library that the wheel of the Python client carries; for that PULSAR_CPP_INCLUDE has to name a folder with the headers of Pulsar's C++ client."""
import os
import pathlib
import subprocess

import languages
import official_client

NODE_HEADERS = pathlib.Path("/usr/include/node")  # Debian's libnode-dev


def library():
    return next((official_client.python().parent.parent / "lib").glob("python3*/site-packages/pulsar_client.libs/libpulsar-*.so"))


def build(package, include, install):
    """As binding.gyp of the package says, with another library."""
    target = package / "lib/binding/pulsar.node"
    target.parent.mkdir(parents=True, exist_ok=True)
    napi = package.parent / "node-addon-api"
    install("g++", "-O1", "-std=gnu++17", "-fPIC", "-shared", "-DNAPI_VERSION=4", "-DBUILDING_NODE_EXTENSION", f"-I{include}", f"-I{napi}", f"-I{NODE_HEADERS}",
            *sorted((package / "src").glob("*.cc")), library(), f"-Wl,-rpath,{library().parent}", "-o", target, cwd=package)


def installed(install, missing):
    """The option of node that loads the package; made when it is missing."""
    home = languages.CACHE / "node"
    package = home / "node_modules/pulsar-client"
    binary = package / "lib/binding/pulsar.node"
    if not binary.exists():
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text((languages.HERE / "node/package.json").read_text())
        install("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", cwd=home)
        prebuilt = subprocess.run(["npx", "node-pre-gyp", "install"], cwd=package, capture_output=True, timeout=120).returncode == 0
        if not prebuilt:
            include = os.environ.get("PULSAR_CPP_INCLUDE")
            if not include:
                raise missing("the binary of npm's pulsar-client cannot be fetched here; set PULSAR_CPP_INCLUDE to a folder with the headers of Pulsar's "
                              "C++ client, and it is built")
            build(package, include, install)
    return home / "node_modules"
