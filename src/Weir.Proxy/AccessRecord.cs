// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using Google.Protobuf;
using Weir.Api;
using Weir.Datapath;

namespace Weir.Proxy;

/// <summary>Tells of requests that are over: to the figures always, to the agent if it looks.</summary>
internal static class AccessRecord
{
    public static void Report(WorkerState worker, Exchange exchange, IPEndPoint source, IPEndPoint destination, in ProxyFlow flow)
    {
        long latencyUs = exchange.IsWatched ? 0 : (long)Stopwatch.GetElapsedTime(exchange.Started).TotalMicroseconds;
        if (exchange.IsWatched)
        {
            worker.Counters.Count(exchange.Verdict, exchange.RequestBytes);
        }
        else
        {
            worker.Counters.Count(exchange.Verdict, exchange.Status, latencyUs, exchange.RequestBytes, exchange.ResponseBytes);
        }

        Tell(worker.Reporter, exchange, latencyUs, source, destination, in flow);
    }

    /// <summary>To the agent alone.</summary>
    public static void Tell(Reporter reporter, Exchange exchange, long latencyUs, IPEndPoint source, IPEndPoint destination, in ProxyFlow flow)
    {
        if (exchange.Verdict == AccessVerdict.Allowed && !reporter.WantsAllowed)
        {
            return;
        }

        reporter.Access(new ProxyAccess
        {
            TimeUs = (DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond,
            LatencyUs = (ulong)latencyUs,
            Source = ByteString.CopyFrom(source.Address.GetAddressBytes()),
            SourcePort = (uint)source.Port,
            Destination = ByteString.CopyFrom(destination.Address.GetAddressBytes()),
            DestinationPort = (uint)destination.Port,
            SourceIdentity = flow.Source.Value,
            DestinationIdentity = flow.Destination.Value,
            SourceEndpoint = flow.SourceEndpoint,
            DestinationEndpoint = flow.DestinationEndpoint,
            Method = exchange.Method,
            Path = exchange.Path,
            Host = exchange.Host,
            Protocol = exchange.Protocol,
            Status = (uint)exchange.Status,
            Verdict = exchange.Verdict,
            RuleId = exchange.RuleId,
            Ingress = exchange.Ingress,
            Policy = exchange.Policy,
            RequestBytes = (ulong)exchange.RequestBytes,
            ResponseBytes = (ulong)exchange.ResponseBytes,
            Detail = exchange.Detail,
        });
    }
}
