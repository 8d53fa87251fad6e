// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Weir.Bpf;
using Weir.EndToEnd.Tests.Machine;
using Weir.Linux;
using Weir.Linux.Netlink;
using Weir.Testing;
using Xunit;

namespace Weir.EndToEnd.Tests;

/// <summary>Whatever another program of the host takes away, under traffic: nothing denied passes for longer than two
/// seconds, and everything comes back. (ARCHITECTURE.md, "What must always hold", 4.)</summary>
public sealed class WatchdogTests : IClassFixture<WatchdogTests.Machine>
{
    private const string Pins = "/sys/fs/bpf/weir";
    private readonly DockerHost _host;
    private readonly Machine _machine;

    public WatchdogTests(Machine machine)
    {
        ArgumentNullException.ThrowIfNull(machine);
        _machine = machine;
        _host = machine.Host;
        if (!_host.Weir("status").Succeeded)
        {
            _host.Agent.Start(); // a test failed while it was away
        }
    }

    public static TheoryData<string> Deeds() =>
    [
        "ip rule del pref 9; ip -6 rule del pref 9",
        "ip route flush table 2004; ip -6 route flush table 2004",
        "for l in $LINKS; do ip route flush dev $l; ip -6 route flush dev $l; done",
        "for l in $LINKS; do ip neigh flush nud permanent dev $l; done",
        "for l in $LINKS; do ip link set $l down; ip link set $l up; done",
        "for l in $LINKS; do ip link set $l address 02:00:00:00:00:09; done",
        "ip route flush type blackhole; ip route flush type unreachable 10.210.0.0/16; ip -6 route flush fd77:6569:72::/48",
        "ip address del 10.210.0.1/32 dev lo",
        "sysctl -qw net.ipv4.ip_forward=0; sysctl -qw net.ipv6.conf.all.forwarding=0; sysctl -qw net.ipv4.tcp_early_demux=1 net.ipv4.conf.lo.accept_local=0 net.ipv4.conf.lo.src_valid_mark=0",
        "for l in $LINKS; do sysctl -qw net.ipv4.conf.$l.rp_filter=1 net.ipv4.conf.$l.forwarding=0 net.ipv6.conf.$l.forwarding=0; done",
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1; sleep 1; sysctl -qw net.ipv6.conf.all.disable_ipv6=0; ip address replace 2001:db8:100::1/64 dev world0 nodad",
        "iptables -F; iptables -t nat -F; iptables -X WEIR-FORWARD; ip6tables -F WEIR-FORWARD",
        "nft flush ruleset",
        "rm -r " + Pins,
    ];

    [PrivilegedTheory]
    [MemberData(nameof(Deeds))]
    public void TakenFromTheHost_ComesBack(string deed)
    {
        string before = _machine.State();
        double begin = LeakMeter.Now();

        _host.Sandbox.Shell($"LINKS=$(ip -o link | sed -n 's/^[0-9]*: \\(weir[0-9a-f]*\\)@.*/\\1/p'); {deed}");

        Wait.Until(() => _machine.State() == before, 15, () => $"{deed}: not as before:\n{_machine.State()}\ninstead of\n{before}");
        _machine.EverythingWorks();
        Assert.Equal(0, _machine.Leak.Since(begin));
        Assert.Contains("put back", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);
    }

    public static TheoryData<string> Programs() => ["link_ep_*", "link_dev_*", "link_xdp_*", "weir_connect*", "weir_getpeer*", "weir_listener"];

    [PrivilegedTheory]
    [MemberData(nameof(Programs))]
    public void ProgramDetachedByForce_ComesBack(string pins)
    {
        string[] paths = Directory.GetFiles(_host.Sandbox.HostPath(Pins), pins);
        Assert.NotEmpty(paths);

        double leaked = _machine.Leak.During(() => Array.ForEach(paths, path => BpfLink.Detach(path)));

        Assert.Equal(pins == "link_ep_*", leaked > 0);
        Assert.All(paths, path => Assert.True(IsAttached(path), $"{path} is not attached"));
        _machine.EverythingWorks();
        Assert.Contains("weir_mended_total{kind=\"program\"}", _host.Weir("metrics", "--prometheus").OrFail().Output, StringComparison.Ordinal);
    }

    [PrivilegedFact]
    public void DisciplinesRemoved_ChangeNothing() => Assert.Equal(0, _machine.Leak.During(() =>
        _host.Sandbox.Shell("for l in $(ip -o link | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/'); do tc qdisc add dev $l clsact || true; tc qdisc del dev $l clsact || true; done 2> /dev/null")));

    [PrivilegedFact]
    public void AnotherProgramFirstInTheChain_IsOvertaken()
    {
        string pin = _host.Sandbox.HostPath("/sys/fs/bpf/other");
        int ifindex = int.Parse(_host.Sandbox.Shell($"ip -o link show {_machine.LinkOf(_machine.Denied)} | cut -d: -f1"), CultureInfo.InvariantCulture);
        using BpfObject other = BpfObject.Open(File.ReadAllBytes(ForeignProgram.Path), "other");
        other.Load();

        double leaked = _machine.Leak.During(() => NetworkNamespace.Run($"/proc/{_host.Sandbox.Pid}/ns/net", () =>
        {
            TcxLink.Attach(other.Program(ForeignProgram.Name), ifindex, ingress: true, pin).Dispose();
            return true;
        }));

        Assert.True(leaked > 0);
        BpfLink.Detach(pin);
        _machine.EverythingWorks();
    }

    [PrivilegedFact]
    public void TakenAwayAgainAndAgain_IsToldOnce_AndDegradesUntilItIsQuiet()
    {
        int toldBefore = Told();
        using (_host.Sandbox.Start("sh", "-c", "while :; do ip rule del pref 9; sleep 0.1; done"))
        {
            Wait.Until(() => _host.Weir("status").Output.Contains("degraded: rule 9", StringComparison.Ordinal), 20, () => _host.Weir("status").All);
            Thread.Sleep(2000);
        }

        Assert.InRange(Told() - toldBefore, 1, 2);
        Assert.Contains("again and again", _host.Weir("status", "-o", "json").OrFail().Output, StringComparison.Ordinal);
        _machine.EverythingWorks();
    }

    [PrivilegedFact]
    public void LinkSetDown_StaysDown_AndSaysSo()
    {
        string link = _machine.LinkOf(_machine.Denied);
        _host.Sandbox.Shell($"ip link set {link} down");
        Wait.Until(() => _host.EndpointRow(_machine.Denied).Contains("degraded", StringComparison.Ordinal), 15, () => _host.Weir("endpoint", "list").All);
        Assert.Contains($"ip link set {link} up", _host.Weir("endpoint", "get", _machine.Denied).OrFail().Output, StringComparison.Ordinal);
        _host.Sandbox.Shell($"ip link set {link} up");
        Wait.Until(() => !_host.EndpointRow(_machine.Denied).Contains("degraded", StringComparison.Ordinal), 15, () => _host.Weir("endpoint", "list").All);
    }

    [PrivilegedFact]
    public void TakenAwayWhileTheAgentWasAway_ItsRestartRepairs()
    {
        string before = _machine.State();
        _host.Agent.Kill();
        Array.ForEach(Directory.GetFiles(_host.Sandbox.HostPath(Pins), "link_ep_*"), path => BpfLink.Detach(path));
        _host.Sandbox.Shell("""
            for l in $(ip -o link | sed -n 's/^[0-9]*: \(weir[0-9a-f]*\)@.*/\1/p'); do ip link set $l down; ip link set $l up; ip route flush dev $l; ip neigh flush nud permanent dev $l; done
            ip rule del pref 9; ip route flush table 2004; nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0
            """);

        _host.Agent.Start();

        double started = LeakMeter.Now();
        Assert.Equal(before, _machine.State());
        _machine.EverythingWorks();
        Assert.Equal(0, _machine.Leak.Since(started));
    }

    [PrivilegedFact]
    public void Ipv6SwitchedOff_TheAgentStartsAndWorksForIpv4_AndForBothWhenItIsBack()
    {
        _host.Agent.Stop();
        _host.Sandbox.Shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
        try
        {
            _host.Agent.Start();
            _machine.Ipv4Works();
            Assert.Contains("off: IPv6 is switched off", _host.Weir("status").OrFail().Output, StringComparison.Ordinal);
            CommandResult refused = _host.TryDocker("network", "create", "--driver", "weir", "--ipam-driver", "weir", "--ipv6", "both");
            Assert.Contains("create it without --ipv6", refused.Error, StringComparison.Ordinal);
            string network = _host.MakeNetwork("--no-ipv6");
            string container = _host.RunServer("v4", network);
            string client = _host.RunClient("v4client", network);
            _host.MustReach(client, container);
            _host.Remove(container, client);
            _host.Docker("network", "rm", network);
        }
        finally
        {
            _host.Sandbox.Shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0");
        }

        _host.RestoreWorld6();
        Wait.Until(() => _host.Fetch(_machine.Client, _machine.ServerAddress6).Succeeded, 15, () => _host.Weir("status").All);
        _machine.EverythingWorks();
    }

    private int Told() => _host.Agent.Log.Split("rule 9").Length - 1;

    private static bool IsAttached(string path)
    {
        using PinnedLink? link = PinnedLink.Open(path);
        return link is { Target: not 0 };
    }

    /// <summary>A container under deny-all that sends all the time, one that may do anything, a server under HTTP policy.</summary>
    public sealed class Machine : IDisposable
    {
        private readonly HttpServer _http;

        public Machine()
        {
            string network = Host.MakeNetwork();
            Host.Weir("service", "update", "--name", "shop", "--frontend", "203.0.113.10:80/tcp", "--backends", "10.99.0.1:80").OrFail();
            Denied = Host.RunClient("denied", network, "-l", "watch=denied");
            Client = Host.RunClient("client", network, "-l", "watch=client");
            Server = Host.RunServer("server", network, "-l", "watch=server");
            _http = new HttpServer(Host, Server, 8080);
            Host.Apply("watch.yaml", """
                - endpointSelector: {matchLabels: {watch: denied}}
                  egress: [{}]
                - endpointSelector: {matchLabels: {watch: server}}
                  ingress:
                  - fromEndpoints: [{matchLabels: {watch: client}}]
                    toPorts: [{ports: [{port: "80", protocol: TCP}]}]
                  - fromEntities: [host]
                  - fromEndpoints: [{matchLabels: {watch: client}}]
                    toPorts: [{ports: [{port: "8080", protocol: TCP}], rules: {http: [{path: /allowed}]}}]
                """);
            ServerAddress = Host.AddressOf(Server, network);
            ServerAddress6 = Host.AddressOf(Server, network, v6: true);
            Leak = new LeakMeter(Host, Denied);
        }

        public DockerHost Host { get; } = new();

        public string Denied { get; }

        public string Client { get; }

        public string Server { get; }

        public string ServerAddress { get; }

        public string ServerAddress6 { get; }

        public LeakMeter Leak { get; }

        public void Dispose()
        {
            Leak.Dispose();
            _http.Dispose();
            Host.Dispose();
        }

        /// <summary>The host's side of a container's link.</summary>
        public string LinkOf(string container) => Host.Weir("endpoint", "get", container).OrFail().Output
            .Split('\n').Single(line => line.StartsWith("Interface", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];

        /// <summary>Every way that policy leaves open, both families.</summary>
        public void EverythingWorks()
        {
            Ipv4Works();
            Host.MustReach(Client, ServerAddress6);
            Host.MustReach(Client, DockerHost.WorldAddress6);
            Must("host to container (IPv6)", Host.Sandbox.Run(["curl", "-sS", "--connect-timeout", "3", "-m", "20", $"http://[{ServerAddress6}]/"]), "hello");
            Must("HTTP policy (IPv6)", Host.InNetworkOf(Client, "curl", "-sS", "--connect-timeout", "3", "-m", "20", "-i", $"http://[{ServerAddress6}]:8080/allowed"), "X-Target: /allowed");
        }

        public void Ipv4Works()
        {
            Host.MustReach(Client, ServerAddress);
            Host.MustReach(Client, DockerHost.WorldAddress);
            Must("host to container", Host.Sandbox.Run(["curl", "-sS", "--connect-timeout", "3", "-m", "20", $"http://{ServerAddress}/"]), "hello");
            Must("HTTP policy", Host.InNetworkOf(Client, "curl", "-sS", "-i", "--connect-timeout", "3", "-m", "20", $"http://{ServerAddress}:8080/allowed"), "X-Target: /allowed");
            Must("HTTP policy's refusal", Host.InNetworkOf(Client, "curl", "-sS", "--connect-timeout", "3", "-m", "20", $"http://{ServerAddress}:8080/other"), "Access denied");
        }

        /// <summary>What Weir has in the host, as text.</summary>
        public string State() => Host.Sandbox.Shell("""
            set +e +o pipefail
            ip rule; ip -6 rule
            (ip route show table all; ip -6 route show table all) | grep -E 'weir|table 2004|10\.210\.|fd77:' | sort
            (ip neigh show nud permanent; ip -6 neigh show nud permanent) | grep weir | sort
            for l in $(ip -o link | sed -n 's/^[0-9]*: \(weir[0-9a-f]*\)@.*/\1/p' | sort); do
                echo $l $(ip -o link show $l | grep -o 'link/ether [^ ]*')
                grep . /proc/sys/net/ipv4/conf/$l/{rp_filter,forwarding} /proc/sys/net/ipv6/conf/$l/{forwarding,disable_ipv6,accept_ra}
            done
            ip -o address show dev lo | grep -v 127.0.0.1 | grep -v ::1/128 | sort
            grep . /proc/sys/net/ipv4/{ip_forward,tcp_early_demux,conf/lo/accept_local,conf/lo/src_valid_mark} /proc/sys/net/ipv6/conf/all/forwarding
            (iptables-save; ip6tables-save) | grep WEIR | sed 's/ \[.*//' | sort
            ls /sys/fs/bpf/weir 2> /dev/null || true
            """);

        private static void Must(string way, CommandResult result, string answer) =>
            Assert.True(result.Output.Contains(answer, StringComparison.Ordinal), $"{way}: {result.All}");
    }
}
