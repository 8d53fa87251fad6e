// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Net;
using Weir.Control;
using Weir.Datapath;
using Weir.Flows;
using Weir.Net;
using Weir.Policy;
using Weir.Services.Reading;
using Weir.Cli;

namespace Weir.Agent;

/// <summary>One thing the agent can be told, under one name: "mtu" in the file, --mtu, WEIR_MTU.</summary>
/// <param name="Set">Takes the text; a <see cref="FormatException"/> says what is wrong with it.</param>
internal sealed record AgentSetting(string Name, string Meaning, string Default, Func<AgentConfig, string, AgentConfig> Set)
{
    internal string Variable => "WEIR_" + Name.ToUpperInvariant().Replace('-', '_');

    internal static IReadOnlyList<AgentSetting> All { get; } =
    [
        new("socket", "where the command line reaches the agent", AgentSocket.Default, (c, text) => c with { Socket = FullPath(text) }),
        new("group", "members of this group may use the socket", "weir", (c, text) => c with { Group = text }),
        new("read-group", "members of this group may look and change nothing, by the socket with -read in its name", "weir-read", (c, text) => c with { ReadGroup = text }),
        new("state", "folder for networks, identities and policy", AgentConfig.DefaultStateFolder, (c, text) => c with { StateFolder = FullPath(text) }),
        new("pin-root", "folder of the BPF file system where programs and maps are kept", DatapathOptions.DefaultPinRoot, (c, text) => c with { Datapath = c.Datapath with { PinRoot = PinFolder(text) } }),
        new("docker-socket", "Docker's API", "/var/run/docker.sock", (c, text) => c with { DockerSocket = FullPath(text) }),
        new("plugin-socket", "where Docker finds the driver; the file's name is the driver's", AgentConfig.DefaultPluginSocket, (c, text) => c with { PluginSocket = FullPath(text) }),
        new("log-level", "trace, debug, information, warning or error", "information", (c, text) => c with { LogLevel = OneOf<LogLevel>(text) }),
        new("log-format", "text or json", "text", (c, text) => c with { JsonLog = Either(text, "text", "json") }),
        new("enforcement", "default: from the first rule that selects an endpoint; always; never", "default",
            (c, text) => c with { Control = c.Control with { Enforcement = OneOf<EnforcementMode>(text) } }),
        new("deny-response", "answer: who is denied hears so at once (the world: only where a policy says so); drop: nobody does", "answer",
            (c, text) => c with { Control = c.Control with { DenyResponse = OneOf<DenyResponse>(text) } }),
        new("http-verdict", "auto: the kernel judges plain HTTP/1 requests between containers of this host on their way, at hardly any cost, and the proxy takes a connection over at its first request that is not plain or is denied; proxy: the HTTP proxy judges every request", "auto",
            (c, text) => c with { Control = c.Control with { HttpVerdict = OneOf<HttpVerdict>(text) } }),
        new("ipv4-range", "networks without --subnet are cut from it", "10.210.0.0/16", (c, text) => c with { Control = c.Control with { Ipv4Range = Range(text, ipv6: false) } }),
        new("ipv6-range", "the same for --ipv6", "fd77:6569:72::/48", (c, text) => c with { Control = c.Control with { Ipv6Range = Range(text, ipv6: true) } }),
        new("mtu", "of containers' links, in bytes", "1500", (c, text) => c with { Control = c.Control with { Mtu = (int)Number(text, 1280, 65535) } }),
        new("masquerade", "whether what leaves the host gets its address", "true", (c, text) => c with { Control = c.Control with { Masquerade = Either(text, "false", "true") } }),
        new("labels-include", "labels of containers that make identities, with * at the end for many; empty: all", "",
            (c, text) => c with { Control = c.Control with { Labels = c.Control.Labels with { Include = Words(text) } } }),
        new("labels-exclude", "labels that do not", "what Compose and image builders add",
            (c, text) => c with { Control = c.Control with { Labels = c.Control.Labels with { Exclude = Words(text) } } }),
        new("published-ports", "closed: outsiders come in by published ports only where a policy, 'weir publish allow' or the label weir.publish lets them; open: all come in", "closed; an installation from before this was a choice: open",
            (c, text) => c with { Control = c.Control with { PublishedPorts = OneOf<DoorMode>(text) } }),
        new("cluster-endpoints", "etcd that the hosts share, such as https://10.0.0.10:2379, several with commas; empty: this host is by itself", "",
            (c, text) => c with { Shared = c.Shared with { Endpoints = Words(text) } }),
        new("cluster-ca", "file with the certificates that etcd's are checked by", "the system's", (c, text) => c with { Shared = c.Shared with { CaFile = FullPath(text) } }),
        new("cluster-cert", "file with the certificate that etcd checks this host by", "", (c, text) => c with { Shared = c.Shared with { CertFile = FullPath(text) } }),
        new("cluster-key", "file with that certificate's key", "", (c, text) => c with { Shared = c.Shared with { KeyFile = FullPath(text) } }),
        new("cluster-user", "name by which etcd knows this host", "", (c, text) => c with { Shared = c.Shared with { User = text } }),
        new("cluster-password-file", "file with that name's password", "", (c, text) => c with { Shared = c.Shared with { Password = SecretIn(text) } }),
        new("cluster-prefix", "under which the hosts' records lie in etcd", "/weir/", (c, text) => c with { Shared = c.Shared with { Prefix = text } }),
        new("cluster-make-networks", "true: every network of the cluster is a Docker network here; false: those alone that 'docker network create -o weir.network=NAME' joins", "true",
            (c, text) => c with { MakesNetworks = Either(text, "false", "true") }),
        new("node-name", "by which the other hosts know this one", "the host's name", (c, text) => c with { NodeName = NodeName(text) }),
        new("node-address", "at which the other hosts reach this one; a cluster needs it. With IPv6 networks both: 10.0.0.11,fd00::11", "", (c, text) => c with { NodeAddresses = Addresses(text) }),
        new("node-port", "at which the other hosts' agents ask this one (TCP, by certificate), for 'weir monitor --all-nodes' and the like", "4245",
            (c, text) => c with { NodePort = (int)Number(text, 1, 65535) }),
        new("node-way", "how packets go to other hosts' containers: direct by the hosts' routes, overlay in VXLAN (UDP 8472); auto: direct to hosts on one segment, else overlay", "auto",
            (c, text) => c with { NodeWay = OneOf<NodeWay>(text) }),
        new("measure", "on: of containers' TCP connections handshake, round trip, retransmissions and bytes are known, at no cost to a packet; off: they are not", "on",
            (c, text) => c with { Control = c.Control with { Measure = Either(text, "off", "on") } }),
        new("record", "denied: drops and refused requests are written down, for 'weir flows'; flows: TCP connections of containers too, once they end (see measure); all: every new flow and every request too, at a cost for each; off: nothing is", "flows", (c, text) => c with { Record = OneOf<RecordMode>(text) }),
        new("record-size", "megabytes of record that are kept", "256", (c, text) => c with { RecordBytes = Number(text, 1, 1_048_576) * 1024 * 1024 }),
        new("record-for", "how long it is kept, such as 7d or 12h", "7d", (c, text) => c with { RecordFor = Time(text) }),
        new("proxy-drain", "how long connections through the HTTP proxy go on after an upgrade has replaced it, such as 1h", "1h", (c, text) => c with { ProxyDrain = Time(text) }),
        new("metrics-address", "where Prometheus finds /metrics, such as 127.0.0.1:9964; empty: nowhere. One that other hosts reach needs the next three", "", (c, text) => c with { Metrics = c.Metrics with { Address = text.Length == 0 ? null : AddressAndPort(text) } }),
        new("metrics-cert", "file with the certificate of who answers there", "", (c, text) => c with { Metrics = c.Metrics with { CertFile = FullPath(text) } }),
        new("metrics-key", "file with that certificate's key", "", (c, text) => c with { Metrics = c.Metrics with { KeyFile = FullPath(text) } }),
        new("metrics-token-file", "file with the token that whoever asks there has to say", "", (c, text) => c with { Metrics = c.Metrics with { Token = SecretIn(text) } }),
        new("hubble-socket", "where Hubble's clients reach the agent: 'hubble observe --server unix:///run/weir/hubble.sock'; off: nowhere", "hubble.sock beside the agent's own", (c, text) => c with { Hubble = c.Hubble with { Socket = text == "off" ? "" : FullPath(text) } }),
        new("hubble-address", "the same by TCP, such as 127.0.0.1:4244; empty: nowhere. One that other hosts reach needs the next three", "", (c, text) => c with { Hubble = c.Hubble with { Address = text.Length == 0 ? null : AddressAndPort(text) } }),
        new("hubble-cert", "file with the certificate of who answers there", "", (c, text) => c with { Hubble = c.Hubble with { CertFile = FullPath(text) } }),
        new("hubble-key", "file with that certificate's key", "", (c, text) => c with { Hubble = c.Hubble with { KeyFile = FullPath(text) } }),
        new("hubble-client-ca", "file with the certificates of those who sign for whoever may ask there", "", (c, text) => c with { Hubble = c.Hubble with { ClientCaFile = FullPath(text) } }),
        new("devices", "devices by which clients of services come; empty: all with an address or a route", "",
            (c, text) => c with { Control = c.Control with { Devices = Words(text) } }),
        new("xdp-mode", "auto: in the driver, else in the stack; native; generic; off: no remote backends", "auto",
            (c, text) => c with { Control = c.Control with { XdpMode = OneOf<XdpPreference>(text) } }),
        new("snat-ports", "ports of this host that flows by SNAT leave from, that many a backend; nothing else gets them", "61000-65535",
            (c, text) => c with { Datapath = c.Datapath with { SnatPorts = Ports(text) } }),
        new("max-frontends", "service addresses; another number holds from the next start on", "65536",
            (c, text) => c with { Datapath = c.Datapath with { MaxFrontends = (uint)Number(text, 64, 1_048_576) } }),
        new("max-backends", "backends of all services; another number holds from the next start on", "16384",
            (c, text) => c with { Datapath = c.Datapath with { MaxBackends = (uint)Number(text, 64, 1_048_576) } }),
        new("max-slots", "slots of all services' tables, 8 bytes each; another number holds from the next start on", "524288",
            (c, text) => c with { Datapath = c.Datapath with { MaxSlots = (uint)Number(text, 1024, 134_217_728) } }),
        new("max-flows", "conntrack entries of the host; another number holds from the next start on", "131072",
            (c, text) => c with { Datapath = c.Datapath with { MaxFlows = (uint)Number(text, 1024, 16_777_216) } }),
        new("max-flows-per-endpoint", "conntrack entries one container may open", "32768",
            (c, text) => c with { Datapath = c.Datapath with { MaxFlowsPerEndpoint = (uint)Number(text, 16, 16_777_216) } }),
    ];

    private static string FullPath(string text) => text.StartsWith('/') ? text : throw new FormatException("must be a path from the root, such as /run/weir/weir.sock");

    private static string PinFolder(string text)
    {
        string root = Path.GetDirectoryName(DatapathOptions.DefaultPinRoot)!;
        return FullPath(text).StartsWith(root + "/", StringComparison.Ordinal) && Path.GetFullPath(text) is var path && path.Length > root.Length + 1 && path.StartsWith(root + "/", StringComparison.Ordinal)
            ? path
            : throw new FormatException($"must be a folder below {root}");
    }

    private static TimeSpan Time(string text) =>
        Duration.TryParse(text, out TimeSpan time) && time >= TimeSpan.FromMinutes(1) && time <= TimeSpan.FromDays(3660)
            ? time
            : throw new FormatException("must be a time of a minute at least, such as 7d or 12h");

    private static IPEndPoint AddressAndPort(string text) =>
        IPEndPoint.TryParse(text, out IPEndPoint? address) && address.Port != 0 && text.Contains(':', StringComparison.Ordinal)
            ? address
            : throw new FormatException("must be an address and a port, such as 127.0.0.1:9964 or [::1]:9964");

    /// <summary>What nobody but root is to read is not written beside the other settings.</summary>
    private static string SecretIn(string text)
    {
        const int MostBytes = 4096;
        try
        {
            return TextFile.Read(FullPath(text), MostBytes).TrimEnd('\n', '\r');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FormatException($"cannot be read: {e.Message}");
        }
    }

    private static string NodeName(string text) =>
        text.Length is > 0 and <= 63 && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '.' or '_')
            ? text
            : throw new FormatException("must be letters, digits, '-', '_' and '.', 63 at most");

    private static IPAddress[] Addresses(string text)
    {
        IPAddress[] addresses = [.. Words(text).Select(word =>
            IPAddress.TryParse(word, out IPAddress? address) && !IPAddress.IsLoopback(address) && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any)
                ? address
                : throw new FormatException($"must be an address of this host's, such as 10.0.0.11: \"{word}\" is none"))];
        return addresses.Length is 1 or 2 && addresses.DistinctBy(address => address.AddressFamily).Count() == addresses.Length
            ? addresses
            : throw new FormatException("must be one address, or one of IPv4 and one of IPv6");
    }

    private static string[] Words(string text) => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    private static long Number(string text, long least, long most) =>
        long.TryParse(text, NumberStyles.None, null, out long number) && number >= least && number <= most
            ? number
            : throw new FormatException($"must be a number from {least} to {most}");

    private static bool Either(string text, string no, string yes) =>
        text == yes || (text == no ? false : throw new FormatException($"must be {no} or {yes}"));

    private static T OneOf<T>(string text)
        where T : struct, Enum =>
        Enum.TryParse(text, ignoreCase: true, out T value) && Enum.IsDefined(value) && !char.IsAsciiDigit(text[0])
            ? value
            : throw new FormatException($"must be one of {string.Join(", ", Enum.GetNames<T>().Select(name => name.ToLowerInvariant()))}");

    private static PortRange Ports(string text)
    {
        const int Least = 1024;
        const int Fewest = 256;
        return PortRange.TryParse(text, out PortRange ports) && ports.First >= Least && ports.Count >= Fewest
            ? ports
            : throw new FormatException($"must be {Fewest} ports at least, from {Least} to 65535, such as 61000-65535");
    }

    private static IpPrefix Range(string text, bool ipv6) =>
        IpPrefix.TryParse(text, out IpPrefix? prefix) && prefix.IsIpv6 == ipv6
            ? prefix.Masked
            : throw new FormatException($"must be an {(ipv6 ? "IPv6" : "IPv4")} prefix");
}
