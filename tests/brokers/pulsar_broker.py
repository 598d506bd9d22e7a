#!/usr/bin/env python3
"""A real Pulsar of one's own: broker, bookie and metadata in one process, on free ports of 127.0.0.1, in a folder that goes with it.

As a program it starts one, prints its addresses as one JSON line and stops it when its input ends.
"""
import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import maven
import owned

HERE = pathlib.Path(__file__).resolve().parent
VERSION = "4.0.7"
START_SECONDS_MAX = 120
HEAP, DIRECT = "1g", "1g"
OPENED = ("java.base/java.nio java.base/jdk.internal.misc java.base/java.util java.base/java.util.zip java.base/sun.net java.base/java.lang java.base/java.io "
          "java.base/sun.nio.ch java.base/jdk.internal.platform java.management/sun.management jdk.management/com.sun.management.internal").split()
SETTINGS = {
    "clusterName": "standalone", "metadataStoreUrl": "", "bindAddress": "127.0.0.1", "advertisedAddress": "127.0.0.1", "allowLoopback": "true",
    "listeningInterface": "lo", "numIOThreads": 2, "numHttpServerThreads": 8, "loadBalancerEnabled": "false", "managedLedgerDefaultEnsembleSize": 1,
    "managedLedgerDefaultWriteQuorum": 1, "managedLedgerDefaultAckQuorum": 1, "dbStorage_writeCacheMaxSizeMb": 64, "dbStorage_readAheadCacheMaxSizeMb": 32,
    "ledgerStorageClass": "org.apache.bookkeeper.bookie.storage.ldb.DbLedgerStorage", "managedLedgerCacheSizeMB": 128, "diskUsageThreshold": 0.99,
    "diskUsageWarnThreshold": 0.98, "functionsWorkerEnabled": "false", "brokerDeleteInactiveTopicsEnabled": "false",
    "nettyMaxFrameSizeBytes": (5 << 20) + (10 << 10),  # of the bookie: a message of the largest size, and what goes with it
    # What the tests look at: these are off, or slow, where nobody asks.
    "acknowledgmentAtBatchIndexLevelEnabled": "true", "transactionCoordinatorEnabled": "true", "backlogQuotaCheckIntervalInSeconds": 1,
    "delayedDeliveryTickTimeMillis": 100, "authenticationRefreshCheckSeconds": 1, "exposingBrokerEntryMetadataToClientEnabled": "true",
    "brokerEntryMetadataInterceptors": "org.apache.pulsar.common.intercept.AppendBrokerTimestampMetadataInterceptor,"
                                       "org.apache.pulsar.common.intercept.AppendIndexMetadataInterceptor",
}


def free_ports(count):
    """All open at once, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class PulsarBroker(owned.Owned):
    """With `secret_key` (a file) clients need a token, and `admin_token` is that of the superuser "admin". `fast`: it starts slower and runs faster.
    Its own folder is made in `folder`."""

    def __init__(self, secret_key=None, admin_token=None, fast=False, folder=None, **settings):
        self.libraries = maven.jars(HERE / "pulsar_broker.xml")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="geminga-pulsar-", dir=folder))
        self.compiler = [] if fast else ["-XX:TieredStopAtLevel=1"]
        self.admin_token = admin_token
        self.settings = {**SETTINGS, **settings}
        if secret_key:
            self.settings |= {
                "authenticationEnabled": "true", "authorizationEnabled": "true", "superUserRoles": "admin", "tokenSecretKey": f"file://{secret_key}",
                "authenticationProviders": "org.apache.pulsar.broker.authentication.AuthenticationProviderToken",
                "brokerClientAuthenticationPlugin": "org.apache.pulsar.client.impl.auth.AuthenticationToken",
                "brokerClientAuthenticationParameters": f"token:{admin_token}"}

    def start(self):
        """Waits until it answers. Another program may have taken a port meanwhile: then others are tried."""
        for _ in range(3):
            self.port, self.http_port = free_ports(2)
            self.launch()
            if self.wait():
                return self
            text = self.log()
            if "Address already in use" not in text:
                break
        raise RuntimeError(f"Pulsar did not start; its log ends with:\n{text[-3000:]}")

    def launch(self):
        settings = {**self.settings, "brokerServicePort": self.port, "webServicePort": self.http_port}
        (self.folder / "standalone.conf").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        command = ["setpriv", "--pdeathsig", "KILL", "java", f"-Xmx{HEAP}", f"-XX:MaxDirectMemorySize={DIRECT}", "-XX:+UseSerialGC",
                   *self.compiler, "-Dio.netty.tryReflectionSetAccessible=true",
                   f"-Dlog4j2.configurationFile={HERE / 'pulsar_broker_log.properties'}", *(f"--add-opens={each}=ALL-UNNAMED" for each in OPENED),
                   "-cp", f"{self.libraries}/*", "org.apache.pulsar.PulsarStandaloneStarter", "--config", "standalone.conf", "-nss", "-nfw",
                   "--bookkeeper-dir", "bookkeeper", "--metadata-dir", "metadata", "-a", "127.0.0.1"]
        with open(self.folder / "broker.log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self):
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.answers("/admin/v2/brokers/health?topicVersion=V2") and self.answers("/admin/v2/namespaces/public/default"):
                return True
            time.sleep(0.1)
        self.stop()
        return False

    def answers(self, path):
        headers = {"Authorization": f"Bearer {self.admin_token}"} if self.admin_token else {}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.http_url() + path, headers=headers), timeout=15) as answer:
                return answer.status < 300
        except (OSError, urllib.error.HTTPError):
            return False

    def url(self):
        return f"pulsar://127.0.0.1:{self.port}"

    def http_url(self):
        return f"http://127.0.0.1:{self.http_port}"

    def log(self):
        return (self.folder / "broker.log").read_text(errors="replace")


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with PulsarBroker() as broker:
        print(json.dumps({"pulsar": broker.url(), "http": broker.http_url(), "pid": broker.process.pid, "folder": str(broker.folder)}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    sys.exit(main())
