// SPDX-License-Identifier: Apache-2.0

using Weir.Http.Rules;

namespace Weir.Control.Host;

/// <summary>The proxy on a host that lets packets come to it, from the first policy on.</summary>
internal sealed class RoutedProxy(IHttpProxy proxy, HostSettings settings) : IHttpProxy
{
    /// <inheritdoc/>
    public void Enforce(IReadOnlyCollection<HttpPolicy> policies)
    {
        if (policies.Count > 0)
        {
            ProxyRouting.AcceptFromLoopback(settings);
            ProxyRouting.LetForwardedPacketsThrough(settings);
        }

        proxy.Enforce(policies);
    }
}
