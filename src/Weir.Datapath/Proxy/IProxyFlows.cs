// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Weir.Datapath;

/// <summary>Whose a flow is that policy sent to the proxy.</summary>
public interface IProxyFlows : IDisposable
{
    /// <summary>The policy revision in force.</summary>
    uint Revision { get; }

    /// <summary>Finds a flow that policy sent to the proxy.</summary>
    /// <returns>False: policy did not, or it forbids the flow by now.</returns>
    bool TryFind(IPEndPoint source, IPEndPoint destination, out ProxyFlow flow);

    /// <summary>Makes these sockets the ones that the datapath's flows come to: IPv4, then IPv6 if there is one. They
    /// stay it until they are closed.</summary>
    void SetListeners(IReadOnlyList<int> sockets);
}
