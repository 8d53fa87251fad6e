// SPDX-License-Identifier: Apache-2.0

using Google.Protobuf.WellKnownTypes;
using Weir.Api;

namespace Weir.Flows;

/// <summary>A segment's kinds of flows, each read when somebody first asks for it.</summary>
internal sealed class SegmentKinds
{
    private readonly byte[] _bytes;
    private readonly List<(int At, int Length)> _places = [];
    private readonly Flow?[] _read;

    /// <exception cref="InvalidDataException">They are none.</exception>
    internal SegmentKinds(byte[] bytes)
    {
        _bytes = bytes;
        for (var reader = new VarintReader(bytes); !reader.IsAtEnd;)
        {
            int length = reader.ReadUpTo(bytes.Length);
            _places.Add((reader.At, length));
            reader.ReadBytes(length);
        }

        _read = new Flow?[_places.Count];
    }

    internal int Count => _read.Length;

    internal Flow this[int number] => _read[number] ??= Flow.Parser.ParseFrom(_bytes, _places[number].At, _places[number].Length);

    /// <summary>A flow of that kind.</summary>
    internal Flow At(int number, Timestamp time, FlowEnd? source, FlowEnd? destination)
    {
        Flow kind = this[number];
        return new Flow
        {
            Time = time,
            Type = kind.Type,
            Verdict = kind.Verdict,
            Direction = kind.Direction,
            DropReason = kind.DropReason,
            DropReasonText = kind.DropReasonText,
            Source = source,
            Destination = destination,
            Protocol = kind.Protocol,
            Port = kind.Port,
            TcpFlags = kind.TcpFlags,
            Reply = kind.Reply,
            Length = kind.Length,
            EndpointId = kind.EndpointId,
            EndpointName = kind.EndpointName,
            Rule = kind.Rule,
            Explanation = kind.Explanation,
            Http = kind.Http,
            Service = kind.Service,
            Tcp = kind.Tcp,
        };
    }
}
