// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Api;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Http.Http1;
using Weir.Net;

namespace Weir.Proxy;

/// <summary>
/// Makes access records of what the datapath tells of requests that passed without the proxy: the head when one passes, which is read as the proxy reads its
/// own, and later how it was answered.
/// </summary>
internal sealed class SeenAccess(Reporter reporter)
{
    private const int MostWaiting = 16 * 1024;

    private readonly RequestHead _head = new();
    private readonly Dictionary<(IPEndPoint A, IPEndPoint B), Request> _waiting = [];

    /// <summary>Takes what the datapath tells.</summary>
    /// <param name="seen">Of which request.</param>
    /// <param name="head">With <see cref="SeenKind.Request"/>.</param>
    public void OnSeen(in HttpSeen seen, ReadOnlySpan<byte> head)
    {
        (IPEndPoint A, IPEndPoint B) flow = (EndOf(seen.Flow.AddrA, seen.Flow.PortA), EndOf(seen.Flow.AddrB, seen.Flow.PortB));
        if (seen.Kind == SeenKind.Request)
        {
            OnRequest(flow, in seen, head);
        }
        else if (_waiting.TryGetValue(flow, out var request) && request.Number == seen.Request)
        {
            _waiting.Remove(flow);
            request.Exchange.Status = seen.Status;
            request.Exchange.Detail = seen.Kind == SeenKind.End ? Exchange.ClosedEarly : "";
            Tell(request, seen.LatencyUs);
        }
    }

    private void OnRequest((IPEndPoint A, IPEndPoint B) flow, in HttpSeen seen, ReadOnlySpan<byte> head)
    {
        if (_waiting.Remove(flow, out var unanswered))
        {
            Tell(unanswered, 0); // how it was answered is lost
        }

        if (!reporter.WantsAllowed)
        {
            return;
        }

        if (head.IsEmpty || new RequestReader().Read(head, _head, out var length, out _) != RequestPart.Head)
        {
            reporter.Lose(); // of an agent whose programs take more for plain than this version does
            return;
        }

        if (_waiting.Count >= MostWaiting)
        {
            foreach (var one in _waiting.Values)
            {
                Tell(one, 0);
            }

            _waiting.Clear();
        }

        var judgement = new Judgement(AccessVerdict.Allowed, seen.RuleId, seen.Flags.HasFlag(SeenFlag.Ingress), "", []);
        var exchange = Exchanges.Of(head[..length], _head, in judgement, isShown: true);
        exchange.RequestBytes += (long)seen.Body;
        var isFromB = seen.Flags.HasFlag(SeenFlag.FromB);
        _waiting.Add(flow, new Request(
            seen.Request,
            exchange,
            isFromB ? flow.B : flow.A,
            isFromB ? flow.A : flow.B,
            new ProxyFlow(new Identity(seen.SrcIdentity), new Identity(seen.DstIdentity), seen.SrcEndpoint, seen.DstEndpoint, 0, 0, 0)));
    }

    private void Tell(in Request request, long latencyUs) =>
        AccessRecord.Tell(reporter, request.Exchange, latencyUs, request.Source, request.Destination, in request.Flow);

    private static IPEndPoint EndOf(in IpAddr address, ushort port) => new(address.ToIPAddress(), port);

    private readonly struct Request(uint number, Exchange exchange, IPEndPoint source, IPEndPoint destination, in ProxyFlow flow)
    {
        public readonly uint Number = number;
        public readonly Exchange Exchange = exchange;
        public readonly IPEndPoint Source = source;
        public readonly IPEndPoint Destination = destination;
        public readonly ProxyFlow Flow = flow;
    }
}
