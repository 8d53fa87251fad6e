// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Weir.EndToEnd.Tests.Machine;

/// <summary>A sandbox with a real dockerd, an image of busybox, the agent, and an "outside world": a
/// namespace behind a veth with addresses of a documentation range.</summary>
public sealed class DockerHost : IDisposable
{
    /// <summary>The host's address on the link to the outside world.</summary>
    public const string HostAddress = "198.51.100.1";

    /// <summary>The same in IPv6.</summary>
    public const string HostAddress6 = "2001:db8:100::1";

    /// <summary>A server of the outside world.</summary>
    public const string WorldAddress = "198.51.100.2";

    /// <summary>The same in IPv6.</summary>
    public const string WorldAddress6 = "2001:db8:100::2";

    internal const string Image = "weir-busybox";
    private int _count;

    public DockerHost()
        : this(HostShape.Plain)
    {
    }

    internal DockerHost(HostShape shape)
    {
        Sandbox = shape.Kernel is { } parameters ? new VirtualMachine(parameters) : new Sandbox();
        Agent = new WeirAgent(Sandbox) { PublishedPorts = shape.PublishedPorts, HttpVerdict = shape.HttpVerdict, Launcher = shape.Launcher };
        try
        {
            Sandbox.Shell(shape.First);
            StartDocker(shape.DockerFlags);
            Sandbox.Shell($"export TMPDIR=/run; make_image {Image}");
            Sandbox.Shell("ip netns add world; ip -n world link set lo up");
            JoinWorld(shape.Uplink);
            Sandbox.Shell("mkdir -p /run/world; echo hello from the world > /run/world/index.html; ip netns exec world busybox httpd -p 80 -h /run/world");
            Sandbox.Shell(shape.Prepare);
            Agent.Start();
        }
        catch
        {
            Sandbox.Dispose();
            throw;
        }
    }

    public Sandbox Sandbox { get; }

    public WeirAgent Agent { get; }

    /// <summary>Whether HTTP requests between its containers are judged in the kernel.</summary>
    public bool JudgesHttp => Regex.IsMatch(Weir("status").OrFail().Output, "^HTTP verdict +auto", RegexOptions.Multiline);

    /// <summary>Where the dockerd of this machine has its data.</summary>
    public string DockerRoot { get; private set; } = "";

    public void Dispose()
    {
        try
        {
            Agent.Dispose();
        }
        finally
        {
            Sandbox.Dispose();
        }
    }

    /// <summary>Stops dockerd, runs what shall happen meanwhile, and starts it again.</summary>
    public void RestartDocker(Action? meanwhile = null)
    {
        Sandbox.Shell($"WEIR_DOCKER_ROOT={DockerRoot}; stop_dockerd --for-restart");
        meanwhile?.Invoke();
        Sandbox.Shell($"WEIR_DOCKER_ROOT={DockerRoot}; WEIR_DOCKERD_FLAGS=--live-restore=false; run_dockerd");
    }

    /// <summary>Gives the link to the outside world its addresses.</summary>
    /// <param name="uplink">Makes world0 here and up0 there.</param>
    internal void JoinWorld(string uplink) => Sandbox.Shell($"""
        {uplink}
        ip address add {HostAddress}/24 dev world0
        if [ -e /proc/sys/net/ipv6 ]; then
            ip link set world0 addrgenmode none
            ip address add {HostAddress6}/64 dev world0 nodad
            # As every device has: without it the host solicits no neighbour for packets with another's source.
            ip address add fe80::1/64 dev world0 nodad
            ip -n world address add {WorldAddress6}/64 dev up0 nodad
        fi
        ip link set world0 up
        ip -n world address add {WorldAddress}/24 dev up0
        ip -n world link set up0 up
        """);

    /// <summary>Makes the outside world send packets for these prefixes to this machine, which has no such address:
    /// what no service takes ends here.</summary>
    public void RouteWorldTo(string prefix, string prefix6) => Sandbox.Shell($"""
        ip -n world route replace {prefix} via {HostAddress}
        ip -n world -6 route replace {prefix6} via 2001:db8:100::1
        ip route replace blackhole {prefix}
        ip -6 route replace blackhole {prefix6}
        """);

    /// <summary>Gives the link to the outside world its IPv6 address back, which the kernel takes when IPv6 is switched off.</summary>
    public void RestoreWorld6() => Sandbox.Shell("ip address replace 2001:db8:100::1/64 dev world0 nodad");

    /// <summary>A name nobody else has.</summary>
    public string Name(string stem) => $"{stem}{++_count}";

    /// <summary>Runs the executable under test.</summary>
    public CommandResult Weir(params string[] arguments) => Sandbox.Run([Sandbox.Weir, .. arguments]);

    /// <summary>Runs docker; it must succeed. Its output without the line end.</summary>
    public string Docker(params string[] arguments) => Sandbox.Run(["docker", .. arguments]).OrFail().Output.Trim();

    /// <summary>Runs docker, whatever comes of it.</summary>
    public CommandResult TryDocker(params string[] arguments) => Sandbox.Run(["docker", .. arguments]);

    /// <summary>Applies a policy given as text under a file's name; it must succeed.</summary>
    public void Apply(string fileName, string text)
    {
        CommandResult result = TryApply(fileName, text);
        Assert.True(result.Succeeded, result.All);
    }

    /// <summary>Applies a policy, whatever comes of it.</summary>
    public CommandResult TryApply(string fileName, string text, params string[] flags)
    {
        Sandbox.WriteFile($"/run/{fileName}", text);
        return Sandbox.Run([Sandbox.Weir, "policy", "apply", "-f", fileName, .. flags], folder: "/run");
    }

    /// <summary>Takes every policy away, so that tests do not meet one another's.</summary>
    public void DeletePolicies() => Weir("policy", "delete", "--all").OrFail();

    /// <summary>Makes a network of the weir driver; both families unless told otherwise.</summary>
    public string MakeNetwork(params string[] flags)
    {
        string name = Name("net");
        string[] families = flags.Contains("--subnet") || flags.Contains("--no-ipv6") ? [] : ["--ipv6"];
        Docker(["network", "create", "--driver", "weir", "--ipam-driver", "weir", .. families, .. flags.Where(f => f != "--no-ipv6"), name]);
        return name;
    }

    /// <summary>Runs a container that answers "hello from NAME" on port 80 and echoes on port 9000.</summary>
    public string RunServer(string stem, string network, params string[] flags)
    {
        string name = Name(stem);
        string script = $"echo hello from {name} > /www/index.html; nc -ll -p 9000 -e cat & exec httpd -f -p 80 -h /www";
        Docker(["run", "-d", "--name", name, "--network", network, .. flags, Image, "sh", "-c", script]);
        return name;
    }

    /// <summary>Runs a container that waits for commands.</summary>
    public string RunClient(string stem, string network, params string[] flags)
    {
        string name = Name(stem);
        Docker(["run", "-d", "--name", name, "--network", network, .. flags, Image, "sleep", "3600"]);
        return name;
    }

    public void Remove(params string[] containers) => Docker(["rm", "-f", .. containers]);

    /// <summary>Runs a command inside a container.</summary>
    public CommandResult Exec(string container, params string[] command) =>
        Sandbox.Run(["docker", "exec", container, .. command]);

    /// <summary>The body of http://HOST/, seen from a container.</summary>
    public CommandResult Fetch(string container, string host, double seconds = 5) =>
        Exec(container, "timeout", seconds.ToString(), "wget", "-qO-", host.Contains(':', StringComparison.Ordinal) ? $"http://[{host}]/" : $"http://{host}/");

    public void MustReach(string container, string host)
    {
        // A server needs a moment to listen.
        CommandResult last = Fetch(container, host);
        Wait.Until(
            () => last.Succeeded || (last = Fetch(container, host)).Succeeded,
            10,
            () => $"{container} should reach {host}: {last.All}\n{Weir("endpoint", "list").All}");
    }

    public void MustNotReach(string container, string host)
    {
        CommandResult result = Fetch(container, host, 1);
        Assert.False(result.Succeeded, $"{container} should not reach {host}, but got: {result.Output}");
    }

    /// <summary>A container's address on a network, without its length.</summary>
    public string AddressOf(string container, string network, bool v6 = false)
    {
        using JsonDocument json = JsonDocument.Parse(Docker("inspect", container));
        return json.RootElement[0].GetProperty("NetworkSettings").GetProperty("Networks").GetProperty(network)
            .GetProperty(v6 ? "GlobalIPv6Address" : "IPAddress").GetString()!;
    }

    /// <summary>The process id of a container's first process, within the sandbox.</summary>
    public string PidOf(string container) => Docker("inspect", "-f", "{{.State.Pid}}", container);

    /// <summary>Runs a command in a container's network namespace, with the host's tools.</summary>
    public CommandResult InNetworkOf(string container, params string[] command) =>
        Sandbox.Run(["nsenter", "-t", PidOf(container), "-n", .. command]);

    /// <summary>The agent's endpoints: container name → the row of `endpoint list`.</summary>
    public string EndpointRow(string container)
    {
        string table = Weir("endpoint", "list").OrFail().Output;
        return table.Split('\n').FirstOrDefault(line => Regex.IsMatch(line, $@"(^|\W){Regex.Escape(container)}(\W|$)")) ?? "";
    }

    private void StartDocker(string flags) =>
        DockerRoot = Sandbox.Shell($"export WEIR_DOCKERD_FLAGS='{flags}'; mkdir -p /run/machine; export TMPDIR=/run/machine; start_dockerd > /dev/null; echo $WEIR_DOCKER_ROOT").Trim();
}
