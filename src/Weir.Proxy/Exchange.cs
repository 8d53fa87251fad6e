// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text;
using Weir.Api;
using Weir.Http.Http1;

namespace Weir.Proxy;

/// <summary>A request and its answer.</summary>
internal sealed class Exchange
{
    /// <summary>When the head had arrived.</summary>
    public long Started { get; } = Stopwatch.GetTimestamp();

    public string Method { get; init; } = "";

    /// <summary>A part of a request for events: no client decides how much memory they take.</summary>
    public static string Show(ReadOnlySpan<byte> text)
    {
        const int Most = 512;
        return text.Length <= Most ? Encoding.ASCII.GetString(text) : Encoding.ASCII.GetString(text[..Most]) + "…";
    }

    public string Path { get; init; } = "";

    public string Host { get; init; } = "";

    public string Protocol { get; init; } = "";

    public AccessVerdict Verdict { get; set; }

    public uint RuleId { get; init; }

    public bool Ingress { get; init; }

    /// <summary>The HTTP policy that refuses it; 0: none does.</summary>
    public uint Policy { get; init; }

    public string Detail { get; set; } = "";

    public int Status { get; set; }

    public long RequestBytes { get; set; }

    public long ResponseBytes { get; set; }

    /// <summary>What the proxy answers itself; null: the server answers.</summary>
    public byte[]? Answer { get; set; }

    /// <summary>Nothing follows on the connection.</summary>
    public bool IsLast { get; set; }

    /// <summary>The client has not sent all of the request's body.</summary>
    public bool HasBodyToCome { get; set; }

    public bool IsHead { get; init; }

    public bool IsConnect { get; init; }

    /// <summary>Which protocol follows if the server agrees.</summary>
    public UpgradeKind Upgrade { get; init; }

    public bool SwitchesProtocol => IsConnect || Upgrade is UpgradeKind.WebSocket or UpgradeKind.Http2 or UpgradeKind.Tcp;
}
