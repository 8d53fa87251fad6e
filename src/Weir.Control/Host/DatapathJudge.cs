// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Datapath;
using Weir.Http.Rules;

namespace Weir.Control.Host;

/// <summary>The proxy on a host whose datapath judges requests as well: it has the policies before the proxy has, and so before any flow is judged by them. It is
/// made to judge, which takes a third of a second, when there are any.</summary>
internal sealed class DatapathJudge(IHttpProxy proxy, Datapath.Datapath datapath, HttpVerdict verdict, ILogger log) : IHttpProxy
{
    private readonly HashSet<uint> _told = [];
    private HttpVerdict _verdict = verdict;
    private bool _judges;

    /// <inheritdoc/>
    public void Enforce(IReadOnlyCollection<HttpPolicy> policies)
    {
        if (_verdict == HttpVerdict.Auto && policies.Count > 0 && !_judges)
        {
            Begin();
        }

        IReadOnlyDictionary<uint, string> refused = datapath.SetHttpPolicies(_verdict == HttpVerdict.Auto ? policies : []);
        foreach ((uint id, string why) in refused.Where(policy => _told.Add(policy.Key)))
        {
            Log.HttpPolicyIsTheProxys(log, policies.First(policy => policy.Id == id).ToString(), why);
        }

        proxy.Enforce(policies);
    }

    private void Begin()
    {
        try
        {
            datapath.SetJudgesHttp(true);
            _judges = true;
        }
        catch (DatapathException e)
        {
            // Policy holds all the same.
            _verdict = HttpVerdict.Proxy;
            Log.HttpIsTheProxys(log, e.Message);
        }
    }
}
