// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Weir.Api;
using Weir.Http.Http1;

namespace Weir.Proxy;

/// <summary>A request and its answer.</summary>
internal sealed class Exchange
{
    /// <summary>What is said of one whose answer nobody has had, or not all of it.</summary>
    public const string ClosedEarly = "closed before the answer's end";

    /// <summary>When the head had arrived.</summary>
    public long Started { get; } = Stopwatch.GetTimestamp();

    public string Method { get; init; } = "";

    /// <summary>A part of a request for events: no client decides how much memory they take, nor what a terminal does
    /// that shows them.</summary>
    public static string Show(ReadOnlySpan<byte> text)
    {
        const int Most = 512;
        var shown = text[..Math.Min(text.Length, Most)];
        return (Ascii.IsValid(shown) ? Encoding.ASCII.GetString(shown) : ShowRunes(shown)) + (text.Length <= Most ? "" : "…");
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

    /// <summary>The client asks nothing more on the connection, by its own words.</summary>
    public bool IsClientDone { get; set; }

    /// <summary>The client has not sent all of the request's body.</summary>
    public bool HasBodyToCome { get; set; }

    /// <summary>It was read along: nobody saw what it was answered, nor when.</summary>
    public bool IsWatched { get; set; }

    public bool IsHead { get; init; }

    public bool IsConnect { get; init; }

    /// <summary>Which protocol follows if the server agrees.</summary>
    public UpgradeKind Upgrade { get; init; }

    public bool SwitchesProtocol => IsConnect || Upgrade is UpgradeKind.WebSocket or UpgradeKind.Http2 or UpgradeKind.Tcp;

    /// <summary>Letters and signs of UTF-8 as they are; what is neither as escapes.</summary>
    private static string ShowRunes(ReadOnlySpan<byte> text)
    {
        var shown = new StringBuilder(text.Length);
        while (!text.IsEmpty)
        {
            var isRune = Rune.DecodeFromUtf8(text, out var rune, out var length) == OperationStatus.Done;
            if (isRune && Rune.GetUnicodeCategory(rune) is not (>= UnicodeCategory.SpaceSeparator and <= UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned))
            {
                shown.Append(rune.ToString());
            }
            else
            {
                foreach (var value in text[..length])
                {
                    shown.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
                }
            }

            text = text[length..];
        }

        return shown.ToString();
    }
}
