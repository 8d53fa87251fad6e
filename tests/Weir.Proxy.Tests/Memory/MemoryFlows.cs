// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Weir.Datapath;
using Weir.Net;

namespace Weir.Proxy.Tests.Memory;

/// <summary>A datapath that lets one flow through to the proxy.</summary>
internal sealed class MemoryFlows : IProxyFlows
{
    public uint Revision { get; set; } = 1;

    public bool Denies { get; set; }

    public uint Policy { get; set; }

    /// <summary>Of the sender's end; most have none.</summary>
    public uint EgressPolicy { get; set; }

    public bool TryFind(IPEndPoint source, IPEndPoint destination, out ProxyFlow flow)
    {
        flow = new ProxyFlow(new Identity(1000), new Identity(1001), 1, 2, EgressPolicy, Policy, Revision);
        return !Denies;
    }

    public void SetListeners(IReadOnlyList<int> sockets)
    {
    }

    public void Dispose()
    {
    }
}
