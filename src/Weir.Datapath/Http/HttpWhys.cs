// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>Why the proxy judges a connection's requests, for people.</summary>
public static class HttpWhys
{
    /// <summary>As the API names it: "ends", "http2".</summary>
    public static string Name(this HttpWhy why) => why.ToString().ToLowerInvariant();

    /// <summary>In words, which stand behind how many connections it is true of.</summary>
    public static string Explain(this HttpWhy why) => why switch
    {
        HttpWhy.Setting => "opened while the kernel judged none (http-verdict)",
        HttpWhy.Ends => "not from a container of this host to another",
        HttpWhy.Audit => "only rules in audit look at its requests",
        HttpWhy.Handshake => "opened with data or TCP options that change what is read",
        HttpWhy.Policy => "by a policy that the kernel has no table for",
        HttpWhy.Room => "one too many for the kernel's table",
        HttpWhy.Http2 => "HTTP/2",
        HttpWhy.Denied => "a request was denied",
        HttpWhy.Pieces => "a request's head came in several packets",
        HttpWhy.Pipelined => "a request came before the answer to the last",
        HttpWhy.Unclear => "a request was not plain",
        _ => "opened by a version that did not say why",
    };
}
