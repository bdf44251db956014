"""Renders the chart with each set of values, and holds what comes out to the program and to packaging/kubernetes.

    holds.py HELM PROGRAM    PROGRAM is asked whether the variables are a good configuration; without that file they are only looked up
"""

import pathlib
import re
import subprocess
import sys
import tempfile

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "packaging/helm/messaging"
HELM, PROGRAM = sys.argv[1], pathlib.Path(sys.argv[2])
SECRET = "0123456789abcdef0123456789abcdef"
# Not in the schemas of Kubernetes' own API.
FOREIGN = {"ServiceMonitor"}
failures = []


def hold(holds, what):
    if not holds:
        failures.append(what)


def helm(*arguments):
    return subprocess.run([HELM, *arguments], capture_output=True, text=True)


def render(*arguments):
    done = helm("template", "sms", str(CHART), "--namespace", "sms", *arguments)
    if done.returncode:
        sys.exit(f"helm template {' '.join(arguments)}: {done.stderr}")
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(documents, *kinds):
    return [document for document in documents if document["kind"] in kinds]


def declared():
    """The variables of docs/configuration.md, which the program prints, with what counts where nothing is set."""
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \|(.*)\|$", (ROOT / "docs/configuration.md").read_text(), re.M)
    return dict(rows)


def pod(documents):
    (workload,) = of_kind(documents, "StatefulSet", "Deployment")
    spec = workload["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    return workload, spec, container


def same_promises(name, documents):
    """What a pod may do and how it is stopped is that of the manifests, word for word."""
    (ours,) = of_kind(list(yaml.safe_load_all((ROOT / "packaging/kubernetes/statefulset.yaml").read_text())), "StatefulSet")
    ours = ours["spec"]["template"]["spec"]
    _, spec, container = pod(documents)
    for key in "securityContext", "terminationGracePeriodSeconds", "automountServiceAccountToken":
        hold(spec[key] == ours[key], f"{name}: {key} of the pod is not that of packaging/kubernetes")
    for key in "securityContext", "startupProbe", "livenessProbe", "readinessProbe", "lifecycle", "ports", "args":
        hold(container[key] == ours["containers"][0][key], f"{name}: {key} is not that of packaging/kubernetes")
    for job in of_kind(documents, "Job"):
        job = job["spec"]["template"]["spec"]
        hold(job["securityContext"] == ours["securityContext"], f"{name}: the migration's pod may do more than the service's")
        for each in job["containers"]:
            hold(each["securityContext"] == ours["containers"][0]["securityContext"], f"{name}: the migration may do more than the service")


def ports(name, documents, variables, rows):
    _, _, container = pod(documents)
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    for port, variable in ("grpc", "GRPC_ADDR"), ("http", "HTTP_ADDR"), ("admin", "ADMIN_ADDR"):
        hold(variables[variable].endswith(f":{named[port]}"), f"{name}: port {port} is not that of {variable}")
        default = re.search(r"127\.0\.0\.1:(\d+)", rows[variable])
        hold(not default or int(default[1]) == named[port], f"{name}: port {port} is not the default of {variable}")
    for service in of_kind(documents, "Service"):
        for port in service["spec"]["ports"]:
            hold(port["targetPort"] in named, f"{name}: {port} leads nowhere")
            tls = container["volumeMounts"][-1]["name"] == "tls"
            right = {"grpc": 50051, "http": 443 if tls else 80, "admin": 9090}[port["name"]]
            hold(port["port"] == right, f"{name}: the service's port {port['name']} is {port['port']}")


def selected(name, documents):
    """Every selector finds the pods, and the monitor finds one service."""
    workload, _, _ = pod(documents)
    labels = workload["spec"]["template"]["metadata"]["labels"]
    finds = lambda selector, found: selector.items() <= found.items()
    hold(finds(workload["spec"]["selector"]["matchLabels"], labels), f"{name}: the workload does not find its pods")
    for service in of_kind(documents, "Service"):
        hold(finds(service["spec"]["selector"], labels), f"{name}: a service finds no pod")
    for each in of_kind(documents, "PodDisruptionBudget"):
        hold(finds(each["spec"]["selector"]["matchLabels"], labels), f"{name}: the budget finds no pod")
    for each in of_kind(documents, "NetworkPolicy"):
        hold(finds(each["spec"]["podSelector"]["matchLabels"], labels), f"{name}: the policy finds no pod")
    for each in of_kind(documents, "ServiceMonitor"):
        wanted = each["spec"]["selector"]["matchLabels"]
        found = [s for s in of_kind(documents, "Service") if finds(wanted, s["metadata"]["labels"])]
        hold(len(found) == 1, f"{name}: the monitor finds {len(found)} services")
    for each in of_kind(documents, "HorizontalPodAutoscaler"):
        target = each["spec"]["scaleTargetRef"]
        hold((target["kind"], target["name"]) == (workload["kind"], workload["metadata"]["name"]), f"{name}: what is scaled is not there")


def configuration(name, variables, rows):
    for variable in variables:
        hold(variable in rows, f"{name}: {variable} is no variable of the program")
    if not PROGRAM.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        env = dict(variables, DATA_DIR=folder, DATABASE_URL=f"sqlite://{folder}/m.db", MITTO_API_KEY="key", JWT_SECRET=SECRET)
        env.update(PSEUDONYM_KEY=SECRET, SMS_TRAFFIC_ACCOUNT_ID="5a4db0c5-0000-4000-8000-000000000001")
        if env.pop("GRPC_TLS_CERT", None):
            # The certificate is the cluster's.
            del env["GRPC_TLS_KEY"], env["HTTP_TLS"]
            env.update(GRPC_PLAINTEXT="1", HTTP_PLAINTEXT="1")
        done = subprocess.run([PROGRAM, "check-config"], env=env, capture_output=True, text=True)
        hold(done.returncode == 0, f"{name}: the program does not take this configuration: {done.stderr}")
        hold("is no variable" not in done.stdout, f"{name}: {done.stdout}")


def valid(name, documents):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump_all([each for each in documents if each["kind"] not in FOREIGN], file)
        validate = pathlib.Path(sys.executable).with_name("kubernetes-validate")
        done = subprocess.run([validate, "--strict", file.name], capture_output=True, text=True)
        hold(done.returncode == 0, f"{name}: {done.stdout}{done.stderr}")


def main():
    rows = declared()
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    hold(chart["version"] == chart["appVersion"] == version, f"the chart's versions are not the program's, {version}")
    lint = helm("lint", "--strict", str(CHART))
    hold(lint.returncode == 0, lint.stdout + lint.stderr)

    kinds = {}
    for values in [None, *sorted(CHART.glob("ci/*-values.yaml"))]:
        name = values.name if values else "values.yaml"
        documents = render(*(["--values", str(values)] if values else []))
        kinds[name] = sorted(document["kind"] for document in documents)
        (config,) = of_kind(documents, "ConfigMap")
        same_promises(name, documents)
        ports(name, documents, config["data"], rows)
        selected(name, documents)
        configuration(name, config["data"], rows)
        valid(name, documents)
    basis = ["ConfigMap", "PodDisruptionBudget", "Service", "Service", "StatefulSet"]
    everything = set(basis) - {"StatefulSet"} | {"Deployment", "HorizontalPodAutoscaler", "Job", "NetworkPolicy", "ServiceMonitor"}
    hold(kinds["values.yaml"] == basis, f"the values of before make {kinds['values.yaml']}")
    hold(set(kinds["all-values.yaml"]) == everything, f"all that can be switched on makes {kinds['all-values.yaml']}")
    hold("PodDisruptionBudget" not in kinds["sqlite-values.yaml"], "one process on SQLite has nobody to stand in for it")

    for wrong in "database=sqlite", "database=mysql", "replicas=0", "config.JWT_SECRET=x", "config.lower=x", "image.repository=", "unheard=of":
        done = helm("template", "sms", str(CHART), "--set", wrong)
        hold(done.returncode != 0, f"--set {wrong} is taken")
    sys.exit("\n".join(failures) or None)


main()
