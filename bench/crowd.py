#!/usr/bin/env python3
"""The agent with many endpoints. Their links, programs, addresses and policies are real; what stands in is dockerd, which
is played here: it makes them by the plugin's calls, and says whose they are when the agent asks. So one can be given other
labels while it lives, and nobody waits for hundreds of containers.

    crowd.py AGENT ENDPOINTS RULES
"""
import hashlib
import http.client
import http.server
import json
import os
import re
import signal
import socket
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from functools import partial

agent_path, count, rules = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
GROUPS = 100
ROUNDS = 11
FOLDER = tempfile.mkdtemp(prefix="crowd-", dir="/run")
DOCKER, PLUGIN = FOLDER + "/docker.sock", FOLDER + "/plugin.sock"
NETWORK = "cd" * 32
labels = {}  # container -> its labels
networks = []
streams = []  # of events, one for each agent that listens


class Docker(http.server.BaseHTTPRequestHandler):
    """As much of dockerd's API as the agent asks for."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        filters = urllib.parse.parse_qs(url.query).get("filters", [""])[0]
        if url.path == "/events":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            ended = threading.Event()
            streams.append((self.wfile, ended))
            ended.wait()
        elif url.path == "/networks":
            self.answer([{"Id": network} for network in networks] if "weir" in filters else [])
        elif url.path == "/networks/" + NETWORK:
            self.answer({"Name": "crowd", "Internal": False, "Options": {}, "Containers": {c: {"EndpointID": endpoint_of(c)} for c in labels},
                         "IPAM": {"Driver": "weir", "Config": [{"Subnet": "10.60.0.0/16", "Gateway": "10.60.0.1"}]}})
        elif url.path == "/containers/json":
            wanted = json.loads(filters).get("id") if filters else None
            self.answer([{"Id": c, "Names": ["/" + c[:12]], "Image": "crowd", "ImageID": "sha256:0", "Labels": labels[c]}
                         for c in list(labels) if wanted is None or c in wanted])
        else:
            self.send_error(404)

    def answer(self, value):
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def address_string(self):
        return "agent"

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Plugin(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(PLUGIN)

    def call(self, name, **fields):
        self.request("POST", "/" + name, json.dumps(fields))
        answer = json.load(self.getresponse())
        if answer.get("Err"):
            raise SystemExit(f"crowd.py: {name}: {answer['Err']}")
        return answer


class Agent:
    """One that runs, with what it logs."""

    def __init__(self):
        self.begin = time.monotonic()
        self.process = subprocess.Popen(
            [agent_path, "agent", "--socket", FOLDER + "/weir.sock", "--plugin-socket", PLUGIN, "--docker-socket", DOCKER, "--state", FOLDER + "/records"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []
        self.news = threading.Condition()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append((time.monotonic(), line.rstrip()))
                self.news.notify_all()
        self.process.wait()
        with self.news:
            self.news.notify_all()

    def wait_for(self, pattern, since=0.0, seconds=60):
        """When a line came that fits."""
        with self.news:
            def find():
                return next((at for at, line in self.lines if at >= since and re.search(pattern, line)), None)
            if not self.news.wait_for(lambda: find() is not None or self.process.poll() is not None, seconds) or find() is None:
                raise SystemExit(f"crowd.py: the agent never said \"{pattern}\"; its last words: {self.lines[-3:]}")
            return find()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        while streams:
            streams.pop()[1].set()

    def cpu_ms(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    def kilobytes(self, name):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(name + ":"))


def weir(*arguments):
    run = subprocess.run([agent_path, *arguments, "--socket", FOLDER + "/weir.sock"], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise SystemExit(f"crowd.py: weir {' '.join(arguments)}: {run.stderr}")
    return run.stdout


def endpoint_of(container):
    return hashlib.sha256(container.encode()).hexdigest()  # links' names begin as these do


def group(number):
    return {"crowd": "yes", "group": f"g{number % GROUPS}"}


def report(what, value, unit, aim, cpu=None):
    print(f"{what:<62} {value:8.0f} {unit} (aim: at most {aim}{'' if cpu is None else f'; {cpu:.0f} ms of CPU'})", flush=True)


def measure(what, aim, deeds):
    """The median time that deeds say they took, and the agent's CPU time for one, which a busy machine leaves as it is."""
    before = agent.cpu_ms()
    times = [deed() for deed in deeds]
    report(what, statistics.median(times), "ms", aim, (agent.cpu_ms() - before) / len(times))


def apply(documents):
    with open(FOLDER + "/policy.json", "w") as file:
        json.dump(documents, file)
    begin = time.monotonic()
    weir("policy", "apply", "-f", FOLDER + "/policy.json")
    return (time.monotonic() - begin) * 1000


def relabel(agent, container, changed):
    """How long it takes from Docker's event to the policy in force for who has other labels now."""
    labels[container] = changed
    event = (json.dumps({"Action": "rename", "Actor": {"ID": container}}) + "\n").encode()
    begin = time.monotonic()
    for stream, _ in streams:
        stream.write(b"%x\r\n%s\r\n" % (len(event), event))
        stream.flush()
    return (agent.wait_for(rf"is {container[:12]} with identity", begin) - begin) * 1000


threading.Thread(target=Server(DOCKER, Docker).serve_forever, daemon=True).start()
agent = Agent()
agent.wait_for("serves")
agent.wait_for("Docker answers")
plugin = Plugin("agent")
pool = plugin.call("IpamDriver.RequestPool", Pool="10.60.0.0/16", V6=False)["PoolID"]
plugin.call("IpamDriver.RequestAddress", PoolID=pool, Address="10.60.0.1", Options={"RequestAddressType": "com.docker.network.gateway"})
plugin.call("NetworkDriver.CreateNetwork", NetworkID=NETWORK, Options={}, IPv4Data=[{"Pool": "10.60.0.0/16", "Gateway": "10.60.0.1/16"}], IPv6Data=[])
networks.append(NETWORK)


def add(number):
    container = hashlib.sha256(b"container %d" % number).hexdigest()
    begin = time.monotonic()
    address = plugin.call("IpamDriver.RequestAddress", PoolID=pool, Address="", Options={})["Address"]
    plugin.call("NetworkDriver.CreateEndpoint", NetworkID=NETWORK, EndpointID=endpoint_of(container), Interface={"Address": address})
    plugin.call("NetworkDriver.Join", NetworkID=NETWORK, EndpointID=endpoint_of(container), SandboxKey="")
    labels[container] = group(number)
    plugin.call("NetworkDriver.EndpointOperInfo", NetworkID=NETWORK, EndpointID=endpoint_of(container))
    return (time.monotonic() - begin) * 1000


def entries(number, shift=0):
    """Rules for that many ports, from one group each."""
    return [{"fromEndpoints": [{"matchLabels": {"group": f"g{i % GROUPS}"}}], "toPorts": [{"ports": [{"port": str(i + shift + 1), "protocol": "TCP"}]}]}
            for i in range(number)]


begin, before = time.monotonic(), agent.cpu_ms()
measure(f"the driver's share of one docker run, over {count} of them", 60, [partial(add, i) for i in range(count)])

# By filters at first; the links come when nobody waits for them.
while sum(re.fullmatch(r"link_ep_\d+_in", pin) is not None for pin in os.listdir("/sys/fs/bpf/weir")) < count and time.monotonic() - begin < 600:
    time.sleep(0.2)
print(f"{'CPU time of the agent for one container, links and all':<62} {(agent.cpu_ms() - before) / count:8.0f} ms", flush=True)

for size in 1, 1000:
    measure(f"policy apply, {size} entries on {count} endpoints", 150, [
        partial(apply, [{"endpointSelector": {"matchLabels": {"crowd": "yes"}}, "ingress": entries(size, shift)}]) for shift in range(ROUNDS)])

apply([{"endpointSelector": {"matchLabels": {"group": f"g{g}"}}, "ingress": entries(rules // GROUPS)} for g in range(GROUPS)])
one = next(iter(labels))
measure(f"other labels, as others have them, to enforced; {rules} rules", 20, [partial(relabel, agent, one, group(i + 1)) for i in range(ROUNDS)])
measure(f"other labels, as nobody has them, to enforced; {rules} rules", 20, [
    partial(relabel, agent, one, group(i) | {"version": str(i)}) for i in range(ROUNDS)])

time.sleep(12)
report(f"memory with {count} endpoints and {rules} rules, at rest", agent.kilobytes("VmRSS") / 1024, "MB", 60)
report("memory at its most until then", agent.kilobytes("VmHWM") / 1024, "MB", 150)
answers, agreed, ends, spent = [], [], [], []
for _ in range(5):
    begin = time.monotonic()
    agent.stop()
    ends.append((time.monotonic() - begin) * 1000)
    agent = Agent()
    answers.append((agent.wait_for("serves") - agent.begin) * 1000)
    agreed.append((agent.wait_for("Docker answers") - agent.begin) * 1000)
    spent.append(agent.cpu_ms())
    json.loads(weir("endpoint", "list", "-o", "json"))
report(f"stop with {count} endpoints", statistics.median(ends), "ms", 2000)
report(f"restart with {count} endpoints: kernel and records agree, it serves", statistics.median(answers), "ms", 1000, statistics.median(spent))
report(f"restart with {count} endpoints: Docker is heard", statistics.median(agreed), "ms", 1000)
agent.stop()
