// SPDX-License-Identifier: Apache-2.0

using Weir.Api;

namespace Weir.Cli;

/// <summary>Who judges the HTTP requests of open connections, in a line.</summary>
internal static class HttpJudges
{
    /// <summary>"2 connections by the kernel, 3 by the proxy (2 HTTP/2; 1 a request was denied)".</summary>
    internal static string Describe(int byKernel, IReadOnlyCollection<HttpProxyFlows> byProxy)
    {
        string why = string.Join("; ", byProxy.Select(flows => $"{flows.Connections} {flows.Explanation}"));
        return $"{byKernel} connections by the kernel, {byProxy.Sum(flows => flows.Connections)} by the proxy{(why.Length > 0 ? $" ({why})" : "")}";
    }
}
