// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Api;
using Weir.Control;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Flows;
using Weir.Linux;
using Weir.Net;
using Weir.Policy;

namespace Weir.Agent;

/// <summary>What the kernel's maps hold, for people.</summary>
internal sealed class DatapathTables(Datapath.Datapath datapath, ControlPlane control, FlowHub flows)
{
    private const int DefaultLimit = 1000;
    private const double NsPerSecond = 1e9;

    internal uint Revision => datapath.Revision;

    internal ulong EventsLost => flows.Lost;

    internal int FlowCapacity => datapath.ConntrackCapacity;

    /// <param name="endpoint">Those of one endpoint; 0: all.</param>
    internal ConntrackCount CountFlows(ushort endpoint = 0) => datapath.CountConntrack(Clock.MonotonicNs(), endpoint);

    internal ListIpsResponse Ips()
    {
        var response = new ListIpsResponse();
        response.Ips.AddRange(control.Views.Endpoints.SelectMany(view => view.Endpoint.Addresses.Select(address => new IpInfo
        {
            Prefix = IpPrefix.Single(address).ToString(),
            Identity = view.Endpoint.Identity.Value,
            Name = view.Endpoint.Name,
            EndpointId = view.Endpoint.Id,
        })));
        response.Ips.AddRange(datapath.ListIpcache().OrderBy(row => row.Prefix).Select(row => new IpInfo
        {
            Prefix = row.Prefix.ToString(),
            Identity = row.Identity.Value,
            Name = row.Identity.ReservedName is { } name ? "reserved:" + name : row.Node != 0 ? control.Flows.RemoteName(row.Prefix.Address) ?? "" : "",
        }));
        return response;
    }

    internal ListConntrackResponse Conntrack(ListConntrackRequest request)
    {
        int limit = request.Limit > 0 ? request.Limit : DefaultLimit;
        ushort? endpoint = request.Endpoint.Length > 0 ? control.Views.FindEndpoint(request.Endpoint).Endpoint.Id : null;
        ulong now = Clock.MonotonicNs();
        ConntrackRow[] rows = [.. datapath.ListConntrack()
            .Where(row => row.ExpiresNs >= now && (endpoint is null || row.SourceEndpoint == endpoint || row.DestinationEndpoint == endpoint))
            .Take(limit + 1)];
        var response = new ListConntrackResponse { Truncated = rows.Length > limit };
        response.Flows.AddRange(rows.Take(limit).Select(row => new ConntrackInfo
        {
            Protocol = row.Protocol.Name(),
            Source = End(row.Source, row.SourcePort, row.SourceIdentity, row.SourceEndpoint),
            Destination = End(row.Destination, row.DestinationPort, row.DestinationIdentity, row.DestinationEndpoint),
            State = StateOf(row),
            ExpiresSeconds = Math.Round((row.ExpiresNs - now) / NsPerSecond, 1),
            AgeSeconds = Math.Round((now - Math.Min(now, row.CreatedNs)) / NsPerSecond, 1),
            Packets = row.Packets,
            Bytes = row.Bytes,
            Http = (row.Flags & CtFlag.Proxy) == 0 ? "" : (row.Flags & CtFlag.Http) != 0 ? "kernel" : "proxy",
            HttpWhy = (row.Flags & (CtFlag.Proxy | CtFlag.Http)) == CtFlag.Proxy ? row.HttpWhy.Explain() : "",
            Service = row.FrontendId == 0 ? null : control.Flows.FindService(row.FrontendId),
        }));
        return response;
    }

    internal ListMapsResponse Maps()
    {
        var response = new ListMapsResponse();
        response.Maps.AddRange(datapath.Maps().Select(map => new MapInfo
        {
            Name = map.Name,
            Type = map.Type,
            KeyBytes = map.KeySize,
            ValueBytes = map.ValueSize,
            MaxEntries = map.MaxEntries,
            Pin = map.Pin,
            What = WhatIs(map.Name),
        }));
        return response;
    }

    internal DumpMapResponse Dump(DumpMapRequest request)
    {
        int limit = request.Limit > 0 ? request.Limit : DefaultLimit;
        (string Key, string Value)[] rows = [.. Rows(request.Name).Take(limit + 1)];
        var response = new DumpMapResponse { Truncated = rows.Length > limit };
        response.Rows.AddRange(rows.Take(limit).Select(row => new MapRow { Key = row.Key, Value = row.Value }));
        return response;
    }

    internal IEnumerable<MetricRow> MetricRows() => datapath.Metrics().Select(Row);

    /// <summary>Flows that rules in audit would have dropped, for which reason.</summary>
    internal IEnumerable<MetricRow> AuditedRows() => datapath.AuditedFlows().Select(Row);

    private static MetricRow Row(MetricsRow row) => new()
    {
        Direction = NameOf(row.Direction),
        Reason = row.Reason == DropReason.None ? "forwarded" : DropReasons.Name(row.Reason),
        Explanation = row.Reason == DropReason.None ? "passed on" : DropReasons.Explain(row.Reason),
        Packets = row.Packets,
        Bytes = row.Bytes,
    };

    private static string WhatIs(string name) => name switch
    {
        MapNames.Ct => "flows and their verdicts",
        MapNames.Endpoint => "endpoints: identity, link, MAC",
        MapNames.Events => "ring of events for the agent",
        MapNames.Frag => "ports of fragmented packets",
        MapNames.Ipcache => "prefix to identity",
        MapNames.Listeners => "the proxy's listening sockets",
        MapNames.Local => "address to endpoint",
        MapNames.Lost => "events that found their ring full, or were too many",
        MapNames.Metrics => "packets by direction and end",
        MapNames.Policy => "a policy map for every endpoint",
        MapNames.Settings => "revision, flags, limits",
        MapNames.Service => "frontends of services: their slots and mode",
        MapNames.Frontend => "frontends by number: what replies get back",
        MapNames.Slot => "services' tables: which backend a flow gets",
        MapNames.Backend => "backends and the way to them",
        MapNames.Bucket => "services as plain packets find them",
        MapNames.Hop => "backends as plain packets find them",
        MapNames.Moved => "flows opened while their slot is under change",
        MapNames.Rate => "what a CPU did this second that has a limit",
        MapNames.Change => "when flows of before a change were last seen",
        MapNames.Affinity => "clients of services with affinity",
        MapNames.Nat => "flows of TCP to remote backends by SNAT",
        MapNames.NatOpen => "the same, of clients that have not proved their address",
        MapNames.NatGiven => "when such a flow last got a port",
        MapNames.NatHint => "the way from a client's packet to such a flow",
        MapNames.NatSeed => "what the hashes in weir_nat_hint begin with",
        MapNames.NatUdp => "flows of UDP to remote backends by SNAT",
        MapNames.Sock => "what sockets were given instead of a frontend",
        MapNames.LbStats => "packets and connections by frontend",
        MapNames.PreAddr => "addresses that are dropped at devices",
        MapNames.PreNet => "prefixes that are dropped at devices",
        MapNames.Node => "other hosts, and the way to them",
        MapNames.NodeId => "other hosts by address",
        MapNames.NodeEcho => "other hosts' answers by the overlay",
        MapNames.Name => "names that DNS questions are answered for",
        MapNames.NameCount => "DNS questions that were answered",
        MapNames.Question => "the DNS question that a CPU reads",
        MapNames.Publish => "outsiders to whom closed published ports are open",
        _ => "",
    };

    private static string NameOf(Direction direction) => direction.ToString().ToLowerInvariant();

    private static string StateOf(ConntrackRow row) =>
        (row.Flags & CtFlag.Closed) != 0 ? "closed"
        : (row.Flags & (CtFlag.FinOrigin | CtFlag.FinReply)) != 0 ? "closing"
        : (row.Flags & CtFlag.Established) != 0 ? "established"
        : (row.Flags & CtFlag.Replied) != 0 ? "replied"
        : row.Protocol == IpProtocol.Tcp ? "syn" : "new";

    private FlowEnd End(System.Net.IPAddress address, ushort port, Identity identity, ushort endpoint)
    {
        var end = new FlowEnd
        {
            Ip = address.ToString(),
            Port = port,
            Identity = identity.Value,
            EndpointId = endpoint,
            Name = (endpoint == 0 ? null : control.Flows.EndpointName(endpoint)) ?? "",
        };
        end.Labels.AddRange(control.Flows.Labels(identity));
        return end;
    }

    private IEnumerable<(string Key, string Value)> Rows(string name) => name switch
    {
        MapNames.Endpoint => datapath.ListEndpoints().Select(row => (
            $"{row.Id}",
            $"identity={row.Identity.Value} ifindex={row.Ifindex} network={row.NetworkId} internal={row.Internal} mac={string.Join(':', row.Mac.Select(b => b.ToString("x2")))} flows={row.Flows}")),
        MapNames.Local => datapath.ListLocal().Select(row => (row.Address.ToString(), $"endpoint={row.EndpointId}")),
        MapNames.Ipcache => datapath.ListIpcache().OrderBy(row => row.Prefix).Select(row => (row.Prefix.ToString(), $"identity={row.Identity.Value}{(row.NetworkId != 0 ? $" network={row.NetworkId}" : "")}{(row.Node != 0 ? $" node={row.Node}" : "")}")),
        MapNames.Policy => datapath.ListEndpoints().SelectMany(row => datapath.ListPolicy(row.Id).Select(entry => (
            $"endpoint={row.Id} {PolicyKey(entry)}",
            $"{(!entry.Allow ? "deny" : entry.HttpPolicyId != 0 ? $"proxy http={entry.HttpPolicyId:x8}" : "allow")} rule={entry.RuleId}{(entry.HttpIsAudit ? " http-audit" : "")}{(entry.Audited is { } audited ? $" audit-rule={audited.RuleId}" : "")}"))),
        MapNames.Ct => datapath.ListConntrack().Select(row => (
            $"{row.Protocol.Name()} {new System.Net.IPEndPoint(row.Source, row.SourcePort)} {new System.Net.IPEndPoint(row.Destination, row.DestinationPort)}",
            $"identities={row.SourceIdentity.Value},{row.DestinationIdentity.Value} endpoints={row.SourceEndpoint},{row.DestinationEndpoint} revision={row.Revision} flags={row.Flags} packets={row.Packets} bytes={row.Bytes}")),
        MapNames.Metrics => datapath.Metrics().Select(row => (
            $"{NameOf(row.Direction)} {DropReasons.Name(row.Reason)}",
            $"packets={row.Packets} bytes={row.Bytes}")).Concat(datapath.AuditedFlows().Select(row => ($"{NameOf(row.Direction)} audited {DropReasons.Name(row.Reason)}", $"flows={row.Packets}"))),
        MapNames.Settings => [("0", $"revision={datapath.Revision} flags={datapath.Flags}")],
        MapNames.Lost => [("0", $"events={datapath.LostEvents}")],
        MapNames.Service => datapath.Services.List().Select(row => (
            $"{new IPEndPoint(row.Address, row.Port)}/{row.Protocol.Name()}",
            $"frontend={row.FrontendId} slots={row.FirstSlot}+{row.Slots} mode={row.Mode.ToString().ToLowerInvariant()} affinity={row.AffinitySeconds}s{(row.HostOnly ? " host-only" : "")}")),
        MapNames.Backend => datapath.Backends.List().Select(row => (
            $"{row.Id}",
            $"{new IPEndPoint(row.Address, row.Port)} flags={row.Flags}{(row.NextHop is { } hop ? $" device={hop.Ifindex} mac={Convert.ToHexStringLower(hop.Mac)} source={hop.Source}" : "")}")),
        MapNames.PreAddr => datapath.Prefilter.List().Where(prefix => prefix.IsSingleAddress).Select(prefix => ($"{prefix}", "")),
        MapNames.PreNet => datapath.Prefilter.List().Where(prefix => !prefix.IsSingleAddress).Select(prefix => ($"{prefix}", "")),
        MapNames.Node => datapath.ListNodes().Select(row => ($"{row.Id}", $"{row.Address} {(row.Id == 0 ? "this host" : row.IsOverlay ? "overlay" : "direct")}")),
        MapNames.NodeEcho => datapath.ListNodes().Where(row => row.Id != 0 && datapath.AnswerOf(row.Id).AnsweredNs != 0).Select(row => ($"{row.Id}", $"{row.Address} answered {(Clock.MonotonicNs() - datapath.AnswerOf(row.Id).AnsweredNs) / 1e9:F1} s ago")),
        MapNames.Name => datapath.ListNames().Select(row => ($"network={row.Name.NetworkId} {row.Name.Name}", string.Join(' ', row.Addresses))),
        MapNames.NameCount => [("with addresses", $"{datapath.NameAnswers.WithAddresses}"), ("without", $"{datapath.NameAnswers.Without}")],
        MapNames.NodeId => datapath.ListNodes().Where(row => row.Id != 0).Select(row => ($"{row.Address}", $"node={row.Id}")),
        MapNames.Publish => datapath.Published.List().Select(row => (
            row.EndpointId == 0 ? $"every port {row.Source}" : $"endpoint {row.EndpointId} {row.Port}/{row.Protocol.Name()} {row.Source}",
            row.Ifindex == 0 ? "open" : $"open by device {row.Ifindex}")),
        MapNames.Slot or MapNames.Bucket or MapNames.Hop or MapNames.Frontend or MapNames.Change or MapNames.LbStats => throw new ControlException($"{name} is not dumped: 'weir service get NAME' tells what it holds"),
        MapNames.Moved or MapNames.Rate or MapNames.Affinity or MapNames.Nat or MapNames.NatOpen or MapNames.NatGiven or MapNames.NatHint or MapNames.NatSeed or MapNames.NatUdp
            or MapNames.Sock =>
            throw new ControlException($"{name} is not dumped: its entries come and go with flows"),
        MapNames.Listeners => throw new ControlException($"{name} cannot be dumped: it holds sockets; 'weir status' tells whether the proxy runs"),
        MapNames.Events or MapNames.Frag or MapNames.Question => throw new ControlException($"{name} cannot be dumped: its entries live too briefly; 'weir monitor' shows events"),
        _ => throw new ControlException($"no map is named \"{name}\"; 'weir map list' shows all"),
    };

    private static string PolicyKey(PolicyMapEntry entry)
    {
        string direction = entry.Direction == PolicyDirection.Ingress ? "ingress" : "egress";
        string port = entry.Protocol is not { } protocol ? "any"
            : entry.PortPrefixLength == 0 ? ((IpProtocol)protocol).Name()
            : $"{entry.Port}/{entry.PortPrefixLength}/{((IpProtocol)protocol).Name()}";
        return $"{direction} identity={entry.Identity} {port}";
    }
}
