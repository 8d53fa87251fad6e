// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Weir.Datapath;

/// <summary>Whose a flow is that policy sent to the proxy.</summary>
public interface IProxyFlows
{
    /// <summary>The policy revision in force.</summary>
    uint Revision { get; }

    /// <summary>Finds a flow that policy sent to the proxy.</summary>
    /// <returns>False: policy did not, or it forbids the flow by now.</returns>
    bool TryFind(IPEndPoint source, IPEndPoint destination, out ProxyFlow flow);
}
