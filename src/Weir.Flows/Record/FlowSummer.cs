// SPDX-License-Identifier: Apache-2.0

using System.Net;
using System.Runtime.InteropServices;
using Google.Protobuf.WellKnownTypes;
using Weir.Api;
using Weir.Datapath.Abi;
using Weir.Net;

namespace Weir.Flows;

/// <summary>Counts flows that are alike, for one interval: the first is decoded, with the names of then, the others are counted. The more
/// different ones there are, the less is told apart: nobody makes the record large by many addresses or ports.</summary>
/// <param name="decode">Gives an event names.</param>
/// <param name="most">Different ones of an interval; further ones are lost.</param>
internal sealed class FlowSummer(Func<FlowRecord, Flow> decode, int most = FlowSummer.Most)
{
    private const int Most = 8192;
    private const string Rest = "…"; // of a path, whatever it is

    private readonly Dictionary<Key, RecordedFlow> _sums = [];

    /// <summary>Not counted, since <see cref="Take"/>.</summary>
    internal long Lost { get; private set; }

    internal bool IsEmpty => _sums.Count == 0 && Lost == 0;

    internal void Add(in FlowRecord record)
    {
        Detail detail = _sums.Count < most / 4 ? Detail.All : _sums.Count < most / 2 ? Detail.Prefixes : Detail.NoAddresses;
        Key key = record.Access is { } access ? KeyOf(access, detail) : KeyOf(record.Event, detail);
        if (!_sums.TryGetValue(key, out RecordedFlow? sum))
        {
            if (_sums.Count >= most)
            {
                Lost++;
                return;
            }

            Flow flow = decode(record);
            Blur(flow, detail);
            sum = new RecordedFlow { Flow = flow };
            _sums.Add(key, sum);
        }

        sum.Count++;
        sum.Last = record.Access is null ? sum.Last : TimeOf(record.Access);
        if (record.Access is { } request)
        {
            sum.Bytes += request.RequestBytes + request.ResponseBytes;
            if (request.LatencyUs > 0)
            {
                Sketch.Count(sum.Latencies, request.LatencyUs);
            }
        }
        else if (record.Tcp is { } tcp)
        {
            Add(sum, tcp);
        }
        else if (record.Type == FlowType.Drop)
        {
            sum.Bytes += record.Event.Length;
        }
    }

    /// <summary>The interval's flows; the next begins empty.</summary>
    /// <param name="until">The interval's end: until then the last of those came whose time is not their own.</param>
    internal RecordBlock Take(DateTimeOffset until)
    {
        foreach (RecordedFlow sum in _sums.Values)
        {
            sum.Last = sum.Count == 1 ? sum.Flow.Time : sum.Last ?? Timestamp.FromDateTimeOffset(until);
        }

        var block = new RecordBlock { Flows = { _sums.Values }, Lost = (ulong)Lost };
        _sums.Clear();
        Lost = 0;
        return block;
    }

    /// <summary>Numbers in a path, and what looks like one, are somebody's: they are "*", and so is a query, which may hold a secret.
    /// That there was one is told, for policy looks at it.</summary>
    internal static string ShapeOf(string path)
    {
        const int Longest = 200;
        string[] parts = path.Split('?', 2);
        string shape = string.Join('/', parts[0].Split('/').Select(segment => IsOnesOwn(segment) ? "*" : segment));
        return shape.Length > Longest ? shape[..Longest] + Rest : parts.Length > 1 ? shape + "?*" : shape;
    }

    /// <summary>"4711", "550e8400-e29b-41d4-a716-446655440000", "dGhpcyBpcyBhIHRva2Vu7": not "v2", not "search".</summary>
    private static bool IsOnesOwn(string segment)
    {
        const int ShortestToken = 16;
        int digits = segment.Count(char.IsAsciiDigit);
        return digits > 0 && (digits == segment.Length || segment.Length >= ShortestToken);
    }

    private static void Add(RecordedFlow sum, MeasuredTcp tcp)
    {
        TcpEvent e = tcp.Event;
        sum.Bytes += e.Sent + e.Received;
        sum.Segments += e.Segments;
        sum.Retransmits += e.Retransmits;
        sum.Resets += tcp.WasReset ? 1u : 0;
        sum.Failed += tcp.HasFailed ? 1u : 0;
        if (e.HandshakeUs > 0)
        {
            Sketch.Count(sum.Handshakes, e.HandshakeUs);
        }

        if (e.RttUs > 0)
        {
            Sketch.Count(sum.RoundTrips, e.RttUs);
        }
    }

    private static Timestamp TimeOf(ProxyAccess access) => Timestamp.FromDateTimeOffset(DateTimeOffset.UnixEpoch.AddMicroseconds(access.TimeUs));

    /// <summary>Says no more of a flow than all that are counted with it have.</summary>
    private static void Blur(Flow flow, Detail detail)
    {
        foreach (FlowEnd end in new[] { flow.Source, flow.Destination }.Where(end => end is { EndpointId: 0 }))
        {
            end.Ip = detail switch
            {
                Detail.All => end.Ip,
                Detail.Prefixes when IPAddress.TryParse(end.Ip, out IPAddress? address) => $"{new IpPrefix(address, address.GetAddressBytes().Length == 4 ? 24 : 48).Masked}",
                _ => "",
            };
        }

        FlowEnd? opener = flow.Reply ? flow.Destination : flow.Source;
        if (opener is not null && flow.Protocol is "tcp" or "udp" or "sctp")
        {
            opener!.Port = 0;
        }

        if (flow.Http is { } http)
        {
            http.Path = detail == Detail.NoAddresses ? Rest : ShapeOf(http.Path);
            http.LatencyMs = 0;
            http.RequestBytes = 0;
            http.ResponseBytes = 0;
        }

        flow.Length = 0;
        flow.Tcp = null; // it is summed up
    }

    private static Key KeyOf(in Event e, Detail detail) => new(
        (FlowType)e.Type,
        ((uint)e.Verdict << 24) | ((uint)e.DropReason << 16) | ((uint)e.Direction << 8) | e.IsReply,
        e.SrcEndpoint != 0 ? 0 : AddressOf(e.Src, detail),
        e.DstEndpoint != 0 ? 0 : AddressOf(e.Dst, detail),
        e.SrcIdentity,
        e.DstIdentity,
        ((uint)e.SrcEndpoint << 16) | e.DstEndpoint,
        ((uint)e.EndpointId << 16) | (e.IsReply != 0 ? e.Sport.Value : e.Dport.Value),
        ((uint)e.EtherType.Value << 16) | e.Protocol,
        e.RuleId,
        e.FrontendId,
        "");

    private static Key KeyOf(ProxyAccess access, Detail detail) => new(
        FlowType.L7,
        ((uint)access.Verdict << 24) | (access.Ingress ? 1u : 0),
        access.SourceEndpoint != 0 ? 0 : AddressOf(access.Source.Span, detail),
        access.DestinationEndpoint != 0 ? 0 : AddressOf(access.Destination.Span, detail),
        access.SourceIdentity,
        access.DestinationIdentity,
        (access.SourceEndpoint << 16) | (access.DestinationEndpoint & 0xffff),
        access.DestinationPort,
        access.Status,
        access.RuleId,
        access.Policy,
        $"{access.Method} {access.Host} {(detail == Detail.NoAddresses ? "" : ShapeOf(access.Path))}");

    private static UInt128 AddressOf(in IpAddr address, Detail detail)
    {
        IPAddress ip = address.ToIPAddress();
        return AddressOf(ip.GetAddressBytes(), detail);
    }

    private static UInt128 AddressOf(ReadOnlySpan<byte> address, Detail detail)
    {
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        if (detail == Detail.NoAddresses || address.Length > bytes.Length)
        {
            return 0;
        }

        int kept = detail == Detail.All ? address.Length : address.Length == 4 ? 3 : Math.Min(6, address.Length);
        address[..kept].CopyTo(bytes);
        return MemoryMarshal.Read<UInt128>(bytes);
    }

    /// <summary>How exactly those are told apart who are no containers of this host.</summary>
    private enum Detail
    {
        All,
        Prefixes,
        NoAddresses,
    }

    private readonly record struct Key(
        FlowType Type, uint Outcome, UInt128 Source, UInt128 Destination, uint SourceIdentity, uint DestinationIdentity, uint Endpoints, uint Port, uint Protocol, uint Rule, uint Frontend, string Request);
}
