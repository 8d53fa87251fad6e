// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Weir.Http.Http1;
using Weir.Http.Rules;

namespace Weir.Policy;

/// <summary>A request somebody asks about.</summary>
public sealed class SampleRequest : IHeaders
{
    private readonly (byte[] Name, byte[] Value)[] _headers;
    private readonly byte[] _method;
    private readonly byte[] _path;
    private readonly byte[] _host;

    private SampleRequest(string text, byte[] method, byte[] path, byte[] host, (byte[] Name, byte[] Value)[] headers)
    {
        Text = text;
        _method = method;
        _path = path;
        _host = host;
        _headers = headers;
    }

    /// <summary>"PUT /public".</summary>
    public string Text { get; }

    public int Count => _headers.Length;

    /// <param name="request">Method and target: "PUT /public?x=1".</param>
    /// <param name="headers">"Name: value" each; Host among them.</param>
    /// <exception cref="FormatException">The proxy would answer such a request with 400; the message says why.</exception>
    public static SampleRequest Parse(string request, IReadOnlyList<string> headers) => Parse(request, headers, request);

    /// <param name="shown">What people are shown of it.</param>
    internal static SampleRequest Parse(string request, IReadOnlyList<string> headers, string shown)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(headers);
        var host = headers.Any(header => header.StartsWith("host:", StringComparison.OrdinalIgnoreCase)) ? "" : "Host: unknown.invalid\r\n";
        var text = $"{request} HTTP/1.1\r\n{host}{string.Concat(headers.Select(header => header + "\r\n"))}\r\n";
        var bytes = Encoding.UTF8.GetBytes(text);
        var head = new RequestHead();
        var fault = new HeadScanner(lenient: false).Scan(bytes) != bytes.Length ? RequestFault.RequestLine : head.Parse(bytes);
        if (fault != RequestFault.None || head.IsHttp2Preface)
        {
            throw new FormatException($"\"{request}\" is answered with 400: {(head.Why.Length > 0 ? head.Why : RequestFaults.Explain(fault))}");
        }

        var fields = head.HeadersOf(bytes);
        var copies = new (byte[], byte[])[fields.Count];
        for (var i = 0; i < copies.Length; i++)
        {
            copies[i] = (fields.Name(i).ToArray(), fields.Value(i).ToArray());
        }

        return new SampleRequest(
            shown,
            head.Method(bytes).ToArray(),
            head.Path(bytes).ToArray(),
            host.Length > 0 ? [] : head.Host(bytes).ToArray(),
            copies);
    }

    public ReadOnlySpan<byte> Name(int index) => _headers[index].Name;

    public ReadOnlySpan<byte> Value(int index) => _headers[index].Value;

    /// <summary>Judged as the proxy does: in each reading that a server may take.</summary>
    internal HttpVerdict JudgedBy(HttpPolicy policy) => JudgedBy(new HttpRuleSet(policy.Allowances));

    internal HttpVerdict JudgedBy(HttpRuleSet rules)
    {
        var verdict = rules.Judge(_method, _path, _host, this);
        if (!verdict.Allowed || !PathReadings.MayDiffer(_path))
        {
            return verdict;
        }

        var readings = PathReadings.Of(_path);
        return readings is not null && readings.All(reading => rules.Judge(_method, reading, _host, this).Allowed) ? verdict : new HttpVerdict(false, 0, []);
    }
}
