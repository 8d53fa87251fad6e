// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Http.Rules;

namespace Weir.Control.Host;

/// <summary>The proxy on a host whose datapath judges requests as well: it has the policies before the proxy has, and so before any flow is judged by them.</summary>
internal sealed class DatapathJudge(IHttpProxy proxy, Datapath.Datapath datapath, HttpVerdict verdict, ILogger log) : IHttpProxy
{
    private readonly HashSet<uint> _told = [];

    /// <inheritdoc/>
    public void Enforce(IReadOnlyCollection<HttpPolicy> policies)
    {
        IReadOnlyDictionary<uint, string> refused = datapath.SetHttpPolicies(verdict == HttpVerdict.Auto ? policies : []);
        foreach ((uint id, string why) in refused.Where(policy => _told.Add(policy.Key)))
        {
            Log.HttpPolicyIsTheProxys(log, policies.First(policy => policy.Id == id).ToString(), why);
        }

        proxy.Enforce(policies);
    }
}
