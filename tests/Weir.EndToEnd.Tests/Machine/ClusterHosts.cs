// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Globalization;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>Machines on one segment, each with a dockerd and an agent of its own, and a real etcd on the first.</summary>
public sealed class ClusterHosts : IDisposable
{
    private const string Etcd = "http://10.50.0.1:2379";
    private readonly List<DockerHost> _hosts = [];
    private readonly string _way;
    private BackgroundCommand? _etcd;

    /// <param name="way">The setting node-way of each.</param>
    public ClusterHosts(int count, string way = "auto")
    {
        _way = way;
        try
        {
            DockerHost[] made = new DockerHost[count];
            Parallel.For(0, count, i => made[i] = new DockerHost());
            _hosts.AddRange(made);
            MakeSegment();
            StartEtcd();
            for (int i = 0; i < count; i++)
            {
                made[i].Agent.Stop();
                StartAgent(i);
            }

            Wait.Until(() => _hosts.TrueForAll(host => Nodes(host) == count), 30, () => string.Join('\n', _hosts.Select(host => host.Weir("node", "list").All + host.Agent.Log)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal DockerHost this[int i] => _hosts[i];

    /// <summary>At which the others reach it.</summary>
    internal static string AddressOf(int host) => $"10.50.0.{host + 1}";

    /// <summary>The same in IPv6.</summary>
    internal static string Address6Of(int host) => $"fd50::{host + 1}";

    internal static string NameOf(int host) => $"host{host + 1}";

    public void Dispose()
    {
        _etcd?.Dispose();
        _hosts.ForEach(host => host.Dispose());
    }

    internal void StartAgent(int host) => StartAgent(host, AddressOf(host), _way);

    /// <param name="addresses">The setting node-address.</param>
    internal void StartAgent(int host, string addresses, string way, params string[] flags) => _hosts[host].Agent.Start(
        ["--cluster-endpoints", Etcd, "--node-name", NameOf(host), "--node-address", addresses, "--node-way", way, .. flags]);

    internal void StartEtcd()
    {
        _etcd = _hosts[0].Sandbox.Start(
            "etcd", "--name", "etcd", "--data-dir", "/run/etcd", "--listen-client-urls", Etcd, "--advertise-client-urls", Etcd,
            "--listen-peer-urls", "http://127.0.0.1:2380", "--initial-advertise-peer-urls", "http://127.0.0.1:2380", "--initial-cluster", "etcd=http://127.0.0.1:2380");
        Wait.Until(() => _hosts[0].Sandbox.Run(["etcdctl", "--endpoints", Etcd, "endpoint", "health"]).Succeeded, 30, () => _etcd.Output);
    }

    internal void StopEtcd()
    {
        _hosts[0].Sandbox.Run(["pkill", "-KILL", "-x", "etcd"]);
        _etcd?.Dispose();
        _etcd = null;
    }

    /// <summary>Pulls a host's plug to the others, or puts it in again.</summary>
    internal void Plug(int host, bool isIn) =>
        Run("nsenter", $"--net=/proc/{_hosts[0].Sandbox.Pid}/root/run/netns/segment", "ip", "link", "set", $"port{host}", isIn ? "up" : "down");

    /// <summary>How many nodes a host knows.</summary>
    internal static int Nodes(DockerHost host) => host.Weir("node", "list", "-o", "json").Output.Split("\"name\"").Length - 1;

    /// <summary>A network of all hosts, which Docker knows on each.</summary>
    internal void MakeNetwork(string name, params string[] subnets)
    {
        _hosts[0].Weir(["network", "create", name, .. subnets.SelectMany(subnet => new[] { "--subnet", subnet })]).OrFail();
        Wait.Until(
            () => _hosts.TrueForAll(host => host.TryDocker("network", "inspect", name).Succeeded),
            20,
            () => string.Join('\n', _hosts.Select(host => host.Weir("network", "list").All + host.Agent.Log)));
    }

    /// <summary>A client on the segment that is none of the hosts, at 10.50.0.99.</summary>
    internal void MakeClient()
    {
        // What XDP sends by a veth waits at the other end for one that has a program too; a device of hardware needs none.
        _hosts[0].Sandbox.Shell("""
            for clang in clang-19 clang-18 clang-17 clang-16 clang; do command -v $clang > /dev/null && break; done
            printf '__attribute__((section("xdp"))) int pass(void *c) { return 2; }' > /run/pass.c
            $clang -target bpf -O2 -c /run/pass.c -o /run/pass.o
            """);
        for (int i = 0; i < _hosts.Count; i++)
        {
            Run("nsenter", $"--net={Segment}", "ip", "link", "set", "dev", $"port{i}", "xdp", "obj", $"/proc/{_hosts[0].Sandbox.Pid}/root/run/pass.o", "sec", "xdp");
        }

        _hosts[0].Sandbox.Shell("ip netns add client");
        Run("nsenter", $"--net={Segment}", "ip", "link", "add", "portc", "type", "veth", "peer", "name", "eth0", "netns", $"/proc/{_hosts[0].Sandbox.Pid}/root/run/netns/client");
        Run("nsenter", $"--net={Segment}", "ip", "link", "set", "portc", "master", "segment", "up");
        // A device of hardware sums up what it sends; between veths nobody would.
        _hosts[0].Sandbox.Shell("ip netns exec client ethtool -K eth0 tx off gro on; ip -n client link set lo up; ip -n client address add 10.50.0.99/24 dev eth0; ip -n client link set eth0 up");
    }

    /// <summary>By which host the client's packets to an address go from now on.</summary>
    internal void RouteClient(string address, int host) => _hosts[0].Sandbox.Shell($"ip -n client route replace {address} via {AddressOf(host)}");

    internal CommandResult RunInClient(params string[] command) => _hosts[0].Sandbox.RunElsewhere("client", command);

    internal BackgroundCommand StartInClient(params string[] command) => _hosts[0].Sandbox.StartElsewhere("client", command);

    private string Segment => $"/proc/{_hosts[0].Sandbox.Pid}/root/run/netns/segment";

    private void MakeSegment()
    {
        _hosts[0].Sandbox.Shell("ip netns add segment; ip -n segment link add segment type bridge; ip -n segment link set segment up");
        string segment = Segment;
        for (int i = 0; i < _hosts.Count; i++)
        {
            string pid = _hosts[i].Sandbox.Pid.ToString(CultureInfo.InvariantCulture);
            Run("nsenter", $"--net=/proc/{pid}/ns/net", "ip", "link", "add", "node0", "type", "veth", "peer", "name", $"port{i}", "netns", segment);
            Run("nsenter", $"--net={segment}", "ip", "link", "set", $"port{i}", "master", "segment", "up");
            _hosts[i].Sandbox.Shell($"ip address add {AddressOf(i)}/24 dev node0; ip -6 address add {Address6Of(i)}/64 dev node0 nodad; ip link set node0 up");
        }
    }

    private static void Run(params string[] command)
    {
        using Process process = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)}: {error}");
        }
    }
}
