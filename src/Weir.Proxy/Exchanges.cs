// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Api;
using Weir.Http.Http1;

namespace Weir.Proxy;

/// <summary>Makes exchanges of judged requests of HTTP/1.</summary>
internal static class Exchanges
{
    /// <summary>Bytes of a refused request's body, beyond which its connection ends, or its stream of HTTP/2.</summary>
    public const long MostDiscarded = 1024 * 1024;

    private static readonly (byte[] Bytes, string Name)[] _methods =
        [.. new[] { "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE" }.Select(name => (Encoding.ASCII.GetBytes(name), name))];

    /// <param name="isShown">Somebody will see it; else it is not made into text.</param>
    public static Exchange Of(ReadOnlySpan<byte> bytes, RequestHead head, in Judgement judgement, bool isShown)
    {
        var name = NameOf(head.Method(bytes));
        var status = judgement.Verdict switch
        {
            AccessVerdict.Allowed or AccessVerdict.Audited => 0,
            AccessVerdict.Refused => 403,
            AccessVerdict.Invalid => 400,
            _ => 503,
        };
        // After a refusal the connection goes on, unless nobody could say where the next request begins, or that is far, or may
        // be: a client that is not told sends its next request into the end of the connection.
        var isLast = !head.KeepAlive
            || (status != 0 && (status != 403 || head.ContentLength > MostDiscarded || head.Body == BodyKind.Chunked || head.ExpectsContinue || head.Upgrade != UpgradeKind.None || name == "CONNECT"));
        isShown |= judgement.Verdict != AccessVerdict.Allowed;
        return new Exchange
        {
            Method = name,
            Path = isShown ? Exchange.Show(head.Target(bytes)) : "",
            Host = isShown ? Exchange.Show(head.Host(bytes)) : "",
            Protocol = head.IsHttp11 ? "HTTP/1.1" : "HTTP/1.0",
            Verdict = judgement.Verdict,
            RuleId = judgement.RuleId,
            Ingress = judgement.Ingress,
            Policy = judgement.Policy,
            Detail = judgement.Detail,
            HasBodyToCome = head.Body != BodyKind.None,
            IsHead = name == "HEAD",
            IsConnect = name == "CONNECT",
            Upgrade = head.Upgrade,
            IsLast = isLast,
            IsClientDone = !head.KeepAlive,
            Status = status,
            RequestBytes = bytes.Length,
            Answer = status switch
            {
                0 => null,
                403 => Answers.Denied(isLast, name == "HEAD"),
                _ => Answers.Make(status, judgement.Detail, isLast, name == "HEAD"),
            },
        };
    }

    private static string NameOf(ReadOnlySpan<byte> method)
    {
        foreach (var (bytes, name) in _methods)
        {
            if (method.SequenceEqual(bytes))
            {
                return name;
            }
        }

        return Encoding.ASCII.GetString(method);
    }
}
