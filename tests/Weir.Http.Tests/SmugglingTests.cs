// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Text;
using Weir.Http.Http1;
using Xunit;

namespace Weir.Http.Tests;

/// <summary>
/// Requests by which others' proxies and servers were led to disagree, from the public collections of such
/// requests: each is refused, and "/smuggled" never comes out as a request of its own.
/// </summary>
public sealed class SmugglingTests
{
    private const string Post = SmugglingForms.Post;
    private const string Chunked = SmugglingForms.Chunked;
    private const string Next = SmugglingForms.Next;

    [Theory]
    [MemberData(nameof(SmugglingForms.PortSwigger), MemberType = typeof(SmugglingForms))]
    [MemberData(nameof(SmugglingForms.HttpGarden), MemberType = typeof(SmugglingForms))]
    [MemberData(nameof(SmugglingForms.LlhttpAndDesyncGuardian), MemberType = typeof(SmugglingForms))]
    public void KnownForm_IsRefused_HoweverItArrives(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        foreach (var step in (int[])[bytes.Length, 1, 3])
        {
            var (targets, fault) = Read(bytes, step);
            Assert.NotEqual(RequestFault.None, fault);
            Assert.DoesNotContain("/smuggled", targets);
        }
    }

    /// <summary>
    /// The mutations of defparam's "smuggler" (configs/default.py): a byte at every place around a
    /// Transfer-Encoding beside Content-Length. What is not refused must have no Transfer-Encoding in it
    /// even for the most careless of servers.
    /// </summary>
    [Fact]
    public void MutatedTransferEncoding_IsRefused_UnlessNobodyCouldTakeItForOne()
    {
        string[] places =
        [
            "Transfer-Encoding:{0}chunked", "Transfer-Encoding{0}: chunked", "{0}Transfer-Encoding: chunked", "Transfer-Encoding: chunked{0}",
            "X: X{0}Transfer-Encoding: chunked", "Transfer-Encoding: chunked{0}X: X", "X: X\r{0}Transfer-Encoding: chunked",
            "X: X{0}\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r{0}X: X", "Transfer-Encoding: chunked{0}\nX: X",
        ];
        var (refused, passed) = (0, 0);
        foreach (var place in places)
        {
            for (var value = 0; value < 256; value++)
            {
                var header = string.Format(CultureInfo.InvariantCulture, place, (char)value);
                var head = $"{Post}{header}\r\nContent-Length: 35\r\n\r\n";
                var (targets, fault) = Read(Encoding.Latin1.GetBytes(head + Next), int.MaxValue);
                refused += fault == RequestFault.None ? 0 : 1;
                passed += fault == RequestFault.None ? 1 : 0;
                Assert.DoesNotContain("/smuggled", targets);
                Assert.True(fault != RequestFault.None || !CarelessNames(head).Contains("transfer-encoding"), header);
            }
        }

        // Some must pass, such as "X: XyTransfer-Encoding: chunked", or this would be no test of mutations.
        Assert.True(refused > passed && passed > 100, $"{refused} refused, {passed} passed");
    }

    /// <summary>What is right by the letter passes: a server that does not read bodies as it must is beyond a proxy's help.</summary>
    [Theory]
    [InlineData("GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\n" + Next)] // CL.0
    [InlineData("GET /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n23\r\n" + Next + "\r\n0\r\n\r\n")]
    [InlineData(Chunked + "0\r\nX:POST / HTTP/1.1\r\n\r\n")]
    public void RequestInsideABody_StaysABody(string text)
    {
        var (targets, fault) = Read(Encoding.Latin1.GetBytes(text), 1);
        Assert.Equal(RequestFault.None, fault);
        Assert.Equal(["/x"], targets);
    }

    private static (List<string> Targets, RequestFault Fault) Read(byte[] bytes, int step)
    {
        var reader = new RequestReader();
        var head = new RequestHead();
        List<string> targets = [];
        var (start, end) = (0, 0);
        while (end < bytes.Length)
        {
            end = (int)Math.Min(bytes.Length, (long)end + step);
            while (start < end)
            {
                var data = bytes.AsSpan(start, end - start);
                var part = reader.Read(data, head, out var length, out var fault);
                if (part == RequestPart.Fault)
                {
                    return (targets, fault);
                }

                if (part == RequestPart.More)
                {
                    break;
                }

                if (part == RequestPart.Head)
                {
                    targets.Add(Encoding.Latin1.GetString(head.Target(data[..length])));
                }

                start += length;
            }
        }

        return (targets, start < bytes.Length ? RequestFault.Timeout : RequestFault.None);
    }

    /// <summary>Header names as a server might see them that ends lines at any control character but the tab, and overlooks what no name may have.</summary>
    private static IEnumerable<string> CarelessNames(string head) => head
        .Split([.. Enumerable.Range(0, 32).Select(value => (char)value).Except(['\t'])])
        .Where(line => line.Contains(':'))
        .Select(line => string.Concat(line[..line.IndexOf(':')].Where(sign => char.IsAsciiLetterOrDigit(sign) || "!#$%&'*+-.^_`|~".Contains(sign))).ToLowerInvariant());
}
