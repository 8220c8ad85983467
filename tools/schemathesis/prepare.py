"""Waits for a Weir and makes one resource of each kind in it, all called "probed"."""

import json
import sys
import time
import urllib.error
import urllib.request

base = sys.argv[1]
deadline = time.monotonic() + 60

cluster = {
    "image": "confluentinc/cp-flink-sql:1.19-cp4",
    "flinkVersion": "v1_19",
    "serviceAccount": "flink",
    "jobManager": {"resource": {"memory": "1024m", "cpu": 1}},
    "taskManager": {"resource": {"memory": "1024m", "cpu": 1}},
}
environment = "/environments/probed"
resources = [
    ("/environments", {"kubernetesNamespace": "default"}, {"name": "probed"}),
    (environment + "/applications", {"spec": {**cluster, "job": {"jarURI": "local:///job.jar", "parallelism": 1}}}, {}),
    (environment + "/compute-pools", {"spec": {"type": "DEDICATED", "clusterSpec": cluster}}, {}),
    (environment + "/statements", {"spec": {"statement": "SHOW CATALOGS", "computePoolName": "probed"}}, {}),
    ("/secrets", {"spec": {"data": {"user": "probed"}}}, {}),
    (environment + "/secret-mappings", {"spec": {"secretName": "probed"}}, {}),
    ("/catalogs/kafka", {"spec": {"srInstance": {"connectionConfig": {}}}}, {}),
    ("/catalogs/kafka/probed/databases", {"spec": {"kafkaCluster": {"connectionConfig": {}}}}, {}),
    ("/detached-savepoints", {"spec": {"path": "s3://bucket/savepoint"}}, {}),
]


def post(path, body):
    """Makes a resource, or gives the reason why it cannot be made yet."""
    request = urllib.request.Request(
        base + "/cmf/api/v1" + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10):
            return None
    except urllib.error.HTTPError as refused:
        return f"{refused.code} {refused.read().decode()}"
    except OSError as unreachable:
        return str(unreachable)


for path, body, extra in resources:
    while reason := post(path, {"metadata": {"name": "probed"}, **body, **extra}):
        if time.monotonic() > deadline:
            sys.exit(f"POST {path}: {reason}")
        time.sleep(0.1)
