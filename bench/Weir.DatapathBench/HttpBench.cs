// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Text;
using Weir.Datapath.Abi;
using Weir.Http.Http1;
using Weir.Http.Rules;
using Weir.Testing;

namespace Weir.DatapathBench;

/// <summary>What judging the head of a request costs in the kernel, over a program that reads the packet's headers alone; and what the proxy's
/// reader and rules take for the same head, without sockets.</summary>
internal static class HttpBench
{
    private const string Curl = "GET /service-1/items/12 HTTP/1.1\r\nHost: api:8000\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n\r\n";

    private const string Browser = "GET /service-1/items/12 HTTP/1.1\r\nHost: api.example:8000\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
        + "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
        + "Referer: http://api.example:8000/service-1/items\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\nUpgrade-Insecure-Requests: 1\r\nPriority: u=0, i\r\n\r\n";

    internal static void Run()
    {
        using var kernel = new HttpHarness();
        HttpRuleSet[] sets = [Rules(1), Rules(100)];
        kernel.Put(1, sets[0]);
        kernel.Put(2, sets[1]);
        byte[] curl = Encoding.ASCII.GetBytes(Curl), browser = Encoding.ASCII.GetBytes(Browser);
        byte[] denied = Encoding.ASCII.GetBytes(Curl.Replace("items", "admin", StringComparison.Ordinal));
        List<(string Name, Func<int, double> Run)> rows =
        [
            ("headers of the packet alone", repeat => kernel.Measure(curl, 0, 0, repeat)),
            Kernel("nobody knows the policy", curl, 3, 0, HttpAnswer.Unclear),
            Kernel("1 rule", curl, 1, 0, HttpAnswer.Allowed),
            Kernel("100 rules", curl, 2, 0, HttpAnswer.Allowed),
            Kernel("100 rules, both ends", curl, 2, 2, HttpAnswer.Allowed),
            Kernel("100 rules, denied", denied, 2, 0, HttpAnswer.Denied),
            Kernel("1 rule", browser, 1, 0, HttpAnswer.Allowed),
            Kernel("100 rules", browser, 2, 0, HttpAnswer.Allowed),
            Proxy("1 rule", curl, sets[0]),
            Proxy("100 rules", curl, sets[1]),
            Proxy("100 rules", browser, sets[1]),
        ];
        List<double>[] results = [.. rows.Select(_ => new List<double>())];
        for (int round = 0; round <= Length.Rounds; round++)
        {
            for (int row = 0; row < rows.Count; row++)
            {
                double ns = rows[row].Run(Length.Known / 2);
                if (round > 0)
                {
                    results[row].Add(ns);
                }
            }
        }

        Console.WriteLine($"{"",-50} {"ns",6} {"fastest",8} {"over headers",13}");
        for (int row = 0; row < rows.Count; row++)
        {
            Console.WriteLine($"{rows[row].Name,-50} {results[row].Order().ElementAt(Length.Rounds / 2),6:F0} {results[row].Min(),8:F0} {results[row].Min() - results[0].Min(),13:F0}");
        }

        Console.WriteLine($"instructions: weir_http_judge {kernel.Program.TranslatedLength / 8}");

        (string, Func<int, double>) Kernel(string name, byte[] head, uint egress, uint ingress, HttpAnswer expected) =>
            kernel.Judge(head, egress, ingress).Answer == expected
                ? ($"kernel: a head of {head.Length} bytes, {name}", repeat => kernel.Measure(head, egress, ingress, repeat))
                : throw new InvalidOperationException($"{name}: it is to be {expected}");
    }

    private static HttpRuleSet Rules(int count) =>
        new([.. Enumerable.Range(1, count).Select(i => new HttpAllowance((uint)i, new HttpRule("GET|HEAD", $"/service-{i}/items(/.*)?", null, [])))]);

    private static (string Name, Func<int, double> Run) Proxy(string name, byte[] bytes, HttpRuleSet rules)
    {
        var head = new RequestHead();
        return ($"proxy's code: a head of {bytes.Length} bytes, {name}", repeat =>
        {
            long began = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeat; i++)
            {
                default(RequestReader).Read(bytes, head, out _, out _);
                if (!rules.Judge(head.Method(bytes), head.Path(bytes), head.Host(bytes), head.HeadersOf(bytes)).Allowed)
                {
                    throw new InvalidOperationException("it is to be allowed");
                }
            }

            return Stopwatch.GetElapsedTime(began).TotalNanoseconds / repeat;
        });
    }
}
